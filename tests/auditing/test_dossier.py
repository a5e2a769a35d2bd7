"""Everything about an app from one reading: the same as from several."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from examples.apps import photo_studio, vault
from nngauge.auditing import audit_app, dossier
from nngauge.auditing.dossier import dossier_from, dossier_of
from nngauge.domain.dossier import Dossier
from nngauge.pipeline import Scanner
from tests.builders import facts

PHOTO, VAULT = photo_studio.APP, vault.APP


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("dossier") / PHOTO.file_name
    made.write_bytes(PHOTO.build())
    return made


@pytest.fixture(scope="module")
def whole(path: Path) -> Dossier:
    return dossier_of(path)


def test_scan_and_audit_are_those_of_their_own_verbs(path: Path, whole: Dossier) -> None:
    assert whole.scan == Scanner().scan(path)
    assert whole.audit == audit_app(path)


def test_each_distinct_model_once_with_all_that_is_known(whole: Dossier) -> None:
    assert len({item.model.digest for item in whole.models}) == len(whole.models) == 8
    assert [item.model.size for item in whole.models] == sorted(
        (item.model.size for item in whole.models), reverse=True
    )
    assert sum(len(item.places) for item in whole.models) == len(whole.scan.models)
    for item in whole.models:
        assert item.model.owner is not None  # as the scan concluded, not as the model was first read
        assert item.network is not None
        assert item.network.reason is None
        assert item.network.digest == item.model.digest
        assert item.layers
        assert item.layers_left_out == 0
        if isinstance(item.network.macs, int):
            assert sum(layer.macs for layer in item.layers if isinstance(layer.macs, int)) == item.network.macs
        assert ET.fromstring(item.picture).tag.endswith("svg")
        assert item.protection is not None
        assert item.protection.digest == item.model.digest


def test_files_that_hide_models_are_in_the_audit(tmp_path: Path) -> None:
    made = tmp_path / VAULT.file_name
    made.write_bytes(VAULT.build())
    found = dossier_of(made)
    assert found.models == ()
    assert found.audit is not None
    assert len(found.audit.models) == 2


def test_bounds_leave_out_and_say_so(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dossier, "MAX_LAYERS", 2)
    monkeypatch.setattr(dossier, "MAX_PICTURE", 100)
    for item in dossier_of(path).models:
        assert len(item.layers) == 2
        assert item.layers_left_out > 0
        assert item.picture == ""


def test_all_models_together_are_bounded(path: Path, whole: Dossier, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dossier, "_Collector", partial(dossier._Collector, layers=7, characters=10))
    found = dossier_of(path)
    assert sum(len(item.layers) for item in found.models) == 7
    assert sum(bool(item.picture) for item in found.models) == 1
    assert sum(item.layers_left_out for item in found.models) == sum(len(item.layers) for item in whole.models) - 7


def test_from_stored_facts_there_are_neither_layers_nor_pictures(whole: Dossier) -> None:
    networks = [item.network for item in whole.models if item.network is not None]
    found = dossier_from(whole.scan, networks, whole.audit)
    assert [item.network for item in found.models] == [item.network for item in whole.models]
    assert [item.protection for item in found.models] == [item.protection for item in whole.models]
    assert not any(item.layers or item.picture for item in found.models)


def test_of_what_nobody_analysed_nothing_is_said() -> None:
    (item,) = dossier_from(facts.scan()).models
    assert item.network is None
    assert item.protection is None
