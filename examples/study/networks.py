"""The networks that made-up apps carry: shapes and layers as published ones have them, narrower, with made-up weights."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache

from examples.builders.tflite import INT32, L2_NORMALIZATION, LOGISTIC, SOFTMAX, TANH, Form, Network, Shape

POST_PROCESS = "TFLite_Detection_PostProcess"
SETTINGS = (
    b"max_detections\0max_classes_per_detection\0detections_per_class\0use_regular_nms\0nms_score_threshold\0"
    b"nms_iou_threshold\0num_classes\0y_scale\0x_scale\0h_scale\0w_scale\0"
    + bytes.fromhex(
        "0b781294a44358336a11222b0b000000010000000b000000640000000000a040010000000a0000000000003f0000003f5a00000000000000"
        "0000a0400000204100002041060e06060e0e066a0e0e0e372601"
    )
)
"""A FlexBuffer as the converter writes it: 10 boxes at most, one class each, thresholds of 0.5, scales 10, 10, 5, 5."""


@dataclass(frozen=True, slots=True)
class Recipe:
    """One model. `seed` makes the weights; `tuned`, when not 0, those of the last two layers."""

    kind: str
    form: Form = Form.FLOAT32
    seed: int = 0
    tuned: int = 0
    width: int = 16
    """Channels after the first layer."""


@lru_cache(maxsize=512)
def made(recipe: Recipe) -> bytes:
    """The model as a TFLite file."""
    return KINDS[recipe.kind](Network(recipe.form, recipe.seed), recipe)


def _trunk(net: Network, x: int, width: int, blocks: int, *, strides: tuple[int, ...] = (1, 3, 5)) -> int:
    """A MobileNet: a convolution, then separable ones with residuals."""
    x = net.conv(x, width, "MobilenetV2/Conv", stride=2)
    for at in range(blocks):
        name, stride = f"MobilenetV2/expanded_conv_{at}", 2 if at in strides else 1
        wide = net.shape(x)[-1] * 2 if stride == 2 else net.shape(x)[-1]
        y = net.conv(x, 3 * net.shape(x)[-1], f"{name}/expand", size=1)
        y = net.conv(
            net.depthwise(y, f"{name}/depthwise", stride=stride), wide, f"{name}/project", size=1, activation=0
        )
        x = net.add(x, y, f"{name}/add") if net.shape(x) == net.shape(y) else y
    return x


def _head(net: Network, recipe: Recipe) -> None:
    """What follows was trained again, when the recipe says so."""
    net.seed += 7919 * recipe.tuned


def _classifier(
    shape: Shape, classes: int, *, blocks: int = 9, last: int = SOFTMAX
) -> Callable[[Network, Recipe], bytes]:
    def build(net: Network, recipe: Recipe) -> bytes:
        x = _trunk(net, net.input(shape, "image"), recipe.width, blocks)
        x = net.mean(net.conv(x, 6 * recipe.width, "features", size=1), "global_pool")
        _head(net, recipe)
        return net.done(net.simple(last, net.dense(x, classes, "logits"), "predictions"))

    return build


def _detector(net: Network, recipe: Recipe) -> bytes:
    """SSD with the post-processing of TensorFlow's object detection API."""
    x = _trunk(
        net, net.input((1, 300, 300, 3), "normalized_input_image_tensor"), recipe.width, 10, strides=(1, 3, 5, 7)
    )
    _head(net, recipe)
    _, height, broad, _ = net.shape(x)
    count = 6 * height * broad
    boxes = net.reshape(net.conv(x, 24, "BoxEncodingPredictor", size=1, activation=0), (1, count, 4), "raw_boxes")
    found = net.reshape(net.conv(x, 6 * 91, "ClassPredictor", size=1, activation=0), (1, count, 91), "raw_classes")
    scores = net.simple(LOGISTIC, found, "convert_scores")
    shapes: tuple[Shape, ...] = ((1, 10, 4), (1, 10), (1, 10), (1,))
    taken = (net.plain(boxes, "boxes"), net.plain(scores, "scores"), net.floats((count, 4), "anchors"))
    return net.done(*net.custom(POST_PROCESS, taken, shapes, POST_PROCESS, settings=SETTINGS))


