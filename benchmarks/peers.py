"""What users do today, as runnable commands. ``python -m benchmarks.peers NAME APP…`` runs one of ours-to-compare.

`find`: zipfile, then one `bytes.find` per pattern over every library and dex file; `find-all`: the same with all of our
literals. `decompose`: the method of the
published studies: apktool, then readelf of the read-only data of each library, then string matching.
"""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

PATTERNS = 241
"""As many literals as the engine comparison in docs/adr/0002 used."""
CODE = re.compile(r"\.(so(\.\d+)*|dex)$")


def patterns() -> list[bytes]:
    """The first `PATTERNS` native strings of nngauge's own rules."""
    from nngauge.detect.ruleset import Scope, load_rules

    texts = (
        text
        for rule in load_rules().rules
        for clause in rule.match
        if clause.scope in (Scope.NATIVE, Scope.CODE)
        for kind, text in clause.any.items()
        if kind == "string"
    )
    return [text.encode() for text in dict.fromkeys(texts)][:PATTERNS]


def find(apps: list[str]) -> None:
    """zipfile and one find per pattern."""
    _find(patterns(), apps)


def find_all(apps: list[str]) -> None:
    """The same with every literal that nngauge searches for: the same question, answered this way."""
    from nngauge.detect.compiled import load_signatures

    _find(list(load_signatures().literal_index), apps)


def _find(wanted: list[bytes], apps: list[str]) -> None:
    for app in apps:
        with zipfile.ZipFile(app) as archive:
            for name in archive.namelist():
                if CODE.search(name):
                    data = archive.read(name)
                    [pattern for pattern in wanted if data.find(pattern) >= 0]


def decompose(apps: list[str]) -> None:
    """apktool without sources, readelf of .rodata, string matching."""
    wanted = [pattern.decode("utf-8", "replace") for pattern in patterns()]
    for app in apps:
        with tempfile.TemporaryDirectory() as folder:
            tree = Path(folder) / "app"
            subprocess.run(["apktool", "d", "-f", "-s", "-o", tree, app], check=False, stdout=subprocess.DEVNULL)
            for library in tree.rglob("*.so*") if tree.exists() else ():
                text = subprocess.run(
                    ["readelf", "-p", ".rodata", library], check=False, capture_output=True, text=True, errors="replace"
                ).stdout
                [pattern for pattern in wanted if pattern in text]


if __name__ == "__main__":
    {"find": find, "find-all": find_all, "decompose": decompose}[sys.argv[1]](sys.argv[2:])
