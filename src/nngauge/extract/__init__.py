"""Extraction: which bytes of an app are models. Content first, names last, nothing executed."""