def _faces(net: Network, recipe: Recipe) -> bytes:
    """BlazeFace: 896 anchors."""
    x = _trunk(net, net.input((1, 128, 128, 3), "input"), recipe.width, 8, strides=(2, 5))
    small = net.conv(x, 48, "reduce", stride=2)
    _head(net, recipe)
    rows = []
    for name, each in (("regressors", 16), ("classificators", 1)):
        fine = net.reshape(net.conv(x, 2 * each, f"{name}_16", size=1, activation=0), (1, 512, each), f"{name}_a")
        coarse = net.reshape(net.conv(small, 6 * each, f"{name}_8", size=1, activation=0), (1, 384, each), f"{name}_b")
        rows.append(net.concat((fine, coarse), 1, name))
    return net.done(*rows)


def _points(shape: Shape, *outputs: tuple[str, Shape], blocks: int = 9) -> Callable[[Network, Recipe], bytes]:
    """Coordinates from a picture: meshes, joints, hands."""

    def build(net: Network, recipe: Recipe) -> bytes:
        x = net.mean(_trunk(net, net.input(shape, "input_1"), recipe.width, blocks), "global_pool")
        _head(net, recipe)
        made_shapes = [(name, made_shape) for name, made_shape in outputs]
        found = []
        for name, made_shape in made_shapes:
            count = 1
            for size in made_shape:
                count *= size
            found.append(net.reshape(net.dense(x, count, f"{name}/dense"), made_shape, name))
        return net.done(*found)

    return build


def _map(side: int, depth: int, last: int = LOGISTIC) -> Callable[[Network, Recipe], bytes]:
    """An encoder and a decoder: a number for each pixel."""

    def build(net: Network, recipe: Recipe) -> bytes:
        x = _trunk(net, net.input((1, side, side, 3), "input_image"), recipe.width, 7, strides=(1, 3, 5))
        for at, width in enumerate((48, 32, 24)):
            x = net.conv(net.resize(x, 2 * net.shape(x)[1], 2 * net.shape(x)[2], f"up_{at}"), width, f"decoder_{at}")
        _head(net, recipe)
        x = net.upsample(net.conv(x, 16, "decoder_last"), depth, "mask")
        return net.done(net.simple(last, x, "activation"))

    return build


def _sharper(net: Network, recipe: Recipe) -> bytes:
    """ESPCN: twice the resolution."""
    x = net.input((1, 180, 320, 3), "low_resolution")
    for at in range(4):
        x = net.conv(x, 2 * recipe.width, f"conv_{at}", activation=1)
    _head(net, recipe)
    return net.done(net.shuffle(net.conv(x, 12, "sub_pixel", activation=0), 2, "high_resolution"))


def _sound(shape: Shape, classes: int, name: str, last: int) -> Callable[[Network, Recipe], bytes]:
    """Separable convolutions over a spectrogram."""

    def build(net: Network, recipe: Recipe) -> bytes:
        x = net.conv(net.input(shape, name), 2 * recipe.width, "conv_1", size=3, stride=2)
        for at in range(6):
            x = net.conv(net.depthwise(x, f"dw_{at}", stride=2 if at == 3 else 1), 2 * recipe.width, f"pw_{at}", size=1)
        _head(net, recipe)
        return net.done(net.simple(last, net.dense(net.mean(x, "pool"), classes, "logits"), "labels"))

    return build


