"""Very many of something: entries, failures, lead files, candidates, models.

A directory of a million records is 80 MB and reads in seconds, but code that compares each entry with each other, or
keeps a record of each oddity, takes hours or gigabytes. zipfile alone needs 1 GB for it.

nngauge keeps where a record stands instead of what it says, shares what entries have in common, counts what it does not
list (`limits.MAX_FAILURES`, `MAX_CANDIDATES`), and counts the looks that binding the files of one model takes
(`limits.MAX_BINDING`).
"""

from __future__ import annotations

import struct
from pathlib import Path

from attacks._api import Attack, all_of, failed, models, scanned
from tests.builders.samples import model
from tests.builders.zips import end64

_RECORD = struct.Struct("<4sHHHHHHIIIHHHHHII")
_LOCAL = struct.Struct("<4sHHHHHIIIHH")


def crowd(folder: Path, names: list[bytes], data: bytes, *, lost: bool = False) -> Path:
    """Many entries that share one local header and `data`; `lost` ones point nowhere."""
    target = folder / "app.apk"
    name = b"a"
    body = _LOCAL.pack(b"PK\x03\x04", 20, 0, 0, 0, 33, 0, len(data), len(data), len(name), 0) + name + data
    at = 1 << 30 if lost else 0
    directory = b"".join(
        _RECORD.pack(b"PK\x01\x02", 20, 20, 0, 0, 0, 33, 0, len(data), len(data), len(each), 0, 0, 0, 0, 0, at) + each
        for each in names
    )
    end = end64(len(names), len(directory), len(body), len(body) + len(directory))
    target.write_bytes(body + directory + end)
    return target


def million(folder: Path) -> Path:
    return crowd(folder, [b"assets/%d/%d.txt" % (at % 1000, at) for at in range(1_000_000)], b"hello")


def many(folder: Path) -> Path:
    return crowd(folder, [b"assets/%d/%d.txt" % (at % 1000, at) for at in range(200_000)], b"hello")


def lost(folder: Path) -> Path:
    return crowd(folder, [b"assets/%d" % at for at in range(100_000)], b"hello", lost=True)


def leads(folder: Path) -> Path:
    """Each entry looks like the first file of a model in two; compared with each other that is 4·10⁸ looks."""
    return crowd(folder, [b"assets/%d.param" % at for at in range(20_000)], b"7767517\n75 83\n")


def promises(folder: Path) -> Path:
    return crowd(folder, [b"assets/%d.tflite" % at for at in range(50_000)], b"hello world, not a model")


def clones(folder: Path) -> Path:
    return crowd(folder, [b"assets/%d.tflite" % at for at in range(300)], model("tflite"))


def rules(folder: Path) -> Path:
    """Every name satisfies a rule."""
    return crowd(
        folder, [b"assets/%d/haarcascade_x.xml" % at for at in range(50_000)], b"<?xml version='1.0'?><opencv_storage/>"
    )


ATTACKS = (
    Attack(
        name="entries-million", title="1,000,000 entries", build=million, check=scanned, entries=1_000_000, seconds=60,
        grows=100, is_slow=True,
    ),
    Attack(name="entries-many", title="200,000 entries", build=many, check=scanned, entries=200_000),
    Attack(
        name="entries-lost", title="100,000 records that point nowhere", build=lost, entries=100_000,
        check=failed("TruncatedError", "99000 more"),
    ),
    Attack(name="leads", title="20,000 halves of models in one folder", build=leads, entries=20_000, check=all_of(models(0), failed("LimitError"))),
    Attack(name="promises", title="50,000 files named like models", build=promises, entries=50_000, check=all_of(models(0), failed("LimitError", "candidates"))),
    Attack(name="clones", title="300 times the same model", build=clones, entries=300, check=models(300)),
    Attack(name="rule-names", title="50,000 names that rules look for", build=rules, entries=50_000, check=scanned),
)  # fmt: skip
