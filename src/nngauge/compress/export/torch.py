"""PyTorch programs (``.pt2``) to other formats: by PyTorch itself, litert-torch, ExecuTorch and coremltools.

Only programs saved with `torch.export.save` are read, never pickled modules, and only after `nngauge.compress.export.pt2` has
taken out whatever reading could run. No parser of ours reads them, so the process that converts also runs the program on a
few inputs and keeps the answers: the written file is compared with those.
"""

from __future__ import annotations

import io
from collections.abc import Callable
from functools import partial
from importlib import import_module
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

from nngauge.compress.export.pt2 import screened
from nngauge.compress.writing._api import Done, Job, Recipe, Witness, Writer
from nngauge.engines import Feed
from nngauge.engines import Written as Port
from nngauge.engines.loaded import Refused

SETS: Final = 8
"""Sets of random inputs that the program is run on."""


def _build(convert: Callable[[Any, tuple[Any, ...], str], None], tools: tuple[str, ...], job: Job) -> Done:
    torch = import_module("torch")
    torch.manual_seed(0)
    clean = Path(job.output).parent.parent / "screened.pt2"
    screened(Path(job.files[0]), clean, partial(_no_samples, torch))
    program = torch.export.load(clean)
    witness, first = _witness(torch, program, Path(job.output).parent.parent)
    convert(program, first, job.output)
    return Done(tools={name: version(name) for name in ("torch", *tools)}, witness=witness)


def _no_samples(torch: Any) -> bytes:
    made = io.BytesIO()
    torch.save(((), {}), made)
    return made.getvalue()


def _witness(torch: Any, program: Any, folder: Path) -> tuple[Witness, tuple[Any, ...]]:
    """Runs the program on random inputs of its shapes; the answers, and the first inputs."""
    ports = [node.meta["val"] for node in _users_inputs(program)]
    if any(not isinstance(side, int) for port in ports for side in port.shape):
        raise Refused("has an open dimension: export it with fixed shapes")
    first = tuple(_random(torch, port) for port in ports)
    program.example_inputs = (first, {})  # those of the file were left out
    module, feeds, answers = program.module(), [], []
    paths = [folder / f"witness-{at}" for at in range(len(ports))]
    for at in range(SETS):
        inputs = tuple(_random(torch, port) for port in ports) if at else first
        for path, value in zip(paths, inputs, strict=True):
            with path.open("ab") as file:
                file.write(value.numpy().tobytes())
        with torch.no_grad():
            found = module(*inputs)
        answers.append(
            [value.contiguous().numpy() for value in (found if isinstance(found, tuple | list) else (found,))]
        )
    for path, port in zip(paths, ports, strict=True):
        feeds.append(Feed(path=str(path), dtype=_type(port), shape=tuple(port.shape)))
    target = folder / "witness-answers"
    target.write_bytes(b"".join(value.tobytes() for row in answers for value in row))
    outputs = tuple(
        Port(name=f"output_{at}", dtype=str(value.dtype), shape=tuple(value.shape), size=value.nbytes)
        for at, value in enumerate(answers[0])
    )
    return Witness(feeds=tuple(feeds), count=SETS, outputs=outputs, answers=str(target)), first


def _users_inputs(program: Any) -> list[Any]:
    names = set(program.graph_signature.user_inputs)
    return [node for node in program.graph.nodes if node.op == "placeholder" and node.name in names]


def _type(port: Any) -> str:
    return str(port.dtype).removeprefix("torch.")


def _random(torch: Any, port: Any) -> Any:
    if port.dtype.is_floating_point:
        return torch.rand(tuple(port.shape), dtype=port.dtype)
    return torch.randint(0, 2, tuple(port.shape), dtype=port.dtype)


def _to_onnx(program: Any, first: tuple[Any, ...], output: str) -> None:
    made = import_module("torch.onnx").export(program, first, dynamo=True, verbose=False)
    made.save(output, external_data=False)


def _to_litert(program: Any, first: tuple[Any, ...], output: str) -> None:
    module = program.module()
    import_module("litert_torch").convert(module, first).export(output)


def _to_executorch(program: Any, first: tuple[Any, ...], output: str) -> None:
    del first
    exir = import_module("executorch.exir")
    partitioner = import_module("executorch.backends.xnnpack.partition.xnnpack_partitioner").XnnpackPartitioner()
    made = exir.to_edge_transform_and_lower(program, partitioner=[partitioner]).to_executorch()
    Path(output).write_bytes(made.buffer)


def _to_coreml(program: Any, first: tuple[Any, ...], output: str) -> None:
    del first
    coremltools = import_module("coremltools")
    lowered = program.run_decompositions({})
    coremltools.convert(lowered, convert_to="mlprogram").save(output)


def _exporter(
    target: str, suffix: str, title: str, convert: Callable[[Any, tuple[Any, ...], str], None], needs: tuple[str, ...],
    tools: tuple[str, ...], install: str, reference: str,
) -> Writer:  # fmt: skip
    return Writer(
        name=f"torch-{target}", title=title, formats=frozenset({"pt2"}), target=target, suffix=suffix,
        recipes=frozenset({Recipe.CONVERT}), needs=("torch", *needs), install=install, memory=64 << 30,
        build=partial(_build, convert, tools), references=(reference,),
        limitations=("Fixed shapes only; operators of PyTorch's own only.",),
    )  # fmt: skip


ONNX: Final = _exporter(
    "onnx", ".onnx", "PyTorch's ONNX exporter", _to_onnx, ("onnxscript",), ("onnxscript",), "pip install torch onnxscript",
    "https://docs.pytorch.org/docs/stable/onnx_export.html",
)  # fmt: skip
LITERT: Final = _exporter(
    "tflite", ".tflite", "litert-torch", _to_litert, ("litert_torch",), ("litert-torch",), "pip install litert-torch",
    "https://github.com/google-ai-edge/litert-torch",
)  # fmt: skip
EXECUTORCH: Final = _exporter(
    "executorch", ".pte", "ExecuTorch", _to_executorch, ("executorch",), ("executorch",), "pip install executorch",
    "https://docs.pytorch.org/executorch/stable/using-executorch-export.html",
)  # fmt: skip
COREML: Final = _exporter(
    "coreml_mlpackage", ".mlpackage", "coremltools", _to_coreml, ("coremltools",), ("coremltools",), "pip install torch coremltools",
    "https://apple.github.io/coremltools/docs-guides/source/convert-pytorch-workflow.html",
)  # fmt: skip
