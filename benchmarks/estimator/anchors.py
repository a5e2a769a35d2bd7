"""Makes the anchors that `nngauge calibrate` measures: networks of the library without their weights, a few kB each.

    python -m benchmarks.estimator.anchors FOLDER     # the .tflite files that benchmarks/estimator/zoo.py made

Weights are zeroed, which compresses to nothing; the product fills them with random numbers. Which ten: those after which the
least is unknown about all networks (`chosen`: greedy, by the posterior variance of the mixture, among networks of at most
0.8 G MACs without grouped convolutions, whose kernels have changed since).
"""

from __future__ import annotations

import lzma
import sys
from collections.abc import Sequence
from functools import cache
from itertools import product
from math import prod
from pathlib import Path
from typing import Final, NamedTuple

import msgspec
import numpy as np

import nngauge
from benchmarks.estimator.fit import Data, off
from benchmarks.estimator.model import Array, prices
from benchmarks.estimator.table import Place
from nngauge.domain.estimate import Unit
from nngauge.domain.graph import DType, Graph
from nngauge.estimate.anchors import ANCHORS, Hole
from nngauge.estimate.features import FEATURES
from nngauge.estimate.mixture import FREE, FREEDOM, ROUNDS, graphics_mixture

TARGET: Final = Path(__file__).parents[2] / "src" / "nngauge" / "estimate" / "anchors_data"
LARGEST: Final = 8e8
LEAST: Final = 32
_NOISE: Final = 0.05**2
_INFERENCE: Final = FEATURES.index("inference")


class Trust(NamedTuple):
    """What the mixture believes before anything is measured; `nngauge.estimate.mixture` has the one for all phones."""

    precision: float
    cores: float
    spread: float
    noise: float


TRUSTS: Final = tuple(
    Trust(*values) for values in product((1.0, 0.5, 0.25), (1.0, 0.5), (0.5, 2.0), (0.03, 0.05, 0.08))
)


def chosen(given: Data, places: Sequence[int], count: int = 10) -> list[int]:
    """Rows of the networks to measure, from these places of the library."""
    logs = np.log(given.times[:, places])
    apart = logs - logs.mean(axis=1, keepdims=True)
    known = apart @ apart.T / len(places) + 4.0
    split = given.features[:, FEATURES.index("macs_grouped")] > 0
    able = [row for row, macs in enumerate(given.macs) if macs < LARGEST and not split[row]]
    found: list[int] = []
    for _ in range(count):
        left = {row: _unknown(known, [*found, row]) for row in able if row not in found}
        found.append(min(left, key=lambda row: left[row]))
    return found


def _unknown(known: Array, rows: Sequence[int]) -> float:
    inner = known[np.ix_(rows, rows)] + _NOISE * np.eye(len(rows))
    return -float(np.trace(known[:, rows] @ np.linalg.solve(inner, known[rows, :])))


def alike(place: Place, other: Place, trust: Trust) -> float:
    """As `nngauge.estimate.calibration.trust`."""
    same = 1.0 if place.precision == other.precision else trust.precision
    return same * (1.0 if (place.threads > 1) == (other.threads > 1) else trust.cores)


def mixed(logs: Array, rows: Sequence[int], measured: Array, prior: Array, trust: Trust) -> Array:
    """As `nngauge.estimate.mixture.mixture`, for all networks: `logs` of networks × devices, `measured` of the rows."""
    prior = prior / prior.sum()
    mean = logs @ prior
    apart = logs - mean[:, None]
    inner, goal = apart[list(rows)], measured - mean[list(rows)]
    matrix = trust.spread * (inner * prior) @ inner.T + FREE
    noise = np.full(len(rows), trust.noise**2)
    told: Array = goal
    for _ in range(ROUNDS):
        told = np.linalg.solve(matrix + np.diag(noise), goal)
        noise = trust.noise**2 * (FREEDOM + (noise * told / trust.noise) ** 2) / (FREEDOM + 1.0)
    gains = trust.spread * prior * (inner.T @ told)
    return np.asarray(FREE * told.sum() + logs @ (prior + gains - prior * gains.sum()))


