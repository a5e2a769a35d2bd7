"""Protected models that people published: what is known about them from the code that opens them, and what the audit says."""

from __future__ import annotations

import hashlib
import tempfile
import tomllib
import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from nngauge.auditing import audit_app
from nngauge.pipeline import Scanner

_LIST = Path(__file__).parent / "protection_real.toml"


@dataclass(frozen=True, slots=True)
class RealCase:
    """One file, audited together with the other files of its origin."""

    where: str
    name: str
    truth: str
    right: tuple[str, ...]
    found: tuple[str, ...]
    """Grades; empty when nothing was listed."""

    @property
    def is_right(self) -> bool:
        """The first grade is one of the right ones; a file that is no model is not listed at all."""
        return self.found[0] in self.right if self.found else not self.right


def evaluate_real(folder: Path) -> Iterator[RealCase]:
    """The files of ``protection_real.toml`` that are at hand below `folder`, found by their digests."""
    table = tomllib.loads(_LIST.read_text())
    here = {hashlib.sha256(path.read_bytes()).hexdigest(): path for path in folder.rglob("*") if path.is_file()}
    scanner = Scanner()
    for origin in table["origin"]:
        files = [item for item in origin["file"] if item["sha256"] in here]
        if files:
            yield from _audited(scanner, origin, files, [here[item["sha256"]] for item in files])


def _audited(
    scanner: Scanner, origin: dict[str, str], files: Sequence[dict[str, str]], paths: Sequence[Path]
) -> Iterator[RealCase]:
    with tempfile.TemporaryDirectory() as folder:
        app = Path(folder) / "app.apk"
        with zipfile.ZipFile(app, "w", zipfile.ZIP_STORED) as archive:
            for item, path in zip(files, paths, strict=True):
                archive.write(path, item["path"])
        audit = audit_app(app, scanner)
    for item in files:
        models = [one for one in (*audit.models, *audit.unknown) if one.location.path.endswith("!" + item["path"])]
        found = tuple(str(grade) for one in models for grade in one.protection.grades)
        yield RealCase(origin["where"], Path(item["path"]).name, item["truth"], tuple(item["right"]), found)
