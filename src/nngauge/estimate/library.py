"""The profiles: what is known of each device, core and precision, from measurements of networks whose features are known.

A file holds one library: networks measured in many places. A profile is one of the places. All that a prediction rests on is
in the file, the measured times, too, so that a phone that somebody calibrates can be compared with them.
"""

from __future__ import annotations

import lzma
from functools import cache
from importlib.resources import files
from typing import Final

import msgspec
from msgspec import Struct

from nngauge.domain.estimate import Unit
from nngauge.errors import MalformedError

SCHEMA: Final = "nngauge.profiles/1"
_LARGEST: Final = 8 * 2**20
_FILES: Final = ("tflite-qed", "ncnn")
"""Libraries that are shipped; the first with a profile for a setting is used."""


class Network(Struct, frozen=True, kw_only=True):
    """One network that was measured everywhere."""

    name: str
    family: str
    """Networks of one family are left out together when errors are computed."""
    macs: float
    values: tuple[float, ...]
    """Its features."""


class Space(Struct, frozen=True, kw_only=True):
    """In which networks are near or far: features f become (log(1 + f / scale) − mean) / deviation. Features that only some
    processors work by are not part of it.
    """

    scale: tuple[float, ...]
    mean: tuple[float, ...]
    deviation: tuple[float, ...]
    kinship: float
    """Squared distance within which nine of ten networks have one of their own family, where families have several."""


class Kernel(Struct, frozen=True, kw_only=True):
    """How alike the residuals of two networks are: linear · zᵢzⱼ + bump · Matérn-5/2(|zᵢ − zⱼ| / length) + constant, variances
    of logarithms. Rasmussen and Williams, Gaussian Processes for Machine Learning, 2006, chapter 4.
    """

    linear: float
    bump: float
    length: float
    constant: float
    noise: float


class Conformal(Struct, frozen=True, kw_only=True):
    """Quantiles of |log error| / predicted deviation."""

    levels: tuple[float, ...]
    quantiles: tuple[float, ...]
    """For networks that are like none that was measured."""
    kin: tuple[float, ...]
    """For networks of which kin was measured, as near as `Space.kinship`."""


class Errors(Struct, frozen=True, kw_only=True):
    """How far off predictions for networks are that the fit had not seen: means of |predicted / measured − 1|."""

    model: float
    """The network left out."""
    family: float
    """All networks of its family left out."""
    rank: float
    """Spearman's correlation of predicted and measured times, families left out."""
    model_rank: float
    """The same with only the network left out."""
    coverage: float
    """Share of 90 % intervals that hold the measured time, families left out; quantiles from the other families."""
    model_coverage: float
    """The same with only the network left out."""
    baseline_model: float
    baseline_family: float
    """MACs × a constant under the same protocols."""
    baseline_rank: float


class Profile(Struct, frozen=True, kw_only=True):
    """One place where all networks of a library were measured."""

    id: str
    """``pixel-4/big/1/float32/tflite``."""
    version: int
    device: str
    """Id as in the knowledge base of devices."""
    soc: str
    """Id of its chip there: other devices with the chip are thought to be alike."""
    title: str
    """``Google Pixel 4``."""
    unit: Unit
    threads: int
    """Cores used."""
    precision: str
    cores: str
    """In the words of the source: ``1large1med``."""
    coefficients: tuple[float, ...]
    """Milliseconds for a unit of each feature, none negative."""
    kernel: int
    """Index in the library's kernels."""
    measured: tuple[float | None, ...]
    """Milliseconds of each network of the library; None where it was not measured."""
    constant: float
    """Milliseconds per MAC, the baseline."""
    conformal: Conformal
    errors: Errors


class Library(Struct, frozen=True, kw_only=True):
    """Networks, places, and how to predict."""

    schema: str
    name: str
    version: int
    runtime: str
    source: str
    """Where the measured times come from, with the licence."""
    features: tuple[str, ...]
    networks: tuple[Network, ...]
    space: Space
    kernels: tuple[Kernel, ...]
    profiles: tuple[Profile, ...]


@cache
def library(name: str) -> Library:
    """A shipped library. Raises `MalformedError` when the file is not what this version reads."""
    return decode((files("nngauge.estimate") / "profiles" / f"{name}.json.xz").read_bytes(), name)


def libraries() -> tuple[Library, ...]:
    """All shipped libraries."""
    return tuple(library(name) for name in _FILES if _exists(name))


def _exists(name: str) -> bool:
    return (files("nngauge.estimate") / "profiles" / f"{name}.json.xz").is_file()


def decode(packed: bytes, where: str) -> Library:
    """The library in a compressed file. Raises `MalformedError`."""
    try:
        data = lzma.LZMADecompressor(memlimit=64 * 2**20).decompress(packed, _LARGEST)
        found = msgspec.json.decode(data, type=Library)
    except (lzma.LZMAError, msgspec.DecodeError) as error:
        raise MalformedError(f"is no library of profiles: {error}", where=where) from None
    if found.schema != SCHEMA:
        raise MalformedError(f"is {found.schema}, not {SCHEMA}", where=where)
    return found


def encode(data: Library) -> bytes:
    """The file of a library."""
    return lzma.compress(msgspec.json.encode(data), preset=6)
