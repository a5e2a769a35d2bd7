"""Agreement with known answers: rules by task, intervals, chance, and when a share is withheld."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from msgspec.structs import replace

from nngauge.domain.compression import InputSource, Rule
from nngauge.domain.graph import DType, Graph, Quantization, Tensor
from nngauge.domain.task import Modality, TaskVerdict

np = pytest.importorskip("numpy")

from nngauge.compress.agreement import Judge, sqnr, wilson  # noqa: E402
from nngauge.compress.answers import best_boxes, detections  # noqa: E402
from nngauge.compress.subject import File, Subject  # noqa: E402
from nngauge.compress.trial import Outputs, TrialError  # noqa: E402


def subject(task: str, *outputs: Tensor) -> Subject:
    tensors = outputs or (Tensor("out", DType.FLOAT32),)
    graph = Graph(format="tflite", tensors=tensors, outputs=tuple(range(len(tensors))))
    verdict = TaskVerdict(task=task, modality=Modality.IMAGE, probability=1.0)
    return Subject(name="m", format="tflite", graph=graph, files=(File(name="m", content=b""),), task=verdict)


def outputs(*arrays: np.ndarray) -> Outputs:
    return Outputs(
        names=tuple(f"out{at}" for at in range(len(arrays))), arrays=tuple(tuple(array) for array in arrays), engine="e",
        version="1", cpu_seconds=0.0, run_seconds=0.0,
    )  # fmt: skip


def scores(best: Sequence[int], classes: int = 12) -> np.ndarray:
    found = np.full((len(best), 1, classes), 0.01, np.float32)
    found[np.arange(len(best)), 0, list(best)] = 0.9
    return found


SPREAD = [at % 12 for at in range(24)]


def test_wilson_is_the_published_interval() -> None:
    low, high = wilson(124, 129)
    assert (round(low, 3), round(high, 3)) == (0.912, 0.983)
    assert wilson(0, 10)[0] == 0.0
    assert wilson(10, 10)[1] == 1.0


def test_sqnr_of_known_noise() -> None:
    signal = np.array([[3.0, 4.0]], np.float32)
    assert sqnr([signal], [signal + np.float32(0.5)]) == pytest.approx(10 * np.log10(25 / 0.5))
    assert sqnr([signal], [signal]) is None
    # Each output counts alike, however large its numbers are.
    assert sqnr([signal, 1000 * signal], [signal * 1.1, 1000 * signal]) == pytest.approx(
        10 * np.log10(2 / 0.01), rel=1e-4
    )


def test_top1_counts_equal_classes() -> None:
    judge = Judge(subject("image-classification"), outputs(scores(SPREAD)))
    assert (judge.reference.rule, judge.reference.distinct, judge.reference.withheld) == (Rule.TOP1, 12, "")
    assert judge.reference.chance == pytest.approx(1 / 12)
    changed = list(SPREAD)
    changed[:6] = [(one + 1) % 12 for one in changed[:6]]
    found = judge.compare(outputs(scores(changed)))
    assert (found.matched, found.inputs, found.share) == (18, 24, 0.75)
    assert found.low is not None
    assert found.low < 0.75 < (found.high or 0)
    assert found.top5 is not None
    assert found.top5 >= 0.75
    assert not found.identical


def test_the_first_inputs_alone_can_be_compared() -> None:
    judge = Judge(subject("image-classification"), outputs(scores(SPREAD)))
    found = judge.compare(outputs(scores(SPREAD[:8])))
    assert (found.matched, found.inputs, found.identical) == (8, 8, True)


def test_a_share_is_withheld_for_few_answers() -> None:
    judge = Judge(subject("image-classification"), outputs(scores([0, 1, 2] * 8)))
    assert judge.reference.withheld == "3 different answers to 24 inputs, 10 are needed"
    found = judge.compare(outputs(scores([1, 1, 2] * 8)))
    assert (found.matched, found.share, found.low) == (None, None, None)
    assert found.sqnr is not None


def test_a_share_is_withheld_where_a_constant_reaches_half() -> None:
    judge = Judge(subject("image-classification"), outputs(scores([*range(11), *[11] * 13])))
    assert "54 %" in judge.reference.withheld


def test_models_of_few_classes_need_most_of_them() -> None:
    three = [0, 1, 2] * 8
    assert not Judge(subject("image-classification"), outputs(scores(three, 3))).reference.withheld
    assert Judge(subject("image-classification"), outputs(scores([0, 1] * 12, 5))).reference.withheld


def test_answers_to_noise_are_withheld() -> None:
    judge = Judge(subject("image-classification"), outputs(scores(SPREAD)), InputSource.NOISE)
    assert judge.reference.withheld == "answers to noise say nothing"
    assert judge.compare(outputs(scores(SPREAD))).identical


def test_nan_counts_as_another_answer() -> None:
    judge = Judge(subject("image-classification"), outputs(scores(SPREAD)))
    changed = scores(SPREAD)
    changed[3] = np.nan
    found = judge.compare(outputs(changed))
    assert (found.matched, found.not_finite, found.sqnr) == (23, 1, None)


def test_nan_of_the_shipped_model_is_left_out() -> None:
    shipped = scores(SPREAD)
    shipped[:2] = np.inf
    judge = Judge(subject("image-classification"), outputs(shipped))
    assert (judge.reference.not_finite, judge.reference.inputs) == (2, 24)
    assert judge.compare(outputs(scores(SPREAD))).inputs == 22
    whole = Judge(subject("image-classification"), outputs(np.full((4, 1, 3), np.nan, np.float32)))
    assert whole.reference.not_finite == 4


def test_points_are_judged_by_their_extent() -> None:
    shipped = np.cumsum(np.ones((12, 1, 50), np.float32), axis=2) * np.arange(1, 13, dtype=np.float32)[:, None, None]
    judge = Judge(subject("face-landmarks"), outputs(shipped))
    assert judge.reference.rule is Rule.POINTS
    shift = 0.019 * np.ptp(shipped, axis=2, keepdims=True)
    assert judge.compare(outputs((shipped + shift).astype(np.float32))).share == 1.0
    assert judge.compare(outputs((shipped + 1.2 * shift).astype(np.float32))).share == 0.0


def test_the_same_face_for_every_picture_is_chance() -> None:
    shipped = np.repeat(np.linspace(0, 1, 30, dtype=np.float32)[None, None], 20, axis=0)
    reference = Judge(subject("face-landmarks"), outputs(shipped)).reference
    assert (reference.distinct, reference.chance) == (1, 1.0)
    assert reference.withheld


def test_heat_maps_are_points_at_their_peaks() -> None:
    chance = np.random.default_rng(0)
    maps = np.zeros((16, 1, 20, 20, 5), np.float32)
    for at in range(16):
        for point in range(5):
            maps[at, 0, chance.integers(20), chance.integers(20), point] = 1
    judge = Judge(subject("pose-estimation"), outputs(maps))
    assert judge.reference.rule is Rule.POINTS
    assert judge.compare(outputs(0.5 * maps)).share == 1.0
    assert judge.compare(outputs(np.roll(maps, 3, axis=2))).share == 0.0


def test_pixels_need_nineteen_of_twenty() -> None:
    chance = np.random.default_rng(1)
    shipped = chance.normal(0, 1, (12, 1, 16, 16, 4)).astype(np.float32)
    judge = Judge(subject("image-segmentation"), outputs(shipped))
    assert (judge.reference.rule, judge.reference.distinct) == (Rule.PIXELS, 12)
    changed = shipped.copy()
    changed[:, :, 0, :8] *= -1  # 8 of 256 pixels
    assert judge.compare(outputs(changed)).share == 1.0
    changed[:, :, :2] *= -1
    found = judge.compare(outputs(changed))
    assert found.share == 0.0
    assert found.error == pytest.approx(24 / 256, abs=0.03)


def test_a_mask_of_one_channel_is_a_threshold() -> None:
    chance = np.random.default_rng(2)
    shipped = chance.random((12, 1, 16, 16, 1)).astype(np.float32)
    judge = Judge(subject("portrait-segmentation"), outputs(shipped))
    assert judge.compare(outputs(shipped + np.where(shipped > 0.5, 0.1, -0.1).astype(np.float32))).share == 1.0
    assert judge.compare(outputs(1 - shipped)).share == 0.0


def test_embeddings_are_directions() -> None:
    chance = np.random.default_rng(3)
    shipped = chance.normal(0, 1, (12, 1, 64)).astype(np.float32)
    judge = Judge(subject("face-recognition"), outputs(shipped))
    assert judge.reference.rule is Rule.COSINE
    assert judge.compare(outputs(5 * shipped)).share == 1.0
    assert judge.compare(outputs(-shipped)).share == 0.0


def test_ssd_heads_find_the_best_box() -> None:
    chance = np.random.default_rng(4)
    places = chance.permutation(40)[:12]
    heat, boxes = np.full((12, 1, 40, 2), 0.0, np.float32), chance.random((12, 1, 40, 4)).astype(np.float32)
    heat[..., 0] = 1
    heat[np.arange(12), 0, places] = (0.1, 0.9)
    judge = Judge(subject("face-detection"), outputs(heat, boxes))
    assert (judge.reference.rule, judge.reference.distinct) == (Rule.BOXES, 12)
    assert judge.compare(outputs(heat, boxes + 1)).share == 1.0  # the same anchor
    other = np.full_like(heat, 0.0)
    other[..., 0] = 1
    assert judge.compare(outputs(other, boxes)).share == 0.0  # nothing is found any more
    other[np.arange(12), 0, (places + 1) % 40] = (0.1, 0.9)
    moved = boxes.copy()
    moved[np.arange(12), 0, (places + 1) % 40] = boxes[np.arange(12), 0, places] + 0.04
    assert judge.compare(outputs(other, moved)).share == 1.0  # a neighbour with nearly the same box


def test_heads_of_several_levels_belong_together() -> None:
    chance = np.random.default_rng(5)
    heat = [np.full((12, 1, size, 1), -5.0, np.float32) for size in (32, 18)]
    boxes = [chance.random((12, 1, size, 16)).astype(np.float32) for size in (32, 18)]
    for at in range(12):
        heat[at % 2][at, 0, at] = 5.0
    judge = Judge(subject("face-detection"), outputs(*heat, *boxes))
    assert (judge.reference.rule, judge.reference.distinct) == (Rule.BOXES, 12)
    assert judge.compare(outputs(*heat, *boxes)).share == 1.0
    heat[1][1, 0, 1] = -5.0
    assert judge.compare(outputs(*heat, *boxes)).matched == 11


def rows(*each: Sequence[tuple[float, ...]]) -> Outputs:
    """What ncnn's DetectionOutput gives: no array at all where nothing was found."""
    arrays = tuple(np.array(one, np.float32) if one else np.zeros(0, np.float32) for one in each)
    return Outputs(names=("out",), arrays=(arrays,), engine="e", version="1", cpu_seconds=0.0, run_seconds=0.0)


