"""Pictures in, boxes out: detectors by the shapes of their heads."""

from __future__ import annotations

from collections import Counter
from typing import Final

from nngauge.analyse.task.clues import Clue, Rule, shape_text
from nngauge.analyse.task.heads import Head, channels
from nngauge.analyse.task.sketch import Sketch

_FINISHERS: Final = frozenset(
    {
        "DetectionOutput",
        "NonMaxSuppression",
        "YoloDetection",
        "Region",
        "Proposal",
        "PriorBox",
        "GenerateProposals",
        "AnchorGenerator",
    }
)
_ANCHOR_ROWS: Final = {16: "face-detection", 18: "hand-tracking", 12: "pose-estimation", 8: "pose-estimation"}
"""Numbers of a box with points in MediaPipe's single-shot detectors: 4 + 2 × (6, 7, 4, 2) points."""
_ROWS: Final = {
    84: ("object-detection", 6.0), 85: ("object-detection", 6.0), 144: ("object-detection", 5.0),
    95: ("object-detection", 5.0), 24: ("object-detection", 2.0), 25: ("object-detection", 3.0),
    56: ("pose-estimation", 6.0), 57: ("pose-estimation", 5.0), 116: ("image-segmentation", 6.0),
    117: ("image-segmentation", 6.0), 37: ("image-segmentation", 3.0), 16: ("face-detection", 3.5),
    20: ("face-detection", 3.0), 15: ("face-detection", 2.5),
}  # fmt: skip
"""Numbers in one row of YOLO's single output: 4 + 80 or 5 + 80 (COCO), 4 + 1 + 17 × 3 (pose), 4 + 80 + 32 (masks),
4 + 1 + 10 + 1 (faces with five points). https://docs.ultralytics.com/tasks/."""
_GRIDS: Final = {
    255: ("object-detection", 5.0, "3 × (5 + 80)"), 75: ("object-detection", 4.5, "3 × (5 + 20)"),
    125: ("object-detection", 5.0, "5 × (5 + 20)"), 425: ("object-detection", 5.0, "5 × (5 + 80)"),
    85: ("object-detection", 4.5, "5 + 80"), 95: ("object-detection", 4.5, "12 + 3 + 80"),
    144: ("object-detection", 5.0, "4 × 16 + 80"), 84: ("object-detection", 4.0, "4 + 80"),
    65: ("face-detection", 1.2, "4 × 16 + 1"), 80: ("object-detection", 2.5, "COCO's 80 classes"),
    112: ("object-detection", 4.0, "4 × 8 + 80"), 48: ("face-detection", 3.0, "3 × (5 + 1 + 10)"),
    63: ("face-detection", 3.0, "3 × 21"), 18: ("face-detection", 1.6, "3 × (5 + 1)"),
    45: ("object-detection", 1.5, "3 × 15"), 24: ("object-detection", 1.5, "3 × 8"),
    21: ("object-detection", 1.0, "3 × 7"), 30: ("object-detection", 1.0, "3 × 10"),
}  # fmt: skip
"""Channels of a detector's grid: anchors × (box + objectness + classes), distributions of box sides, points."""


def _finished(sketch: Sketch) -> Clue | None:
    found = [kind for kind in _FINISHERS if kind in sketch.kinds]
    if not found:
        return None
    votes = {
        "object-detection": 4.0,
        "face-detection": 1.6,
        "hand-tracking": 0.8,
        "barcode-detection": 0.8,
        "text-detection": 0.6,
    }
    if sketch.picture is not None and sketch.picture.channels == 1:
        votes |= {"barcode-detection": 2.2, "face-detection": 2.2}
    return Clue("box-operator", f"has {found[0]}", votes)


def _four_results(sketch: Sketch) -> Clue | None:
    """Boxes, classes, scores and their count, as TFLite_Detection_PostProcess returns them."""
    if len(sketch.heads) != 4 or any("DetectionOutput" not in (head.maker, *head.passed) for head in sketch.heads):
        return None
    return Clue(
        "four-results", "boxes, classes, scores and their number", {"object-detection": 1.5, "face-detection": 0.6}
    )


