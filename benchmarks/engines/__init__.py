"""Engines on this machine: which files they run, what the loop costs, whether the numbers are those of the engines' own tools."""
