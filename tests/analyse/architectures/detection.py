"""Darknet's detectors: https://github.com/pjreddie/darknet/tree/master/cfg."""

from __future__ import annotations

from nngauge.domain.graph import Graph

from .building import Net


def yolo_v3(size: int = 416) -> Graph:
    """yolov3.cfg, 80 classes: three heads of 255 channels on Darknet-53."""
    net = Net(1, 3, size, size)
    x = _unit(net, net.x, 32, 3)
    kept = []
    for channels, repeats in ((64, 1), (128, 2), (256, 8), (512, 8), (1024, 4)):
        x = _unit(net, x, channels, 3, 2)
        for _ in range(repeats):
            x = net.add(x, _unit(net, _unit(net, x, channels // 2, 1), channels, 3))
        kept.append(x)
    heads = []
    for channels, source in ((512, None), (256, kept[3]), (128, kept[2])):
        if source is not None:
            x = net.concat(net.upsample(_unit(net, x, channels, 1)), source)
        for _ in range(2):
            x = _unit(net, _unit(net, x, channels, 1), channels * 2, 3)
        x = _unit(net, x, channels, 1)
        heads.append(net.conv(_unit(net, x, channels * 2, 3), 255, bias=True))
    return net.build(*heads)


def yolo_v3_tiny(size: int = 416) -> Graph:
    """yolov3-tiny.cfg."""
    net = Net(1, 3, size, size)
    x = net.x
    for channels in (16, 32, 64, 128):
        x = net.pool(_unit(net, x, channels, 3), 2, 2)
    early = _unit(net, x, 256, 3)
    x = _unit(net, net.pool(early, 2, 2), 512, 3)
    x = net.node("MaxPool", (x,), *net.shape(x))
    x = _unit(net, _unit(net, x, 1024, 3), 256, 1)
    first = net.conv(_unit(net, x, 512, 3), 255, bias=True)
    y = net.concat(net.upsample(_unit(net, x, 128, 1)), early)
    return net.build(first, net.conv(_unit(net, y, 256, 3), 255, bias=True))


def yolo_v2(size: int = 608) -> Graph:
    """yolov2.cfg (COCO): Darknet-19, a passage by reorganising, 425 channels."""
    net = Net(1, 3, size, size)
    x = net.pool(_unit(net, net.x, 32, 3), 2, 2)
    x = net.pool(_unit(net, x, 64, 3), 2, 2)
    x = net.pool(_threes(net, x, 128, 3), 2, 2)
    x = net.pool(_threes(net, x, 256, 3), 2, 2)
    fine = _threes(net, x, 512, 5)
    x = _threes(net, net.pool(fine, 2, 2), 1024, 5)
    x = _unit(net, _unit(net, x, 1024, 3), 1024, 3)
    y = _unit(net, fine, 64, 1)
    _, channels, height, width = net.shape(y)
    y = net.node("Reorg", (y,), 1, channels * 4, height // 2, width // 2)
    net.conv(_unit(net, net.concat(y, x), 1024, 3), 425, bias=True)
    return net.build()


def yolo_v2_tiny(size: int = 416) -> Graph:
    """yolov2-tiny-voc.cfg and yolov2-tiny.cfg differ in the last layers; this is the one for COCO."""
    net = Net(1, 3, size, size)
    x = net.x
    for channels in (16, 32, 64, 128, 256):
        x = net.pool(_unit(net, x, channels, 3), 2, 2)
    x = _unit(net, x, 512, 3)
    x = net.node("MaxPool", (x,), *net.shape(x))
    net.conv(_unit(net, _unit(net, x, 1024, 3), 512, 3), 425, bias=True)
    return net.build()


def _threes(net: Net, x: int, channels: int, count: int) -> int:
    """3 × 3 and 1 × 1 in turn, the narrow ones half as wide."""
    for place in range(count):
        x = _unit(net, x, channels if place % 2 == 0 else channels // 2, 3 if place % 2 == 0 else 1)
    return x


def _unit(net: Net, x: int, channels: int, kernel: int, stride: int = 1) -> int:
    return net.conv(x, channels, kernel, stride, norm=True, activation="LeakyRelu")