def _anchored(sketch: Sketch) -> Clue | None:
    """One row of box numbers for each anchor beside a row of scores."""
    if not sketch.pictures or len(sketch.heads) < 2:
        return None
    rows = [dims for head in sketch.heads if (dims := head.dims) is not None and len(dims) == 2 and dims[0] >= 100]
    scores = {dims[0]: dims[1] for dims in rows}
    if len(rows) < 2:
        return None
    lasts = sorted(last for _, last in rows)
    special = next((last for last in lasts if last in _ANCHOR_ROWS), None)
    if special is not None and 1 in lasts:
        return Clue(
            "anchored-points", f"{rows[0][0]} anchors × {special} (a box with points)", {_ANCHOR_ROWS[special]: 6.5}
        )
    if 4 not in lasts:
        return None
    classes = [last for last in lasts if last != 4]
    few = bool(classes) and max(classes) <= 2
    text = f"{next(iter(scores))} anchors × 4 with {'two scores' if few else 'class scores'}"
    if len(lasts) >= 3 and 10 in lasts:
        return Clue("anchored-faces", f"{text} and five points", {"face-detection": 6.0})
    return Clue(
        "anchored-boxes", text, {"face-detection": 3.5, "object-detection": 1.8} if few else {"object-detection": 5.0}
    )


def _single_rows(sketch: Sketch) -> Clue | None:
    """YOLO's one output: candidates × numbers, either way round."""
    if not sketch.pictures or len(sketch.heads) > 4:
        return None
    for head in sketch.heads:
        dims = head.dims
        if dims is None or len(dims) != 2 or max(dims) < 200 or min(dims) > 300 or min(dims) < 5:
            continue
        row = min(dims)
        task, weight = _ROWS.get(row, ("object-detection", 2.5))
        votes = {task: weight, "object-detection": max(1.0, weight if task == "object-detection" else 0.0)}
        if row in (5, 6):
            votes["face-detection"] = 1.5
        if len(sketch.heads) >= 2 and any(len(other.dims or ()) == 3 for other in sketch.heads):
            votes["image-segmentation"] = 4.5
        return Clue("candidate-rows", f"{max(dims)} candidates × {row} numbers", votes)
    return None


def _few_poses(sketch: Sketch) -> Clue | None:
    for head in sketch.heads:
        dims = head.dims
        if dims in ((17, 3), (6, 56), (10, 56), (17, 2), (33, 5)):
            return Clue(
                "keypoints", f"output {shape_text(head)}: 17 points of a body with scores", {"pose-estimation": 6.5}
            )
    return None


def _finished_rows(sketch: Sketch) -> Clue | None:
    """``100 × 6`` or four rows of ten: detections after non-maximum suppression."""
    if not sketch.pictures:
        return None
    shapes = [head.dims for head in sketch.heads]
    if any(dims is not None and len(dims) == 2 and dims[1] in (4, 6, 7) and 10 <= dims[0] <= 300 for dims in shapes):
        return Clue("finished-boxes", "a list of finished boxes", {"object-detection": 3.0, "face-detection": 0.5})
    return None


def _grids(sketch: Sketch) -> Clue | None:
    """Several maps whose channels are anchors × numbers of a box."""
    if not sketch.pictures:
        return None
    widths = Counter(width for head in sketch.heads if _is_grid(head) and (width := channels(head)) is not None)
    faces = _face_grid(widths)
    if faces is not None:
        return faces
    for head in sketch.heads:
        if head.joined is not None and head.joined != head.width and head.joined in (85, 95, 144, 84, 112):
            widths[head.joined] += 1
    for width, count in widths.most_common(5):
        named = _GRIDS.get(width)
        if named is None or (count < 2 and width in (18, 21, 24, 30, 45, 48, 63, 65, 80)):
            continue
        task, weight, meaning = named
        votes = {task: weight}
        if task != "object-detection":
            votes["object-detection"] = 1.2
        return Clue("grid", f"{count} map{'s' if count > 1 else ''} of {width} channels: {meaning}", votes)
    width, count = widths.most_common(1)[0] if widths else (0, 0)
    if count in (2, 3, 4, 6) and width >= 12:
        return Clue(
            "scales",
            f"{count} maps of {width} channels on several scales",
            {"object-detection": 2.6, "face-detection": 0.8},
        )
    return None


