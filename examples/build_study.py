"""Builds the packages of the sample study and what the store says of them: ``python examples/build_study.py FOLDER``.

Two snapshots, the same bytes every time on the same Python, standard library only. Nothing of it exists: see README.md.
"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
if str(ROOT) not in sys.path:  # run as a script, Python puts only this file's own folder on the path
    sys.path.insert(0, str(ROOT))

from examples.apps import assistant, health, photo_studio, scanner, vault  # noqa: E402
from examples.study import cast, listing, packages  # noqa: E402

EXTRA = (photo_studio.APP, assistant.APP, scanner.APP, health.APP, vault.APP)
"""Other containers than APK, and the apps of `make demo`; the same in both snapshots."""


def build(folder: Path, number: int) -> tuple[int, int]:
    """Writes one snapshot; `(made, kept)`: what did not change is a hard link to the snapshot before."""
    here, before = folder / cast.SNAPSHOTS[number], folder / cast.SNAPSHOTS[number - 1]
    here.mkdir(parents=True, exist_ok=True)
    apps = list(cast.snapshot(number))
    wanted = [(f"{app.package_id}-{app.version}.apk", lambda app=app: packages.build(app)) for app in apps]
    wanted += [(app.file_name, app.build) for app in EXTRA]
    made = 0
    for name, make in wanted:
        target = here / name
        target.unlink(missing_ok=True)
        if number and (before / name).exists():
            os.link(before / name, target)
        else:
            target.write_bytes(make())
            made += 1
    listing.write(folder / f"store-{cast.SNAPSHOTS[number]}.csv", apps, cast.SNAPSHOTS[number])
    return made, len(wanted) - made


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
