"""Fills the index of published models from bare clones of public repositories: digests and fingerprints, never weights."""

from __future__ import annotations

import argparse
import csv
import fnmatch
import re
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from msgspec import Struct
from msgspec.structs import replace

from nngauge.analyse.attribution.published import fingerprint
from nngauge.analyse.summary import summarise
from nngauge.api import open_model
from nngauge.domain.model import Model
from nngauge.errors import InputError, UnsupportedError
from nngauge.knowledge.published import MODELS, Published, write_published

TABLE: Final = Path(__file__).with_suffix(".toml")
_LEADS: Final = (
    ".tflite", ".lite", ".tfl", ".onnx", ".ort", ".mnn", ".param", ".caffemodel", ".pb", ".pt", ".ptl", ".pth", ".h5", ".hdf5",
    ".keras", ".mlmodel", ".tmfile", ".tnnproto", ".pte", ".gguf", ".nb", ".task", ".weights", ".ms", ".xml", ".pdmodel",
    ".pv", "model.json", "ggml-tiny.bin",
)  # fmt: skip
_COMPANIONS: Final = (
    ".bin",
    ".tnnmodel",
    ".params",
    ".pdiparams",
    ".prototxt",
    ".cfg",
    ".buf",
    ".weights",
    "-shard1",
    ".json",
    ".data",
)
_LICENSES: Final = (
    ("Apache-2.0", "apache license"), ("MIT", "mit license"), ("MIT", "permission is hereby granted, free of charge"),
    ("AGPL-3.0", "gnu affero"), ("GPL-3.0", "gnu general public license"), ("LGPL-3.0", "gnu lesser"),
    ("BSD", "redistribution and use in source and binary"), ("MPL-2.0", "mozilla public license"),
    ("CC-BY-NC", "noncommercial"), ("CC-BY", "creative commons attribution"), ("Unlicense", "unlicense"),
)  # fmt: skip
_MOST_BYTES: Final = 200 << 20
_MIN_PARAMETERS: Final = 4_000
"""Below, a network is a test case or so small that equal ones arise by chance."""


class Blob(Struct, frozen=True):
    """One file of a repository's newest commit; `size` is None where the clone does not hold it."""

    path: str
    id: str
    size: int | None


def _git(folder: Path, *arguments: str) -> bytes:
    return subprocess.run(["git", "-C", str(folder), *arguments], check=True, capture_output=True).stdout


def _blobs(folder: Path) -> list[Blob]:
    found = []
    for line in _git(folder, "ls-tree", "-r", "-l", "-z", "HEAD").decode("utf-8", "replace").split("\0"):
        head, tab, path = line.partition("\t")
        words = head.split()
        if tab and words[1] == "blob" and not words[0].startswith("12"):
            found.append(Blob(path, words[2], int(words[3]) if words[3].isdigit() else None))
    return found


def _license(folder: Path, blobs: Sequence[Blob]) -> str:
    names = [blob for blob in blobs if "/" not in blob.path and re.match(r"(?i)licen[cs]e|copying", blob.path)]
    for blob in names:
        if blob.size:
            text = _git(folder, "cat-file", "blob", blob.id)[:4000].decode("utf-8", "replace").lower()
            for name, words in _LICENSES:
                if words in text:
                    return name
    return ""


class Namer:
    """Titles, architectures and tasks by the patterns of the table."""

    def __init__(self, rows: Sequence[Mapping[str, Any]]) -> None:
        self.rows = [(re.compile(row["pattern"]), row) for row in rows]

    def name(self, path: str, publisher: str) -> tuple[str, str, str]:
        """`(title, architecture, task)` of a file."""
        file = path.rpartition("/")[2]
        for pattern, row in self.rows:
            match = pattern.search(file.lower())
            if match:
                texts = [_filled(str(row.get(key, "")), match) for key in ("title", "architecture", "task")]
                return f"{_pretty(texts[0])} ({publisher})", _pretty(texts[1]), texts[2]
        stem = file.partition(".")[0]
        folder = path.split("/")[-2] if "/" in path else ""
        generic = len(stem) < 4 or stem.lower() in {
            "model",
            "net",
            "best",
            "saved_model",
            "deploy",
            "encoder",
            "decoder",
        }
        return f"{_pretty(f'{folder} {stem}' if generic else stem)} ({publisher})", "", ""


def _filled(text: str, match: re.Match[str]) -> str:
    for number, group in enumerate(match.groups(), 1):
        text = text.replace(f"{{{number}}}", group or "")
    return text.strip()


def _pretty(text: str) -> str:
    return " ".join(text.replace("_", " ").split())[:80]


