"""A market of apps that do not exist: many distinct packages with a known truth, for scale and for faults."""
