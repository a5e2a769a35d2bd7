"""Fits the profiles and computes how far off they are for networks and families that they have not seen.

    python -m benchmarks.estimator.fit            # writes src/nngauge/estimate/profiles/tflite-qed.json.xz
    python -m benchmarks.estimator.fit --check    # only compares the errors with those in the shipped file

Needs numpy, scipy and ../shared/latency. Everything that is chosen from data, prices, scales, kernels and widths of intervals,
is chosen again without what is left out.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from itertools import groupby
from pathlib import Path
from typing import Final, NamedTuple

import numpy as np

from benchmarks.estimator import model
from benchmarks.estimator.model import Array
from benchmarks.estimator.networks import networks
from benchmarks.estimator.table import Place, family, qed
from nngauge.domain.estimate import Unit
from nngauge.estimate.features import FEATURES, features_of
from nngauge.estimate.library import SCHEMA, Conformal, Errors, Kernel, Library, Network, Profile, encode, library

LEVELS: Final = (0.5, 0.8, 0.9, 0.95)
SOURCE: Final = "QED mobile-ml-benchmark, tflite_cnn_e2e.csv, MIT (doi 10.1145/3552326.3587459)"
NAME: Final = "tflite-qed"


class Data(NamedTuple):
    """Networks × features, and networks × places."""

    names: Sequence[str]
    families: Array
    features: Array
    macs: Array
    places: Sequence[Place]
    times: Array


class Left(NamedTuple):
    """Predictions for what was left out: networks × places; `kin`: whether a network of the rest is near, networks."""

    value: Array
    deviation: Array
    baseline: Array
    kin: Array


def data() -> Data:
    """All networks that have both a layer table and times."""
    tables = networks()
    places, times = qed()
    names = [name for name in times if name in tables]
    found = [features_of(tables[name]) for name in names]
    return Data(
        names,
        np.array([family(name) for name in names]),
        np.array([one.values for one in found]),
        np.array([one.macs for one in found]),
        places,
        np.array([times[name] for name in names]),
    )


def group_of(place: Place) -> tuple[str, str, bool]:
    """Places that share a kernel: what is alike for one is alike for the others."""
    return place.unit.value, place.precision, place.threads > 1


def fitted(
    given: Data, rows: Array, columns: Sequence[int], kernel: Kernel | None = None
) -> tuple[Array, Array, Kernel]:
    """Prices (places × features), logarithmic residuals of the rows and the kernel, from the rows alone."""
    features, times = given.features[rows], given.times[np.ix_(rows, columns)]
    gpu = given.places[columns[0]].unit is Unit.GPU
    found = np.array([model.prices(features, column, given.macs[rows], gpu=gpu) for column in times.T])
    residuals = np.log(times) - np.log(np.maximum(features @ found.T, 1e-3))
    if kernel is None:
        kernel = model.tuned(model.located(features, model.space(features, given.families[rows])), residuals)
    return found, residuals, kernel


def left_out(given: Data, columns: Sequence[int]) -> tuple[Left, Left]:
    """Predictions with the network left out, and with its family left out, for places that share a kernel."""
    shape = (len(given.names), len(columns))
    single, whole = (
        Left(np.zeros(shape), np.zeros(shape), np.zeros(shape), np.zeros(shape[0], dtype=bool)) for _ in range(2)
    )
    for name in sorted(set(given.families)):
        members = np.flatnonzero(given.families == name)
        rows = np.flatnonzero(given.families != name)
        kernel = _place(given, rows, members, columns, whole, None)
        for member in members:  # the kernel is that of the fit without the whole family
            others = np.flatnonzero(np.arange(len(given.names)) != member)
            _place(given, others, np.array([member]), columns, single, kernel)
    return single, whole


def _place(given: Data, rows: Array, at: Array, columns: Sequence[int], into: Left, kernel: Kernel | None) -> Kernel:
    found, residuals, kernel = fitted(given, rows, columns, kernel)
    where = model.space(given.features[rows], given.families[rows])
    points, asked = (model.located(given.features[some], where) for some in (rows, at))
    mean, deviation = model.predicted(points, residuals, asked, kernel)
    into.kin[at] = model.distances(asked, points).min(axis=1) <= where.kinship
    into.value[at] = np.maximum(given.features[at] @ found.T, 1e-3) * np.exp(mean)
    into.deviation[at] = deviation[:, None]
    times = given.times[np.ix_(rows, columns)]
    constant = np.exp(np.log(times / given.macs[rows, None]).mean(axis=0))
    into.baseline[at] = given.macs[at, None] * constant
    return kernel


class Scores(NamedTuple):
    """|Logarithmic error| / deviation of networks in one place, and whether kin was among the rest."""

    value: Array
    kin: Array


def scored(left: Left, truth: Array) -> Scores:
    """Of one place."""
    return Scores(np.abs(np.log(truth / left.value)) / left.deviation, left.kin)


def widths(given: Data, single: Scores, whole: Scores, rows: Array) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Quantiles of the scores of some networks: without kin, with families left out; and with kin, with either left out.

    What is alike in a family is off together: without kin as few are counted as there are families.
    """
    kin = np.concatenate([one.value[rows & one.kin] for one in (single, whole)])
    near = _quantiles(kin, len(kin))
    strange = rows & ~whole.kin
    far = _quantiles(whole.value[strange], len(set(given.families[strange])))
    return tuple(max(pair) for pair in zip(far, near, strict=True)), near


