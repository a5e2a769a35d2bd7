"""Engines that do many tasks: on this machine, or on a cluster. All take tasks and give replies as they finish."""
