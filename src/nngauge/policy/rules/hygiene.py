"""What should not have been shipped: leftovers of training, traces of build machines, pickles; and what nobody could read."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from nngauge.analyse.optimisation.leftovers import leftover_kind
from nngauge.domain.finding import Severity
from nngauge.domain.outcome import Failure
from nngauge.policy._api import Hit, Options, Rule, Subject, lead, listed, shown

_HOME: Final = re.compile(r"(?:/home/|/Users/|[A-Za-z]:\\Users\\)[^/\\\s\"']{1,64}")
"""Home folders: they hold a person's name."""
_TRAINING: Final = frozenset({"gradient", "optimizer", "loss", "checkpoint", "debug", "fake quantisation"})
_ODD_PICKLE: Final = "the pickle names globals"
"""How the parser of torch files begins its note about code that no model needs."""


def _leftovers(subject: Subject, _: Options) -> Iterator[Hit]:
    for one in subject.models:
        found: dict[str, list[str]] = {}
        for op in one.model.ops:
            kind = leftover_kind(op)
            if kind in _TRAINING:
                found.setdefault(kind, []).append(op)
        if found:
            what = "; ".join(f"{kind} ({listed(sorted(ops), 3)})" for kind, ops in sorted(found.items()))
            yield Hit(
                says=f"{one.model.name} keeps operations that inference does not need: {what}.",
                location=lead(one),
                subject=one.model.digest,
                remedy="Export the model for inference: freeze it, and strip training, loss and debug nodes.",
                risk="A model that is meant to be trained on the phone needs them; exempt it.",
            )


def _traces(subject: Subject, _: Options) -> Iterator[Hit]:
    for one in subject.models:
        key = next((key for key, value in one.model.metadata.items() if _HOME.search(value)), None)
        if key is not None:
            yield Hit(
                says=f"The metadata of {one.model.name} name a folder of the machine that built it (“{key}”).",
                location=lead(one),
                subject=one.model.digest,
                remedy="Strip the metadata when the model is exported.",
            )


def _pickles(subject: Subject, _: Options) -> Iterator[Hit]:
    for one in subject.models:
        if one.model.format != "torchscript":
            continue
        odd = next((note for note in one.model.notes if note.startswith(_ODD_PICKLE)), "")
        checkpoint = one.model.metadata.get("kind") == "checkpoint"
        if odd or checkpoint:
            yield Hit(
                says=f"{one.model.name} is a pickle that could run code: {odd}."
                if odd
                else f"{one.model.name} is a checkpoint in a pickle, which whoever loads it has to trust.",
                location=lead(one),
                subject=one.model.digest,
                remedy="Ship safetensors, or a compiled format (ExecuTorch, ONNX, LiteRT).",
                risk="The code that loads it has to change.",
                at_most=Severity.ERROR if odd else Severity.WARNING,
            )


def _unread(subject: Subject, _: Options) -> Iterator[Hit]:
    groups: dict[tuple[str, str], list[Failure]] = {}
    for failure in subject.scan.failures:
        groups.setdefault((str(failure.stage), failure.error), []).append(failure)
    for (_stage, error), same in groups.items():
        places = listed(dict.fromkeys(shown(failure.location) for failure in same), 3)
        count = "One part" if len(same) == 1 else f"{len(same)} parts"
        yield Hit(
            says=f"{count} could not be read ({error}): {places}: {same[0].reason}",
            location=same[0].location,
            subject=error,
            remedy=same[0].hint or "Check the file; a part that cannot be read may hide anything.",
        )


TRAINING_LEFTOVERS: Final = Rule(
    id="training-leftovers",
    title="Models are exported for inference",
    broken="Left over from training",
    why="Gradients, optimizers, losses and debug operations make a model larger and slower, and some runtimes refuse them.",
    fix="Freeze and strip the model before converting it.",
    severity=Severity.NOTE,
    check=_leftovers,
    sources=("https://ai.google.dev/edge/litert/models/convert",),
    tags=("size", "performance"),
)
BUILD_TRACES: Final = Rule(
    id="build-traces",
    title="Models do not tell who built them where",
    broken="Models that tell who built them",
    why="Exporters write the paths of the machine into a model: names of people, of projects and of internal systems.",
    fix="Strip the metadata when exporting, or build in a neutral folder.",
    severity=Severity.WARNING,
    check=_traces,
    sources=("https://mas.owasp.org/MASVS/",),
    tags=("security",),
)
PICKLE_MODEL: Final = Rule(
    id="pickle-model",
    title="No model is a pickle that has to be trusted",
    broken="Models that are pickles",
    why="Loading a Python pickle runs what it says. In an app with Python inside, a checkpoint that was swapped is code that "
    "was swapped; elsewhere it is a file that the app cannot use.",
    fix="Ship safetensors or a compiled format. TorchScript archives are not reported: libtorch reads their pickle with a "
    "reader of its own that calls no code.",
    severity=Severity.WARNING,
    check=_pickles,
    sources=(
        "https://docs.python.org/3/library/pickle.html",
        "https://github.com/pytorch/pytorch/blob/main/SECURITY.md",
    ),
    tags=("security",),
)
UNREAD_PARTS: Final = Rule(
    id="unread-parts",
    title="Every part of the package could be read",
    broken="Parts that could not be read",
    why="What could not be read was not checked: a verdict about the rest is not a verdict about the app. The exit code is 3 "
    "when nothing else is wrong.",
    fix="Repair or remove the part. Encrypted or oddly packed entries are sometimes meant to keep tools out.",
    severity=Severity.WARNING,
    check=_unread,
    sources=("https://pkware.cachefly.net/webdocs/casestudies/APPNOTE.TXT",),
    tags=("completeness",),
)
