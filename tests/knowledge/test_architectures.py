"""The catalogue of published architectures: sourced, plausible, and asked for what dominates."""

from __future__ import annotations

from itertools import pairwise

import pytest

from nngauge.domain.task import TASK
from nngauge.knowledge import phones
from nngauge.knowledge.architectures import architectures, dominating, front, measured, methods, sources, tasks


def test_every_entry_has_a_task_and_a_source() -> None:
    assert set(tasks()) <= set(TASK)
    for one in architectures():
        assert one.source in sources(), one.name
        assert one.parameters is None or 1e4 < one.parameters < 1e10, one.name
        assert one.macs is None or 1e6 < one.macs <= 3e11, one.name
        assert one.score is None or 0 < one.score < 100, one.name
        assert (one.score is None) == (not one.metric), one.name
        assert not one.name.startswith("test_")
    for source in sources().values():
        assert source.where.startswith("https://")
        assert source.license


def test_names_are_unique_with_their_inputs() -> None:
    keys = [(one.task, one.name, one.input) for one in architectures()]
    assert len(keys) == len(set(keys))


def test_well_known_networks_have_their_well_known_cost() -> None:
    """Parameters and MACs of the papers: MobileNetV2 3.4 M and 300 M, ResNet-50 25.6 M and 4.1 G, MobileNetV3-L 5.4 M and 219 M."""
    known = {(one.trunk, one.input): one for one in architectures("image-classification")}
    for name, parameters, macs in (
        ("mobilenetv2_100", 3.4e6, 300e6),
        ("resnet50", 25.6e6, 4.1e9),
        ("mobilenetv3_large_100", 5.4e6, 219e6),
    ):
        one = known[name, "224×224"]
        assert one.parameters == pytest.approx(parameters, rel=0.05)
        assert one.macs == pytest.approx(macs, rel=0.08)


def test_training_with_more_data_is_marked() -> None:
    found = {one.name: one.extra_data for one in architectures("image-classification")}
    assert found["tf_efficientnet_b0.ns_jft_in1k"]
    assert found["convnext_tiny.fb_in22k_ft_in1k"]
    assert not found["mobilenetv2_100.ra_in1k"]
    assert 100 < sum(found.values()) < 400


def test_measured_times_are_of_known_networks_on_known_phones() -> None:
    trunks = {one.trunk for one in architectures()}
    assert sum(map(len, measured().values())) > 500
    for name, times in measured().items():
        assert name in trunks
        for one in times:
            assert phones.find(one.device) is not None, one
            assert 0.1 < one.milliseconds < 20_000, one
            assert one.source in sources()


def test_the_front_rises() -> None:
    for metric in {one.metric for one in architectures()}:
        found = [one for one in front(architectures()) if one.metric == metric]
        for first, second in pairwise(found):
            assert (first.macs or 0) < (second.macs or 0)
            assert (first.score or 0) < (second.score or 0)
    small = front(one for one in architectures("image-classification") if not one.extra_data and (one.macs or 0) <= 5e9)
    assert 15 < len(small) < 60


def test_what_dominates_costs_less_and_is_as_good() -> None:
    found = dominating("image-classification", 4.1e9, 25.6e6, score=76.1)  # ResNet-50 as it was published
    assert found
    assert all(
        (one.macs or 0) < 4.1e9 and (one.score or 0) >= 76.1 and (one.parameters or 0) <= 25.6e6 for one in found
    )
    assert not any(one.extra_data for one in found)
    assert [one.score or 0 for one in found] == sorted((one.score or 0 for one in found), reverse=True)


def test_without_a_score_the_usual_one_of_such_networks_stands_for_it() -> None:
    found = dominating("image-classification", 4.1e9, 25.6e6)
    assert found
    assert min(one.score or 0 for one in found) > 79


@pytest.mark.parametrize(
    ("task", "macs", "score"),
    [
        ("image-classification", 1.0, None),
        ("image-classification", 4e9, 99.9),
        ("keyword-spotting", 1e9, None),
        ("nonsense", 1e9, 1.0),
    ],
)
def test_where_nothing_is_known_nothing_is_said(task: str, macs: float, score: float | None) -> None:
    assert dominating(task, macs, score=score) == ()


def test_sizes_are_of_weights_at_a_precision() -> None:
    one = next(one for one in architectures() if one.name == "mobilenetv2_100.ra_in1k")
    assert one.parameters is not None
    assert [one.bytes_at(kind) for kind in ("float32", "float16", "int8")] == [
        round(one.parameters * width) for width in (4, 2, 1)
    ]
    file = next(one for one in architectures() if one.name == "DS-CNN small int8")
    assert (file.bytes_at("int8"), file.bytes_at("float32")) == (47616, None)


def test_scores_of_parts_of_benchmarks_are_metrics_of_their_own() -> None:
    """What was scored on 300 pictures does not compare with the whole benchmark, nor three times larger with four times."""
    found = [one for one in architectures() if one.source == "hub"]
    assert len(found) > 50
    assert all(one.licence for one in found)
    assert all("(" in one.metric or one.metric.startswith("PSNR") for one in found)
    others = {one.metric for one in architectures() if one.source != "hub"}
    assert not others & {one.metric for one in found}
    assert {one.metric for one in architectures("super-resolution")} == {"PSNR Set14 ×3", "PSNR Set14 ×4"}


def test_language_models_have_their_published_parameters() -> None:
    known = {one.name: one for one in architectures("language-model")}
    for name, billions in (
        ("Qwen3-0.6B", 0.6),
        ("Llama-v3.2-1B-Instruct", 1.24),
        ("Qwen3-4B", 4.0),
        ("Llama-v3.1-8B-Instruct", 8.0),
    ):
        assert known[name].parameters == pytest.approx(billions * 1e9, rel=0.02)
    qwen = known["Qwen3-4B"]
    assert qwen.bytes_at("int4") == 2_380_000_000  # the file
    assert known["Llama-v3.2-1B-Instruct"].bytes_at("int4") == pytest.approx(1.236e9 * 4.5 / 8, rel=0.01)


def test_the_table_of_searches_is_the_published_one() -> None:
    rows = {one.name: one for one in methods()}
    assert (rows["MnasNet-A1"].top1, rows["MnasNet-A1"].gpu_hours) == (74.0, 40_000)
    assert rows["Single-Path NAS"].gpu_hours == 3.75
    trunks = {one.trunk for one in architectures("image-classification")}
    assert all(one.model in trunks for one in rows.values() if one.model)
