"""The schema as data: every table and column with its meaning. The SQL and the documentation are made from it."""

from __future__ import annotations

from typing import Final

from msgspec import Struct

VERSION: Final = 1
"""Raised with every change of the tables; kept in SQLite's `user_version`."""


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
    """Primary key columns."""
    indexes: tuple[str, ...] = ()

    @property
    def ddl(self) -> str:
        """CREATE statements."""
        columns = [f"{column.name} {column.type}" for column in self.columns]
        if self.key:
            columns.append(f"PRIMARY KEY ({self.key})")
        strict = "STRICT"
        made = f"CREATE TABLE {self.name} ({', '.join(columns)}) {strict};"
        for index in self.indexes:
            name = f"{self.name}_{index.replace(', ', '_')}"
            made += f" CREATE INDEX {name} ON {self.name} ({index});"
        return made

    @property
    def insert(self) -> str:
        """INSERT statement with one placeholder a column."""
        return f"INSERT OR REPLACE INTO {self.name} VALUES ({', '.join('?' * len(self.columns))})"  # noqa: S608 - names are ours


_APP = Column("app", "INTEGER NOT NULL", "the app, `app.id`")
_PLACE = (
    Column("path", "TEXT NOT NULL", "location: containers and entry joined with `!`, from the package file on"),
    Column("offset", "INTEGER", "bytes from the start of the entry, after inflation"),
    Column("size", "INTEGER", "bytes"),
)

