"""Writes ``src/nngauge/detect/builds.tsv``: build identifiers of published libraries and the versions they belong to.

``python -m benchmarks.evaluation.builds FOLDER…`` reads the unpacked packages of ``version_series.toml`` and
``runtimes.toml`` that ``python -m benchmarks.evaluation --fetch`` left. Versions that are held out and files that are fresh
stay out, so that the evaluation shows what is told without them; they only take part where an identifier belongs to two
versions (releases whose libraries are the same bytes), which then stays out as well.
"""

from __future__ import annotations

import mmap
import sys
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from benchmarks.evaluation.fetch import locate
from benchmarks.evaluation.planting import container_of
from benchmarks.evaluation.series import load_series
from benchmarks.evaluation.truth import Runtime, load_runtimes
from nngauge.detect.binaries import elf_binary, macho_binary
from nngauge.errors import InputError

TABLE = Path(__file__).parent.parent.parent / "src" / "nngauge" / "detect" / "builds.tsv"
_HEAD = "# technology\tversion\tbuild identifier\tpackage; written by python -m benchmarks.evaluation.builds\n"
_SHORTEST = 16
"""Hexadecimal digits; shorter identifiers are made up by hand."""

Row = tuple[str, str, str, str]


def collect(runtimes: Sequence[Runtime], roots: Sequence[Path]) -> Iterator[tuple[Row, bool]]:
    """(technology, version, identifier, package) of every library at hand whose version is known, and whether it is kept."""
    held = {(library.expect, library.version) for item in runtimes if item.held_out for library in item.libraries}
    for runtime in runtimes:
        for library in runtime.libraries:
            path = locate(runtime, library, roots) if library.version else None
            build = build_of(path) if path is not None else None
            if build is not None and len(build) >= _SHORTEST:
                kept = not runtime.fresh and (library.expect, library.version) not in held
                yield (library.expect, library.version, build, f"{runtime.registry}:{runtime.title}"), kept


def build_of(path: Path) -> str | None:
    """GNU build id or Mach-O UUID of a file; None for what has none."""
    kind = container_of(path)
    if kind == "script":
        return None
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as view:
        content = view[:]
    try:
        return (elf_binary if kind == "elf" else macho_binary)(content).build_id
    except InputError:
        return None


def unambiguous(rows: Iterable[tuple[Row, bool]]) -> list[Row]:
    """One row for each identifier that is kept; none where two versions share it."""
    versions: dict[tuple[str, str], set[str]] = {}
    first: dict[tuple[str, str], Row] = {}
    for row, kept in rows:
        versions.setdefault((row[0], row[2]), set()).add(row[1])
        if kept:
            first.setdefault((row[0], row[2]), row)
    return sorted(row for key, row in first.items() if len(versions[key]) == 1)


def main() -> None:
    """Writes the table from the folders named on the command line."""
    rows = unambiguous(collect((*load_series(), *load_runtimes()), [Path(name) for name in sys.argv[1:]]))
    TABLE.write_text(_HEAD + "".join("\t".join(row) + "\n" for row in rows))
    print(f"{len(rows)} builds of {len({row[0] for row in rows})} technologies")


if __name__ == "__main__":
    main()
