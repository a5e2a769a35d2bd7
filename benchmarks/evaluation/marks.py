"""Proposes texts that date a technology: ``python -m benchmarks.evaluation.marks TECHNOLOGY --have FOLDER …``.

A text is proposed when it is in every release of one stretch of releases and in none before or after, judged by the
literals of the tagged sources (``--source``, a git repository, with the folders that hold the runtime) or, without them, by
the libraries of ``version_series.toml``; when at least one library of the series has it and none outside the stretch does;
and when no library given with ``--other`` has it. Versions that are held out take no part. What comes out is for a person
to read: texts of optional parts and of other projects that are built in have to go.
"""

from __future__ import annotations

import argparse
import re
import subprocess
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from benchmarks.evaluation.fetch import locate
from benchmarks.evaluation.series import load_series
from nngauge.detect.literals import Literals
from nngauge.detect.ruleset import Mark
from nngauge.detect.versions import release_key

Timeline = Mapping[str, frozenset[bytes]]
"""Texts by release."""

_LITERAL = re.compile(rb'"((?:[^"\\\n]|\\.){12,400})"')
_ESCAPE = re.compile(rb"\\(?:[0-7]{1,3}|x[0-9a-fA-F]+|.)")
_HOLE = re.compile(rb"%[-+ #0-9.*lhzjtL]*[a-zA-Z%]|[\x00-\x1f]|\{[^}]{0,12}\}|\$\d")
"""What a text is filled in at."""
_WORD = re.compile(rb"[A-Za-z]{3,}")
_ALIEN = re.compile(
    rb"(?i)\.(?:py|md|html|so)\b|https?:|20\d\d|_Z|NSt|::|__|^/|nnapi|opencl|opengl|out of memory|failed to open"
)
_SOURCES = (".h", ".c", ".cc", ".cpp", ".hpp", ".cxx", ".inc", ".mm", ".m")
_TESTS = re.compile(r"/tests?/|_test\.|/test_|/testing/|/third[_-]party/")
_PRINTABLE = re.compile(rb"[\x20-\x7e]{22,90}")
_SHORTEST, _LONGEST, _WORDS = 22, 60, 3
_BATCH = 4000
_EACH = 3
"""Marks for each release that bounds something."""


def distinctive(text: bytes) -> bool:
    """Long enough, made of words, and nothing that any project could have."""
    return len(text) >= _SHORTEST and len(_WORD.findall(text)) >= _WORDS and not _ALIEN.search(text)


def stretch(releases: Sequence[str], has: Iterable[bool]) -> Mark | None:
    """The bounds of the one stretch of `releases` (oldest first) that has a text; None for none, several or all."""
    found = list(has)
    if True not in found or all(found):
        return None
    first, last = found.index(True), len(found) - 1 - found[::-1].index(True)
    if not all(found[first : last + 1]):
        return None
    after = releases[first - 1] if first else ""
    before = releases[last + 1] if last + 1 < len(releases) else ""
    return Mark(text="", after=after, before=before)


def source_texts(repository: Path, tag: str, folders: Sequence[str]) -> frozenset[bytes]:
    """Pieces of string literals in the sources of one tag."""
    listing = _git(repository, "ls-tree", "-r", tag, *folders).decode().splitlines()
    rows = [line.split("\t", 1) for line in listing]
    blobs = [meta.split()[2] for meta, path in rows if path.endswith(_SOURCES) and not _TESTS.search(path)]
    content = _git(repository, "cat-file", "--batch", given="\n".join(blobs).encode())
    return frozenset(text for literal in _LITERAL.findall(content) for text in _pieces(literal))


def _git(repository: Path, *arguments: str, given: bytes = b"") -> bytes:
    return subprocess.run(["git", "-C", repository, *arguments], input=given, capture_output=True, check=True).stdout


def _pieces(literal: bytes) -> Iterator[bytes]:
    plain = literal.replace(b'\\"', b'"').replace(b"\\'", b"'")
    for piece in _HOLE.split(_ESCAPE.sub(b"\n", plain)):
        text = piece.strip()[:_LONGEST]
        if distinctive(text):
            yield text


def present(texts: Iterable[bytes], content: bytes) -> set[bytes]:
    """Those of `texts` that are anywhere in `content`."""
    wanted = sorted(texts)
    found: set[bytes] = set()
    for start in range(0, len(wanted), _BATCH):
        part = wanted[start : start + _BATCH]
        found |= {part[index] for index, _ in Literals(part, [True] * len(part)).scan(content)}
    return found


