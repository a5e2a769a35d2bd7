"""Engines that run models, each in a process of its own, and the official benchmark programs."""

from __future__ import annotations

from importlib.util import find_spec

from nngauge.engines._api import Engine, Feed, Reply, Request, Trouble, Written
from nngauge.engines.executorch import ENGINE as _EXECUTORCH
from nngauge.engines.litert import ENGINE as _LITERT
from nngauge.engines.litert_compiled import ENGINE as _LITERT_COMPILED
from nngauge.engines.llamacpp import ENGINE as _LLAMACPP
from nngauge.engines.mnn import ENGINE as _MNN
from nngauge.engines.ncnn import ENGINE as _NCNN
from nngauge.engines.onnxruntime import ENGINE as _ONNXRUNTIME
from nngauge.engines.openvino import ENGINE as _OPENVINO
from nngauge.errors import UsageError

__all__ = [
    "ENGINES",
    "Engine",
    "Feed",
    "Reply",
    "Request",
    "Trouble",
    "Written",
    "engine_named",
    "engines_for",
    "installed",
]

ENGINES: tuple[Engine, ...] = (
    _LITERT, _LITERT_COMPILED, _ONNXRUNTIME, _OPENVINO, _NCNN, _MNN, _EXECUTORCH, _LLAMACPP,
)  # fmt: skip
"""For a format that several run, the one that apps run it with comes first."""


def engine_named(name: str, engines: tuple[Engine, ...] = ENGINES) -> Engine:
    """The engine of this name, or that is also called so. Raises `UsageError` with the names there are."""
    for engine in engines:
        if name in {engine.name, *engine.also}:
            return engine
    raise UsageError(f"there is no engine {name!r}", hint=f"there are {', '.join(one.name for one in engines)}")


def engines_for(format: str, engines: tuple[Engine, ...] = ENGINES) -> tuple[Engine, ...]:  # noqa: A002 - the noun
    """The engines that run a format, installed or not, the usual one first."""
    return tuple(engine for engine in engines if format in engine.formats)


def installed(engine: Engine) -> bool:
    """Is its library there? Looks for it without importing it."""
    return find_spec(engine.package) is not None
