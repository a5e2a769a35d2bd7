"""Graphs at random: every kind, every attribute, sizes that fit sometimes and numbers that fit nothing.

Plain random numbers rather than Hypothesis: thousands of graphs a second, and what fails is small anyway.
"""

from __future__ import annotations

import math
import random

from nngauge.analyse.shapes.rules import RULES
from nngauge.domain.graph import Attribute, Dim, DType, Graph, Node, Tensor

KINDS = sorted({*RULES, "If", "Loop", "Scan", "Call", "NotAKind"})
NAMES = [
    "allowzero", "auto_pad", "axes", "axis", "batch_dims", "bits", "blocks", "blocksize", "body", "boxes", "cats_int64s",
    "ceil_mode", "cell", "channels", "classlabels_ints", "cond", "data_layout", "dilations", "direction", "else_branch",
    "end", "end_axis", "ends", "equation", "function", "gather_axis", "group", "hidden_size", "inverse", "k",
    "keep_aspect_ratio_policy", "keep_top_k", "keepdims", "kernel_shape", "kv_num_heads", "layout", "n_fft", "N", "new_axes",
    "new_axis", "ngram_indexes", "noop_with_empty_axes", "num_heads", "num_outputs", "num_priors", "num_scan_inputs",
    "onesided", "output_padding", "output_shape", "output_size", "pads", "perm", "pooled_shape", "power", "q_num_heads",
    "qkv_hidden_sizes", "rank", "reduction", "repeats", "scales", "shape", "sizes", "split", "squeeze", "start", "starts",
    "steps", "stopwords", "strides", "swap", "targets", "then_branch", "to", "transA", "transB", "value", "value_float",
    "value_ints", "weight_layout",
]  # fmt: skip
WORDS = [
    "NCHW", "NHWC", "CHW", "NWC", "N", "C", "", "OIHW", "OHWI", "1HWO", "HWIM", "HWIO", "IOHW", "GOIHW", "M1", "SAME_UPPER",
    "VALID", "bidirectional", "ij,jk->ik", "...ij->ji...", "i->", "int32", "float16", "bool", "not_larger", "graph", "none",
]  # fmt: skip
SYMBOLS = ["batch", "L", "H + 1", "floor(H/2)", "odd name", "?", "a*b*c*d", "-"]
HUGE = [(1 << 31) - 1, (1 << 63) - 1, -(1 << 63), 1 << 64, 10**400, -(10**400)]
REALS = [0.5, 2.0, 3.7, -1.5, 0.0, -0.0, 1e308, 1e-320, math.inf, -math.inf, math.nan]


class RandomGraphs:
    """A stream of graphs, the same for the same seed."""

    def __init__(self, seed: int) -> None:
        self.source = random.Random(seed)

    def number(self) -> int:
        return self.source.randint(-3, 9) if self.source.random() < 0.9 else self.source.choice(HUGE)

    def attribute(self) -> Attribute:
        source = self.source
        count = source.randint(0, 5)
        makers = (
            self.number,
            lambda: source.choice(REALS),
            lambda: source.choice(WORDS),
            lambda: source.random() < 0.5,
            lambda: tuple(source.randint(-2, 5) for _ in range(source.randint(0, 8))),
            lambda: tuple(self.number() for _ in range(count)),
            lambda: tuple(source.choice(REALS) for _ in range(count)),
            lambda: tuple(source.choice(WORDS) for _ in range(count)),
        )
        return source.choices(makers, (6, 2, 3, 1, 8, 2, 1, 1))[0]()

    def dim(self) -> Dim:
        options: list[Dim] = [
            self.source.randint(0, 9), None, self.source.choice(SYMBOLS), self.source.choice([-1, 224, 1 << 40, *HUGE]),
        ]  # fmt: skip
        return self.source.choices(options, (6, 1, 2, 1))[0]

    def shape(self) -> tuple[Dim, ...] | None:
        chance = self.source.random()
        if chance < 0.15:
            return None
        if chance < 0.6:
            return tuple(self.source.randint(1, 8) for _ in range(self.source.randint(0, 5)))
        return tuple(self.dim() for _ in range(self.source.randint(0, 6)))

    def tensor(self) -> Tensor:
        name, dtype = self.source.choice("abcdef"), self.source.choice(list(DType))
        if self.source.random() < 0.6:
            return Tensor(name, dtype, self.shape(), constant=self.source.random() < 0.3)
        count = self.source.randint(0, 6)
        values: list[int | float] = [
            self.source.choice([self.source.randint(-3, 8), self.number(), self.source.choice(REALS)])
            if self.source.random() < 0.3
            else self.source.randint(-2, 6)
            for _ in range(count)
        ]
        shape = (count,) if self.source.random() < 0.7 else self.shape()
        return Tensor(name, dtype, shape, constant=True, values=tuple(values))  # type: ignore[arg-type]

    def graph(self, depth: int = 2) -> Graph:
        tensors = tuple(self.tensor() for _ in range(self.source.randint(1, 14)))
        nodes = tuple(self.node(len(tensors)) for _ in range(self.source.randint(0, 12)))
        bodies = tuple(self.graph(depth - 1) for _ in range(self.source.randint(0, 2))) if depth else ()
        return Graph(
            format="test", name="graph", nodes=nodes, tensors=tensors, inputs=self.places(0, len(tensors), 3),
            outputs=self.places(0, len(tensors), 3), subgraphs=bodies,
        )  # fmt: skip

    def node(self, tensors: int) -> Node:
        kind = self.source.choice(KINDS)
        attributes = {self.source.choice(NAMES): self.attribute() for _ in range(self.source.randint(0, 10))}
        return Node(kind, kind, "", self.places(-1, tensors, 7), self.places(-1, tensors, 3), attributes)

    def places(self, first: int, end: int, most: int) -> tuple[int, ...]:
        return tuple(self.source.randrange(first, end) for _ in range(self.source.randint(0, most)))

    def inputs(self) -> dict[str, tuple[int, ...]]:
        names = self.source.sample("abcdef", self.source.randint(0, 2))
        return {name: tuple(self.source.randint(-1, 300) for _ in range(self.source.randint(0, 5))) for name in names}
