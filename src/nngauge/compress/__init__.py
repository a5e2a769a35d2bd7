"""What smaller weights would cost, and model files that are smaller."""
