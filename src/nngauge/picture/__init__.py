"""Networks drawn as pictures."""
