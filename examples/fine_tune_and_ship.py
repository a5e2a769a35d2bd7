"""From a PyTorch network to files for phones: fine-tune, export to five formats, compress, estimate, report.

``python examples/fine_tune_and_ship.py out/recipe`` needs PyTorch; every converter that is not installed is left out, with what
to install. The pictures are drawn here, so that it runs without a download: the backbone learns directions of stripes, is
frozen, and gets a new head for shapes. Put your own pictures and network where `pictures` and `backbone` are.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

SIDE = 32
SHAPES = ("circle", "square", "triangle", "cross")
ROUTES = (
    ("net.pt2", "onnx", "net.onnx"), ("net.pt2", "tflite", "net.tflite"), ("net.pt2", "executorch", "net.pte"),
    ("net.pt2", "coreml", "net.mlpackage"), ("net.onnx", "ncnn", "net.param"), ("net.onnx", "mnn", "net.mnn"),
)  # fmt: skip
"""Source, format, file: what takes PyTorch programs directly, and what goes by way of ONNX."""
COMPRESSED = (("net.tflite", "net-int8.tflite"), ("net.onnx", "net-int8.onnx"))


def pictures(count: int, seed: int, *, stripes: bool) -> tuple[torch.Tensor, torch.Tensor]:
    """Pictures (count × 3 × 32 × 32, 0 to 1) and their classes: four directions of stripes, or four shapes."""
    chance = np.random.default_rng(seed)
    rows, columns = np.mgrid[0:SIDE, 0:SIDE].astype(np.float32)
    found, labels = [], chance.permutation(np.arange(count) % 4)
    for label in labels:
        x, y, size = chance.uniform(10, 22), chance.uniform(10, 22), chance.uniform(5, 9)
        across, down = np.abs(columns - x), np.abs(rows - y)
        if stripes:
            angle = label * np.pi / 4
            mask = np.sin((columns * np.cos(angle) + rows * np.sin(angle)) * 6 / size) > 0
        else:
            mask = (
                across**2 + down**2 < size**2, np.maximum(across, down) < size,
                (down < size) & (across < (rows - y + size) / 2), (np.minimum(across, down) < size / 3) & (np.maximum(across, down) < size),
            )[label]  # fmt: skip
        colours = np.stack((chance.uniform(0.6, 1, 3), chance.uniform(0, 0.4, 3)))
        picture = np.where(mask[None], colours[0][:, None, None], colours[1][:, None, None])
        found.append(picture + chance.normal(0, 0.05, picture.shape))
    return torch.tensor(np.clip(np.stack(found), 0, 1), dtype=torch.float32), torch.tensor(labels)


def backbone() -> nn.Sequential:
    """Six depthwise-separable convolutions, 17 M MACs; 128 numbers come out."""
    layers: list[nn.Module] = []
    for before, after, stride in ((3, 64, 2), (64, 128, 1), (128, 128, 1), (128, 128, 1), (128, 128, 1), (128, 128, 2)):
        layers += [
            nn.Conv2d(before, before, 3, stride, 1, groups=before, bias=False), nn.Conv2d(before, after, 1, bias=False),
            nn.BatchNorm2d(after), nn.ReLU(),
        ]  # fmt: skip
    return nn.Sequential(*layers, nn.AvgPool2d(SIDE // 4), nn.Flatten())


def train(net: nn.Module, data: tuple[torch.Tensor, torch.Tensor], epochs: int) -> None:
    """Adam on what is not frozen."""
    optimiser = torch.optim.Adam([one for one in net.parameters() if one.requires_grad], 3e-3)
    for _ in range(epochs):
        order = torch.randperm(len(data[0]))
        for part in order.split(64):
            optimiser.zero_grad()
            nn.functional.cross_entropy(net(data[0][part]), data[1][part]).backward()
            optimiser.step()


def accuracy(net: nn.Module, data: tuple[torch.Tensor, torch.Tensor]) -> float:
    with torch.no_grad():
        return float((net.eval()(data[0]).argmax(1) == data[1]).float().mean())


def fine_tuned(count: int, epochs: int) -> tuple[nn.Module, float]:
    """The network and its accuracy on pictures that it has not seen."""
    torch.manual_seed(0)
    torch.set_num_threads(1)  # the network is too small to share
    body, first = backbone(), nn.Linear(128, 4)
    train(nn.Sequential(body, first), pictures(count, 1, stripes=True), epochs)
    for one in body[:8].parameters():  # the first two convolutions stay as they are
        one.requires_grad = False
    net = nn.Sequential(body, nn.Linear(128, len(SHAPES)))
    train(net, pictures(count, 2, stripes=False), 2 * epochs)
    return nn.Sequential(net, nn.Softmax(1)).eval(), accuracy(net, pictures(500, 3, stripes=False))


def nngauge(*words: str) -> Any:
    """What a command of nngauge says as JSON."""
    ran = subprocess.run(
        [sys.executable, "-m", "nngauge", *words, "--json"], capture_output=True, text=True, check=False
    )
    if not ran.stdout.strip():
        return {"explanation": ran.stderr.strip()}
    return json.loads(ran.stdout)


def told(found: Any) -> str:
    """One line about a file that was written, or why it was not."""
    if "after" not in found:
        return f"not written: {found['explanation']} {found.get('hint', '')}".strip()
    likeness = found["likeness"]
    if likeness is None:
        answers = found["unlike"]["explanation"]
    elif likeness["identical"]:
        answers = "identical"
    else:
        answers = f"{likeness['sqnr']:.0f} dB, largest difference {likeness['max_difference']:.1g}"
    return f"{found['after']['file'] / 1000:6.1f} kB   {answers}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--pictures", type=int, default=600)
    parser.add_argument("--epochs", type=int, default=4)
    parser.add_argument("--device", default="pixel-4")
    given = parser.parse_args()
    given.folder.mkdir(parents=True, exist_ok=True)

    net, right = fine_tuned(given.pictures, given.epochs)
    print(f"fine-tuned: {100 * right:.1f} % of 500 unseen pictures right")
    torch.export.save(torch.export.export(net, (torch.rand(1, 3, SIDE, SIDE),)), given.folder / "net.pt2")

    for source, target, name in ROUTES:
        if (given.folder / source).exists():
            found = nngauge(
                "export", str(given.folder / source), "--to", target, "-o", str(given.folder / name), "--force"
            )
            print(f"{name:16} {told(found)}")
    for source, name in COMPRESSED:
        if (given.folder / source).exists():
            found = nngauge("compress", str(given.folder / source), "-o", str(given.folder / name), "--force")
            print(f"{name:16} {told(found)}")
    for name in ("net.tflite", "net-int8.tflite", "net.onnx"):
        if (given.folder / name).exists():
            words = ["estimate", str(given.folder / name), "--device", given.device]
            ran = subprocess.run([sys.executable, "-m", "nngauge", *words], capture_output=True, text=True, check=False)
            print(f"\n$ nngauge {' '.join(words)}\n{ran.stdout or ran.stderr}")


if __name__ == "__main__":
    main()
