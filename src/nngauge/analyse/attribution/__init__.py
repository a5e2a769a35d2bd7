"""Whose a model or library is, and which published model it is."""
