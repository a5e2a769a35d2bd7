"""Published architectures as graphs of the domain, written down from their papers. Weights have shapes and no bytes."""