def _quantiles(scores: Array, units: int) -> tuple[float, ...]:
    """With the correction for few: the ⌈n p (u + 1) / u⌉-th smallest of n scores of u units that are independent."""
    scores, count = np.sort(scores), len(scores)
    places = (int(np.ceil(count * level * (units + 1) / units)) - 1 for level in LEVELS)
    return tuple(float(scores[min(place, count - 1)]) for place in places)


def covered(given: Data, single: Scores, whole: Scores) -> tuple[float, float]:
    """Share of networks within 90 % intervals whose widths come from the other families: with networks and families left out."""
    inside: tuple[list[bool], list[bool]] = ([], [])
    for name in set(given.families):
        far, near = (table[LEVELS.index(0.9)] for table in widths(given, single, whole, given.families != name))
        for one, found in zip((single, whole), inside, strict=True):
            found.extend((one.value <= np.where(one.kin, near, far))[given.families == name])
    return float(np.mean(inside[0])), float(np.mean(inside[1]))


def rank(one: Array, other: Array) -> float:
    """Spearman's correlation."""
    places = [np.argsort(np.argsort(values)) for values in (one, other)]
    return float(np.corrcoef(places[0], places[1])[0, 1])


def off(value: Array, truth: Array) -> float:
    """Mean absolute percentage error."""
    return float(np.mean(np.abs(value / truth - 1.0)))


def profiles(given: Data) -> tuple[list[Kernel], list[Profile]]:
    """All places, group by group."""
    kernels: list[Kernel] = []
    made: dict[int, Profile] = {}
    order = sorted(range(len(given.places)), key=lambda place: group_of(given.places[place]))
    for _, members in groupby(order, key=lambda place: group_of(given.places[place])):
        columns = list(members)
        single, whole = left_out(given, columns)
        found, _, kernel = fitted(given, np.arange(len(given.names)), columns)
        kernels.append(kernel)
        for at, column in enumerate(columns):
            made[column] = _profile(
                given, column, found[at], len(kernels) - 1, one_place(single, at), one_place(whole, at)
            )
    return kernels, [made[column] for column in range(len(given.places))]


def one_place(left: Left, at: int) -> Left:
    """The predictions for one of the places."""
    return Left(left.value[:, at], left.deviation[:, at], left.baseline[:, at], left.kin)


