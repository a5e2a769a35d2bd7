"""Paddle: the digits classifier as the program and parameter pair that Paddle Lite's converter starts from.

Run: ``python train_paddle.py`` in an environment made from requirements-paddle.txt (a few seconds of CPU).
"""

from __future__ import annotations

import os

os.environ["FLAGS_enable_pir_api"] = "0"  # noqa: SIM112 - Paddle's spelling; the .pdmodel protobuf of the phones' era instead of Paddle 3's JSON program

import numpy as np
import paddle
from ground_truth import MODELS, ExportedModel, Port, record
from sklearn.datasets import load_digits

SEED = 20261121
STEM = "digits_paddle/digits"


def train() -> tuple[paddle.nn.Layer, float]:
    """A plain CNN on scikit-learn's 8x8 digits and its accuracy on the held-out fifth."""
    paddle.seed(SEED)
    bunch = load_digits()
    images = paddle.to_tensor((bunch.images[:, None] / 16).astype(np.float32))
    labels = paddle.to_tensor(bunch.target)
    nn = paddle.nn
    model = nn.Sequential(
        nn.Conv2D(1, 8, 3, padding=1), nn.ReLU(), nn.MaxPool2D(2), nn.Flatten(), nn.Linear(128, 10), nn.Softmax()
    )
    optimizer = paddle.optimizer.Adam(5e-3, parameters=model.parameters())
    for _ in range(15):
        for start in range(0, 1437, 32):
            chosen = slice(start, min(start + 32, 1437))
            loss = nn.functional.nll_loss(paddle.log(model(images[chosen]) + 1e-7), labels[chosen])
            loss.backward()
            optimizer.step()
            optimizer.clear_grad()
    model.eval()
    right = (model(images[1437:]).argmax(1) == labels[1437:]).astype("float32").mean()
    return model, round(float(right), 4)


def export(model: paddle.nn.Layer, accuracy: float) -> ExportedModel:
    """Save for inference; the program that Paddle loads back tells the operators."""
    (MODELS / STEM).parent.mkdir(parents=True, exist_ok=True)
    shape = paddle.static.InputSpec([1, 1, 8, 8], "float32", "image")
    paddle.jit.save(model, str(MODELS / STEM), input_spec=[shape])
    (MODELS / f"{STEM}.pdiparams.info").unlink(missing_ok=True)  # a pickle that only training needs
    paddle.enable_static()
    executor = paddle.static.Executor(paddle.CPUPlace())
    program, _, _ = paddle.static.load_inference_model(str(MODELS / STEM), executor)
    operators = [op.type for op in program.global_block().ops]
    for operator in program.global_block().ops:
        operator.desc.remove_attr("op_callstack")  # stack traces with the paths of this machine
    (MODELS / f"{STEM}.pdmodel").write_bytes(program.desc.serialize_to_string())
    _, _, fetched = paddle.static.load_inference_model(str(MODELS / STEM), executor)
    assert len(fetched) == 1, "the stripped program no longer loads"
    return ExportedModel(
        files=(f"{STEM}.pdmodel", f"{STEM}.pdiparams"),
        format="paddle_pdmodel",
        script="train_paddle.py",
        packages=("paddlepaddle",),
        task="image classification (handwritten digits, 10 classes)",
        facts_from="paddle.nn.Layer.parameters, paddle.static.Program",
        parameters=sum(int(np.prod(parameter.shape)) for parameter in model.parameters()),
        ops=len(operators),
        inputs=(Port(name="image", shape=(1, 1, 8, 8), dtype="float32"),),
        extra={"op_names": " ".join(operators), "accuracy": accuracy},
    )


if __name__ == "__main__":
    record([export(*train())])
