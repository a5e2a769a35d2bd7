"""TensorFlow and Keras: digits and keyword models as TFLite (four precisions), SavedModel, frozen graph, .h5, .keras.

Run: ``python train_keras.py`` in an environment made from requirements-tensorflow.txt (about a minute of CPU).
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf
from ground_truth import MODELS, ExportedModel, Port, record
from sklearn.datasets import load_digits
from synthetic import KEYWORDS, Floats, Labels, keyword_spectrograms
from tensorflow.lite.python import schema_py_generated
from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2

SEED = 20261121
SCRIPT = "train_keras.py"
PACKAGES = ("tensorflow-cpu", "keras")
DIGITS_TASK = "image classification (handwritten digits, 10 classes)"
KEYWORD_TASK = "keyword spotting (6 classes)"


def digits_data() -> tuple[Floats, Labels]:
    """scikit-learn's bundled 8x8 digits as (1797, 8, 8, 1) in 0..1."""
    bunch = load_digits()
    return (bunch.images[..., None] / 16).astype(np.float32), bunch.target


def digits_model() -> keras.Model:
    """A plain CNN without batch normalisation, so that no converter can fold parameters away."""
    layers = keras.layers
    return keras.Sequential(
        [
            keras.Input((8, 8, 1), name="image"),
            layers.Conv2D(12, 3, padding="same", activation="relu", name="edges"),
            layers.MaxPooling2D(name="shrink"),
            layers.Conv2D(24, 3, padding="same", activation="relu", name="strokes"),
            layers.Flatten(name="flatten"),
            layers.Dense(10, activation="softmax", name="digit"),
        ],
        name="digits",
    )


def keyword_model() -> keras.Model:
    """A depthwise-separable CNN of the usual DS-CNN shape, 1x49x40x1 in."""
    layers = keras.layers
    sound = hidden = keras.Input((49, 40, 1), name="spectrogram")
    hidden = layers.Conv2D(24, (10, 4), strides=(2, 2), padding="same", activation="relu", name="front")(hidden)
    for block in range(3):
        hidden = layers.DepthwiseConv2D(3, padding="same", activation="relu", name=f"depthwise{block}")(hidden)
        hidden = layers.Conv2D(24, 1, activation="relu", name=f"pointwise{block}")(hidden)
    hidden = layers.AveragePooling2D((25, 20), name="pool")(hidden)
    hidden = layers.Flatten(name="flatten")(hidden)
    return keras.Model(sound, layers.Dense(len(KEYWORDS), activation="softmax", name="word")(hidden), name="keywords")


def fit(model: keras.Model, inputs: Floats, labels: Labels, epochs: int) -> float:
    """Train in place and return the accuracy on the held-out last fifth."""
    split = len(inputs) * 4 // 5
    model.compile(keras.optimizers.Adam(2e-3), "sparse_categorical_crossentropy", metrics=["accuracy"])
    model.fit(inputs[:split], labels[:split], epochs=epochs, batch_size=32, verbose=0)
    return round(float(model.evaluate(inputs[split:], labels[split:], verbose=0)[1]), 4)


def to_tflite(model: keras.Model, calibration: Floats, precision: str) -> bytes:
    """Convert with a fixed batch of one; `precision` is float32, float16, dynamic or int8."""
    converter = tf.lite.TFLiteConverter.from_keras_model(_with_batch_of_one(model))
    if precision != "float32":
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
    if precision == "float16":
        converter.target_spec.supported_types = [tf.float16]
    if precision == "int8":
        converter.representative_dataset = _samples(calibration)
        converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
        converter.inference_input_type = converter.inference_output_type = tf.int8
    return bytes(converter.convert())


def _with_batch_of_one(model: keras.Model) -> keras.Model:
    """Phones run one sample at a time, and fixed shapes are what published apps ship."""
    source = keras.Input(batch_shape=(1, *model.input_shape[1:]), name=model.inputs[0].name)
    fixed = keras.models.clone_model(model, input_tensors=source)
    fixed.set_weights(model.get_weights())
    return fixed


def _one(model: keras.Model) -> tf.TensorSpec:
    return tf.TensorSpec((1, *model.input_shape[1:]), tf.float32, name=model.inputs[0].name)


