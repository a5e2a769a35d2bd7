"""A sample study: some hundred made-up apps in two snapshots, so that reports have something to tell."""