TABLES: Final[tuple[Table, ...]] = (
    Table(
        "work",
        "The ledger: one row per package file that was ever handed to a run.",
        (
            Column("path", "TEXT NOT NULL", "package file or folder, absolute"),
            Column("size", "INTEGER", "bytes when it was scanned"),
            Column("modified", "INTEGER", "modification time, nanoseconds since 1970"),
            Column("state", "TEXT NOT NULL", "running, done or failed (as a whole)"),
            Column("attempts", "INTEGER NOT NULL", "how often a scan of this file was begun"),
            Column("key", "TEXT", "tool, rule-set and plugin digests of the scan; another key means scanning again"),
            Column("finished", "TEXT", "UTC time of the last result, ISO 8601"),
        ),
        key="path",
    ),
    Table(
        "app",
        "One scanned app (or a package that failed as a whole: then only id, path and document are set).",
        (
            Column("id", "INTEGER PRIMARY KEY", "number within this study"),
            Column("work", "TEXT NOT NULL", "`work.path`"),
            Column("platform", "TEXT", "android, ios or unknown"),
            Column("container", "TEXT", "package format that was read"),
            Column("package_id", "TEXT", "application id or bundle identifier"),
            Column("version_name", "TEXT", "as shown to users"),
            Column("version_code", "TEXT", "versionCode or CFBundleVersion"),
            Column("label", "TEXT", "display name"),
            Column("min_os", "TEXT", "minSdkVersion or MinimumOSVersion"),
            Column("target_os", "TEXT", "targetSdkVersion or DTPlatformVersion"),
            Column("signer", "TEXT", "SHA-256 of the first signing certificate"),
            Column("size", "INTEGER", "bytes of all parts as shipped"),
            Column("sha256", "TEXT", "of the one file, or of the parts' sorted digests"),
            Column("runtime_present", "INTEGER", "1 when code that executes learned models is shipped"),
            Column("model_present", "INTEGER", "1 when a validated model is shipped"),
            Column("model_elsewhere", "INTEGER", "1 when AI is used whose model is not in the package"),
            Column("document", "BLOB NOT NULL", "the whole result: zlib-compressed JSON, schema nngauge.scan/1"),
        ),
        indexes=("work", "package_id"),
    ),
    Table(
        "detection",
        "One technology in one place of one app.",
        (
            _APP,
            Column("technology", "TEXT NOT NULL", "rule id"),
            Column("title", "TEXT NOT NULL", "name for people"),
            Column("category", "TEXT NOT NULL", "runtime, accelerator, sdk, system, cloud, wrapper or classical"),
            Column("presence", "TEXT NOT NULL", "how it is inside: library … file"),
            Column("confidence", "TEXT NOT NULL", "certain, likely or possible"),
            Column("version", "TEXT", "as the binary tells it"),
            Column("host", "TEXT", "technology whose library contains this one"),
            Column("abi", "TEXT", "Android ABI or Mach-O CPU"),
            Column("library_bytes", "INTEGER", "uncompressed size of the binary"),
            Column("path", "TEXT NOT NULL", "location of the first evidence"),
            Column("evidence", "INTEGER NOT NULL", "pieces of evidence; the document holds them"),
        ),
        indexes=("app", "technology"),
    ),
    Table(
        "model",
        "One distinct model. The same bytes in 500 apps are one row here and 500 in `occurrence`.",
        (
            Column("digest", "TEXT NOT NULL", "SHA-256 of the file, or of the parts' sorted digests"),
            Column("format", "TEXT NOT NULL", "format name"),
            Column("title", "TEXT NOT NULL", "format for people"),
            Column("size", "INTEGER NOT NULL", "bytes of all parts"),
            Column("completeness", "TEXT NOT NULL", "full, topology (without weights), partial or structure"),
            Column("parameters", "INTEGER", "elements of all constants; NULL when not read"),
            Column("nodes", "INTEGER", "operations; NULL when not read"),
            Column("inputs", "TEXT NOT NULL", "JSON list of name, dtype, shape"),
            Column("outputs", "TEXT NOT NULL", "JSON list of name, dtype, shape"),
            Column("ops", "TEXT NOT NULL", "JSON object: source op name → count"),
            Column("weights", "TEXT NOT NULL", "JSON object: element type → parameters"),
            Column("producer", "TEXT", "converter or framework, as the file tells"),
            Column("plugin", "TEXT NOT NULL", "name@version of the parser"),
        ),
        key="digest",
    ),
    Table(
        "occurrence",
        "A model in an app.",
        (
            _APP,
            Column("digest", "TEXT NOT NULL", "`model.digest`"),
            Column("name", "TEXT NOT NULL", "file name in the package"),
            *_PLACE,
        ),
        indexes=("app", "digest"),
    ),
    Table(
        "candidate",
        "A file that might be a model and was not accepted.",
        (
            _APP,
            *_PLACE,
            Column("suspicion", "TEXT NOT NULL", "rejected, opaque or incomplete"),
            Column("formats", "TEXT NOT NULL", "formats that were tried, comma-separated"),
            Column("reason", "TEXT NOT NULL", "why it was not accepted"),
        ),
        indexes=("app",),
    ),
    Table(
        "failure",
        "Something that could not be done.",
        (
            _APP,
            *_PLACE,
            Column("stage", "TEXT NOT NULL", "stage of the pipeline"),
            Column("error", "TEXT NOT NULL", "class of the error"),
            Column("reason", "TEXT NOT NULL", "one sentence"),
            Column("plugin", "TEXT NOT NULL", "name@version, where one was at work"),
        ),
        indexes=("app", "error"),
    ),
    Table(
        "anomaly",
        "An oddity of the input that was read all the same.",
        (
            _APP,
            Column("kind", "TEXT NOT NULL", "stable identifier"),
            Column("path", "TEXT NOT NULL", "location"),
            Column("detail", "TEXT NOT NULL", "what exactly"),
            Column("entries", "INTEGER NOT NULL", "how many entries show it"),
        ),
        indexes=("app",),
    ),
    Table(
        "coverage",
        "The account of bytes: what was done with the entries of each content kind.",
        (
            _APP,
            Column("treatment", "TEXT NOT NULL", "scanned, parsed, opened, head-only or unread"),
            Column("kind", "TEXT NOT NULL", "content kind or format"),
            Column("entries", "INTEGER NOT NULL", "how many"),
            Column("size", "INTEGER NOT NULL", "uncompressed bytes"),
        ),
        indexes=("app",),
    ),
)

FACT_TABLES: Final = ("detection", "occurrence", "candidate", "failure", "anomaly", "coverage")
"""Tables whose rows belong to one app and go away with it."""
