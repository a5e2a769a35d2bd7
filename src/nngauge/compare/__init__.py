"""Questions across apps: what changed between snapshots, and which models are used again."""
