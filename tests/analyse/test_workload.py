"""What a study keeps of a model's layers is all that estimates ask for, and bounded whatever the file says."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from msgspec.structs import replace

from nngauge.analyse.workload import MAX_LAYERS, cost_of, workload
from nngauge.api import analyse_model
from nngauge.domain.analysis import Analysis
from nngauge.domain.cost import Cost, Family
from nngauge.domain.workload import Workload
from nngauge.errors import InputError
from nngauge.estimate.coverage import coverage
from nngauge.estimate.features import features_of, precision_of
from nngauge.estimate.language import amounts_of
from nngauge.estimate.npu_work import work_of
from nngauge.knowledge.phones import read_shares
from tests.builders.hostile import MODELS
from tests.estimate import costs

EXAMPLES = Path(__file__).parents[2] / "examples" / "models"
FORMS = ("*.tflite", "*.onnx", "*.ort", "*.mnn", "*.param", "*.pte", "*.gguf", "*.pb", "*.xml", "*.h5")


def again(cost: Cost) -> Cost:
    """Through the text that a study keeps."""
    kept = workload(cost)
    assert kept is not None
    return cost_of(msgspec.json.decode(msgspec.json.encode(kept), type=Workload))


def check(cost: Cost) -> None:
    back = again(cost)
    assert features_of(back) == features_of(cost)
    assert work_of(back.layers) == work_of(cost.layers)
    assert precision_of(back) == precision_of(cost)
    assert (back.macs, back.weight_bytes, back.lower_bound) == (cost.macs, cost.weight_bytes, cost.lower_bound)
    assert back.assumptions == cost.assumptions


def models(folder: Path, most: int = 1_000_000) -> Iterator[Analysis]:
    files = [file for form in FORMS for file in sorted(folder.rglob(form)) if file.stat().st_size < most]
    for file in files:
        try:
            yield analyse_model(file, weights=False, digest=False)
        except InputError:
            continue


def test_estimates_of_what_is_kept_are_those_of_the_model() -> None:
    found = list(models(EXAMPLES))
    assert len(found) > 20
    for one in found:
        check(one.cost)
        if one.language is not None:
            kept = workload(one.cost, one.language)
            assert kept is not None
            assert kept.language is not None
            assert amounts_of(kept.language, 100) == amounts_of(one.language, 100)
            assert kept.language.ram_at(100) == one.language.ram_at(100)


def test_real_models_too() -> None:
    if not MODELS.is_dir():
        pytest.skip("no ../shared/models beside the checkout")
    counted = 0
    for one in models(MODELS, 200_000):
        check(one.cost)
        counted += bool(one.cost.layers)
        if counted == 60:
            break
    assert counted > 20


def test_the_share_of_phones_is_the_same() -> None:
    cost = costs.mobile()
    shares = read_shares()
    one, other = coverage(cost, shares), coverage(again(cost), shares)
    assert (one.all, one.recent, one.plan) == (other.all, other.recent, other.plan)


def test_numbers_that_no_database_holds_are_texts() -> None:
    big = 10**30
    layer = replace(costs.conv(8, 3, 4), macs=big, outputs=((1, big),), weight_bytes=big, attributes="x" * 5000)
    kept = workload(costs.cost([layer], macs=big))
    assert kept is not None
    (one,) = kept.layers
    assert (kept.macs, one.macs, one.outputs, one.weight_bytes) == (str(big), str(big), ((1, str(big)),), None)
    assert len(one.attributes) == 200
    assert msgspec.msgpack.decode(msgspec.msgpack.encode(kept), type=Workload) == kept


def test_more_than_any_network_has_is_not_kept() -> None:
    layer = costs.conv(8, 3, 4)
    assert workload(costs.cost([layer] * MAX_LAYERS)) is not None
    assert workload(costs.cost([layer] * (MAX_LAYERS + 1))) is None
    wide = replace(layer, family=Family.LAYOUT, inputs=((1,) * 1000,) * 1000)
    assert workload(costs.cost([wide])) is None
