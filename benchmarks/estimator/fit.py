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
    """Predictions for what was left out: networks × places."""

    value: Array
    deviation: Array
    baseline: Array


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
    found = np.array([model.prices(features, column, given.macs[rows]) for column in times.T])
    residuals = np.log(times) - np.log(np.maximum(features @ found.T, 1e-3))
    if kernel is None:
        kernel = model.tuned(model.located(features, model.space(features)), residuals)
    return found, residuals, kernel


def left_out(given: Data, columns: Sequence[int]) -> tuple[Left, Left]:
    """Predictions with the network left out, and with its family left out, for places that share a kernel."""
    shape = (len(given.names), len(columns))
    single, whole = (Left(np.zeros(shape), np.zeros(shape), np.zeros(shape)) for _ in range(2))
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
    where = model.space(given.features[rows])
    mean, deviation = model.predicted(
        model.located(given.features[rows], where), residuals, model.located(given.features[at], where), kernel
    )
    into.value[at] = np.maximum(given.features[at] @ found.T, 1e-3) * np.exp(mean)
    into.deviation[at] = deviation[:, None]
    times = given.times[np.ix_(rows, columns)]
    constant = np.exp(np.log(times / given.macs[rows, None]).mean(axis=0))
    into.baseline[at] = given.macs[at, None] * constant
    return kernel


def widths(errors: Array, deviations: Array) -> tuple[float, ...]:
    """Quantiles of |logarithmic error| / deviation, with the correction for few: the ⌈(n + 1) p⌉-th smallest."""
    scores = np.sort(np.abs(errors) / deviations)
    count = len(scores)
    return tuple(float(scores[min(int(np.ceil((count + 1) * level)) - 1, count - 1)]) for level in LEVELS)


def covered(given: Data, errors: Array, deviations: Array, of: tuple[Array, Array]) -> float:
    """Share of networks within 90 % intervals whose width comes from the other families. `of`: errors and deviations to
    take the widths from."""
    inside = []
    for name in set(given.families):
        members, others = given.families == name, given.families != name
        width = widths(of[0][others], of[1][others])[LEVELS.index(0.9)]
        inside.extend(np.abs(errors[members]) <= width * deviations[members])
    return float(np.mean(inside))


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
            made[column] = _profile(given, column, found[at], len(kernels) - 1, _column(single, at), _column(whole, at))
    return kernels, [made[column] for column in range(len(given.places))]


def _column(left: Left, at: int) -> Left:
    return Left(left.value[:, at], left.deviation[:, at], left.baseline[:, at])


def _profile(given: Data, column: int, found: Array, kernel: int, single: Left, whole: Left) -> Profile:
    place, truth = given.places[column], given.times[:, column]
    errors, near = np.log(truth / whole.value), np.log(truth / single.value)
    unit = "gpu" if place.unit is Unit.GPU else place.unit.value.split()[0]
    return Profile(
        id=f"{place.device}/{unit}/{place.threads}/{place.precision}/tflite",
        version=1,
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
        conformal=Conformal(levels=LEVELS, quantiles=tuple(_short(value) for value in widths(errors, whole.deviation))),
        errors=Errors(
            model=_short(off(single.value, truth)),
            family=_short(off(whole.value, truth)),
            rank=_short(rank(whole.value, truth)),
            model_rank=_short(rank(single.value, truth)),
            coverage=_short(covered(given, errors, whole.deviation, (errors, whole.deviation))),
            model_coverage=_short(covered(given, near, single.deviation, (errors, whole.deviation))),
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
        version=1,
        runtime="tflite",
        source=SOURCE,
        features=FEATURES,
        networks=tuple(
            Network(name=name, family=kind, macs=float(macs), values=tuple(map(float, values)))
            for name, kind, macs, values in zip(
                given.names, given.families.tolist(), given.macs, given.features, strict=True
            )
        ),
        space=model.space(given.features),
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
        apart = [one.id for one in found.profiles if abs(one.errors.model - shipped[one.id].model) > 0.005]
        sys.exit(f"errors differ from the shipped file's: {', '.join(apart)}" if apart else 0)
    file = model_file()
    file.write_bytes(encode(found))
    print(f"{file.name}: {file.stat().st_size} bytes")


def model_file() -> Path:
    """Where the shipped file lies."""
    return Path(__file__).parents[2] / "src" / "nngauge" / "estimate" / "profiles" / f"{NAME}.json.xz"


if __name__ == "__main__":
    main()