def propose(timeline: Timeline, libraries: Sequence[tuple[str, bytes]], others: Sequence[bytes]) -> list[Mark]:
    """Marks from texts by release, checked against `libraries` (release, content) and `others`."""
    releases = sorted(timeline, key=release_key)
    texts = frozenset[bytes]().union(*timeline.values())
    marks = {text: mark for text in texts if (mark := stretch(releases, (text in timeline[item] for item in releases)))}
    for content in others:
        for text in present(marks, content):
            del marks[text]
    count = Counter[bytes]()
    for release, content in libraries:
        for text in present(marks, content):
            if _outside(release, marks[text]):
                del marks[text]
            else:
                count[text] += 1
    return _chosen(marks, count)


def _outside(release: str, mark: Mark) -> bool:
    key = release_key(release)
    return bool(mark.after and key <= release_key(mark.after)) or bool(mark.before and key >= release_key(mark.before))


def _chosen(marks: Mapping[bytes, Mark], count: Mapping[bytes, int]) -> list[Mark]:
    """For each release that bounds anything the texts that most libraries have."""
    bounds: dict[tuple[str, str], list[bytes]] = {}
    for text, mark in marks.items():
        if count[text]:
            for key in (("after", mark.after), ("before", mark.before)):
                if key[1]:
                    bounds.setdefault(key, []).append(text)
    kept = {text for texts in bounds.values() for text in sorted(texts, key=lambda text: (-count[text], text))[:_EACH]}
    found = [Mark(text=text.decode(), after=marks[text].after, before=marks[text].before) for text in kept]
    return sorted(found, key=lambda mark: (release_key(mark.after), release_key(mark.before), mark.text))


def library_texts(libraries: Sequence[tuple[str, bytes]]) -> dict[str, frozenset[bytes]]:
    """Texts by release as the libraries have them: what all libraries of a release have in common."""
    found: dict[str, frozenset[bytes]] = {}
    for release, content in libraries:
        texts = frozenset(text for text in _PRINTABLE.findall(content) if distinctive(text))
        found[release] = found[release] & texts if release in found else texts
    return found


def _libraries(technology: str, roots: Sequence[Path]) -> Iterator[tuple[str, bytes]]:
    for runtime in load_series():
        library = runtime.libraries[0]
        path = locate(runtime, library, roots) if library.expect == technology and not runtime.held_out else None
        if path is not None:
            yield library.version, path.read_bytes()


def _tagged(options: argparse.Namespace) -> dict[str, frozenset[bytes]]:
    held = {
        item.libraries[0].version
        for item in load_series()
        if item.held_out and item.libraries[0].expect == options.technology
    }
    tags = _git(options.source, "tag").decode().split()
    releases = {match[1]: tag for tag in tags if (match := re.fullmatch(options.tags, tag)) and match[1] not in held}
    return {release: source_texts(options.source, tag, options.under) for release, tag in releases.items()}


def main() -> None:
    """Prints the marks of one technology as its rule has them."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.evaluation.marks", description=__doc__)
    parser.add_argument("technology")
    parser.add_argument("--have", type=Path, action="append", required=True, help="folder with unpacked packages")
    parser.add_argument("--source", type=Path, help="git repository with tagged releases")
    parser.add_argument("--tags", default=r"v?(\d+(?:\.\d+)+)", help="expression whose group is the release")
    parser.add_argument("--under", action="append", default=[], help="folder of the sources, may be given again")
    parser.add_argument("--other", type=Path, action="append", default=[], help="library of another project")
    options = parser.parse_args()
    libraries = list(_libraries(options.technology, options.have))
    timeline = _tagged(options) if options.source else library_texts(libraries)
    for mark in propose(timeline, libraries, [path.read_bytes() for path in options.other]):
        limits = "".join(
            f', {name} = "{value}"' for name, value in (("after", mark.after), ("before", mark.before)) if value
        )
        quoted = (
            f"'{mark.text}'"
            if "'" not in mark.text
            else '"' + mark.text.replace("\\", "\\\\").replace('"', '\\"') + '"'
        )
        print(f"  {{ text = {quoted}{limits} }},")


if __name__ == "__main__":
    main()
