"""ONNX to ncnn, by the program in the wheel ``pnnx``.

Importing that package would import PyTorch, which ONNX files do not need: only its program is looked for and started.
It leaves out what it does not know without failing, so what it says is looked at, and the outputs are compared afterwards.
"""

from __future__ import annotations

import re
import shutil
import subprocess
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Final

from nngauge.compress.writing._api import Done, Job, Recipe, Writer
from nngauge.engines.loaded import Refused

_TYPES: Final = {
    "float32": "f32", "float64": "f64", "float16": "f16", "uint8": "u8", "int8": "i8", "int16": "i16", "int32": "i32",
    "int64": "i64",
}  # fmt: skip
_LEFT_OUT: Final = re.compile(r"^(?:todo|ignore) (\S+)", re.MULTILINE | re.ASCII)
_TOLD: Final = 8
"""Operators that a note names."""
_DEEP: Final = "/dev/null"


def build(job: Job) -> Done:
    """Writes ``NAME.param`` and ``NAME.bin`` beside each other."""
    target = Path(job.output)
    shapes = ",".join(f"[{','.join(map(str, port.shape))}]{_TYPES.get(port.dtype, 'f32')}" for port in job.ports)
    words = [
        str(_program()), job.files[0], f"fp16={int(job.recipe is Recipe.FLOAT16)}", f"ncnnparam={target}",
        f"ncnnbin={target.with_suffix('.bin')}", *(f"{name}={_DEEP}" for name in ("pnnxparam", "pnnxbin", "pnnxpy", "ncnnpy", "pnnxonnx")),
    ]  # fmt: skip
    if shapes:
        words.append(f"inputshape={shapes}")
    ran = subprocess.run(words, capture_output=True, cwd=Path(job.files[0]).parent, check=False)  # noqa: S603 - no shell
    said = (ran.stdout + ran.stderr).decode("utf-8", "replace")
    if ran.returncode or not target.is_file():
        last = next((line.strip() for line in reversed(said.splitlines()) if line.strip()), "")
        raise Refused(f"pnnx ended with status {ran.returncode}: {last}", "failed")
    left = list(dict.fromkeys(_LEFT_OUT.findall(said)))
    notes = (f"pnnx left out what it does not know: {', '.join(left[:_TOLD])}",) if left else ()
    return Done(tools={"pnnx": version("pnnx")}, changes=("pnnx",), notes=notes)


def _program() -> Path:
    found = find_spec("pnnx")
    place = Path(found.origin).parent / "pnnx" if found and found.origin else None
    if place is None or not place.is_file():
        other = shutil.which("pnnx")
        if other is None:
            raise ImportError("the package pnnx has no program here")
        return Path(other)
    return place


EXPORTER = Writer(
    name="ncnn-export",
    title="pnnx",
    formats=frozenset({"onnx"}),
    target="ncnn",
    suffix=".param",
    recipes=frozenset({Recipe.CONVERT, Recipe.FLOAT16}),
    needs=("pnnx",),
    install="pip install --no-deps pnnx",
    build=build,
    references=("https://github.com/pnnx/pnnx",),
    limitations=("Operators that it does not know are left out: the comparison shows it.",),
)
