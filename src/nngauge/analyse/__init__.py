"""Analysis: facts about a model that follow from its graph alone."""
