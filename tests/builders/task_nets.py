"""One network for each task: what it takes and gives back, and nothing else of the original."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from nngauge.domain.graph import DType, Graph
from tests.builders.nets import Net, Shape

I64, F32 = DType.INT64, DType.FLOAT32


def _classifier(picture: Shape, classes: int, *, last: str = "Softmax", format_: str = "onnx") -> Graph:
    net = Net(format_)
    x = net.backbone(net.input(picture))
    x = net.add("GlobalAveragePool", x)
    x = net.add("Gemm", x, weight=(classes, 32), transB=1)
    return net.done(net.add(last, x, shape=(1, classes)))


def _rows(picture: Shape, *shapes: Shape) -> Graph:
    net = Net()
    x = net.backbone(net.input(picture), 12)
    outs = [net.add("Reshape", net.add("Conv", x, weight=(16, 32, 1, 1)), shape=shape) for shape in shapes]
    return net.done(*outs)


def _maps(picture: Shape, *shapes: Shape, last: str = "Sigmoid", via: str = "Resize", dtype: DType = F32) -> Graph:
    net = Net()
    x = net.backbone(net.input(picture), 12)
    outs = []
    for shape in shapes:
        width = shape[1] if shape is not None and isinstance(shape[1], int) else 1
        head = net.add("Conv", x, weight=(width, 32, 1, 1))
        if via:
            head = net.add(via, head)
        outs.append(net.add(last, head, shape=shape, dtype=dtype))
    return net.done(*outs)


def _restorer(picture: Shape, made: Shape, *extra: str) -> Graph:
    net = Net()
    x = net.input(picture)
    for _ in range(8):
        x = net.add("Relu", net.add("Conv", x, weight=(32, 32, 3, 3)))
    x = net.add("Conv", x, weight=(3, 32, 3, 3), shape=made if not extra else None)
    for kind in extra:
        x = net.add(kind, x, shape=made)
    return net.done(x)


def _styled() -> Graph:
    net = Net()
    x = net.backbone(net.input((1, 3, 224, 224)), 6)
    for _ in range(6):
        x = net.add("InstanceNormalization", net.add("Conv", x, weight=(32, 32, 3, 3)))
    return net.done(net.add("Conv", x, weight=(3, 32, 9, 9), shape=(1, 3, 224, 224)))


def _tokens(*, made: Shape, last: str, classes: int, inputs: int = 1, outputs: int = 1, layers: int = 0) -> Graph:
    net = Net()
    places = [net.input((1, 128), I64) for _ in range(inputs)]
    x = net.add("Gather", net.tensor("table", (3000, 64), constant=True), places[0])
    for _ in range(layers):
        x = net.add("LayerNormalization", net.add("MatMul", x, weight=(64, 64)))
    x = net.add("Gemm", net.add("ReduceMean", x), weight=(classes, 64), transB=1)
    return net.done(*[net.add(last, x, shape=made) for _ in range(outputs)])


def _decoder() -> Graph:
    net = Net()
    tokens = net.input((1, 1), I64)
    caches = [net.input((1, 8, 512, 64)) for _ in range(16)]
    x = net.add("Gather", net.tensor("table", (32000, 512), constant=True), tokens)
    for place in caches[:8]:
        x = net.add("RotaryEmbedding", net.add("MatMul", net.add("RMSNormalization", x), place))
    logits = net.add("MatMul", x, weight=(512, 32000), shape=(1, 1, 32000))
    return net.done(logits, *[net.add("Concat", place) for place in caches])


def _spectrum(shape: Shape, classes: int) -> Graph:
    net = Net()
    x = net.input(shape)
    for _ in range(4):
        x = net.add("Relu", net.add("Conv", x, weight=(32, 1, 3, 3)))
    x = net.add("Gemm", net.add("ReduceMean", x), weight=(classes, 32), transB=1)
    return net.done(net.add("Softmax", x, shape=(1, classes)))


def _dense(shape: Shape, *widths: int, last: str = "Softmax") -> Graph:
    net = Net()
    x = net.input(shape)
    for width in widths:
        x = net.add("Gemm", x, weight=(width, 8), transB=1)
    return net.done(net.add(last, x, shape=(1, widths[-1])))


def _motion(shape: Shape, classes: int) -> Graph:
    net = Net()
    x = net.add("LSTM", net.input(shape), weight=(1, 256, 6), hidden_size=64)
    return net.done(net.add("Softmax", net.add("Gemm", x, weight=(classes, 64), transB=1), shape=(1, classes)))


def _reader() -> Graph:
    net = Net()
    x = net.backbone(net.input((1, 3, 48, 320)), 10)
    x = net.add("LSTM", net.add("Transpose", net.add("Squeeze", x)), weight=(1, 256, 6), hidden_size=48)
    return net.done(net.add("Softmax", net.add("Gemm", x, weight=(6625, 48), transB=1), shape=(1, 40, 6625)))


def _binarised() -> Graph:
    net = Net()
    x = net.backbone(net.input((1, 3, 640, 640)), 34)
    x = net.add("Relu", net.add("ConvTranspose", x, weight=(32, 16, 2, 2)))
    x = net.add("ConvTranspose", x, weight=(16, 1, 2, 2))
    return net.done(net.add("Sigmoid", x, shape=(1, 1, 640, 640)))


def _voice() -> Graph:
    net = Net()
    wave, state = net.input((1, 512)), net.input((2, 1, 64))
    x = net.add("Conv", wave, weight=(64, 1, 256))
    x = net.add("LSTM", x, state, hidden_size=64)
    for _ in range(6):
        x = net.add("Relu", x)
    return net.done(net.add("Sigmoid", x, shape=(1, 1)), net.add("Identity", x, shape=(2, 1, 64)))


def _denoiser() -> Graph:
    net = Net()
    x = net.add("LSTM", net.add("LSTM", net.input((1, 1, 257)), hidden_size=128), hidden_size=128)
    return net.done(net.add("Sigmoid", net.add("Gemm", x, weight=(257, 128), transB=1), shape=(1, 1, 257)))


def _pitch() -> Graph:
    net = Net()
    x = net.input((1, 1024))
    for _ in range(6):
        x = net.add("Relu", net.add("Conv", x, weight=(32, 1, 64)))
    return net.done(net.add("Sigmoid", net.add("Gemm", x, weight=(360, 32), transB=1), shape=(1, 360)))


def _spoken() -> Graph:
    net = Net()
    x = net.add("Gather", net.tensor("table", (100, 64), constant=True), net.input((1, None), I64))
    for _ in range(4):
        x = net.add("ConvTranspose", x, weight=(64, 32, 8))
    return net.done(net.add("Tanh", net.add("Conv", x, weight=(1, 32, 7)), shape=(1, 1, None)))


def _speaker() -> Graph:
    net = Net()
    x = net.input((1, 200, 80))
    for _ in range(5):
        x = net.add("Relu", net.add("Conv", x, weight=(64, 80, 5)))
    return net.done(net.add("Gemm", net.add("ReduceMean", x), weight=(192, 64), transB=1, shape=(1, 192)))


def _replies() -> Graph:
    net = Net()
    x = net.add("?", net.input((1,), DType.STRING), op="Normalize")
    x = net.add("?", x, op="ExtractFeatures")
    return net.done(net.add("?", x, op="Predict", dtype=DType.STRING))


def _tokenizer() -> Graph:
    net = Net()
    return net.done(net.add("?", net.input((None,), DType.STRING), op="BertTokenizer", dtype=I64, shape=(None,)))


def _recommended() -> Graph:
    net = Net()
    user, item = net.input((None,), I64), net.input((None,), I64)
    found = [net.add("Gather", net.tensor("table", (500, 16), constant=True), place) for place in (user, item)]
    x = net.add("Gemm", net.add("Concat", *found), weight=(200, 32), transB=1)
    return net.done(net.add("Softmax", x, shape=(None, 200)))


def _between() -> Graph:
    net = Net()
    first, second = net.input(None), net.input(None)
    x = net.add("Conv", net.add("Concat", first, second), weight=(32, 6, 3, 3))
    for _ in range(9):
        x = net.add("Conv", x, weight=(32, 32, 3, 3))
    return net.done(net.add("?", first, x, op="rife.Warp"))


def _generator() -> Graph:
    net = Net()
    x = net.add("Gemm", net.input((1, 128)), weight=(4096, 128), transB=1)
    for _ in range(4):
        x = net.add("Relu", net.add("ConvTranspose", x, weight=(64, 64, 4, 4)))
    return net.done(net.add("Tanh", net.add("Conv", x, weight=(3, 64, 3, 3)), shape=(1, 3, 64, 64)))


def _colours() -> Graph:
    net = Net()
    x = net.backbone(net.input((1, 1, 256, 256)), 20)
    return net.done(net.add("Tanh", net.add("Conv", x, weight=(2, 32, 1, 1)), shape=(1, 2, 256, 256)))


def _beats() -> Graph:
    net = Net()
    x = net.input((1, 187, 1))
    for _ in range(3):
        x = net.add("Relu", net.add("Conv", x, weight=(32, 1, 5)))
    return net.done(net.add("Softmax", net.add("Gemm", x, weight=(5, 32), transB=1), shape=(1, 5)))


def _metadata(format_: str, **metadata: str) -> Graph:
    return Graph(format=format_, metadata=dict(metadata))


STRUCTURE: Mapping[str, Callable[[], Graph]] = {
    "image-classification": lambda: _classifier((1, 3, 224, 224), 1000),
    "object-detection": lambda: _rows((1, 3, 640, 640), (1, 84, 8400)),
    "face-detection": lambda: _rows((1, 128, 128, 3), (1, 896, 16), (1, 896, 1)),
    "face-landmarks": lambda: _rows((1, 192, 192, 3), (1, 1, 1, 1404), (1, 1, 1, 1)),
    "face-recognition": lambda: _classifier((1, 112, 112, 3), 128, last="LpNormalization"),
    "face-attributes": lambda: _classifier((1, 1, 64, 64), 7),
    "gaze-estimation": lambda: _rows((1, 3, 224, 224), (1, 66), (1, 66), (1, 66)),
    "pose-estimation": lambda: _rows((1, 192, 192, 3), (1, 1, 17, 3)),
    "hand-tracking": lambda: _rows((1, 224, 224, 3), (1, 63), (1, 1)),
    "gesture-recognition": lambda: _dense((1, 42), 20, 10, 3),
    "image-segmentation": lambda: _maps((1, 3, 257, 257), (1, 21, 257, 257), last="Identity"),
    "portrait-segmentation": lambda: _maps((1, 3, 256, 256), (1, 2, 256, 256)),
    "3d-object-detection": lambda: _maps((1, 3, 640, 480), (1, 16, 40, 30), (1, 1, 40, 30), via="", last="Identity"),
    "super-resolution": lambda: _restorer((1, 1, 224, 224), (1, 1, 672, 672), "DepthToSpace"),
    "image-enhancement": _colours,
    "style-transfer": _styled,
    "image-generation": _generator,
    "frame-interpolation": _between,
    "text-detection": _binarised,
    "text-recognition": _reader,
    "handwriting-recognition": lambda: _classifier((1, 28, 28, 1), 10),
    "image-embedding": lambda: _classifier((1, 3, 224, 224), 1280, last="Identity"),
    "speech-recognition": lambda: _metadata("ggml_legacy", architecture="whisper"),
    "keyword-spotting": lambda: _spectrum((1, 49, 40, 1), 12),
    "voice-activity-detection": _voice,
    "speaker-recognition": _speaker,
    "speech-synthesis": _spoken,
    "sound-recognition": lambda: _spectrum((1, 96, 64, 1), 521),
    "noise-suppression": _denoiser,
    "music-analysis": _pitch,
    "language-model": _decoder,
    "text-classification": lambda: _tokens(made=(1, 2), last="Softmax", classes=2),
    "text-embedding": lambda: _metadata("gguf", **{"general.architecture": "nomic-bert"}),
    "smart-reply": _replies,
    "question-answering": lambda: _tokens(made=(1, 128), last="Identity", classes=128, inputs=3, outputs=2, layers=12),
    "text-processing": _tokenizer,
    "activity-recognition": lambda: _motion((1, 200, 3), 6),
    "anomaly-detection": lambda: _dense((1, 640), 128, 8, 128, 640, last="Identity"),
    "recommendation": _recommended,
    "tabular-prediction": lambda: _dense((1, 4), 8, 8, 3),
    "game-agent": lambda: _dense((1, 8, 8), 256, 64),
    "translation": lambda: _metadata("gguf", **{"general.architecture": "marian"}),
    "biosignal-analysis": _beats,
}
"""Task → a network that shows it without any name."""


NAMED: Mapping[str, tuple[str, Callable[[], Graph]]] = {
    "face-liveness": ("assets/anti_spoofing.tflite", lambda: _classifier((1, 80, 80, 3), 3)),
    "content-moderation": ("assets/nsfw/nsfw_model.tflite", lambda: _classifier((1, 224, 224, 3), 5)),
    "document-scanning": ("assets/document_scanner.tflite", lambda: _maps((1, 3, 256, 256), (1, 1, 256, 256))),
    "barcode-detection": (
        "assets/barcode_detector.tflite",
        lambda: _rows((1, 1, 320, 320), (1, 1000, 4), (1, 1000, 2)),
    ),
    "depth-estimation": ("assets/midas_depth.tflite", lambda: _maps((1, 3, 256, 256), (1, 1, 256, 256), last="Relu")),
    "action-recognition": ("assets/movinet_action.tflite", lambda: _classifier((1, 8, 172, 172, 3), 600)),
    "word-prediction": (
        "assets/next_word.tflite",
        lambda: _tokens(made=(1, 10000), last="Softmax", classes=10000),
    ),
}
"""Task → a name, and a network that several tasks could have."""
