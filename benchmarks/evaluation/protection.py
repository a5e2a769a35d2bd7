"""Every disguise on every real model: what the audit says, beside the entropy threshold of the literature."""

from __future__ import annotations

import json
import math
import tempfile
import time
import zipfile
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from benchmarks.evaluation.disguises import DISGUISES, Disguise, seed
from benchmarks.evaluation.models import Listed
from benchmarks.evaluation.surgery import binary_ncnn, sealed_weights, stripped
from nngauge.auditing import audit_app
from nngauge.domain.protection import AuditedModel, Grade
from nngauge.pipeline import Scanner

SMALLEST = 4096
"""Bytes of a model; below, statistics of single windows say little, and no app hides such a file."""
LITERATURE = 7.99
"""Bits per byte above which ModelXRay calls a file encrypted (USENIX Security 2021; https://github.com/RiS3-Lab/ModelXRay)."""
NOTHING = "nothing found"
SEALED = frozenset({Grade.ENCRYPTED, Grade.ENCRYPTED_HEADER, Grade.ENCRYPTED_WEIGHTS, Grade.KEY_BESIDE})


@dataclass(frozen=True, slots=True)
class Case:
    """One file, disguised in one way, under one kind of name."""

    model: str
    label: str
    disguise: str
    named: bool
    """Under its own name; else under one that says nothing."""
    right: tuple[str, ...]
    found: tuple[str, ...]
    """Grades, the first one first; empty when nothing was listed."""
    entropy: float
    seconds: float

    @property
    def first(self) -> str:
        """The first grade."""
        return self.found[0] if self.found else NOTHING

    @property
    def is_right(self) -> bool:
        """The first grade is one that is right."""
        return self.first in self.right

    @property
    def called_encrypted(self) -> bool:
        """By the audit."""
        return self.first in SEALED

    @property
    def literature_says_encrypted(self) -> bool:
        """By the entropy of the whole file."""
        return self.entropy > LITERATURE


_Files = Mapping[str, bytes]
_Made = tuple[str, tuple[str, ...], tuple[str, ...], _Files, str]
"""Disguise, grades that are right under its own name and under another, files to plant, and the name of the disguised one."""


def evaluate(
    models: Sequence[Listed], *, named: bool, progress: Callable[[Case], None] | None = None
) -> Iterator[Case]:
    """Plants every disguise of every model in an app of its own and audits it."""
    scanner = Scanner()
    with tempfile.TemporaryDirectory() as folder:
        app = Path(folder) / "app.apk"
        for number, listed in enumerate(models):
            if listed.no_model or listed.path.stat().st_size < SMALLEST:
                continue
            for disguise, right, bare, files, target in _made(listed, named=named, number=number):
                case = _case(scanner, app, listed, disguise, right if named else bare, files, target, named=named)
                if progress is not None:
                    progress(case)
                yield case


def _case(
    scanner: Scanner,
    app: Path,
    listed: Listed,
    disguise: str,
    right: tuple[str, ...],
    files: _Files,
    target: str,
    *,
    named: bool,
) -> Case:
    with zipfile.ZipFile(app, "w", zipfile.ZIP_STORED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    started = time.perf_counter()
    audit = audit_app(app, scanner=scanner)
    seconds = time.perf_counter() - started
    found = _about((*audit.models, *audit.unknown), target)
    return Case(
        model=listed.name, label=listed.label, disguise=disguise, named=named, right=right, found=found,
        entropy=entropy(files[target]), seconds=seconds,
    )  # fmt: skip


def _about(models: Sequence[AuditedModel], target: str) -> tuple[str, ...]:
    """The grades of the planted file, or of the model that it is a part of."""
    for item in models:
        if f"!{target}" in item.location.path + "!":
            return tuple(str(grade) for grade in item.protection.grades)
    return tuple(str(grade) for item in models[:1] for grade in item.protection.grades)


def _made(listed: Listed, *, named: bool, number: int) -> Iterator[_Made]:
    content = listed.path.read_bytes()
    others = {f"assets/models/{path.name.split('__')[-1]}": path.read_bytes() for path in listed.companions}
    for disguise in DISGUISES:
        rng = seed(listed.name, disguise.name)
        made = disguise.make(content, rng)
        if made is None:
            continue
        target = f"assets/models/{_name(listed.name, disguise)}" if named else f"assets/d/c{number:04d}"
        beside = disguise.beside(content, rng) if disguise.beside is not None else {}
        extra = {f"{target.rpartition('/')[0]}/{name}": data for name, data in beside.items()}
        plain = others if disguise.name == "as it is" and named else {}
        yield disguise.name, disguise.right, disguise.bare or disguise.right, {target: made, **plain, **extra}, target
    yield from _operated(listed, others, named=named, number=number)


def _operated(listed: Listed, others: _Files, *, named: bool, number: int) -> Iterator[_Made]:
    target = f"assets/models/{listed.name}" if named else f"assets/d/c{number:04d}"
    bare = stripped(listed, seed(listed.name, "names"))
    if bare is not None:
        yield (
            "names overwritten",
            ("names stripped",),
            ("names stripped",),
            {target: bare, **(others if named else {})},
            target,
        )
    sealed = sealed_weights(listed, seed(listed.name, "weights"))
    if sealed is not None and named:
        parts = [listed.path.read_bytes(), *others.values()]
        parts = [sealed.get(at, part) for at, part in enumerate(parts)]
        files = dict(zip([target, *others], parts, strict=True))
        yield "weights encrypted", ("encrypted weights",), ("encrypted weights",), files, target
    if listed.label == "ncnn_param" and named:
        binary = binary_ncnn(listed.path)
        if binary is not None:
            yield "ncnn2mem", ("names stripped",), ("names stripped",), {f"{target}.bin": binary}, f"{target}.bin"


def _name(name: str, disguise: Disguise) -> str:
    if disguise.suffix.startswith("="):
        return name.partition(".")[0] + disguise.suffix[1:]
    return name + disguise.suffix


def entropy(content: bytes) -> float:
    """Bits per byte of a whole file."""
    counts = Counter(content).values()
    return -sum(count / len(content) * math.log2(count / len(content)) for count in counts) if content else 0.0


def save(cases: Sequence[Case], path: Path) -> None:
    """All cases as JSON, for `load`."""
    path.write_text(json.dumps([asdict(case) for case in cases], ensure_ascii=False))


def load(path: Path) -> tuple[Case, ...]:
    """What `save` wrote."""
    rows = json.loads(path.read_text())
    return tuple(Case(**{**row, "right": tuple(row["right"]), "found": tuple(row["found"])}) for row in rows)
