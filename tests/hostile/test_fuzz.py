"""A few hundred mutations for every parser; ``python -m fuzz`` runs as many as wanted."""

from __future__ import annotations

import pytest

from fuzz.harness import Report, fuzz
from fuzz.mutate import mutated
from fuzz.targets import Target, targets
from nngauge.formats import FORMATS, Format, ModelData

RUNS = 150
CHAIN_RUNS = 10
"""The analysis of a model takes a hundred times as long as reading it."""
TARGETS = targets()


@pytest.mark.parametrize("name", [name for name in TARGETS if name != "pipeline"])
def test_only_declared_errors(name: str) -> None:
    runs = CHAIN_RUNS if name.startswith("chain-") else RUNS
    report = fuzz(TARGETS[name], runs, seed=2)
    # Time and memory are for the recorded runs: here the machine may be busy and the process is that of all tests.
    assert {kind: what for kind, what in report.broken.items() if not kind.startswith(("slow", "memory"))} == {}
    assert report.runs > runs


def test_every_format_is_a_target() -> None:
    wanted = {f"{kind}-{form.name}" for form in FORMATS for kind in ("format", "chain")}
    assert wanted <= set(TARGETS)


@pytest.mark.parametrize("form", FORMATS, ids=lambda form: form.name)
def test_every_format_has_a_sample_that_it_accepts(form: Format) -> None:
    sample = TARGETS[f"format-{form.name}"].samples()[0]
    form.parse(ModelData(sample.name, sample.data, sample.parts))


def test_the_harness_notices() -> None:
    """Without this, a harness that catches too much would pass for ever."""
    from fuzz.sample import Sample

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
