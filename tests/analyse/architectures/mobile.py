"""Networks made for phones."""

from __future__ import annotations

from nngauge.domain.graph import Graph

from .building import Net


def rounded(channels: float, divisor: int = 8) -> int:
    """Channels scaled by a width multiplier: to a multiple of 8, never below 90 % (MobileNetV2's reference code)."""
    number = max(divisor, int(channels + divisor / 2) // divisor * divisor)
    return number + divisor if number < 0.9 * channels else number


def mobilenet_v1(width: float = 1.0, size: int = 224, classes: int = 1001) -> Graph:
    """https://arxiv.org/abs/1704.04861, table 1."""
    net = Net(1, 3, size, size)
    x = net.conv(net.x, int(32 * width), 3, 2, norm=True, activation="Clip")
    plan = [(64, 1), (128, 2), (128, 1), (256, 2), (256, 1), (512, 2), *[(512, 1)] * 5, (1024, 2), (1024, 1)]
    for channels, stride in plan:
        x = net.depthwise(x, 3, stride, activation="Clip")
        x = net.conv(x, int(channels * width), norm=True, activation="Clip")
    net.flatten(net.conv(net.global_pool(x), classes, bias=True))
    return net.build()


def mobilenet_v2(width: float = 1.0, size: int = 224, classes: int = 1000) -> Graph:
    """https://arxiv.org/abs/1801.04381, table 2: (expansion, channels, repeats, stride)."""
    plan = [(1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2), (6, 96, 3, 1), (6, 160, 3, 2), (6, 320, 1, 1)]
    net = Net(1, 3, size, size)
    x = net.conv(net.x, rounded(32 * width), 3, 2, norm=True, activation="Clip")
    for expansion, channels, repeats, stride in plan:
        for place in range(repeats):
            x = inverted(net, x, expansion, rounded(channels * width), 3, stride if not place else 1)
    x = net.conv(x, max(1280, rounded(1280 * width)), norm=True, activation="Clip")
    net.classify(x, classes)
    return net.build()


def inverted(
    net: Net, x: int, expansion: float, channels: int, kernel: int, stride: int, *, wide: int = 0, squeezed: int = 0
) -> int:
    """Inverted residual; `wide` gives the expanded width, `squeezed` the width inside squeeze and excitation."""
    wide = wide or round(net.channels(x) * expansion)
    y = net.conv(x, wide, norm=True, activation="Clip") if wide != net.channels(x) else x
    y = net.depthwise(y, kernel, stride, activation="Clip")
    y = net.excite(y, squeezed) if squeezed else y
    y = net.conv(y, channels, norm=True)
    return net.add(x, y) if stride == 1 and net.channels(x) == channels else y


def mobilenet_v3(plan: list[tuple[int, int, int, bool, int]], last: int, hidden: int) -> Graph:
    """https://arxiv.org/abs/1905.02244, tables 1 and 2: (kernel, expanded, channels, squeeze-excite, stride)."""
    net = Net(1, 3, 224, 224)
    x = net.conv(net.x, 16, 3, 2, norm=True, activation="HardSwish")
    for kernel, wide, channels, squeeze, stride in plan:
        x = inverted(net, x, 1, channels, kernel, stride, wide=wide, squeezed=rounded(wide / 4) if squeeze else 0)
    x = net.flatten(net.global_pool(net.conv(x, last, norm=True, activation="HardSwish")))
    net.dense(net.activate(net.dense(x, hidden), "HardSwish"), 1000)
    return net.build()


V3_LARGE = [
    (3, 16, 16, False, 1), (3, 64, 24, False, 2), (3, 72, 24, False, 1), (5, 72, 40, True, 2), (5, 120, 40, True, 1),
    (5, 120, 40, True, 1), (3, 240, 80, False, 2), (3, 200, 80, False, 1), (3, 184, 80, False, 1),
    (3, 184, 80, False, 1), (3, 480, 112, True, 1), (3, 672, 112, True, 1), (5, 672, 160, True, 2),
    (5, 960, 160, True, 1), (5, 960, 160, True, 1),
]  # fmt: skip
V3_SMALL = [
    (3, 16, 16, True, 2), (3, 72, 24, False, 2), (3, 88, 24, False, 1), (5, 96, 40, True, 2), (5, 240, 40, True, 1),
    (5, 240, 40, True, 1), (5, 120, 48, True, 1), (5, 144, 48, True, 1), (5, 288, 96, True, 2), (5, 576, 96, True, 1),
    (5, 576, 96, True, 1),
]  # fmt: skip


def mnasnet(width: float = 1.0) -> Graph:
    """MnasNet-B1, https://arxiv.org/abs/1807.11626, as torchvision scales it: (kernel, stride, expansion, width, n)."""
    plan = [
        (3, 2, 3, 24, 3),
        (5, 2, 3, 40, 3),
        (5, 2, 6, 80, 3),
        (3, 1, 6, 96, 2),
        (5, 2, 6, 192, 4),
        (3, 1, 6, 320, 1),
    ]
    net = Net(1, 3, 224, 224)
    x = net.conv(net.x, rounded(32 * width), 3, 2, norm=True, activation="Relu")
    x = net.conv(net.depthwise(x), rounded(16 * width), norm=True)
    for kernel, stride, expansion, channels, repeats in plan:
        for place in range(repeats):
            x = inverted(net, x, expansion, rounded(channels * width), kernel, stride if not place else 1)
    net.classify(net.conv(x, 1280, norm=True, activation="Relu"))
    return net.build()


def efficientnet(width: float, depth: float, size: int, *, lite: bool) -> Graph:
    """https://arxiv.org/abs/1905.11946; lite: no squeeze and excitation, stem and head not scaled
    (https://github.com/tensorflow/tpu/blob/master/models/official/efficientnet/lite/README.md)."""
    plan = [
        (3, 1, 1, 16, 1), (3, 2, 6, 24, 2), (5, 2, 6, 40, 2), (3, 2, 6, 80, 3), (5, 1, 6, 112, 3), (5, 2, 6, 192, 4),
        (3, 1, 6, 320, 1),
    ]  # fmt: skip
    net = Net(1, 3, size, size)
    x = net.conv(net.x, 32 if lite else rounded(32 * width), 3, 2, norm=True, activation="Clip")
    for number, (kernel, stride, expansion, channels, repeats) in enumerate(plan):
        fixed = lite and number in {0, len(plan) - 1}
        for place in range(repeats if fixed else -int(-repeats * depth // 1)):
            squeezed = 0 if lite else max(1, net.channels(x) // 4)
            x = inverted(
                net, x, expansion, rounded(channels * width), kernel, stride if not place else 1, squeezed=squeezed
            )
    net.classify(net.conv(x, 1280 if lite else rounded(1280 * width), norm=True, activation="Clip"))
    return net.build()


def squeezenet(version: str) -> Graph:
    """https://arxiv.org/abs/1602.07360 and https://github.com/forresti/SqueezeNet (1.1)."""
    net = Net(1, 3, 224, 224)
    plan: list[tuple[int, int] | None]
    if version == "1.0":
        x = net.conv(net.x, 96, 7, 2, pad=0, bias=True, activation="Relu")
        plan = [None, (16, 64), (16, 64), (32, 128), None, (32, 128), (48, 192), (48, 192), (64, 256), None, (64, 256)]
    else:
        x = net.conv(net.x, 64, 3, 2, pad=0, bias=True, activation="Relu")
        plan = [None, (16, 64), (16, 64), None, (32, 128), (32, 128), None, (48, 192), (48, 192), (64, 256), (64, 256)]
    for step in plan:
        if step is None:
            x = net.pool(x, 3, 2, ceil=True)
            continue
        squeezed, expanded = step
        y = net.conv(x, squeezed, bias=True, activation="Relu")
        left = net.conv(y, expanded, bias=True, activation="Relu")
        x = net.concat(left, net.conv(y, expanded, 3, bias=True, activation="Relu"))
    net.flatten(net.global_pool(net.conv(x, 1000, bias=True, activation="Relu")))
    return net.build()


def shufflenet_v2(widths: tuple[int, int, int, int, int]) -> Graph:
    """https://arxiv.org/abs/1807.11164, table 5."""
    first, *stages, last = widths
    net = Net(1, 3, 224, 224)
    x = net.pool(net.conv(net.x, first, 3, 2, norm=True, activation="Relu"), 3, 2, pad=1)
    for channels, repeats in zip(stages, (4, 8, 4), strict=True):
        for place in range(repeats):
            x = _shuffle_unit(net, x, channels // 2, reducing=not place)
    x = net.conv(x, last, norm=True, activation="Relu")
    net.classify(x)
    return net.build()


def _shuffle_unit(net: Net, x: int, half: int, *, reducing: bool) -> int:
    if reducing:
        left = net.conv(net.depthwise(x, 3, 2, activation=""), half, norm=True, activation="Relu")
        right = x
    else:
        left = right = net.slice_channels(x, half)
    right = net.conv(right, half, norm=True, activation="Relu")
    right = net.depthwise(right, 3, 2 if reducing else 1, activation="")
    right = net.conv(right, half, norm=True, activation="Relu")
    y = net.concat(left, right)
    return net.node("ShuffleChannel", (y,), *net.shape(y), group=2)
