"""Pictures in, pictures or maps out: segmentation, key points, depth, restoration, style, generation."""

from __future__ import annotations

from typing import Final

from nngauge.analyse.task.clues import Clue, Rule, shape_text
from nngauge.analyse.task.heads import Head, channels
from nngauge.analyse.task.sketch import Sketch
from nngauge.domain.graph import DType

_BODY: Final = frozenset({13, 14, 15, 16, 17, 18, 19, 25, 34, 36, 38, 57})
"""Heat maps of body joints: MPII 14 to 16, COCO 17 to 19 and their vectors or offsets."""
_WARPS: Final = frozenset({"rife.Warp", "Warp", "GridSample", "Correlation", "ifrnet.Warp", "dain.Warp"})


def _map(head: Head) -> tuple[int, int, int] | None:
    """Height, width and channels of an output map; the smallest end is the channels."""
    shape = head.shape
    if shape is None or len(shape) not in (3, 4):
        return None
    dims = tuple(dim if isinstance(dim, int) and dim > 0 else 0 for dim in shape[-3:])
    height, width, last = dims
    if min(dims) <= 0:
        return None
    return (height, width, last) if last <= min(height, width) else (width, last, height)


def _ratio(sketch: Sketch, found: tuple[int, int, int]) -> float | None:
    """Height out / height in."""
    picture = sketch.picture
    return found[0] / picture.height if picture is not None and picture.height else None


def _labels_map(sketch: Sketch) -> Clue | None:
    """ArgMax over classes, or whole numbers for each pixel."""
    if not sketch.pictures:
        return None
    for head in sketch.heads:
        dims = head.dims
        whole = head.tensor.dtype in (DType.INT32, DType.INT64, DType.UINT8, DType.INT8) and dims is not None
        if whole and dims is not None and len(dims) == 2 and min(dims) >= 32 and "ArgMax" in (*sketch.tail, head.maker):
            return Clue(
                "label-map",
                f"a class for each of {dims[0]} × {dims[1]} pixels",
                {"image-segmentation": 5.0, "portrait-segmentation": 0.6},
            )
    if sketch.heads and "ArgMax" in sketch.tail[-2:] and sketch.count("Resize", "ConvTranspose"):
        return Clue("label-argmax", "the class of each pixel (ArgMax)", {"image-segmentation": 3.5})
    return None


def _class_map(sketch: Sketch) -> Clue | None:
    """As large as the input (or half), several channels."""
    for head in sketch.heads if len(sketch.heads) <= 2 else ():
        found = _map(head)
        ratio = _ratio(sketch, found) if found is not None else None
        if found is None or ratio is None or not 0.2 <= ratio <= 1.1 or found[2] < 5 or found[0] < 24:
            continue
        if found[2] in _BODY and ratio <= 0.5 and head.maker == "Conv" and not head.passed & {"Resize"}:
            continue
        weight = 4.0 if ratio > 0.4 else 2.0
        return Clue(
            "class-map",
            f"{found[2]} channels for each of {found[0]} × {found[1]} pixels",
            {"image-segmentation": weight},
        )
    return None


def _mask(sketch: Sketch) -> Clue | None:
    """One or two channels as large as the input."""
    for head in sketch.heads if len(sketch.heads) <= 2 and sketch.convolutions >= 3 else ():
        found = _map(head)
        ratio = _ratio(sketch, found) if found is not None else None
        if found is None or ratio is None or not 0.2 <= ratio <= 1.05 or found[2] > 2 or found[0] < 32:
            continue
        if sketch.picture is not None and sketch.picture.channels == 1 and not sketch.pooled:
            continue
        votes = {
            "portrait-segmentation": 3.6,
            "image-segmentation": 1.6,
            "text-detection": 0.8,
            "document-scanning": 0.8,
        }
        if found[2] == 1 and not head.squashed:
            votes |= {"depth-estimation": 3.0}
        return Clue("mask", f"a mask of {found[0]} × {found[1]} with {found[2]} channels", votes)
    return None


