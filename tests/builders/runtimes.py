"""What runtimes say about the interface of a model: names, shapes and element types of its inputs and outputs.

A runtime runs in a process of its own, for native code that dies on one file must not end the tests. The process reads
one job a line and answers with one line each; when it dies, the file in hand is marked and the rest gets a new one.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import Any

MODULES = {"LiteRT": "ai_edge_litert", "ONNX Runtime": "onnxruntime", "OpenVINO": "openvino", "ncnn": "ncnn"}
SECONDS = 60
"""For one file."""
MARK = "answer "
"""In front of answers, between what runtimes print themselves."""
FREE = 2
"""What dimensions that the file leaves open are set to for a run."""


@dataclass(frozen=True)
class Port:
    """One input or output. `names` are synonyms; None in `shape` is an open dimension, a shape of None anything."""

    names: list[str]
    shape: list[int | None] | None
    dtype: str


@dataclass(frozen=True)
class Interface:
    """A model as one runtime sees it; `error` when it does not load it, `ran` whether the shapes come from a run."""

    inputs: list[Port] = field(default_factory=list)
    outputs: list[Port] = field(default_factory=list)
    ran: bool = False
    error: str = ""


def missing(runtime: str) -> str:
    """Why a runtime cannot be asked here, empty when it can."""
    return "" if find_spec(MODULES[runtime]) else f"{runtime} is not installed (requirements/oracles.txt)"


def ask(runtime: str, files: Sequence[Path], inputs: Mapping[Path, Sequence[int]]) -> list[Interface]:
    """What `runtime` says about each file. `inputs`: the shape of the first input, for a runtime without own shapes."""
    jobs = [json.dumps([str(file), list(inputs.get(file, ()))]) for file in files]
    answers: list[Interface] = []
    while len(answers) < len(jobs):
        done = subprocess.run(
            [sys.executable, "-m", "tests.builders.runtimes", runtime],
            input="\n".join(jobs[len(answers) :]),
            capture_output=True,
            text=True,
            check=False,
            cwd=Path(__file__).parents[2],
            env=os.environ | {"OMP_NUM_THREADS": "1"},
            timeout=SECONDS * len(jobs),
        )
        answers += [
            _interface(json.loads(line.removeprefix(MARK)))
            for line in done.stdout.splitlines()
            if line.startswith(MARK)
        ]
        if len(answers) < len(jobs):
            assert done.returncode < 0, done.stderr[-2000:]
            answers.append(Interface(error=f"died of {signal.Signals(-done.returncode).name}"))
    return answers


def _interface(answer: dict[str, Any]) -> Interface:
    ports = {side: [Port(**port) for port in answer[side]] for side in ("inputs", "outputs")}
    return Interface(**answer | ports)


# --- in the process of the runtime --------------------------------------------------------------------------------------


def _litert(path: str, _size: Sequence[int]) -> Interface:
    from ai_edge_litert.interpreter import Interpreter

    model = Interpreter(path)
    declared = [_litert_ports(side) for side in (model.get_input_details(), model.get_output_details())]
    try:
        for port in model.get_input_details():
            sizes = [FREE if size < 0 else int(size) for size in port["shape_signature"]]
            model.resize_tensor_input(port["index"], sizes)
        model.allocate_tensors()
        model.invoke()
        results = [list(model.get_tensor(port["index"]).shape) for port in model.get_output_details()]
    except (RuntimeError, ValueError):
        return Interface(*declared)
    return Interface(declared[0], _with_shapes(declared[1], results), ran=True)


def _litert_ports(details: Sequence[Mapping[str, Any]]) -> list[Port]:
    """An empty shape may be a scalar's, or that of a file which states none."""
    sizes = [[None if size < 0 else int(size) for size in port["shape_signature"]] for port in details]
    return [
        Port([port["name"]], size or None, _plain(port["dtype"])) for port, size in zip(details, sizes, strict=True)
    ]


def _plain(dtype: Any) -> str:
    return {"bytes_": "string", "str_": "string", "bool_": "bool"}.get(dtype.__name__, dtype.__name__)


