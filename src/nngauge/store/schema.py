"""The schema as data: every table and column with its meaning. SQL, reading, writing and documentation are made from it.

Two kinds of tables: those of the ledger (SQLite: what is to be done, what was done, where the facts are) and those of
facts (Parquet shards that are only ever added to, asked through DuckDB).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from msgspec import Struct

from nngauge.domain.market import FIELDS

VERSION: Final = 2
"""Raised with every change of the tables; kept in SQLite's `user_version`. 1 was one SQLite file for everything."""


class Column(Struct, frozen=True):
    """One column: SQL type and meaning. Absence is NULL, never 0."""

    name: str
    type: str
    meaning: str


class Table(Struct, frozen=True):
    """One table."""

    name: str
    meaning: str
    columns: tuple[Column, ...]
    key: str = ""
    """Columns that identify a row, comma-separated."""
    indexes: tuple[str, ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the columns."""
        return tuple(column.name for column in self.columns)

    @property
    def ddl(self) -> str:
        """CREATE statements for SQLite."""
        columns = [f"{column.name} {column.type}" for column in self.columns]
        if self.key:
            columns.append(f"PRIMARY KEY ({self.key})")
        made = f"CREATE TABLE {self.name} ({', '.join(columns)}) STRICT;"
        for index in self.indexes:
            name = f"{self.name}_{index.replace(', ', '_')}"
            made += f" CREATE INDEX {name} ON {self.name} ({index});"
        return made


def _columns(*rows: tuple[str, str, str]) -> tuple[Column, ...]:
    return tuple(Column(*row) for row in rows)


# --- the ledger (SQLite) ------------------------------------------------------------------------------------------------

LEDGER_TABLES: Final[tuple[Table, ...]] = (
    Table(
        "study",
        "What the study says of itself.",
        _columns(
            ("name", "TEXT NOT NULL", "name of the fact"),
            ("value", "TEXT NOT NULL", "its value"),
        ),
        key="name",
    ),
    Table(
        "source",
        "Where items came from: one row per `study add`.",
        _columns(
            ("id", "INTEGER PRIMARY KEY", "number within this study"),
            ("snapshot", "TEXT NOT NULL", "name of the snapshot, usually a date"),
            ("kind", "TEXT NOT NULL", "kind of source: folder, urls, fdroid, androzoo, store, adb"),
            ("locator", "TEXT NOT NULL", "the source as given, without secrets"),
            ("added", "TEXT NOT NULL", "UTC time, ISO 8601"),
        ),
    ),
    Table(
        "item",
        "One package in one snapshot, and how far it has come.",
        _columns(
            ("id", "INTEGER PRIMARY KEY", "number within this study"),
            ("snapshot", "TEXT NOT NULL", "name of the snapshot"),
            ("source", "INTEGER NOT NULL", "`source.id`"),
            ("locator", "TEXT NOT NULL", "path, address or key of the package"),
            ("size", "INTEGER", "bytes, as the source tells"),
            ("stamp", "TEXT", "changes when the package does: modification time, ETag"),
            ("expected", "TEXT", "SHA-256 the source promises"),
            ("package_id", "TEXT", "application id, as the source tells, else as the package says"),
            ("version_code", "TEXT", "as the source tells"),
            ("state", "TEXT NOT NULL", "waiting, leased, done, failed or quarantined"),
            ("attempts", "INTEGER NOT NULL", "how often work on it was begun"),
            ("not_before", "REAL NOT NULL", "seconds since 1970 before which it is not tried again"),
            ("key", "TEXT", "tool, rule-set and plug-in digests of the result; another key means scanning again"),
            ("app", "TEXT", "`app.app`: identity of what was found there"),
            ("error", "TEXT", "why there is no result: class of the error"),
            ("reason", "TEXT", "one sentence"),
            ("hint", "TEXT", "what to do about it"),
            ("fetched", "INTEGER", "bytes that had to be read from a remote source"),
            ("finished", "TEXT", "UTC time of the last result, ISO 8601"),
        ),
        indexes=("state, not_before", "app", "snapshot, package_id"),
    ),
    Table(
        "result",
        "Apps whose facts are known, under which key, and in which batch of shards they lie.",
        _columns(
            ("app", "TEXT NOT NULL", "identity of the app"),
            ("key", "TEXT NOT NULL", "as `item.key`"),
            ("batch", "INTEGER", "batch of shards; NULL while the facts are in the journal"),
        ),
        key="app",
        indexes=("batch",),
    ),
    Table(
        "journal",
        "Results that are not in a shard yet.",
        _columns(
            ("app", "TEXT NOT NULL", "identity of the app"),
            ("document", "BLOB NOT NULL", "the result: zlib-compressed JSON of `StoredResult`"),
        ),
        key="app",
    ),
    Table(
        "superseded",
        "Facts in shards that a later result of the same app replaced.",
        _columns(
            ("app", "TEXT NOT NULL", "identity of the app"),
            ("batch", "INTEGER NOT NULL", "batch in which its facts no longer count"),
        ),
        key="app, batch",
    ),
    Table(
        "shard",
        "The files that hold facts. A file that is not listed here does not count.",
        _columns(
            ("batch", "INTEGER NOT NULL", "number of the batch"),
            ("part", "TEXT NOT NULL", "table of facts"),
            ("rows", "INTEGER NOT NULL", "rows in the file"),
            ("size", "INTEGER NOT NULL", "bytes"),
            ("sha256", "TEXT NOT NULL", "digest of the file"),
        ),
        key="batch, part",
    ),
    Table(
        "metadata",
        "Tables of store listings that were read: one row per file of `study metadata`.",
        _columns(
            ("id", "INTEGER PRIMARY KEY", "number within this study; `market.import`"),
            ("file", "TEXT NOT NULL", "the file as given"),
            ("digest", "TEXT NOT NULL", "of its content and of how it was to be read"),
            ("added", "TEXT NOT NULL", "UTC time, ISO 8601"),
            ("batch", "INTEGER NOT NULL", "batch of shards in which its rows lie"),
            ("snapshots", "TEXT NOT NULL", "snapshots its rows belong to, comma-separated, the first ones"),
            ("rows", "INTEGER NOT NULL", "rows in the file"),
            ("kept", "INTEGER NOT NULL", "apps and snapshots they told about"),
            ("refused", "INTEGER NOT NULL", "rows that name no package or are damaged"),
            ("unreadable", "INTEGER NOT NULL", "cells that could not be read and were left empty"),
            ("columns", "TEXT NOT NULL", "JSON object: column of `market` → what the file calls it"),
        ),
        indexes=("digest",),
    ),
    Table(
        "metadata_problem",
        "The first refused rows and unreadable cells of each such file.",
        _columns(
            ("import", "INTEGER NOT NULL", "`metadata.id`"),
            ("line", "INTEGER NOT NULL", "line of the file, from 1"),
            ("field", "TEXT NOT NULL", "column of `market`; empty: the row as a whole"),
            ("reason", "TEXT NOT NULL", "why"),
            ("text", "TEXT NOT NULL", "beginning of what stands there"),
        ),
        indexes=("import",),
    ),
    Table(
        "print",
        "Finger-prints of packages: what a second look can recognise without reading all bytes.",
        _columns(
            ("size", "INTEGER NOT NULL", "bytes of the package"),
            ("tail", "BLOB NOT NULL", "digest of its last bytes, which hold a zip's directory"),
            ("app", "TEXT NOT NULL", "identity of the app, its SHA-256"),
        ),
        key="size, tail, app",
    ),
)

# --- facts (Parquet) ----------------------------------------------------------------------------------------------------

_APP = ("app", "VARCHAR", "identity of the app: SHA-256 of its package, or of the sorted digests of its parts")
_PLACE = (
    ("path", "VARCHAR", "location: containers and entry joined with `!`, from the package file on"),
    ("offset", "BIGINT", "bytes from the start of the entry, after inflation"),
    ("size", "BIGINT", "bytes"),
)

FACT_TABLES: Final[tuple[Table, ...]] = (
    Table(
        "app",
        "One scanned app, whatever the number of snapshots it is in (see `listing`).",
        _columns(
            _APP,
            ("platform", "VARCHAR", "android, ios or unknown"),
            ("container", "VARCHAR", "package format that was read"),
            ("package_id", "VARCHAR", "application id or bundle identifier"),
            ("version_name", "VARCHAR", "as shown to users"),
            ("version_code", "VARCHAR", "versionCode or CFBundleVersion"),
            ("label", "VARCHAR", "display name"),
            ("min_os", "VARCHAR", "minSdkVersion or MinimumOSVersion"),
            ("target_os", "VARCHAR", "targetSdkVersion or DTPlatformVersion"),
            ("signer", "VARCHAR", "SHA-256 of the first signing certificate"),
            ("size", "BIGINT", "bytes of all parts as shipped"),
            ("runtime_present", "BOOLEAN", "code that executes learned models is shipped"),
            ("model_present", "BOOLEAN", "a validated model is shipped"),
            ("model_elsewhere", "BOOLEAN", "AI is used whose model is not in the package"),
            ("complete", "BOOLEAN", "nothing in it failed to be read"),
        ),
        key="app",
    ),
    Table(
        "detection",
        "One technology in one place of one app.",
        _columns(
            _APP,
            ("technology", "VARCHAR", "rule id"),
            ("title", "VARCHAR", "name for people"),
            ("category", "VARCHAR", "runtime, accelerator, sdk, system, cloud, wrapper or classical"),
            ("presence", "VARCHAR", "how it is inside: library … file"),
            ("confidence", "VARCHAR", "certain, likely or possible"),
            ("version", "VARCHAR", "as the binary tells it"),
            ("host", "VARCHAR", "technology whose library contains this one"),
            ("abi", "VARCHAR", "Android ABI or Mach-O CPU"),
            ("library_bytes", "BIGINT", "uncompressed size of the binary"),
            ("path", "VARCHAR", "location of the first evidence"),
            ("evidence", "BIGINT", "pieces of evidence; the document holds them"),
        ),
    ),
    Table(
        "library",
        "One native binary of one app, with AI in it or without.",
        _columns(
            _APP,
            ("path", "VARCHAR", "location"),
            ("size", "BIGINT", "uncompressed bytes"),
            ("abi", "VARCHAR", "Android ABI, processor or Mach-O CPU"),
            ("soname", "VARCHAR", "DT_SONAME or LC_ID_DYLIB"),
            ("build_id", "VARCHAR", "GNU build identifier or LC_UUID"),
            ("technologies", "VARCHAR", "rule ids of what was found in it, comma-separated"),
        ),
    ),
    Table(
        "model",
        "One distinct model in one app; the same digest in many apps is the same model.",
        _columns(
            _APP,
            ("digest", "VARCHAR", "SHA-256 of the file, or of the parts' sorted digests"),
            ("name", "VARCHAR", "file name in the package"),
            *_PLACE,
            ("format", "VARCHAR", "format name"),
            ("title", "VARCHAR", "format for people"),
            ("completeness", "VARCHAR", "full, topology (without weights), partial or structure"),
            ("parameters", "HUGEINT", "elements of all constants; NULL when not read"),
            ("nodes", "BIGINT", "operations; NULL when not read"),
            ("inputs", "VARCHAR", "JSON list of name, dtype, shape"),
            ("outputs", "VARCHAR", "JSON list of name, dtype, shape"),
            ("ops", "VARCHAR", "JSON object: source op name → count"),
            ("weights", "VARCHAR", "JSON object: element type → parameters"),
            ("producer", "VARCHAR", "converter or framework, as the file tells"),
            ("plugin", "VARCHAR", "name@version of the parser"),
        ),
    ),
    Table(
        "candidate",
        "A file that might be a model and was not accepted.",
        _columns(
            _APP,
            *_PLACE,
            ("suspicion", "VARCHAR", "rejected, opaque or incomplete"),
            ("formats", "VARCHAR", "formats that were tried, comma-separated"),
            ("reason", "VARCHAR", "why it was not accepted"),
        ),
    ),
    Table(
        "failure",
        "Something that could not be done, in an app or with a whole package.",
        _columns(
            _APP,
            *_PLACE,
            ("stage", "VARCHAR", "stage of the pipeline"),
            ("error", "VARCHAR", "class of the error"),
            ("reason", "VARCHAR", "one sentence"),
            ("plugin", "VARCHAR", "name@version, where one was at work"),
        ),
    ),
    Table(
        "anomaly",
        "An oddity of the input that was read all the same.",
        _columns(
            _APP,
            ("kind", "VARCHAR", "stable identifier"),
            ("path", "VARCHAR", "location"),
            ("detail", "VARCHAR", "what exactly"),
            ("entries", "BIGINT", "how many entries show it"),
        ),
    ),
    Table(
        "coverage",
        "The account of bytes: what was done with the entries of each content kind.",
        _columns(
            _APP,
            ("treatment", "VARCHAR", "scanned, parsed, opened, head-only, left-out or unread"),
            ("kind", "VARCHAR", "content kind or format"),
            ("entries", "BIGINT", "how many"),
            ("size", "BIGINT", "uncompressed bytes"),
        ),
    ),
    Table(
        "document",
        "The whole result of one app, evidence included.",
        _columns(
            _APP,
            ("key", "VARCHAR", "tool, rule-set and plug-in digests under which it was made"),
            ("document", "VARCHAR", "JSON, schema nngauge.scan/1"),
        ),
        key="app",
    ),
)

MARKET: Final = Table(
    "market",
    "What a store says of an app in a snapshot, from the tables given to `study metadata`.",
    (
        *(Column(field.name, field.type, field.meaning) for field in FIELDS),
        Column("import", "BIGINT", "`metadata.id` in the ledger: the last table that told something of this app"),
        Column("line", "BIGINT", "line of that table"),
    ),
    key="package_id, snapshot",
)

LISTING: Final = Table(
    "listing",
    "Which app was found where in which snapshot: the items of the ledger, for questions in SQL.",
    _columns(
        ("snapshot", "VARCHAR", "name of the snapshot"),
        ("locator", "VARCHAR", "path, address or key of the package"),
        ("source", "VARCHAR", "kind of source"),
        ("package_id", "VARCHAR", "application id, as the source tells, else as the package says"),
        ("version_code", "VARCHAR", "as the source tells"),
        ("size", "BIGINT", "bytes, as the source tells"),
        ("state", "VARCHAR", "waiting, leased, done, failed or quarantined"),
        ("attempts", "BIGINT", "how often work on it was begun"),
        ("app", "VARCHAR", "`app.app`; NULL while there is no result"),
        ("error", "VARCHAR", "why there is no result: class of the error"),
        ("reason", "VARCHAR", "one sentence"),
        ("fetched", "BIGINT", "bytes that had to be read from a remote source"),
    ),
)


def by_name(tables: Iterable[Table]) -> dict[str, Table]:
    """Tables by their names."""
    return {table.name: table for table in tables}
