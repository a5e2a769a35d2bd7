"""A few hundred mutations for every parser; ``python -m fuzz`` runs as many as wanted."""

from __future__ import annotations

import pytest

from fuzz.harness import Report, fuzz
from fuzz.mutate import mutated
from fuzz.targets import Target, targets
from nngauge.formats import FORMATS

RUNS = 150
TARGETS = targets()


@pytest.mark.parametrize("name", [name for name in TARGETS if name != "pipeline"])
def test_only_declared_errors(name: str) -> None:
    report = fuzz(TARGETS[name], RUNS, seed=2)
    report.broken.pop("memory", None)  # of the whole test process, here
    assert report.broken == {}
    assert report.runs > RUNS


def test_every_format_is_a_target() -> None:
    assert {f"format-{form.name}" for form in FORMATS} <= set(TARGETS)


def test_the_harness_notices() -> None:
    """Without this, a harness that catches too much would pass for ever."""
    from fuzz.samples import Sample

    def fragile(sample: Sample) -> None:
        if sample.data[:1] != b"a":
            raise KeyError(sample.data[:1])

    report: Report = fuzz(Target("fragile", lambda: [Sample("x", b"abc" * 50)], fragile), 200, seed=1)
    assert list(report.broken) == ["KeyError in outside: b''"] or any("KeyError" in kind for kind in report.broken)


def test_mutations_are_repeatable_and_differ() -> None:
    import random

    data = bytes(range(256))
    first = [mutated(data, [data], random.Random(seed)) for seed in range(50)]
    assert first == [mutated(data, [data], random.Random(seed)) for seed in range(50)]
    assert len(set(first)) > 40
