"""The ledger's items as a Parquet file, kept until the ledger changes: writing a million of them takes seconds."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Final

from nngauge.store.ledger import Ledger
from nngauge.store.schema import LISTING, VERSION
from nngauge.store.shards import write_parquet

if TYPE_CHECKING:
    import duckdb

_KEPT: Final = "cache"
"""Folder beside the facts; what is in it can be deleted at any time."""


def write_listing(
    database: duckdb.DuckDBPyConnection, folder: Path, ledger: Ledger, changes: int, target: Path
) -> None:
    """The listing of the study in `folder` after so many changes of its ledger, at `target`. Raises `StoreError`."""
    kept = folder / _KEPT / f"listing-{VERSION}-{changes}.parquet"
    if copy_quickly(kept, target):
        return
    write_parquet(database, LISTING, ledger.listing(), target)
    _keep(target, kept)


def copy_quickly(source: Path, target: Path) -> bool:
    """By a link where that is possible: the next change takes the kept file away, and it may be in use then. False: it is gone."""
    try:
        os.link(source, target)
    except OSError:
        try:
            shutil.copyfile(source, target)
        except OSError:
            target.unlink(missing_ok=True)
            return False
    return True


def _keep(listing: Path, kept: Path) -> None:
    """A study that cannot be written is read all the same."""
    try:
        kept.parent.mkdir(exist_ok=True)
        for old in kept.parent.glob("listing-*"):
            old.unlink(missing_ok=True)
        pending = kept.with_name(f"listing-{os.getpid()}.pending")
        shutil.copyfile(listing, pending)
        pending.replace(kept)
    except OSError:
        return
