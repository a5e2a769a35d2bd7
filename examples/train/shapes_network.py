"""The two torch networks of the examples and how they are trained; the export scripts import them.

Run: imported by export_torch.py, export_executorch.py and export_coreml.py.
"""

from __future__ import annotations

import numpy as np
import torch
from synthetic import SHAPES, shape_images
from torch import nn

SEED = 20261121
SIDE = 32


class ShapeClassifier(nn.Module):
    """A depthwise-separable CNN, 1x3x32x32 to 5 shapes; no batch normalisation, so converters keep the parameters."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 16, 3, stride=2, padding=1)
        self.block1 = _separable(16, 32)
        self.block2 = _separable(32, 48)
        self.head = nn.Linear(48, len(SHAPES))

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        hidden = torch.relu(self.stem(image))
        hidden = self.block2(self.block1(hidden))
        return torch.softmax(self.head(hidden.amax(dim=(2, 3))), dim=1)


class ShapeSegmenter(nn.Module):
    """A two-level U-Net, 1x3x32x32 to a 1x1x32x32 mask: a graph with a skip connection and an upsampling."""

    def __init__(self) -> None:
        super().__init__()
        self.down = nn.Conv2d(3, 8, 3, padding=1)
        self.deep = nn.Conv2d(8, 16, 3, stride=2, padding=1)
        self.join = nn.Conv2d(24, 8, 3, padding=1)
        self.mask = nn.Conv2d(8, 1, 1)

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        shallow = torch.relu(self.down(image))
        deep = torch.relu(self.deep(shallow))
        up = nn.functional.interpolate(deep, scale_factor=2.0, mode="nearest")
        return torch.sigmoid(self.mask(torch.relu(self.join(torch.cat((shallow, up), dim=1)))))


def _separable(inner: int, outer: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(inner, inner, 3, stride=2, padding=1, groups=inner), nn.ReLU(), nn.Conv2d(inner, outer, 1), nn.ReLU()
    )


def trained_classifier() -> tuple[ShapeClassifier, float]:
    """The classifier in eval mode and its accuracy on held-out pictures."""
    images, labels, _ = shape_images(1600, SIDE, SEED)
    torch.manual_seed(SEED)
    model, targets = ShapeClassifier(), torch.from_numpy(labels)
    pictures = torch.from_numpy(images)
    _fit(model, pictures[:1280], targets[:1280], lambda out, want: nn.functional.nll_loss(torch.log(out + 1e-7), want))
    with torch.no_grad():
        right = (model(pictures[1280:]).argmax(1) == targets[1280:]).float().mean()
    return model, round(float(right), 4)


def trained_segmenter() -> tuple[ShapeSegmenter, float]:
    """The segmenter in eval mode and the mean intersection over union on held-out pictures."""
    images, _, masks = shape_images(480, SIDE, SEED + 1)
    torch.manual_seed(SEED)
    model, targets = ShapeSegmenter(), torch.from_numpy(masks)
    pictures = torch.from_numpy(images)
    _fit(model, pictures[:400], targets[:400], nn.functional.binary_cross_entropy)
    with torch.no_grad():
        found = model(pictures[400:]).numpy() > 0.5
    wanted = masks[400:] > 0.5
    overlap = np.logical_and(found, wanted).sum((1, 2, 3)) / np.logical_or(found, wanted).sum((1, 2, 3))
    return model, round(float(overlap.mean()), 4)


def _fit(model: nn.Module, inputs: torch.Tensor, targets: torch.Tensor, loss) -> None:
    optimizer = torch.optim.Adam(model.parameters(), 4e-3)
    for _ in range(20):
        for chosen in torch.randperm(len(inputs)).split(32):
            optimizer.zero_grad()
            loss(model(inputs[chosen]), targets[chosen]).backward()
            optimizer.step()
    model.eval()


def parameter_count(model: nn.Module) -> int:
    """Weights as torch counts them."""
    return sum(parameter.numel() for parameter in model.parameters())
