"""Builds the packages of the sample study and what the store says of them: ``python examples/build_study.py FOLDER``.

Two snapshots, the same bytes every time on the same Python, standard library only. Nothing of it exists: see README.md.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
if str(ROOT) not in sys.path:  # run as a script, Python puts only this file's own folder on the path
    sys.path.insert(0, str(ROOT))

from examples.apps import assistant, health, photo_studio, plain, scanner, vault  # noqa: E402
from examples.study import apple, cast, hostile, listing, packages  # noqa: E402

EXTRA = (photo_studio.APP, assistant.APP, scanner.APP, health.APP, vault.APP, plain.BROKEN)
"""Other containers than APK, and the apps of `make demo`; the same in both snapshots."""
PAGE = b"<!DOCTYPE html><html><head><title>403 Forbidden</title></head></html>\n"
"""What some stores send instead of a package."""


def build(folder: Path, number: int) -> tuple[int, int]:
    """Writes one snapshot; `(made, kept)`: what did not change is a hard link to the snapshot before."""
    here, before = folder / cast.SNAPSHOTS[number], folder / cast.SNAPSHOTS[number - 1]
    here.mkdir(parents=True, exist_ok=True)
    listed, files = _contents(number)
    made = 0
    for name, make in files:
        target = here / name
        target.unlink(missing_ok=True)
        if number and (before / name).exists():
            os.link(before / name, target)
        else:
            target.write_bytes(make())
            made += 1
    listing.write(folder / f"store-{cast.SNAPSHOTS[number]}.csv", listed, cast.SNAPSHOTS[number])
    return made, len(files) - made


def _contents(number: int) -> tuple[list[cast.App], list[tuple[str, Callable[[], bytes]]]]:
    """The apps that the store lists, and all files: their names, and how they are made."""
    listed = [*cast.snapshot(number), hostile.APP]
    files: list[tuple[str, Callable[[], bytes]]] = [
        (f"{app.package_id}-{app.version}.apk", partial(packages.build, app)) for app in listed[:-1]
    ]
    for app, name, data in apple.apps(number):
        listed.append(app)
        files.append((name, partial(bytes, data)))
    files += [(name, partial(bytes, data)) for name, data in apple.twins(cast.snapshot(number))]
    files += [(app.file_name, app.build) for app in EXTRA]
    files += [("hostile.apk", hostile.build), ("hostile-listed.apk", partial(hostile.build, hostile.APP.package_id))]
    return listed, [*files, ("forbidden.apk", partial(bytes, PAGE))]


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description="Build the packages of the sample study.")
    parser.add_argument("folder", type=Path, help="where the packages go")
    folder = parser.parse_args().folder
    for number, name in enumerate(cast.SNAPSHOTS):
        made, kept = build(folder, number)
        print(f"{name}: {made + kept} packages, {made} of them new")


if __name__ == "__main__":
    main()
