"""The store: one schema for all facts, in SQLite, written app by app in single transactions."""