def _matte(sketch: Sketch) -> Clue | None:
    """Recurrent states beside the picture in and out, as in Robust Video Matting."""
    if not sketch.pictures or len(sketch.inputs) < 4 or len(sketch.heads) < 5:
        return None
    if {1, 3} & set(sketch.widths) and sketch.count("Resize", "Clip"):
        return Clue("matting", "foreground, alpha and four recurrent states", {"portrait-segmentation": 3.5})
    return None


def _heat_maps(sketch: Sketch) -> Clue | None:
    """Small maps, one per joint, straight from a convolution."""
    if not sketch.pictures or not sketch.heads:
        return None
    widths = set(sketch.widths)
    if {17, 34, 32} <= widths:
        return Clue("posenet", "17 heat maps with offsets and displacements, as PoseNet", {"pose-estimation": 6.5})
    for head in sketch.heads[-2:]:
        width = channels(head)
        found = _map(head)
        if width not in _BODY or head.maker not in ("Conv", "ConvTranspose") or len(sketch.heads) > 4:
            continue
        if head.passed & {
            "Softmax",
            "GlobalAveragePool",
            "ReduceMean",
            "Flatten",
            "Resize",
            "AveragePool",
            "Reshape",
            "Concat",
        }:
            continue
        ratio = _ratio(sketch, found) if found is not None else None
        if (ratio is not None and 0.02 < ratio <= 0.5) or (
            found is None and head.shape is None and head.width == width
        ):
            return Clue(
                "joint-maps",
                f"{width} small maps, one for each joint",
                {"pose-estimation": 4.2, "image-segmentation": 0.6},
            )
    return None


def _text_map(sketch: Sketch) -> Clue | None:
    """The head of differentiable binarisation: two transposed convolutions at the end, one channel, sigmoid."""
    transposed = [node for node in sketch.graph.nodes[-12:] if node.kind == "ConvTranspose"]
    if len(transposed) < 2 or not sketch.pictures or len(sketch.heads) > 2:
        return None
    head = sketch.heads[0] if sketch.heads else None
    if head is None or channels(head) not in (None, 1) or not sketch.pooled or sketch.count("ConvTranspose") > 6:
        return None
    if sketch.convolutions < 30:
        return None
    return Clue(
        "binarisation",
        "a probability map after two transposed convolutions, as in DB text detectors",
        {"text-detection": 4.6},
    )


def _enlarged(sketch: Sketch) -> Clue | None:
    """The output is two to eight times as large as the input."""
    for head in sketch.heads[:2]:
        found = _map(head)
        ratio = _ratio(sketch, found) if found is not None else None
        if found is not None and ratio is not None and ratio in (2, 3, 4, 8) and found[2] in (1, 2, 3, 4):
            return Clue("enlarged", f"the picture {int(ratio)} times as large", {"super-resolution": 6.0})
    return None


def _pixel_shuffle(sketch: Sketch) -> Clue | None:
    made = any(head.maker == "DepthToSpace" for head in sketch.heads)
    if (made or "DepthToSpace" in sketch.tail[-5:]) and sketch.convolutions >= 2:
        weight = 5.0 if not sketch.pooled else 3.0
        return Clue(
            "pixel-shuffle",
            "ends in DepthToSpace (pixel shuffle)",
            {"super-resolution": weight, "image-enhancement": 1.5},
        )
    return None


def _flat(sketch: Sketch) -> Clue | None:
    """Never gives up resolution, few channels out: restoration."""
    if not sketch.pictures or sketch.convolutions < 5 or sketch.pooled or len(sketch.heads) != 1 or sketch.nodes < 6:
        return None
    head = sketch.heads[0]
    width = channels(head)
    if head.squashed or width not in (1, 2, 3, 4, None) or sketch.count("Gemm", "Softmax") > 0:
        return None
    grows = sketch.count("Resize", "ConvTranspose") > 0
    return Clue(
        "full-size",
        "keeps the full resolution throughout",
        {"super-resolution": 3.0 if grows else 1.5, "image-enhancement": 2.0},
    )


