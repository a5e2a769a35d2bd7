"""TFLite files for the tools of today: see `nngauge.compress.modernise`."""

from __future__ import annotations

from importlib.metadata import version
from pathlib import Path

from nngauge.compress.modernise import modernise
from nngauge.compress.writing._api import Done, Job, Recipe, Writer


def build(job: Job) -> Done:
    """Writes the file anew, or a copy where there is nothing to do."""
    made = modernise(Path(job.files[0]).read_bytes())
    Path(job.output).write_bytes(made.content)
    return Done(tools={"ai-edge-litert": version("ai-edge-litert")}, changes=made.changes)


WRITER = Writer(
    name="tflite-modern",
    title="TFLite schema of LiteRT",
    formats=frozenset({"tflite"}),
    target="tflite",
    suffix=".tflite",
    recipes=frozenset({Recipe.MODERNISE}),
    needs=("ai_edge_litert", "flatbuffers", "numpy"),
    install='pip install "nngauge[litert]"',
    build=build,
    references=("https://ai.google.dev/edge/litert",),
    limitations=("Fields that are newer than the installed schema are lost: `ai-edge-litert` should be up to date.",),
)