def _profile(given: Data, column: int, found: Array, kernel: int, single: Left, whole: Left) -> Profile:
    place, truth = given.places[column], given.times[:, column]
    near, far = scored(single, truth), scored(whole, truth)
    quantiles, kin = widths(given, near, far, np.ones(len(truth), dtype=bool))
    model_coverage, coverage = covered(given, near, far)
    unit = "gpu" if place.unit is Unit.GPU else place.unit.value.split()[0]
    return Profile(
        id=f"{place.device}/{unit}/{place.threads}/{place.precision}/tflite",
        version=2,
        device=place.device,
        soc=place.soc,
        title=place.title,
        unit=place.unit,
        threads=place.threads,
        precision=place.precision,
        cores=place.cores,
        coefficients=tuple(_short(value) for value in found),
        kernel=kernel,
        measured=tuple(_short(value) for value in truth),
        constant=_short(float(np.exp(np.log(truth / given.macs).mean()))),
        conformal=Conformal(levels=LEVELS, quantiles=tuple(map(_short, quantiles)), kin=tuple(map(_short, kin))),
        errors=Errors(
            model=_short(off(single.value, truth)),
            family=_short(off(whole.value, truth)),
            rank=_short(rank(whole.value, truth)),
            model_rank=_short(rank(single.value, truth)),
            coverage=_short(coverage),
            model_coverage=_short(model_coverage),
            baseline_model=_short(off(single.baseline, truth)),
            baseline_family=_short(off(whole.baseline, truth)),
            baseline_rank=_short(rank(whole.baseline, truth)),
        ),
    )


def _short(value: float) -> float:
    return float(f"{value:.5g}")


def made() -> Library:
    """The library, fitted now."""
    given = data()
    kernels, places = profiles(given)
    return Library(
        schema=SCHEMA,
        name=NAME,
        version=2,
        runtime="tflite",
        source=SOURCE,
        features=FEATURES,
        networks=tuple(
            Network(name=name, family=kind, macs=float(macs), values=tuple(map(float, values)))
            for name, kind, macs, values in zip(
                given.names, given.families.tolist(), given.macs, given.features, strict=True
            )
        ),
        space=model.space(given.features, given.families),
        kernels=tuple(kernels),
        profiles=tuple(places),
    )


def main() -> None:
    """Writes the file, or compares with it."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.estimator.fit")
    parser.add_argument("--check", action="store_true", help="compare with the shipped file, write nothing")
    only_check = parser.parse_args().check
    found = made()
    for profile in found.profiles:
        told = profile.errors
        print(
            f"{profile.id:44} {100 * told.model:5.1f} {100 * told.family:5.1f} ρ {told.rank:.3f} "
            f"cover {100 * told.coverage:.0f} {100 * told.model_coverage:.0f}  "
            f"MACs {100 * told.baseline_model:5.1f} {100 * told.baseline_family:5.1f} ρ {told.baseline_rank:.3f}"
        )
    if only_check:
        shipped = {profile.id: profile.errors for profile in library(NAME).profiles}
        apart = [one.id for one in found.profiles if _apart(one.errors, shipped[one.id]) > 0.005]
        sys.exit(f"errors differ from the shipped file's: {', '.join(apart)}" if apart else 0)
    file = model_file()
    file.write_bytes(encode(found))
    print(f"{file.name}: {file.stat().st_size} bytes")


def _apart(one: Errors, other: Errors) -> float:
    """Largest difference of the errors and coverages that the page shows."""
    shown = ("model", "family", "coverage", "model_coverage", "baseline_family")
    return max(abs(getattr(one, name) - getattr(other, name)) for name in shown)


def model_file() -> Path:
    """Where the shipped file lies."""
    return Path(__file__).parents[2] / "src" / "nngauge" / "estimate" / "profiles" / f"{NAME}.json.xz"


if __name__ == "__main__":
    main()