def _entries(
    folder: Path, name: str, publisher: str, namer: Namer, only: Sequence[str], skip: Sequence[str]
) -> Iterator[Published]:
    blobs = _blobs(folder)
    commit = _git(folder, "rev-parse", "HEAD").decode().strip()
    license_ = _license(folder, blobs)

    def entry(of: Blob, **facts: Any) -> Published:
        title, architecture, task = namer.name(of.path, publisher)
        return Published(
            id=f"{name}/{of.path}", title=title, architecture=architecture, task=task, file=of.path, license=license_,
            source=f"https://github.com/{name}/blob/{commit}/{of.path}", **facts,
        )  # fmt: skip

    leads = [
        blob for blob in blobs
        if blob.path.lower().endswith(_LEADS)
        and (not only or any(fnmatch.fnmatchcase(blob.path, glob) for glob in only))
        and not any(fnmatch.fnmatchcase(f"/{blob.path}", glob) for glob in skip)
    ]  # fmt: skip
    by_folder: dict[str, list[Blob]] = {}
    for blob in blobs:
        if blob.size and blob.size <= _MOST_BYTES and blob.path.lower().endswith((*_LEADS, *_COMPANIONS)):
            by_folder.setdefault(blob.path.rpartition("/")[0], []).append(blob)
    for blob in leads:
        if blob.size is None:
            yield entry(blob, format=_suffix(blob), bytes=0, sha256="", blob=blob.id)
        elif blob.size < 200 and (pointer := _pointer(folder, blob)):
            yield entry(blob, format=_suffix(blob), bytes=pointer[1], sha256=pointer[0])
    present = [blob for blob in leads if blob.size is not None and blob.size > 200]
    for place in dict.fromkeys(blob.path.rpartition("/")[0] for blob in present):
        with tempfile.TemporaryDirectory() as scratch:
            for blob in by_folder.get(place, ()):
                target = Path(scratch) / blob.path.rpartition("/")[2]
                target.write_bytes(_git(folder, "cat-file", "blob", blob.id))
            for blob in present:
                if blob.path.rpartition("/")[0] == place:
                    facts = _facts(Path(scratch) / blob.path.rpartition("/")[2])
                    if facts is not None:
                        yield entry(blob, **facts)


def _suffix(blob: Blob) -> str:
    return blob.path.rpartition(".")[2]


def _pointer(folder: Path, blob: Blob) -> tuple[str, int] | None:
    """Digest and size that a Git LFS pointer tells of the file it stands for."""
    text = _git(folder, "cat-file", "blob", blob.id).decode("utf-8", "replace")
    match = re.search(r"oid sha256:([0-9a-f]{64})\nsize (\d+)", text)
    return (match[1], int(match[2])) if match else None


def _facts(path: Path) -> dict[str, Any] | None:
    """Digests and fingerprints of a model file; None when it is none, or too small to be told from others."""
    try:
        with open_model(path) as extracted:
            if extracted.pieces[0].location.name != path.name:
                return None
            model: Model = summarise(extracted)
            form, weights, prints = fingerprint(extracted.graph, [piece.source for piece in extracted.pieces])
    except (InputError, UnsupportedError):
        return None
    if (model.parameters or 0) < _MIN_PARAMETERS and not form.layers:
        return None
    return {
        "format": model.format, "bytes": model.size, "sha256": model.digest, "parameters": model.parameters or 0,
        "structure": form.exact, "layers": form.layers, "trunk": form.trunk, "weights": weights, "sketches": prints,
    }  # fmt: skip


def _shared(folder: Path, namer: Namer) -> Iterator[Published]:
    """Entries of a folder of model files with a SOURCES.csv."""
    with (folder / "SOURCES.csv").open(encoding="utf-8") as table:
        rows = list(csv.DictReader(table))
    for row in rows:
        path = folder.parent / row["file"]
        facts = _facts(path) if path.is_file() and path.name.lower().endswith(_LEADS) else None
        if facts is None or any(word in row["path"] for word in ("/test/", "testdata/", "unittest")):
            continue
        title, architecture, task = namer.name(row["path"], row["repo"].rpartition("/")[2])
        yield Published(
            id=f"{row['repo']}/{row['path']}", title=title, architecture=architecture, task=task, file=row["path"],
            license=row["repo_license"], source=f"https://github.com/{row['repo']}/blob/{row['commit']}/{row['path']}", **facts,
        )  # fmt: skip


def merged(entries: Iterator[Published]) -> list[Published]:
    """One entry for the same bytes: the first repository that publishes them, the others in `also`."""
    kept: dict[str, Published] = {}
    for entry in entries:
        key = entry.sha256 or entry.blob
        first = kept.get(key)
        if first is None:
            kept[key] = entry
        elif entry.id != first.id and entry.id not in first.also and len(first.also) < 4:
            kept[key] = replace(first, also=(*first.also, entry.id))
    return list(kept.values())


def main(arguments: Sequence[str] | None = None) -> None:
    """Reads every repository of the table that is there and writes the index."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("clones", type=Path, help="folder with <owner>+<name>/repo bare clones")
    parser.add_argument("--models", type=Path, help="folder of model files with a SOURCES.csv")
    parser.add_argument("--output", type=Path, default=MODELS)
    options = parser.parse_args(arguments)
    table = tomllib.loads(TABLE.read_text(encoding="utf-8"))
    namer = Namer(table["model"])

    def everything() -> Iterator[Published]:
        for row in table["repository"]:
            folder = options.clones / row["name"].replace("/", "+") / "repo"
            if not folder.is_dir():
                print(f"not there: {row['name']}", file=sys.stderr)
                continue
            found = list(
                _entries(
                    folder, row["name"], row["publisher"], namer, table["only"].get(row["name"], ()), table["skip"]
                )
            )
            print(f"{len(found):5} {row['name']}", file=sys.stderr, flush=True)
            yield from found
        if options.models:
            yield from _shared(options.models, namer)

    entries = merged(everything())
    write_published(options.output, entries)
    print(f"{len(entries)} entries, {options.output.stat().st_size:,} bytes")


if __name__ == "__main__":
    main()
