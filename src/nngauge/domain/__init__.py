"""The nouns: frozen structs, no input or output."""
