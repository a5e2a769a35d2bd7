"""Costs of networks in code: layers as `analyse.cost` makes them."""

from __future__ import annotations

from collections.abc import Sequence

from nngauge.domain.cost import Cost, Family, Layer


def layer(
    family: Family,
    kind: str,
    taken: tuple[int, ...],
    made: tuple[int, ...],
    *,
    macs: int | str | None = 0,
    parameters: int = 0,
    attributes: str = "",
    dtype: str = "float32",
    repeats: int = 1,
) -> Layer:
    return Layer(
        index=0, name="", op=kind.upper(), kind=kind, family=family, inputs=(taken,), outputs=(made,), dtype=dtype,
        macs=macs, parameters=parameters, attributes=attributes, written_bytes=4, repeats=repeats,
    )  # fmt: skip


def conv(size: int, taken: int, made: int, *, window: int = 3, stride: int = 1, dtype: str = "float32") -> Layer:
    out = size // stride
    macs = out * out * made * window * window * taken
    text = f"{window}x{window}" + (f" s{stride}" if stride > 1 else "")
    return layer(
        Family.CONVOLUTION, "Conv", (1, size, size, taken), (1, out, out, made), macs=macs,
        parameters=made * taken * window * window, attributes=text, dtype=dtype,
    )  # fmt: skip


def depthwise(size: int, width: int, *, window: int = 3, stride: int = 1, dtype: str = "float32") -> Layer:
    out = size // stride
    return layer(
        Family.DEPTHWISE, "Conv", (1, size, size, width), (1, out, out, width), macs=out * out * width * window * window,
        parameters=width * window * window, attributes=f"{window}x{window} s{stride} g{width}", dtype=dtype,
    )  # fmt: skip


def relu(size: int, width: int) -> Layer:
    return layer(Family.ACTIVATION, "Relu", (1, size, size, width), (1, size, size, width))


def cost(layers: Sequence[Layer], *, macs: int | str | None = None, lower_bound: bool = False) -> Cost:
    total = sum(one.macs * one.repeats for one in layers if isinstance(one.macs, int)) if macs is None else macs
    return Cost(
        macs=total, parameters=0, weight_bytes=0, read_bytes=0, written_bytes=0, peak=None, layers=tuple(layers),
        lower_bound=lower_bound,
    )  # fmt: skip


def mobile(width: int = 32, blocks: int = 6, dtype: str = "float32") -> Cost:
    """Something like MobileNet."""
    layers = [conv(224, 3, width, stride=2, dtype=dtype)]
    size = 112
    for number in range(blocks):
        stride = 2 if number % 2 else 1
        layers += [depthwise(size, width, stride=stride, dtype=dtype)]
        size //= stride
        layers += [conv(size, width, 2 * width, window=1, dtype=dtype)]
        width *= 2 if number % 2 else 1
        layers += [conv(size, layers[-1].outputs[0][3], width, window=1, dtype=dtype)]  # type: ignore[index]
    layers.append(
        layer(Family.DENSE, "Gemm", (1, width), (1, 1000), macs=1000 * width, parameters=1000 * width, dtype=dtype)
    )
    return cost(layers)