def _is_grid(head: Head) -> bool:
    return head.maker in ("Conv", "FusedConv", "QLinearConv") and (head.shape is None or len(head.shape) >= 3)


def _face_grid(widths: Counter[int]) -> Clue | None:
    """Scores, boxes and five points on two or three scales: SCRFD, RetinaFace and their kin."""
    if len(widths) in (2, 3) and all(count in (2, 3) for count in widths.values()):
        found = set(widths)
        if found in ({2, 8, 20}, {4, 8, 20}, {2, 8}, {1, 4, 10}, {1, 4, 15}, {2, 4, 10}):
            return Clue(
                "face-grid",
                f"maps of {sorted(found)} channels on {next(iter(widths.values()))} scales",
                {"face-detection": 5.5, "object-detection": 0.5},
            )
    return None


def _unshaped(sketch: Sketch) -> Clue | None:
    """Boxes and scores, each brought together from several scales, where no shapes tell."""
    if len(sketch.heads) not in (2, 3) or not sketch.pictures:
        return None
    heads = [
        head
        for head in sketch.heads
        if head.shape is None and head.maker == "Conv" and "Concat" in head.passed and head.width
    ]
    boxes = [head.width for head in heads if not head.squashed and head.width and head.width % 4 == 0]
    marks = [head.width for head in heads if head.squashed]
    if not boxes or not marks or boxes[0] is None or marks[0] is None:
        return None
    classes = marks[0] * 4 / boxes[0]
    if classes <= 2:
        return Clue(
            "unshaped-faces",
            "boxes and two scores from several scales",
            {"face-detection": 3.8, "object-detection": 1.6},
        )
    return Clue("unshaped-boxes", "boxes and class scores from several scales", {"object-detection": 4.0})


def _centres(sketch: Sketch) -> Clue | None:
    """Heat map, sizes and offsets at a quarter of the resolution: CenterNet, DBFace, Objectron."""
    maps = [dims for head in sketch.heads if (dims := _map(head)) is not None]
    picture = sketch.picture
    if len(maps) < 2 or picture is None or picture.height is None:
        return None
    quarter = [dims for dims in maps if dims[0] * 4 == picture.height]
    found = sorted(dims[2] for dims in maps)
    if len(quarter) == 3 and found in ([1, 4, 10], [1, 2, 4]):
        return Clue(
            "centre-faces",
            "heat map, boxes and points at a quarter of the size",
            {"face-detection": 5.0, "object-detection": 1.0},
        )
    if 16 in found and 1 in found:
        return Clue("cuboids", "heat map and eight corners of a box", {"3d-object-detection": 6.0})
    if quarter and {2, 4} & set(found) and max(found) >= 20:
        return Clue("centres", "heat maps of classes with sizes", {"object-detection": 4.0})
    return None


def _map(head: Head) -> tuple[int, int, int] | None:
    """Height, width, channels."""
    dims = head.dims
    if dims is None or len(dims) != 3:
        return (dims[0], dims[1], 1) if dims is not None and len(dims) == 2 and head.maker == "Conv" else None
    return dims if dims[2] <= dims[0] else (dims[1], dims[2], dims[0])


def _body_rows(sketch: Sketch) -> Clue | None:
    """YOLO pose and mask heads without shapes: 65 or 144 channels in front, 51 or 32 behind."""
    made = {channels(head) for head in sketch.heads}
    if (65 in made and 51 in made) or (sketch.count("Conv") and made == {51, 1}):
        return Clue("pose-rows", "box and 17 × 3 numbers for each candidate", {"pose-estimation": 5.0})
    if 32 in made and len(sketch.heads) == 3 and made & {144, 64, 65, 1, 80}:
        return Clue("mask-rows", "boxes, 32 mask weights and a prototype map", {"image-segmentation": 5.6})
    return None


RULES: Final[tuple[Rule, ...]] = (
    _finished, _four_results, _anchored, _single_rows, _few_poses, _finished_rows, _grids, _unshaped, _centres,
    _body_rows,
)  # fmt: skip
