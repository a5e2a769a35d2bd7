"""Lossless shrinking of TFLite files. Runs in the process of a writer: whatever the schema's code raises is its answer."""

from __future__ import annotations

from collections import Counter
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any

from nngauge.compress.modernise import append, archive_start, read, write
from nngauge.compress.shrink._steps import writers
from nngauge.compress.writing._api import Done, Job, Recipe, Writer
from nngauge.engines.loaded import Refused


def build(job: Job, *, negligible: float) -> Done:
    """Writes the file without what its answers do not need.

    Weights up to `negligible` of the largest of their layer count as 0; with a negative one all channels stay.
    """
    content = Path(job.files[0]).read_bytes()
    if content[4:8] != b"TFL3":
        raise Refused("not a TFLite file: its identifier is not TFL3")
    model = read(content)
    if not model.subgraphs:
        raise Refused("no sub-graph")
    done = shrink(model, negligible)
    made = append(write(model), content, archive_start(content))
    Path(job.output).write_bytes(made)
    changes = tuple(f"{count:,} {name}{'s' if count != 1 else ''}" for name, count in done.items())
    return Done(tools={"ai-edge-litert": version("ai-edge-litert")}, changes=changes)


def shrink(model: Any, negligible: float) -> Counter[str]:
    """Shrinks the schema's objects, in place; what was removed and how often."""
    from nngauge.compress.shrink._tflite_tidy import drop_unread, tidy

    done = drop_unread(model)
    for table in model.subgraphs if negligible >= 0 else ():
        done["channel"] += _channels(model, table, negligible)
    return +done + tidy(model)


def _channels(model: Any, table: Any, negligible: float) -> int:
    from nngauge.compress.shrink._tflite_cut import Cutter
    from nngauge.compress.shrink._tflite_net import Reader
    from nngauge.compress.shrink._tflite_read import Graph
    from nngauge.compress.shrink.channels import solve

    graph = Graph(model, table)
    reader = Reader(graph, negligible)
    found = solve(reader.net)
    gone = sum(int((~kept).sum()) for kept in found.kept.values())
    if gone:
        for cut in reader.cuts:
            cut(found)
        cutter = Cutter(graph)
        for index, kept in found.kept.items():
            if not kept.all():
                cutter.narrow(index, kept)
        table.tensors = graph.tensors
    return gone


def _writer(name: str, title: str, negligible: float) -> Writer:
    return Writer(
        name=name,
        title=title,
        formats=frozenset({"tflite"}),
        target="tflite",
        suffix=".tflite",
        recipes=frozenset({Recipe.SHRINK}),
        needs=("ai_edge_litert", "flatbuffers", "numpy"),
        install='pip install "nngauge[litert]"',
        build=partial(build, negligible=negligible),
        references=("https://ai.google.dev/edge/litert",),
        limitations=(
            "Fields that are newer than the installed schema are lost: `ai-edge-litert` should be up to date.",
        ),
    )


WRITERS: tuple[Writer, ...] = writers("tflite", _writer)