def graphics(given: Data, rows: Sequence[int] | None = None) -> dict[tuple[str, bool], list[float]]:
    """Errors for graphics units of phones that the library does not have, told from the others. `rows`: as `Transfer.errors`."""
    columns = [at for at, one in enumerate(given.places) if one.unit is Unit.GPU]
    found: dict[tuple[str, bool], list[float]] = {}
    for at in columns:
        others = [other for other in columns if given.places[other].device != given.places[at].device]
        anchors = list(rows) if rows is not None else chosen(given, others)
        floors = [prices(given.features, given.times[:, other], given.macs, gpu=True)[_INFERENCE] for other in others]
        times = given.times[:, others].tolist()
        made = graphics_mixture([times[row] for row in anchors], floors, given.times[anchors, at].tolist())
        rest = np.setdiff1d(np.arange(len(times)), anchors)
        told = np.array([made.time(times[row], floors) for row in rest])
        found.setdefault((given.places[at].precision, False), []).append(off(told, given.times[rest, at]))
    return found


class Transfer:
    """Processors of phones that the library does not have, told from the others."""

    def __init__(self, given: Data) -> None:
        self._given = given
        self._columns = [at for at, one in enumerate(given.places) if one.unit is not Unit.GPU]
        self._logs = np.log(given.times)
        self.phones = sorted({given.places[at].device for at in self._columns})
        self._error = cache(self._error)  # type: ignore[method-assign]

    def errors(self, rows: Sequence[int] | None = None) -> dict[tuple[str, bool], list[float]]:
        """By precision and whether several cores work. `rows`: the anchors; None: chosen anew without the phone.

        Beliefs are chosen without the phone: those with which the other phones, told from each other, are least off.
        """
        found: dict[tuple[str, bool], list[float]] = {}
        for phone in self.phones:
            anchors = tuple(rows) if rows is not None else tuple(chosen(self._given, self._places(phone, without=True)))
            trust = self.settled(anchors, without=phone)
            for at in self._places(phone):
                place = self._given.places[at]
                error = self._error(at, anchors, trust, "")
                found.setdefault((place.precision, place.threads > 1), []).append(error)
        return found

    def settled(self, rows: Sequence[int], *, without: str = "") -> Trust:
        """Beliefs with which phones, told from the others, are least off; one may be left out of everything."""
        places = [at for phone in self.phones if phone != without for at in self._places(phone)]
        return min(
            TRUSTS, key=lambda trust: float(np.mean([self._error(at, tuple(rows), trust, without) for at in places]))
        )

    def _places(self, phone: str, *, without: bool = False) -> list[int]:
        return [at for at in self._columns if (self._given.places[at].device == phone) is not without]

    def _error(self, at: int, rows: tuple[int, ...], trust: Trust, without: str) -> float:
        """Of one place, told from the phones that are neither its own nor `without`, for networks that are no anchors."""
        place, every = self._given.places[at], self._given.places
        others = [other for other in self._columns if every[other].device not in (place.device, without)]
        prior = np.array([alike(place, every[other], trust) for other in others])
        told = mixed(self._logs[:, others], rows, self._logs[list(rows), at], prior, trust)
        rest = np.setdiff1d(np.arange(len(told)), rows)
        return off(np.exp(told[rest]), self._given.times[rest, at])


def holes(graph: Graph) -> list[Hole]:
    """The weights of a network that are not shipped; small constants are: shapes, axes, biases."""
    found = []
    for tensor in graph.tensors:
        shape = [dim for dim in tensor.shape or () if isinstance(dim, int)]
        if tensor.data is None or tensor.dtype is not DType.FLOAT32 or len(shape) < 2 or prod(shape) < LEAST:
            continue
        fan = prod(shape[:-1]) if shape[0] == 1 else prod(shape[1:])
        found.append(Hole(tensor.data.offset, tensor.data.size // 4, fan))
    return found


def main(folder: Path) -> None:
    """Writes the ten files, and where their weights belong."""
    TARGET.mkdir(exist_ok=True)
    places = {}
    for name in ANCHORS:
        source = folder / f"{name}.tflite"
        places[name] = holes(nngauge.read_graph(source))
        data = bytearray(source.read_bytes())
        for hole in places[name]:
            data[hole.offset : hole.offset + 4 * hole.count] = bytes(4 * hole.count)
        packed = lzma.compress(bytes(data), preset=6)
        (TARGET / f"{name}.tflite.xz").write_bytes(packed)
        print(f"{name}: {len(data)} -> {len(packed)} bytes")
    (TARGET / "holes.json").write_bytes(msgspec.json.encode(places))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
