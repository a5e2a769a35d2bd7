"""Engines that run models, each in a process of its own, and the official benchmark programs."""