def _text(rows: int, length: int, classes: int) -> Callable[[Network, Recipe], bytes]:
    """Embeddings, their mean, two layers: spam, sentiment, the next word."""

    def build(net: Network, recipe: Recipe) -> bytes:
        x = net.lookup(net.input((1, length), "input_ids", INT32), rows, 2 * recipe.width, "word")
        x = net.dense(net.mean(x, "average"), 4 * recipe.width, "hidden", activation=1)
        _head(net, recipe)
        return net.done(net.simple(SOFTMAX, net.dense(x, classes, "logits"), "probabilities"))

    return build


def _motion(net: Network, recipe: Recipe) -> bytes:
    """Accelerometer in, activity out."""
    x = net.lstm(net.input((1, 200, 3), "accelerometer"), 2 * recipe.width, "lstm")
    _head(net, recipe)
    return net.done(net.simple(SOFTMAX, net.dense(net.mean(x, "last"), 6, "logits"), "activity"))


def _ranking(net: Network, recipe: Recipe) -> bytes:
    """User and item in, a score out."""
    user = net.lookup(net.input((1, 1), "user_id", INT32), 4000, recipe.width, "user")
    item = net.lookup(net.input((1, 10), "item_ids", INT32), 8000, recipe.width, "item")
    x = net.concat((net.mean(user, "user_mean"), net.mean(item, "item_mean")), 1, "pair")
    x = net.dense(net.dense(x, 64, "tower_1", activation=1), 32, "tower_2", activation=1)
    _head(net, recipe)
    return net.done(net.simple(LOGISTIC, net.dense(x, 500, "recommendation"), "scores"))


def _embedding(net: Network, recipe: Recipe) -> bytes:
    """MobileFaceNet: 128 numbers for a face."""
    x = net.mean(_trunk(net, net.input((1, 112, 112, 3), "face"), recipe.width, 10), "pool")
    _head(net, recipe)
    return net.done(net.simple(L2_NORMALIZATION, net.dense(x, 128, "embeddings/dense"), "embeddings"))


def _reader(net: Network, recipe: Recipe) -> bytes:
    """A line of text in, characters out."""
    x = net.conv(net.input((1, 32, 320, 1), "line"), recipe.width, "conv_0", stride=2)
    for at in range(3):
        x = net.conv(x, recipe.width * (at + 2), f"conv_{at + 1}", stride=2)
    _, height, broad, depth = net.shape(x)
    x = net.lstm(net.reshape(x, (1, broad, height * depth), "columns"), 2 * recipe.width, "lstm")
    _head(net, recipe)
    return net.done(net.simple(SOFTMAX, net.dense(x, 96, "characters"), "softmax"))


KINDS: Mapping[str, Callable[[Network, Recipe], bytes]] = {
    "classifier": _classifier((1, 224, 224, 3), 1001),
    "labels": _classifier((1, 224, 224, 3), 40, blocks=7),
    "moderation": _classifier((1, 224, 224, 3), 5, blocks=8),
    "liveness": _classifier((1, 80, 80, 3), 3, blocks=6),
    "emotion": _classifier((1, 64, 64, 1), 7, blocks=6),
    "detector": _detector,
    "faces": _faces,
    "mesh": _points((1, 192, 192, 3), ("face", (1, 1, 1, 1404)), ("confidence", (1, 1, 1, 1))),
    "hand": _points((1, 224, 224, 3), ("joints", (1, 63)), ("presence", (1, 1))),
    "pose": _points((1, 192, 192, 3), ("joints", (1, 1, 17, 3)), blocks=10),
    "portrait": _map(256, 1),
    "depth": _map(256, 1, last=TANH),
    "style": _map(224, 3, last=TANH),
    "sharper": _sharper,
    "keyword": _sound((1, 49, 40, 1), 12, "spectrogram", SOFTMAX),
    "sounds": _sound((1, 96, 64, 1), 521, "log_mel", LOGISTIC),
    "spam": _text(6000, 64, 2),
    "words": _text(10_000, 8, 10_000),
    "motion": _motion,
    "ranking": _ranking,
    "embedding": _embedding,
    "reader": _reader,
}
