"""What the formats are made of: readers of their inner structures, shared by those that have them in common."""
