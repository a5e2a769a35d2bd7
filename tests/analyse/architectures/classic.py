"""Networks of image classification before phones."""

from __future__ import annotations

from nngauge.domain.graph import Graph

from .building import Net

VGG = {
    11: (64, 0, 128, 0, 256, 256, 0, 512, 512, 0, 512, 512, 0),
    16: (64, 64, 0, 128, 128, 0, 256, 256, 256, 0, 512, 512, 512, 0, 512, 512, 512, 0),
    19: (64, 64, 0, 128, 128, 0, 256, 256, 256, 256, 0, 512, 512, 512, 512, 0, 512, 512, 512, 512, 0),
}
"""Channels; 0 is a max pooling."""


def resnet(blocks: tuple[int, int, int, int], *, bottleneck: bool, group: int = 1, base: int = 64) -> Graph:
    """https://arxiv.org/abs/1512.03385, table 1, with the stride in the 3 × 3 convolution as PyTorch has it."""
    net = Net(1, 3, 224, 224)
    x = net.pool(net.conv(net.x, 64, 7, 2, norm=True, activation="Relu"), 3, 2, pad=1)
    for stage, repeats in enumerate(blocks):
        width = 64 << stage
        for place in range(repeats):
            stride = 2 if stage and not place else 1
            out = width * 4 if bottleneck else width
            if bottleneck:
                inner = width * base // 64 * group
                y = net.conv(x, inner, norm=True, activation="Relu")
                y = net.conv(y, inner, 3, stride, group=group, norm=True, activation="Relu")
                y = net.conv(y, out, norm=True)
            else:
                y = net.conv(x, width, 3, stride, norm=True, activation="Relu")
                y = net.conv(y, width, 3, norm=True)
            if stride != 1 or net.channels(x) != out:
                x = net.conv(x, out, 1, stride, norm=True)
            x = net.relu(net.add(x, y))
    net.classify(x)
    return net.build()


def vgg(depth: int) -> Graph:
    """https://arxiv.org/abs/1409.1556, columns A, D and E."""
    net = Net(1, 3, 224, 224)
    x = net.x
    for channels in VGG[depth]:
        x = net.conv(x, channels, 3, bias=True, activation="Relu") if channels else net.pool(x, 2, 2)
    x = net.flatten(x)
    for width in (4096, 4096):
        x = net.relu(net.dense(x, width))
    net.dense(x, 1000)
    return net.build()


def alexnet() -> Graph:
    """One-tower AlexNet, https://arxiv.org/abs/1404.5997."""
    net = Net(1, 3, 224, 224)
    x = net.pool(net.conv(net.x, 64, 11, 4, pad=2, bias=True, activation="Relu"), 3, 2)
    x = net.pool(net.conv(x, 192, 5, bias=True, activation="Relu"), 3, 2)
    for channels in (384, 256, 256):
        x = net.conv(x, channels, 3, bias=True, activation="Relu")
    x = net.flatten(net.pool(x, 3, 2))
    for width in (4096, 4096):
        x = net.relu(net.dense(x, width))
    net.dense(x, 1000)
    return net.build()


def googlenet() -> Graph:
    """https://arxiv.org/abs/1409.4842, table 1, as torchvision has it: batch-norm, and 3 × 3 where the paper has 5 × 5."""
    net = Net(1, 3, 224, 224)
    x = net.pool(_unit(net, net.x, 64, 7, 2), 3, 2, ceil=True)
    x = net.pool(_unit(net, _unit(net, x, 64, 1), 192, 3), 3, 2, ceil=True)
    plan = [
        (64, 96, 128, 16, 32, 32), (128, 128, 192, 32, 96, 64), (),
        (192, 96, 208, 16, 48, 64), (160, 112, 224, 24, 64, 64), (128, 128, 256, 24, 64, 64),
        (112, 144, 288, 32, 64, 64), (256, 160, 320, 32, 128, 128), (),
        (256, 160, 320, 32, 128, 128), (384, 192, 384, 48, 128, 128),
    ]  # fmt: skip
    for number, step in enumerate(plan):
        if not step:
            x = net.pool(x, 3 if number == 2 else 2, 2, ceil=True)
            continue
        one, before3, three, before5, five, pooled = step
        x = net.concat(
            _unit(net, x, one, 1),
            _unit(net, _unit(net, x, before3, 1), three, 3),
            _unit(net, _unit(net, x, before5, 1), five, 3),
            _unit(net, net.pool(x, 3, 1, pad=1, ceil=True), pooled, 1),
        )
    net.classify(x)
    return net.build()


def _unit(net: Net, x: int, channels: int, kernel: int, stride: int = 1) -> int:
    return net.conv(x, channels, kernel, stride, norm=True, activation="Relu")


def densenet(blocks: tuple[int, int, int, int]) -> Graph:
    """https://arxiv.org/abs/1608.06993, table 1, growth 32."""
    net = Net(1, 3, 224, 224)
    x = net.pool(net.conv(net.x, 64, 7, 2, norm=True, activation="Relu"), 3, 2, pad=1)
    for stage, repeats in enumerate(blocks):
        for _ in range(repeats):
            y = net.conv(net.relu(net.norm(x)), 128, norm=True, activation="Relu")
            x = net.concat(x, net.conv(y, 32, 3))
        x = net.relu(net.norm(x))
        if stage < len(blocks) - 1:
            x = net.pool(net.conv(x, net.channels(x) // 2), 2, 2, kind="AveragePool")
    net.classify(x)
    return net.build()
