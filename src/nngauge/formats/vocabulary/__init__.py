"""Operator vocabularies: literal tables from a format's own operator names and codes to ONNX operator names."""
