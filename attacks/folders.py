"""Folders instead of files: links in circles or out of the folder, pipes that block for ever, very deep trees.

A tool that walks a folder with links followed never ends; one that opens a named pipe waits for a writer.
"""

from __future__ import annotations

import os
from pathlib import Path

from attacks._api import Attack, all_of, models, odd, scanned
from tests.builders.samples import model


def links(folder: Path) -> Path:
    root = _app(folder)
    (root / "loop").symlink_to(root, target_is_directory=True)
    (root / "out").symlink_to("/etc", target_is_directory=True)
    (root / "self").symlink_to("self")
    return root


def pipe(folder: Path) -> Path:
    root = _app(folder)
    os.mkfifo(root / "assets" / "pipe.tflite")
    return root


def deep(folder: Path) -> Path:
    root = _app(folder)
    place = root
    for _ in range(200):
        place = place / "d"
    place.mkdir(parents=True)
    (place / "net").write_bytes(model("gguf"))
    return root


def _app(folder: Path) -> Path:
    root = folder / "app"
    (root / "assets").mkdir(parents=True)
    (root / "assets" / "net").write_bytes(model("tflite"))
    return root


ATTACKS = (
    Attack(name="folder-links", title="links in circles and out of the folder", build=links, check=all_of(models(1), odd("folder-symlink")), entries=1),
    Attack(name="folder-pipe", title="a named pipe", build=pipe, check=all_of(models(1), odd("folder-special-file")), entries=1),
    Attack(name="folder-deep", title="200 folders deep", build=deep, check=all_of(scanned, models(1), odd("folder-too-deep")), entries=1),
)  # fmt: skip