def _with_shapes(ports: Sequence[Port], shapes: Sequence[Sequence[int]]) -> list[Port]:
    return [Port(port.names, list(map(int, shape)), port.dtype) for port, shape in zip(ports, shapes, strict=True)]


_ORT = {"float": "float32", "double": "float64", "float16": "float16"}


def _onnxruntime(path: str, _size: Sequence[int]) -> Interface:
    import numpy as np
    import onnxruntime

    onnxruntime.set_default_logger_severity(4)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    sides = [
        [
            Port([port.name], [dim if isinstance(dim, int) else None for dim in port.shape], _ort_type(port.type))
            for port in side
        ]
        for side in (session.get_inputs(), session.get_outputs())
    ]
    feed = {
        port.names[0]: np.zeros([FREE if size is None else size for size in port.shape or ()], port.dtype)
        for port in sides[0]
    }
    results = session.run(None, feed)
    return Interface(sides[0], _with_shapes(sides[1], [value.shape for value in results]), ran=True)


def _ort_type(text: str) -> str:
    inner = text.removeprefix("tensor(").removesuffix(")")
    return _ORT.get(inner, inner)


_OPENVINO = {"f": "float", "i": "int", "u": "uint"}


def _openvino(path: str, _size: Sequence[int]) -> Interface:
    import openvino

    model = openvino.Core().read_model(path)
    sides = [[_openvino_port(port) for port in side] for side in (model.inputs, model.outputs)]
    return Interface(*sides)


def _openvino_port(port: Any) -> Port:
    shape = port.get_partial_shape()
    sizes = None if shape.rank.is_dynamic else [None if dim.is_dynamic else dim.get_length() for dim in shape]
    kind = port.get_element_type().get_type_name()
    dtype = _OPENVINO.get(kind[0], "") + kind[1:] if kind[1:].isdecimal() else {"boolean": "bool"}.get(kind, kind)
    names = {name.removesuffix(":0") for name in port.get_names()} | port.get_names()  # TensorFlow numbers the results
    return Port(sorted(names), sizes, dtype)


def _ncnn(path: str, size: Sequence[int]) -> Interface:
    """With weights of 0, which its reader of nothing makes up."""
    import ncnn

    network = ncnn.Net()
    network.opt.use_packing_layout = False
    network.opt.num_threads = 1
    if network.load_param(path) != 0:
        return Interface(error="refused")
    names = list(network.input_names())
    if not size or len(names) != 1 or network.load_model(ncnn.DataReaderFromEmpty()) != 0:
        return Interface([Port([name], None, "float32") for name in names], _unknown(network.output_names()))
    run = network.create_extractor()
    image = ncnn.Mat(*reversed(size))
    image.fill(0.5)
    run.input(names[0], image)
    outputs = []
    for name in network.output_names():
        _, value = run.extract(name)
        sizes = (
            [value.c, value.d, value.h, value.w] if value.dims == 4 else [value.c, value.h, value.w][3 - value.dims :]
        )
        outputs.append(Port([name], sizes if value.dims else None, "float32"))
    return Interface([Port(names, list(size), "float32")], outputs, ran=True)


def _unknown(names: Sequence[str]) -> list[Port]:
    return [Port([name], None, "float32") for name in names]


ASKED: dict[str, Callable[[str, Sequence[int]], Interface]] = {
    "LiteRT": _litert,
    "ONNX Runtime": _onnxruntime,
    "OpenVINO": _openvino,
    "ncnn": _ncnn,
}


def main() -> None:
    """Answers the jobs on standard input; a file that takes too long ends the process."""
    for line in sys.stdin.read().splitlines():
        path, size = json.loads(line)
        signal.alarm(SECONDS)
        try:
            answer = ASKED[sys.argv[1]](path, size)
        except Exception as error:  # noqa: BLE001 - each runtime has exceptions of its own
            answer = Interface(error=f"{type(error).__name__}: {str(error).strip()[:200]}")
        signal.alarm(0)
        sys.stdout.write(f"{MARK}{json.dumps(asdict(answer))}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
