"""Fitting one place: work by kind with non-negative prices, and a Gaussian process over what is left. Needs numpy and scipy.

What the product does with the result is in `nngauge.estimate`; tests hold the two against each other.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from msgspec.structs import replace
from scipy.linalg import cho_factor, cho_solve
from scipy.optimize import minimize, nnls

from nngauge.estimate.features import FEATURES, GPU_ONLY
from nngauge.estimate.library import Kernel, Space
from nngauge.estimate.regression import FARTHEST

Array = np.ndarray[Any, np.dtype[np.float64]]
_START: Final = np.log([1e-3, 2e-2, 3.0, 1.0, 1e-3])
_BOUNDS: Final = [(-14.0, 3.0), (-14.0, 3.0), (-1.0, 4.0), (-8.0, 3.0), (-10.0, -2.0)]
_RARE: Final = 4
"""Features that fewer networks have get no price of their own, and tell nothing of what is alike (deviation `_IGNORED`)."""
_IGNORED: Final = 1e9
_PULL: Final = 0.02
"""Weak prior of the kernel's logarithms around the start: ten networks of one kind do not drive them to a bound."""


_ALIKE: Final = (
    (
        "macs_1x1",
        "macs_3x3",
        "direct_3x3",
        "winograd_3x3",
        "macs_3x3_strided",
        "macs_large",
        "macs_stem",
        "macs_grouped",
    ),
    ("macs_dw3", "macs_dw5"),
    ("out_1x1", "out_kxk", "out_grouped", "out_dw"),
    ("in_1x1", "in_kxk", "in_dw"),
    ("ew_add", "ew_other", "nonlinear", "moved"),
    ("pooled", "reduced"),
    ("n_conv", "n_dw", "n_vector", "n_ew", "n_moved", "n_other"),
)
"""Features that share a price, each with a surcharge of its own: what the training networks hardly have is not free."""
_GROUPS: Final = np.array([[float(name in group) for group in _ALIKE] for name in FEATURES])


_BY_GPU: Final = np.array([name != "macs_3x3" for name in FEATURES])
_BY_CPU: Final = np.array([name not in GPU_ONLY for name in FEATURES])
"""Which features have a price there."""
_PLACED: Final = len(FEATURES) - len(GPU_ONLY)
"""Features of the space."""
_KIN: Final = 0.9
"""Share of the networks of families with several that have one of their own within `Space.kinship`."""


def _most(name: str) -> float:
    if name.startswith("macs") or name.endswith("3x3"):
        return 30.0
    return 1e7 if name.startswith("n_") else np.inf if name in GPU_ONLY else 300.0


_MOST: Final = np.array([_most(name) for name in FEATURES])
"""Highest price of a feature, in mean prices of a MAC. A feature that only few networks have can stand for something else that
they have in common; such a price is no price."""


def prices(features: Array, times: Array, macs: Array, *, gpu: bool) -> Array:
    """Milliseconds for a unit of each feature, none negative: least squares of relative errors, then of logarithms."""
    asked = np.flatnonzero(_BY_GPU if gpu else _BY_CPU)
    features, groups = features[:, asked], _GROUPS[asked]
    able = (features > 0).sum(axis=0) >= _RARE
    most = _MOST[asked] * float(np.exp(np.log(times / macs).mean()))
    for _ in range(5):
        found = _least_squares(np.hstack([features * able, features @ groups]), times)
        own = found[: len(asked)]
        if not (own > most).any():
            break
        able &= own <= most
    every = np.zeros(len(FEATURES))
    every[asked] = own * able + np.minimum(groups @ found[len(asked) :], most)
    return every


def _least_squares(wide: Array, times: Array, *, ridge: float = 1e-2) -> Array:
    scale = wide.max(axis=0)
    scale[scale == 0] = 1.0
    rows = (wide / scale) / times[:, None]
    pull = np.sqrt(ridge) * np.eye(rows.shape[1]) * rows.std(axis=0).mean()
    goal = np.concatenate([np.ones(len(times)), np.zeros(len(pull))])
    found, _ = nnls(np.vstack([rows, pull]), goal)
    for _ in range(5):
        weight = 1.0 / np.sqrt(np.maximum(rows @ found, 0.2))
        goal = np.concatenate([weight, np.zeros(len(pull))])
        found, _ = nnls(np.vstack([rows * weight[:, None], pull]), goal)
    return np.asarray(found / scale)


