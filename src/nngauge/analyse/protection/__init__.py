"""How well models are protected: statistics, disguises undone, code and neighbours weighed."""
