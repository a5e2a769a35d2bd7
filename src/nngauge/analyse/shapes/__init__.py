"""Shape inference: what is known of every value of a graph, from its inputs, weights and small integer tensors."""

from nngauge.analyse.shapes.infer import Inferred, infer_shapes

__all__ = ["Inferred", "infer_shapes"]