def test_lists_of_any_length_are_compared() -> None:
    box = (0.1, 0.1, 0.4, 0.4)
    shipped = rows([(1, 0.9, *box), (2, 0.6, *box)], [], [(3, 0.8, *box)])
    judge = Judge(subject("object-detection"), shipped)
    assert (judge.reference.rule, judge.reference.distinct) == (Rule.BOXES, 3)
    judge.reference = replace(judge.reference, withheld="")
    assert judge.compare(shipped).matched == 3
    assert judge.compare(rows([(1, 0.7, *box)], [], [(4, 0.8, *box)])).matched == 2
    assert judge.compare(rows([], [], [])).matched == 1


def test_nothing_found_agrees_with_nothing_found() -> None:
    none = best_boxes(np.zeros((3, 20, 1), np.float32), None)
    one = best_boxes(np.eye(20, dtype=np.float32)[:3, :, None], None)
    assert none.agrees(none).all()
    assert not none.agrees(one).any()


def test_scores_before_their_sigmoid() -> None:
    logits = np.full((2, 20, 1), -4.0, np.float32)
    logits[0, 7] = 2.0
    found = best_boxes(logits, None)
    assert found._place.tolist() == [7, -1]


def test_listed_boxes_agree_by_class_and_corners() -> None:
    boxes = np.array([[[0.1, 0.1, 0.5, 0.5], [0.6, 0.6, 0.9, 0.9]]], np.float32)
    labels, sure = np.array([[3.0, 4.0]], np.float32), np.array([[0.9, 0.4]], np.float32)
    count = np.array([[2.0]], np.float32)
    shipped = detections([boxes, labels, sure, count])
    assert shipped.agrees(detections([boxes + np.float32(0.03), labels, sure, count])).all()
    assert not shipped.agrees(detections([boxes + np.float32(0.3), labels, sure, count])).any()
    assert not shipped.agrees(detections([boxes, labels + 1, sure, count])).any()
    turned = [boxes[:, ::-1], labels[:, ::-1], sure[:, ::-1], count]
    assert shipped.agrees(detections(turned)).all()


