"""The facts of a model are kept once, although several workers may have sent them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from msgspec.structs import replace

from nngauge.store.ledger import Entry, Ledger

if TYPE_CHECKING:
    import duckdb


def once(
    database: duckdb.DuckDBPyConnection, folder: Path, ledger: Ledger, entries: Iterable[Entry]
) -> Iterator[Entry]:
    """`entries` without the facts of models that shards, or earlier entries, have under the same key.

    Under another key they are kept: the results under the old one are about to be replaced, with their facts.
    """
    entries = list(entries)
    digests = {network.digest for entry in entries for network in entry.result.networks}
    known = _known(database, folder, ledger, digests) if digests else set()
    for entry in entries:
        fresh = tuple(item for item in entry.result.networks if (item.digest, entry.key) not in known)
        known |= {(item.digest, entry.key) for item in fresh}
        yield Entry(entry.app, entry.key, replace(entry.result, networks=fresh))


def _known(
    database: duckdb.DuckDBPyConnection, folder: Path, ledger: Ledger, digests: set[str]
) -> set[tuple[str, str]]:
    """Which of `digests` shards have facts of, and under which keys. A damaged file has none."""
    import duckdb

    dead = set(ledger.superseded())
    wanted = sorted(digests)
    found: set[tuple[str, str]] = set()
    for shard in (shard for shard in ledger.shards() if shard.part == "network"):
        try:
            rows = database.execute(
                "SELECT digest, key, app FROM read_parquet(?) WHERE digest IN (SELECT unnest(?))",
                [str(folder / shard.file), wanted],
            ).fetchall()
        except duckdb.Error:
            continue
        found |= {(digest, key) for digest, key, app in rows if (app, shard.batch) not in dead}
    return found
