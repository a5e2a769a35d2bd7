"""Good files to damage: what the builders write, the models of the example apps, real ones beside the checkout."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Hashable, Iterator
from functools import cache
from importlib import import_module
from pathlib import Path

from fuzz.sample import Sample
from fuzz.seeds import joined
from nngauge.domain.graph import Graph
from nngauge.errors import InputError, NotThisFormat
from nngauge.formats import FORMATS, Format, ModelData
from nngauge.io.content import content_kind
from nngauge.limits import HEAD_BYTES
from tests.builders import models
from tests.builders.samples import MODELS

_ROOT = Path(__file__).resolve().parents[1]
_SHARED = _ROOT.parent / "shared" / "models"
_LARGEST = 256 << 10
_PER_FORMAT = 16


@cache
def for_format(form: Format) -> list[Sample]:
    """Up to `_PER_FORMAT` files that the format accepts, chosen for variety; else those that it would look at."""
    bound = [_bound(form, sample) for sample in _all_files() if _matches(form, sample)]
    bound.sort(key=lambda sample: len(sample.data) + sum(map(len, sample.parts.values())))
    return _varied(form, bound) or bound[:_PER_FORMAT] or [_made_up(form)]


def _varied(form: Format, bound: list[Sample]) -> list[Sample]:
    """Accepted ones that have something the smaller ones do not have; then the smallest of the others."""
    seen: set[Hashable] = set()
    chosen: list[Sample] = []
    rest: list[Sample] = []
    for sample in bound:
        traits = _traits(form, sample)
        if traits is None:
            continue
        (chosen if traits - seen else rest).append(sample)
        seen |= traits
    if len(chosen) > _PER_FORMAT:  # small and large ones alike
        chosen = [chosen[at * (len(chosen) - 1) // (_PER_FORMAT - 1)] for at in range(_PER_FORMAT)]
    return (chosen + rest)[:_PER_FORMAT]


def _traits(form: Format, sample: Sample) -> set[Hashable] | None:
    """What the parser found: operations, metadata keys, element types; None when it refused."""
    try:
        graph = form.parse(ModelData(sample.name, sample.data, sample.parts))
    except (InputError, NotThisFormat):
        return None
    return {
        graph.format_version,
        *_found(graph),
        *((suffix,) for suffix in {Path(part).suffix for part in sample.parts}),
    }


def _found(graph: Graph) -> Iterator[Hashable]:
    for node in graph.nodes:
        yield node.op
    for tensor in graph.tensors:
        yield tensor.dtype, tensor.constant, tensor.quantization is not None
    yield from graph.metadata
    for inner in graph.subgraphs:
        yield from _found(inner)


def _made_up(form: Format) -> Sample:
    """Nothing but the magic, for formats without any sample."""
    data = bytearray(range(256)) * 4
    for magic in form.magics[:1]:
        data[magic.offset : magic.offset + len(magic.value)] = magic.value
    return Sample(f"model{(form.suffixes or ('.bin',))[0]}", bytes(data))


@cache
def _all_files() -> tuple[Sample, ...]:
    return tuple(_files())


def _files() -> Iterator[Sample]:
    yield from _built()
    yield from joined()
    for root in (MODELS, _SHARED):
        for path in sorted(root.rglob("*")) if root.is_dir() else ():
            if path.is_file() and path.stat().st_size <= _LARGEST:
                yield Sample(str(path.relative_to(root)), path.read_bytes())


def _built() -> Iterator[Sample]:
    """What the builders and the tests of the formats write by hand: functions that need no argument and give bytes."""
    modules = [models] + [
        import_module(f"tests.formats.{path.stem}") for path in sorted((_ROOT / "tests" / "formats").glob("test_*.py"))
    ]
    for module in modules:
        for name, maker in inspect.getmembers(module, inspect.isfunction):
            if maker.__module__ == module.__name__ and not name.startswith(("_", "test_")) and _needs_nothing(maker):
                yield Sample(f"built/{name}", maker())


def _needs_nothing(maker: Callable[..., object]) -> bool:
    signature = inspect.signature(maker)
    return signature.return_annotation == "bytes" and all(
        parameter.default is not parameter.empty for parameter in signature.parameters.values()
    )


def _matches(form: Format, sample: Sample) -> bool:
    head = sample.data[:HEAD_BYTES]
    if any(sample.data.startswith(magic.value, magic.offset) for magic in form.magics):
        return True
    return bool(form.probe and content_kind(head) and form.probe(head, len(sample.data), sample.name))


def _bound(form: Format, sample: Sample) -> Sample:
    if form.bind is None or sample.parts:
        return sample
    folder = sample.name.rpartition("/")[0]
    siblings = {other.name: other.data for other in _all_files() if other.name.startswith(folder)}
    names = form.bind(sample.name, tuple(siblings))
    return Sample(sample.name, sample.data, {name: siblings[name] for name in names if name in siblings})


def formats() -> dict[str, Format]:
    """All formats by name."""
    return {form.name: form for form in FORMATS}