def test_quantised_outputs_lose_their_zero_point() -> None:
    port = Tensor("out", DType.INT8, quantization=Quantization(1, 0.1, -128))
    shipped = np.array([[[-128, -28]], [[-28, -128]]], np.int8)
    judge = Judge(subject("image-classification", port), outputs(shipped))
    changed = shipped.copy()
    changed[0, 0, 1] = -38  # 100 becomes 90
    assert judge.compare(outputs(changed)).sqnr == pytest.approx(10 * np.log10(20_000 / 100))


def test_no_rule_still_has_a_ratio() -> None:
    judge = Judge(subject("super-resolution"), outputs(np.ones((4, 1, 8, 8, 3), np.float32)))
    assert judge.reference.rule is Rule.NONE
    found = judge.compare(outputs(np.full((4, 1, 8, 8, 3), 1.1, np.float32)))
    assert (found.matched, round(found.sqnr or 0)) == (None, 20)


def test_an_unknown_task_with_probabilities_is_a_class() -> None:
    values = scores(SPREAD)
    values /= values.sum(axis=2, keepdims=True)
    assert Judge(subject("unknown"), outputs(values)).reference.rule is Rule.TOP1
    assert Judge(subject("unknown"), outputs(values - 1)).reference.rule is Rule.NONE


def test_open_shapes_are_refused() -> None:
    ragged = Outputs(
        names=("out",), arrays=((np.zeros(3), np.zeros(4)),), engine="e", version="1", cpu_seconds=0.0, run_seconds=0.0
    )
    with pytest.raises(TrialError) as caught:
        Judge(subject("image-classification"), ragged)
    assert caught.value.kind == "dynamic"
