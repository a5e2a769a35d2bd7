"""Nothing that is not a model is called one, and no text about AI is taken for AI."""

from __future__ import annotations

import random
import zipfile
from pathlib import Path

import pytest

from nngauge.domain.detection import Detection
from nngauge.domain.evidence import Confidence
from nngauge.domain.scan import Scan
from nngauge.pipeline import Scanner
from tests.builders.lookalikes import FAKE_MAGICS, NOT_MODELS


@pytest.fixture(scope="module")
def scanner() -> Scanner:
    return Scanner()


def scan(scanner: Scanner, target: Path, entries: dict[str, bytes]) -> Scan:
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in entries.items():
            archive.writestr(name, data)
    return scanner.scan(target)


def counted(result: Scan) -> list[Detection]:
    return [item for item in result.detections if item.confidence is not Confidence.POSSIBLE]


def test_an_app_full_of_lookalikes(scanner: Scanner, tmp_path: Path) -> None:
    result = scan(scanner, tmp_path / "app.apk", NOT_MODELS)
    assert [str(model.parts[0].location) for model in result.models] == []
    assert [(item.technology, item.evidence[0]) for item in counted(result)] == []
    assert not result.verdict.model_present
    assert not result.verdict.runtime_present
    assert sum(row.entries for row in result.coverage) == len(NOT_MODELS)


@pytest.mark.parametrize("name", NOT_MODELS)
def test_under_the_name_of_a_model(scanner: Scanner, tmp_path: Path, name: str) -> None:
    """A name may make it a candidate, with the reason; never a model."""
    entries = {f"assets/net{suffix}": NOT_MODELS[name] for suffix in _endings(scanner)}
    result = scan(scanner, tmp_path / "app.apk", entries)
    assert [str(model.parts[0].location) for model in result.models] == []
    assert all(item.reason for item in result.candidates)


def _endings(scanner: Scanner) -> list[str]:
    return sorted({suffix for form in scanner.index.formats for suffix in form.suffixes})


@pytest.mark.parametrize("magic", FAKE_MAGICS)
def test_noise_behind_a_magic(scanner: Scanner, tmp_path: Path, magic: str) -> None:
    rng = random.Random(9)
    front = FAKE_MAGICS[magic]
    entries = {f"assets/{size}": front + rng.randbytes(size) for size in (0, 1, 8, 60, 700, 9000)}
    entries |= {f"assets/zeros{size}": front + bytes(size) for size in (8, 60, 700)}
    entries["assets/inside"] = rng.randbytes(5000) + front + rng.randbytes(5000)
    result = scan(scanner, tmp_path / "app.apk", entries)
    assert [str(model.parts[0].location) for model in result.models] == []
    assert sum(row.entries for row in result.coverage) == len(entries)
