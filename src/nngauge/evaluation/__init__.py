"""How right are the rules? Labels that people wrote, held against what a scan says (docs/labels.md)."""
