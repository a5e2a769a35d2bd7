"""Measuring: how often and in which order, when it is enough, and what may be said of the numbers."""