def _grows_at_end(sketch: Sketch) -> Clue | None:
    """The last convolution is a transposed one that makes a picture of one or three channels."""
    if (
        not sketch.pictures
        or len(sketch.heads) != 1
        or sketch.heads[0].maker != "ConvTranspose"
        or sketch.heads[0].squashed
    ):
        return None
    if channels(sketch.heads[0]) in (1, 3) and sketch.convolutions <= 24:
        return Clue("grows-at-end", "the last layer enlarges a picture", {"super-resolution": 3.2})
    return None


def _repainted(sketch: Sketch) -> Clue | None:
    """A colour picture of the same size comes out."""
    picture = sketch.picture
    if picture is None or picture.channels not in (3, None) or len(sketch.heads) != 1:
        return None
    head = sketch.heads[0]
    found = _map(head)
    ratio = _ratio(sketch, found) if found is not None else None
    same = ratio is not None and 0.97 <= ratio <= 1.03 and found is not None and found[2] == 3
    blind = (
        found is None
        and head.width == 3
        and head.maker in ("Conv", "ConvTranspose")
        and sketch.count("InstanceNormalization")
    )
    if not (same or blind) or sketch.convolutions < 4:
        return None
    return Clue(
        "repainted",
        "a colour picture of the same size comes out",
        {"style-transfer": 2.6, "image-enhancement": 2.6, "portrait-segmentation": 0.3},
    )


def _instance_norm(sketch: Sketch) -> Clue | None:
    """Instance normalisation, written out or not: style transfer and generators."""
    spelled = sketch.count("SquaredDifference") if sketch.count("Rsqrt") else 0
    found = sketch.count("InstanceNormalization") + (spelled if spelled >= 5 else 0)
    if found >= 4 and sketch.convolutions >= 4 and sketch.pictures:
        return Clue(
            "instance-norm", f"{found} instance normalisations", {"style-transfer": 3.6, "image-generation": 1.0}
        )
    return None


def _style_code(sketch: Sketch) -> Clue | None:
    """The hundred numbers of a style, in or out (arbitrary style transfer of Ghiasi et al., 2017)."""
    shapes = [tensor.shape for tensor in (*sketch.inputs, *(head.tensor for head in sketch.heads))]
    if sketch.pictures and any(shape == (1, 1, 1, 100) for shape in shapes):
        return Clue("style-code", "a style of 100 numbers", {"style-transfer": 7.0})
    return None


def _colours(sketch: Sketch) -> Clue | None:
    """Two channels between −1 and 1 at the end: the a and b of Lab."""
    if len(sketch.heads) != 1 or not sketch.pictures:
        return None
    head = sketch.heads[0]
    if channels(head) == 2 and "Tanh" in head.passed:
        return Clue("two-colours", "two bounded channels: colours of a grey picture", {"image-enhancement": 4.0})
    return None


def _between(sketch: Sketch) -> Clue | None:
    """Frames warped along a flow."""
    warps = sketch.count(*_WARPS)
    if warps and len(sketch.inputs) >= 2:
        return Clue(
            "warped",
            f"{warps} warps between {len(sketch.inputs)} inputs",
            {"frame-interpolation": 5.5, "style-transfer": -1.0},
        )
    if len(sketch.inputs) in (2, 3) and len(sketch.pictures) >= 2 and len(sketch.heads) <= 2:
        shapes = {tensor.shape for tensor in sketch.inputs[:2]}
        if len(shapes) == 1:
            return Clue("two-pictures", "two pictures of the same size go in", {"frame-interpolation": 3.0})
    if (
        len(sketch.inputs) == 2
        and not sketch.pictures
        and all(tensor.shape is None for tensor in sketch.inputs)
        and sketch.convolutions > 8
    ):
        return Clue("two-unshaped", "two pictures go in", {"frame-interpolation": 2.4})
    return None


