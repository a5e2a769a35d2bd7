"""Builds the example apps around the example models: ``python examples/build_apps.py FOLDER``.

Standard library only, a few seconds, the same bytes every time on the same Python. The models are real ones (see
train/ and models/MANIFEST.toml); the native libraries are stubs that carry the public marks of the runtimes.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
if str(ROOT) not in sys.path:  # run as a script, Python puts only this file's own folder on the path
    sys.path.insert(0, str(ROOT))

from examples.apps import assistant, health, laboratory, photo_studio, plain, scanner, vault  # noqa: E402
from examples.builders.example import ExampleApp  # noqa: E402

APPS: tuple[ExampleApp, ...] = (
    photo_studio.APP,
    assistant.APP,
    scanner.APP,
    health.APP,
    laboratory.APP,
    vault.APP,
    plain.APP,
    plain.BROKEN,
)


def build_all(folder: Path) -> list[Path]:
    """Write all example apps into `folder` and return their paths."""
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for app in APPS:
        path = folder / app.file_name
        path.write_bytes(app.build())
        written.append(path)
    return written


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description="Build the example apps.")
    parser.add_argument("folder", type=Path, help="where the apps go")
    for path in build_all(parser.parse_args().folder):
        print(f"{path.stat().st_size:>9,} B  {path}")


if __name__ == "__main__":
    main()
