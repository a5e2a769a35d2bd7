"""The optimisation state of a model, from its graph and its weights' bytes."""

from nngauge.analyse.optimisation.state import optimisation_state

__all__ = ["optimisation_state"]
