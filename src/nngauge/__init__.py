"""nngauge: what AI is inside a mobile app, with evidence for every claim."""
