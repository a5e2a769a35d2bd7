"""What networks took more or less than their layers tell: a Gaussian process over them, another for each runtime and each device.

The kernel (a length for each group of coordinates, how like the precisions are, scale, noise) is chosen by the marginal likelihood
of the training networks alone. The processes of runtimes and devices share it and choose their scale and noise the same way.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any, Final

import numpy as np

from benchmarks.estimator.npu_model import PRECISIONS, RUNTIMES
from benchmarks.estimator.npu_rows import Row
from nngauge.estimate.npu_cost import GROUPS

MOST: Final = 0.5
"""Logarithms beyond which a network tells nothing about others: its compiler left a fast path."""
MOST_WITHIN: Final = 0.4
START: Final = {"lengths": -1.0, "scale": -0.9, "noise": -1.9, "cross": 1.7}
"""Where the search begins, and the middle of its prior; logarithms, but for `cross`, a logit."""
STEPS: Final = 40
GRID: Final = tuple(
    (scale, noise) for scale in (0.03, 0.06, 0.1, 0.15, 0.2, 0.3) for noise in (0.03, 0.06, 0.1, 0.15, 0.2)
)
"""Scales and noises of the runtimes' and devices' processes."""

Vector = np.ndarray[Any, Any]
Key = tuple[str, str]


class Residuals:
    """Residuals are logarithms of measured ÷ physical time."""

    def __init__(
        self, rows: Sequence[Row], logs: Vector, places: Mapping[Key, Sequence[float]], devices: Sequence[str]
    ) -> None:
        rest = np.array([row.log_ms for row in rows]) - logs
        self.names, self.places = list(devices), places
        whole = _medians(rows, rest)
        self.keys = sorted(whole)
        self.place = {key: number for number, key in enumerate(self.keys)}
        self.points = np.array([places[key] for key in self.keys])
        self.kinds = np.array([PRECISIONS.index(key[1]) for key in self.keys])
        values = np.clip([whole[key] for key in self.keys], -MOST, MOST)
        self.lengths, self.cross, scale, noise = _kernel(self.points, self.kinds, values)
        self.alike_all = self._alike(self.points, self.kinds)
        self.weights: Vector = np.linalg.solve(
            scale**2 * self.alike_all + noise**2 * np.eye(len(values)), scale**2 * values
        )
        rest = rest - np.array([whole[row.network, row.precision] for row in rows])
        self.runtimes, rest = self._parts(rows, rest, [row.runtime for row in rows], RUNTIMES)
        self.devices, _ = self._parts(rows, rest, [row.device for row in rows], self.names)

    def _parts(
        self, rows: Sequence[Row], rest: Vector, labels: Sequence[str], names: Sequence[str]
    ) -> tuple[Vector, Vector]:
        """Weights of each training network for each label, and what is left of the residuals."""
        weights, left = np.zeros((len(self.keys), len(names))), rest.copy()
        for column, name in enumerate(names):
            mine = [number for number, label in enumerate(labels) if label == name]
            if not mine:
                continue
            medians = _medians([rows[number] for number in mine], rest[mine])
            index = [self.place[key] for key in medians]
            values = np.clip(list(medians.values()), -MOST_WITHIN, MOST_WITHIN)
            weights[index, column] = _solved(self.alike_all[np.ix_(index, index)], values)
            left[mine] -= [medians[rows[number].network, rows[number].precision] for number in mine]
        return weights, left

    def _alike(self, points: Vector, kinds: Vector) -> Vector:
        """Similarities to every training network."""
        scaled, mine = points / _spread(self.lengths), self.points / _spread(self.lengths)
        distances = ((scaled[:, None] - mine[None]) ** 2).sum(-1)
        found: Vector = np.exp(-distances / 2) * self.cross[kinds][:, self.kinds]
        return found

    def shift(self, row: Row, shares: Mapping[str, float]) -> tuple[float, float]:
        """What to add to the logarithm for a row, as if its device were these, and the largest similarity."""
        point = np.array([self.places[row.network, row.precision]])
        alike = self._alike(point, np.array([PRECISIONS.index(row.precision)]))[0]
        own = self.devices @ np.array([shares.get(name, 0.0) for name in self.names])
        weights = self.weights + self.runtimes[:, RUNTIMES.index(row.runtime)] + own
        return float(alike @ weights), float(alike.max())


def _medians(rows: Sequence[Row], rest: Vector) -> dict[Key, float]:
    found = defaultdict(list)
    for row, value in zip(rows, rest, strict=True):
        found[row.network, row.precision].append(value)
    return {key: float(np.median(values)) for key, values in found.items()}


def _spread(lengths: Vector) -> Vector:
    return np.repeat(lengths, GROUPS)


def _solved(alike: Vector, values: Vector) -> Vector:
    """Weights with the most likely scale and noise of the grid."""
    powers, turned = np.linalg.eigh(alike)
    seen = turned.T @ values
    best, least = np.zeros(len(values)), math.inf
    for scale, noise in GRID:
        spread = scale**2 * np.clip(powers, 0, None) + noise**2
        loss = float((seen**2 / spread + np.log(spread)).sum())
        if loss < least:
            best, least = scale**2 * (turned @ (seen / spread)), loss
    return best


def _kernel(points: Vector, kinds: Vector, values: Vector) -> tuple[Vector, Vector, float, float]:
    """Lengths, similarity of the precisions, scale and noise of the largest marginal likelihood, under a wide prior."""
    import torch

    begins = np.cumsum([0, *GROUPS])
    groups = [torch.tensor(points[:, a:b]) for a, b in pairwise(begins)]
    squares = torch.stack([((group[:, None] - group[None]) ** 2).sum(-1) for group in groups])
    truth, kind, count = torch.tensor(values), torch.tensor(kinds), len(values)
    starts = [START["lengths"]] * len(GROUPS) + [START["scale"], START["noise"]] + [START["cross"]] * 3
    start = torch.tensor(starts, dtype=torch.double)
    found = start.clone().requires_grad_()
    optimiser = torch.optim.LBFGS([found], max_iter=STEPS, history_size=10, line_search_fn="strong_wolfe")

    def crossed() -> Any:
        share, one = torch.sigmoid(found[-3:]), torch.ones((), dtype=torch.double)
        rows = ((one, share[0], share[1]), (share[0], one, share[2]), (share[1], share[2], one))
        return torch.stack([torch.stack(row) for row in rows])

    def loss() -> Any:
        optimiser.zero_grad()
        distances = (squares / torch.exp(2 * found[: len(GROUPS)])[:, None, None]).sum(0)
        alike = torch.exp(-distances / 2) * crossed()[kind][:, kind]
        noise = (torch.exp(2 * found[-4]) + 1e-8) * torch.eye(count, dtype=torch.double)
        lower = torch.linalg.cholesky(torch.exp(2 * found[-5]) * alike + noise)
        value = truth @ torch.cholesky_solve(truth[:, None], lower)[:, 0] / 2 + lower.diagonal().log().sum()
        value = value + ((found - start) ** 2).sum() / 2
        value.backward()
        return value

    optimiser.step(loss)
    with torch.no_grad():
        cross = crossed().numpy()
        lengths = torch.exp(found[: len(GROUPS)]).numpy()
        return lengths, cross, float(torch.exp(found[-5])), float(torch.exp(found[-4]))
