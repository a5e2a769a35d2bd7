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

from nngauge.analyse.attribution.published import published_entry
from nngauge.api import open_model
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
_POINTER: Final = 200
"""Bytes of a Git LFS pointer at most."""
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
        """`(title, architecture, task)` of a file; `path` begins with the repository."""
        file = path.rpartition("/")[2]
        for pattern, row in self.rows:
            match = pattern.search((path if row.get("path") else file).lower())
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


class Repository:
    """One bare clone, and how its models are named."""

    def __init__(self, folder: Path, name: str, publisher: str, namer: Namer) -> None:
        self.folder, self.name, self.publisher, self.namer = folder, name, publisher, namer
        self.blobs = _blobs(folder)
        self.commit = _git(folder, "rev-parse", "HEAD").decode().strip()
        self.license = _license(folder, self.blobs)

    def entries(self, only: Sequence[str], skip: Sequence[str]) -> Iterator[Published]:
        """Entries of all files that may be models: read where their bytes are there, else by their digests alone."""
        leads = [
            blob for blob in self.blobs
            if blob.path.lower().endswith(_LEADS)
            and (not only or any(fnmatch.fnmatchcase(blob.path, glob) for glob in only))
            and not any(fnmatch.fnmatchcase(f"/{blob.path}", glob) for glob in skip)
        ]  # fmt: skip
        for blob in leads:
            if blob.size is None:
                yield self._digest(blob, "", 0, blob.id)
            elif blob.size <= _POINTER and (pointer := _pointer(self.folder, blob)):
                yield self._digest(blob, *pointer, "")
        yield from self._read([blob for blob in leads if blob.size is not None and blob.size > _POINTER])

    def _named(self, path: str) -> dict[str, str]:
        title, architecture, task = self.namer.name(f"{self.name}/{path}", self.publisher)
        return {
            "id": f"{self.name}/{path}", "title": title, "architecture": architecture, "task": task,
            "license": self.license, "source": f"https://github.com/{self.name}/blob/{self.commit}/{path}",
        }  # fmt: skip

    def _digest(self, blob: Blob, sha256: str, size: int, object_id: str) -> Published:
        suffix = blob.path.rpartition(".")[2]
        named = Published(**self._named(blob.path), file=blob.path, format=suffix, bytes=size, sha256=sha256)  # type: ignore[arg-type]
        return replace(named, blob=object_id)

    def _read(self, present: Sequence[Blob]) -> Iterator[Published]:
        """Folder by folder, with the companions that multi-file models need."""
        folders: dict[str, list[Blob]] = {_parent(blob): [] for blob in present}
        for blob in self.blobs:
            wanted = blob.path.lower().endswith((*_LEADS, *_COMPANIONS))
            if blob.size and blob.size <= _MOST_BYTES and wanted and _parent(blob) in folders:
                folders[_parent(blob)].append(blob)
        for folder, files in folders.items():
            with tempfile.TemporaryDirectory() as scratch:
                for blob in files:
                    content = _git(self.folder, "cat-file", "blob", blob.id)
                    (Path(scratch) / blob.path.rpartition("/")[2]).write_bytes(content)
                for blob in present:
                    place = Path(scratch) / blob.path.rpartition("/")[2]
                    entry = read(place, self._named(blob.path)) if _parent(blob) == folder else None
                    if entry is not None:
                        yield replace(entry, file=blob.path)


def _parent(blob: Blob) -> str:
    return blob.path.rpartition("/")[0]


def _pointer(folder: Path, blob: Blob) -> tuple[str, int] | None:
    """Digest and size that a Git LFS pointer tells of the file it stands for."""
    text = _git(folder, "cat-file", "blob", blob.id).decode("utf-8", "replace")
    match = re.search(r"oid sha256:([0-9a-f]{64})\nsize (\d+)", text)
    return (match[1], int(match[2])) if match else None


def read(path: Path, facts: Mapping[str, str]) -> Published | None:
    """The entry of a model file; None when it is none, or too small to be told from others."""
    try:
        with open_model(path) as extracted:
            if extracted.pieces[0].location.name != path.name:
                return None
            entry = published_entry(extracted, **facts)
    except (InputError, UnsupportedError):
        return None
    return entry if entry.parameters >= _MIN_PARAMETERS or entry.layers else None


def _shared(folder: Path, namer: Namer) -> Iterator[Published]:
    """Entries of a folder of model files with a SOURCES.csv."""
    with (folder / "SOURCES.csv").open(encoding="utf-8") as table:
        rows = list(csv.DictReader(table))
    for row in rows:
        path = folder.parent / row["file"]
        test = any(word in row["path"] for word in ("/test/", "testdata/", "unittest"))
        if test or not path.is_file() or not path.name.lower().endswith(_LEADS):
            continue
        title, architecture, task = namer.name(f"{row['repo']}/{row['path']}", row["repo"].rpartition("/")[2])
        facts = {
            "id": f"{row['repo']}/{row['path']}", "title": title, "architecture": architecture, "task": task,
            "license": row["repo_license"], "source": f"https://github.com/{row['repo']}/blob/{row['commit']}/{row['path']}",
        }  # fmt: skip
        entry = read(path, facts)
        if entry is not None:
            yield replace(entry, file=row["path"])


def merged(entries: Iterator[Published]) -> list[Published]:
    """One entry for the same bytes: the first repository that publishes them, the others in `also`.

    Other bytes at the same path (another commit) get the beginning of their digest behind the id.
    """
    kept: dict[str, Published] = {}
    ids: set[str] = set()
    for entry in entries:
        key = entry.sha256 or entry.blob
        first = kept.get(key)
        if first is None:
            named = replace(entry, id=f"{entry.id}@{key[:8]}") if entry.id in ids else entry
            ids.add(named.id)
            kept[key] = named
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
            clone = Repository(folder, row["name"], row["publisher"], namer)
            found = list(clone.entries(table["only"].get(row["name"], ()), table["skip"]))
            print(f"{len(found):5} {row['name']}", file=sys.stderr, flush=True)
            yield from found
        if options.models:
            yield from _shared(options.models, namer)

    entries = merged(everything())
    write_published(options.output, entries)
    print(f"{len(entries)} entries, {options.output.stat().st_size:,} bytes")


if __name__ == "__main__":
    main()