def space(features: Array, families: Array) -> Space:
    """Scales from the networks that are fitted to."""
    features = features[:, :_PLACED]
    scale = np.array([np.median(column[column > 0]) if (column > 0).any() else 1.0 for column in features.T])
    logs = np.log1p(3.0 * features / scale)
    deviation = logs.std(axis=0)
    deviation[(features > 0).sum(axis=0) < _RARE] = _IGNORED
    found = Space(
        scale=tuple(map(float, scale)),
        mean=tuple(map(float, logs.mean(axis=0))),
        deviation=tuple(map(float, deviation)),
        kinship=0.0,
    )
    return replace(found, kinship=_kinship(located(features, found), families))


def located(features: Array, where: Space) -> Array:
    """As `nngauge.estimate.regression.located`, for many."""
    count = len(where.scale)
    logs = np.log1p(3.0 * features[:, :count] / np.array(where.scale))
    apart = np.clip((logs - np.array(where.mean)) / np.array(where.deviation), -FARTHEST, FARTHEST)
    return np.asarray(2.0 / np.sqrt(count) * apart)


def distances(one: Array, other: Array) -> Array:
    """Squared."""
    return np.asarray(((one[:, None] - other[None]) ** 2).sum(axis=2))


def _kinship(points: Array, families: Array) -> float:
    apart = distances(points, points)
    apart[(families[:, None] != families[None]) | np.eye(len(points), dtype=bool)] = np.inf
    near = apart.min(axis=1)
    near = near[np.isfinite(near)]
    return float(np.quantile(near, _KIN)) if len(near) else 0.0


def covariance(one: Array, other: Array, kernel: Kernel) -> Array:
    """As `nngauge.estimate.regression.similarity`, for many."""
    squared = np.maximum((one**2).sum(1)[:, None] + (other**2).sum(1)[None] - 2 * one @ other.T, 0.0)
    near = np.sqrt(5.0 * squared) / kernel.length
    bump = kernel.bump * (1.0 + near + near**2 / 3.0) * np.exp(-near)
    return np.asarray(kernel.linear * one @ other.T + bump + kernel.constant)


def _kernel(logs: Array) -> Kernel:
    linear, bump, length, constant, noise = (float(value) for value in np.exp(logs))
    return Kernel(linear=linear, bump=bump, length=length, constant=constant, noise=noise)


def tuned(points: Array, residuals: Array) -> Kernel:
    """The kernel under which the residuals of all places (columns) are likeliest."""
    count = residuals.shape[1]

    def unlikely(logs: Array) -> float:
        kernel = _kernel(logs)
        try:
            factor = np.linalg.cholesky(covariance(points, points, kernel) + kernel.noise * np.eye(len(points)))
        except np.linalg.LinAlgError:
            return 1e10
        white = np.linalg.solve(factor, residuals)
        pull = _PULL * float(((logs - _START) ** 2).sum())
        return 0.5 * float((white**2).sum()) / count + float(np.log(np.diag(factor)).sum()) + pull

    return _kernel(minimize(unlikely, _START, method="L-BFGS-B", bounds=_BOUNDS, options={"maxiter": 120}).x)


def predicted(points: Array, residuals: Array, at: Array, kernel: Kernel) -> tuple[Array, Array]:
    """Residuals expected at other points, and their deviations (the same for all columns)."""
    factor = cho_factor(covariance(points, points, kernel) + kernel.noise * np.eye(len(points)))
    covered = covariance(at, points, kernel)
    mean = covered @ cho_solve(factor, residuals)
    own = kernel.linear * (at**2).sum(1) + kernel.bump + kernel.constant + kernel.noise
    explained = np.einsum("ij,ji->i", covered, cho_solve(factor, covered.T))
    return mean, np.sqrt(np.maximum(own - explained, kernel.noise))