def _generated(sketch: Sketch) -> Clue | None:
    """A code of some hundred numbers in, a picture out; or the pieces of latent diffusion."""
    if sketch.pictures and sketch.pictures[0].channels != 4:
        return None
    for head in sketch.heads[:1]:
        found = _map(head)
        if (
            found is not None
            and found[2] in (1, 3)
            and found[0] >= 28
            and sketch.count("ConvTranspose", "Resize", "DepthToSpace")
        ):
            return Clue(
                "generated", f"a picture of {found[0]} × {found[1]} made from numbers", {"image-generation": 5.0}
            )
    if (
        len(sketch.inputs) >= 3
        and sketch.convolutions > 30
        and sketch.count("GroupNormalization") >= 10
        and sketch.count("MultiHeadAttention", "MatMul", "Attention", "Softmax")
    ):
        return Clue(
            "diffusion", "a U-net with attention, group normalisation and three inputs", {"image-generation": 5.0}
        )
    if sketch.count("GroupNormalization") >= 10 and sketch.count("Resize") and 3 in sketch.widths[:1]:
        return Clue(
            "decoder", "group-normalised convolutions up to three channels: a latent decoder", {"image-generation": 4.0}
        )
    return None


def _depth(sketch: Sketch) -> Clue | None:
    """One channel without a squashing function after several enlargements, where no shapes tell."""
    if len(sketch.heads) != 1 or not sketch.pictures or sketch.heads[0].shape is not None:
        return None
    head = sketch.heads[0]
    if head.width == 1 and head.maker == "Conv" and not head.squashed and sketch.count("Resize", "ConvTranspose") >= 3:
        return Clue(
            "one-plane", "one unbounded number for each pixel", {"depth-estimation": 3.6, "image-enhancement": 0.5}
        )
    return None


def _planes(sketch: Sketch) -> Clue | None:
    """No shapes, several channels after enlargements at the end: segmentation."""
    if len(sketch.heads) != 1 or not sketch.pictures or sketch.heads[0].shape is not None:
        return None
    head = sketch.heads[0]
    resized = "Resize" in head.passed or head.maker == "ConvTranspose"
    if head.width is None or not resized or sketch.count("Gemm") > 24:
        return None
    if head.width >= 5:
        return Clue("planes", f"{head.width} planes, enlarged at the end", {"image-segmentation": 4.0})
    if head.width == 2:
        return Clue(
            "two-planes", "two planes, enlarged at the end", {"portrait-segmentation": 3.0, "image-segmentation": 2.4}
        )
    return None


def _prototypes(sketch: Sketch) -> Clue | None:
    """YOLACT: boxes, classes, mask weights and 32 prototypes."""
    if (
        sketch.count("Tanh") in range(3, 8)
        and len(sketch.heads) >= 4
        and 32 in sketch.widths
        and sketch.convolutions > 40
    ):
        return Clue("prototypes", "mask weights (Tanh) and 32 prototype masks", {"image-segmentation": 5.0})
    return None


def _decoded_poses(sketch: Sketch) -> Clue | None:
    for node in sketch.graph.nodes[-3:]:
        if "osenet" in node.op and len(sketch.heads) >= 4:
            body = len(sketch.heads) > 4
            votes = {"portrait-segmentation": 5.0, "pose-estimation": 3.0} if body else {"pose-estimation": 7.0}
            return Clue("pose-decoder", f"custom operator {node.op[:40]}", votes)
    return None


def _shaped(sketch: Sketch) -> Clue | None:
    """Part segmentation of BodyPix: 24 parts beside a mask and poses."""
    widths = set(sketch.widths)
    if sketch.pictures and {1, 24} <= widths and len(sketch.heads) >= 4:
        text = ", ".join(shape_text(head) for head in sketch.heads[:3])
        return Clue("body-parts", f"mask and 24 body parts: {text}", {"portrait-segmentation": 6.5})
    return None


RULES: Final[tuple[Rule, ...]] = (
    _labels_map, _class_map, _mask, _matte, _heat_maps, _text_map, _enlarged, _pixel_shuffle, _flat, _grows_at_end,
    _repainted, _instance_norm, _style_code, _colours, _between, _generated, _depth, _planes, _prototypes,
    _decoded_poses, _shaped,
)  # fmt: skip
