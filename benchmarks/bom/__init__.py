"""Measures bills of materials."""
