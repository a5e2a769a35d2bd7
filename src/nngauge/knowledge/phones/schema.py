"""What is known of phones, boards and their chips, in nouns. What no source tells is None or empty."""

from __future__ import annotations

from enum import StrEnum

from msgspec import Struct


class Tier(StrEnum):
    """The maker's product line of a chip: entry, middle, flagship. It stands for the price and the speed of its phones."""

    LOW = "low"
    MID = "mid"
    HIGH = "high"


class Kind(StrEnum):
    """What a device is."""

    PHONE = "phone"
    TABLET = "tablet"
    HEADSET = "headset"
    LAPTOP = "laptop"
    DESKTOP = "desktop"
    SERVER = "server"
    BOARD = "board"
    CAR = "car"


class Cluster(Struct, frozen=True):
    """Cores of a chip that are alike."""

    count: int
    core: str
    """``cortex-a76``; empty: not known."""
    ghz: float | None
    """Highest clock."""


class Soc(Struct, frozen=True, kw_only=True):
    """A chip."""

    id: str
    name: str
    maker: str = ""
    tier: Tier | None = None
    clusters: tuple[Cluster, ...] = ()
    """Fastest first, empty: not known."""
    gpu: str = ""
    npu: str = ""
    bandwidth_gbs: float | None = None
    """Of the memory, 10⁹ bytes a second."""
    aliases: tuple[str, ...] = ()
    sources: tuple[str, ...] = ()
    """Ids of `Source`."""

    @property
    def cores(self) -> int | None:
        """Of the processor."""
        return sum(cluster.count for cluster in self.clusters) or None


class Phone(Struct, frozen=True, kw_only=True):
    """A device that people buy, or that figures were measured on."""

    id: str
    name: str
    kind: Kind = Kind.PHONE
    platform: str = ""
    """android, ios, linux, windows."""
    socs: tuple[str, ...] = ()
    """Ids of its chips; several where markets differ."""
    year: int | None = None
    """Of release."""
    ram_mb: tuple[int, ...] = ()
    """The sizes that are sold, MiB."""
    battery_mah: int | None = None
    aliases: tuple[str, ...] = ()
    """Model codes, code names, other market names, names in tables of figures."""
    sources: tuple[str, ...] = ()


class Source(Struct, frozen=True, kw_only=True):
    """Where facts come from."""

    id: str
    title: str
    where: str
    """Address, with the commit where it is a repository."""
    license: str = ""
    read: str = ""
    """The day somebody looked."""


class Share(Struct, frozen=True, kw_only=True):
    """A part of the phones in use."""

    platform: str
    year: int
    """Of release; the oldest row stands for older ones, too."""
    tier: Tier
    share: float
    """Of all phones in use, 0 to 1."""


class Shares(Struct, frozen=True, kw_only=True):
    """Which phones are in use."""

    rows: tuple[Share, ...]
    title: str
    """What the table is and where it comes from, for people."""
    assumed: bool
    """Put together from assumptions, not counted."""

    @property
    def total(self) -> float:
        """Sum of all rows; what is missing to 1 is not known."""
        return sum(row.share for row in self.rows)