def _samples(calibration: Floats) -> Callable[[], Iterator[list[Floats]]]:
    return lambda: ([sample[None]] for sample in calibration[:100])


def export_tflite(
    model: keras.Model, data: Floats, labels: Labels, task: str, precisions: Iterable[str]
) -> list[ExportedModel]:
    """Write one model in each of `precisions`; the interpreter that loads them back tells the facts."""
    written = []
    for precision in precisions:
        name = f"{model.name}_tflite/{model.name}_{precision}.tflite"
        (MODELS / name).parent.mkdir(parents=True, exist_ok=True)
        content = to_tflite(model, data, precision)
        (MODELS / name).write_bytes(content)
        written.append(_tflite_facts(name, model, content, task, precision, _accuracy(content, data, labels)))
    return written


def _interpreter(content: bytes) -> tf.lite.Interpreter:
    """Without the default delegates: they rewrite the operator list that the facts count."""
    resolver = tf.lite.experimental.OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES
    interpreter = tf.lite.Interpreter(model_content=content, experimental_op_resolver_type=resolver)
    interpreter.allocate_tensors()
    return interpreter


def _accuracy(content: bytes, data: Floats, labels: Labels) -> float:
    interpreter = _interpreter(content)
    source, target = interpreter.get_input_details()[0], interpreter.get_output_details()[0]
    split = len(data) * 4 // 5
    right = 0
    for sample, label in zip(data[split:], labels[split:], strict=True):
        if source["dtype"] is np.int8:
            scale, zero = source["quantization"]
            sample = np.clip(np.round(sample / scale + zero), -128, 127).astype(np.int8)
        interpreter.set_tensor(source["index"], sample[None])
        interpreter.invoke()
        right += int(interpreter.get_tensor(target["index"])[0].argmax() == label)
    return round(right / len(data[split:]), 4)


def _tflite_facts(
    name: str, model: keras.Model, content: bytes, task: str, precision: str, accuracy: float
) -> ExportedModel:
    interpreter = _interpreter(content)
    operators = [op["op_name"] for op in interpreter._get_ops_details()]  # noqa: SLF001 - no public listing
    return ExportedModel(
        files=(name,),
        format="tflite",
        script=SCRIPT,
        packages=PACKAGES,
        task=task,
        facts_from="keras.Model.count_params, tf.lite.Interpreter, TFLite's generated schema reader",
        parameters=model.count_params(),
        ops=len(operators),
        inputs=_ports(interpreter.get_input_details()),
        outputs=_ports(interpreter.get_output_details()),
        extra={
            "op_names": " ".join(operators),
            "tensors": schema_py_generated.Model.GetRootAsModel(content, 0).Subgraphs(0).TensorsLength(),
            "constants": _constant_elements(content),
            "precision": precision,
            "accuracy": accuracy,
            "signature": next(iter(interpreter.get_signature_list())),
        },
    )


def _constant_elements(content: bytes) -> int:
    """Elements of all tensors that have data in the file: the parameters, and what reshapes and the like need."""
    model = schema_py_generated.Model.GetRootAsModel(content, 0)
    graph = model.Subgraphs(0)
    tensors = (graph.Tensors(index) for index in range(graph.TensorsLength()))
    filled = (tensor for tensor in tensors if model.Buffers(tensor.Buffer()).DataLength())
    return sum(int(np.prod(tensor.ShapeAsNumpy())) for tensor in filled)


def _ports(details: Iterable[dict[str, object]]) -> tuple[Port, ...]:
    return tuple(
        Port(name=str(d["name"]), shape=tuple(int(n) for n in d["shape"]), dtype=np.dtype(d["dtype"]).name)
        for d in details
    )


def export_keras(model: keras.Model) -> list[ExportedModel]:
    """Keras's own two formats, from a clone without the optimizer's state."""
    bare = type(model).from_config(model.get_config())
    bare.set_weights(model.get_weights())
    written = []
    for suffix, kind in (("keras", "keras_v3"), ("h5", "keras_h5")):
        name = f"{model.name}_keras/{model.name}.{suffix}"
        (MODELS / name).parent.mkdir(parents=True, exist_ok=True)
        bare.save(MODELS / name)
        loaded = keras.models.load_model(MODELS / name, compile=False)
        written.append(
            ExportedModel(
                files=(name,),
                format=kind,
                script=SCRIPT,
                packages=PACKAGES,
                task=DIGITS_TASK,
                facts_from="keras.models.load_model",
                parameters=loaded.count_params(),
                inputs=(Port(name="image", shape=(-1, 8, 8, 1), dtype="float32"),),
                outputs=(Port(name="digit", shape=(-1, 10), dtype="float32"),),
                extra={"layers": len(loaded.layers)},
            )
        )
    return written


def export_graphs(model: keras.Model) -> list[ExportedModel]:
    """The SavedModel directory and the frozen GraphDef that TensorFlow Mobile apps still ship."""
    call = tf.function(lambda image: model(image, training=False), input_signature=[_one(model)])
    concrete = call.get_concrete_function()
    frozen = convert_variables_to_constants_v2(concrete).graph.as_graph_def()
    frozen_name = f"{model.name}_frozen/{model.name}_frozen.pb"
    (MODELS / frozen_name).parent.mkdir(parents=True, exist_ok=True)
    (MODELS / frozen_name).write_bytes(frozen.SerializeToString(deterministic=True))
    ports = (Port(name="image", shape=(1, 8, 8, 1), dtype="float32"),)
    shared = {"script": SCRIPT, "packages": PACKAGES, "task": DIGITS_TASK, "parameters": model.count_params()}
    return [
        ExportedModel(
            files=(frozen_name,),
            format="tf_graphdef_pb",
            facts_from="keras.Model.count_params, tf.compat.v1.GraphDef",
            ops=len(frozen.node),
            inputs=ports,
            extra={
                "op_names": " ".join(node.op for node in frozen.node),
                "constants": sum(
                    int(np.prod([dim.size for dim in node.attr["value"].tensor.tensor_shape.dim]))
                    for node in frozen.node
                    if node.op == "Const"
                ),
            },
            **shared,
        ),
        ExportedModel(
            files=_save_model(model, call),
            format="tf_savedmodel",
            facts_from="keras.Model.count_params",
            inputs=ports,
            **shared,
        ),
    ]


def _save_model(model: keras.Model, call: tf.types.experimental.PolymorphicFunction) -> tuple[str, ...]:
    target = MODELS / f"{model.name}_savedmodel"
    module = tf.Module()
    module.variables_of_model = model.variables
    module.serve = call
    with tempfile.TemporaryDirectory() as folder:
        tf.saved_model.save(module, folder, signatures={"serving_default": call})
        shutil.rmtree(target, ignore_errors=True)
        shutil.copytree(folder, target, ignore=shutil.ignore_patterns("assets", "fingerprint.pb"))
    found = sorted(path.relative_to(MODELS).as_posix() for path in target.rglob("*") if path.is_file())
    return (f"{target.name}/saved_model.pb", *(name for name in found if not name.endswith("saved_model.pb")))


def write_labels(folder: Path, names: Iterable[str]) -> None:
    """The label file that apps put beside a classifier."""
    (folder / "labels.txt").write_text("".join(f"{name}\n" for name in names), encoding="utf-8")


def main() -> None:
    """Train both models, export them and record the facts."""
    keras.utils.set_random_seed(SEED)
    digits, keywords = digits_model(), keyword_model()
    images, numbers = digits_data()
    sounds, words = keyword_spectrograms(1500, SEED)
    print("digits accuracy", fit(digits, images, numbers, epochs=25))
    print("keywords accuracy", fit(keywords, sounds, words, epochs=14))
    record(
        [
            *export_tflite(digits, images, numbers, DIGITS_TASK, ("float32", "float16", "dynamic", "int8")),
            # No dynamic range here: every tensor is below the 1024 elements under which the converter keeps float32.
            *export_tflite(keywords, sounds, words, KEYWORD_TASK, ("float32", "float16", "int8")),
            *export_keras(digits),
            *export_graphs(digits),
        ]
    )
    write_labels(MODELS / "digits_tflite", map(str, range(10)))
    write_labels(MODELS / "keywords_tflite", KEYWORDS)


if __name__ == "__main__":
    main()
