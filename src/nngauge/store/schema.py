"""The schema as data: every table and column with its meaning. SQL, reading, writing and documentation are made from it.

Two kinds of tables: those of the ledger (SQLite: what is to be done, what was done, where the facts are) and those of
facts (Parquet shards that are only ever added to, asked through DuckDB).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from msgspec import Struct

from nngauge.domain.market import FIELDS

VERSION: Final = 3
"""Raised with every change of the ledger's tables; kept in SQLite's `user_version`. 1 was one SQLite file for everything, 2
had no tables for market metadata."""
ADDITIVE: Final = frozenset({2})
"""Versions that lack tables and indexes of today's and differ in nothing else: a ledger of theirs is completed when opened."""


class Column(Struct, frozen=True):
    """One column: SQL type and meaning. Absence is NULL, never 0."""

    name: str
    type: str
    meaning: str
    derived: str = ""
    """SQL that gives it from older columns, for files that were written without it; empty: NULL there."""


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


def _columns(*rows: tuple[str, str, str] | tuple[str, str, str, str]) -> tuple[Column, ...]:
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
_NUMBER = (
    "number",
    "UBIGINT",
    "the first 64 bits of the digest: as good for counting and joining, and several times as fast",
    "try_cast('0x' || left(digest, 16) AS UBIGINT)",
)
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
            (
                "role",
                "VARCHAR",
                "is AI what the app is for: core feature, extra or unknown; NULL where no model says what it is for",
            ),
            ("role_probability", "DOUBLE", "calibrated chance that `role` is right"),
            ("models", "BIGINT", "distinct models in it"),
            ("model_bytes", "BIGINT", "their bytes"),
            ("library_bytes", "BIGINT", "bytes of all native binaries"),
            ("ai_library_bytes", "BIGINT", "bytes of those with AI in them"),
        ),
        key="app",
    ),
    Table(
        "technology",
        "What the detections of one technology in one app add up to.",
        _columns(
            _APP,
            ("technology", "VARCHAR", "rule id"),
            ("title", "VARCHAR", "name for people"),
            ("category", "VARCHAR", "as in `detection`"),
            ("grade", "VARCHAR", "what the best evidence amounts to: runtime library … dead reference"),
            ("presence", "VARCHAR", "how the strongest detection is inside"),
            ("confidence", "VARCHAR", "certain, likely or possible"),
            ("shipped", "BOOLEAN", "code that can run it is in the app"),
            ("dead", "BOOLEAN", "nothing in the app can run it"),
            ("missing", "VARCHAR", "what it needs and the app does not have, comma-separated"),
            ("versions", "VARCHAR", "JSON list: versions, or ranges where no binary tells one"),
            ("abis", "VARCHAR", "comma-separated"),
            ("host", "VARCHAR", "technology whose library contains it"),
            ("owner", "VARCHAR", "who brought it: app, sdk, system or unknown; NULL where nobody asked"),
            ("sdk", "VARCHAR", "component that brought it: id in the knowledge base, or of a technology"),
            ("used", "VARCHAR", "used, bundled or unknown; NULL unless the scan read the code for it"),
            ("caller", "VARCHAR", "whose code uses it: app, sdk or start-up"),
            ("library_bytes", "BIGINT", "uncompressed bytes of the largest binary that it is in"),
            ("places", "BIGINT", "detections, or models where only they speak for it"),
        ),
        key="app, technology",
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
            ("owner", "VARCHAR", "whose it is: app, sdk, system or unknown; NULL in apps without AI"),
            ("sdk", "VARCHAR", "component that it belongs to"),
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
            ("task", "VARCHAR", "what it is for: id of a task, or unknown (docs/tasks.md)"),
            ("task_probability", "DOUBLE", "calibrated chance that `task` is right"),
            ("modality", "VARCHAR", "image, audio, text, sensor, table or unknown"),
            ("owner", "VARCHAR", "whose it is: app, sdk, system or unknown"),
            ("sdk", "VARCHAR", "component that it belongs to"),
            ("known", "VARCHAR", "published model that it is, or was made from: id in the knowledge base"),
            ("likeness", "VARCHAR", "in which way: same file, same weights, derived, same architecture or same trunk"),
            ("used", "VARCHAR", "used, bundled or unknown; NULL unless the scan read the code for it"),
            _NUMBER,
        ),
    ),
    Table(
        "network",
        "One distinct model, by its digest: what it costs, how it was optimised, what it is like. See `model` for the apps.",
        _columns(
            ("app", "VARCHAR", "app with whose result these facts came; `model` lists all apps that have the model"),
            ("digest", "VARCHAR", "`model.digest`"),
            ("plugin", "VARCHAR", "name@version of the parser"),
            ("reason", "VARCHAR", "why there are no facts: damaged, not analysed in time; else NULL"),
            (
                "macs",
                "BIGINT",
                "multiply-accumulates of one inference (docs/cost.md); NULL when unknown or not a number",
            ),
            ("macs_formula", "VARCHAR", "where they depend on free dimensions: 37748736*N"),
            ("parameters", "BIGINT", "weights, counted once"),
            ("parameters_formula", "VARCHAR", "where they depend on free dimensions"),
            ("weight_bytes", "BIGINT", "bytes of all weights as stored"),
            ("peak_bytes", "BIGINT", "most bytes of activations alive at once"),
            ("peak_formula", "VARCHAR", "where they depend on free dimensions"),
            ("read_bytes", "BIGINT", "activations read in one inference"),
            ("written_bytes", "BIGINT", "activations written in one inference"),
            ("lower_bound", "BOOLEAN", "MACs and bytes moved are at least this"),
            ("scheme", "VARCHAR", "float, dynamic-range, weight-only, full-integer, block-wise, palettised, mixed …"),
            ("precision", "VARCHAR", "the scheme in the words of the field: dynamic-range int8"),
            ("sparsity", "DOUBLE", "share of exact zeros among the weights that were read, 0 to 1"),
            ("near_zero", "DOUBLE", "share of weights near zero, zeros included, 0 to 1"),
            ("clustered", "BIGINT", "float tensors with at most 256 different values"),
            ("structure", "VARCHAR", "digest of operators, types and shapes: the same graph from the same converter"),
            ("layers", "VARCHAR", "digest of the weighted layers in any order: the same architecture in any format"),
            ("trunk", "VARCHAR", "`layers` without the last one"),
            ("known", "VARCHAR", "published model with these weights or layers: id in the knowledge base"),
            ("likeness", "VARCHAR", "in which way: same file, same weights, derived, same architecture or same trunk"),
            ("tensors", "BIGINT", "its rows in `tensor`"),
            ("weights_left_out", "BIGINT", "weights without a row there, the smallest ones"),
            ("lm_role", "VARCHAR", "decoder, text encoder, speech recogniser …; NULL when it is no language model"),
            ("lm_family", "VARCHAR", "family for people"),
            ("lm_architecture", "VARCHAR", "in the words of the file"),
            ("lm_context", "BIGINT", "tokens it was trained or exported for"),
            ("lm_layers", "BIGINT", "transformer blocks"),
            ("lm_embedding", "BIGINT", "width"),
            ("lm_vocabulary", "BIGINT", "tokens known"),
            ("lm_bits_per_weight", "DOUBLE", "bits of all tensors ÷ parameters"),
            ("lm_cache_bytes", "BIGINT", "key-value cache of one token in float16"),
            ("key", "VARCHAR", "tool, rule-set and plug-in digests under which this was made"),
            _NUMBER,
        ),
        key="digest",
    ),
    Table(
        "family",
        "The layers of one family in one distinct model, in sum.",
        _columns(
            ("app", "VARCHAR", "as `network.app`"),
            ("digest", "VARCHAR", "`model.digest`"),
            ("family", "VARCHAR", "convolution, depthwise convolution, dense, attention, activation …"),
            ("layers", "BIGINT", "how many"),
            ("macs", "BIGINT", "multiply-accumulates of one inference; NULL when one is unknown or no number"),
            ("parameters", "BIGINT", "weights, counted at the first layer that uses them"),
            _NUMBER,
        ),
        key="digest, family",
    ),
    Table(
        "workload",
        "The layers of one distinct model with what each computes and moves, as `nngauge estimate STUDY` reads them.",
        _columns(
            ("app", "VARCHAR", "as `network.app`"),
            ("digest", "VARCHAR", "`model.digest`"),
            ("layers", "BIGINT", "how many"),
            (
                "work",
                "VARCHAR",
                "JSON: totals, and a list for each layer: kind, family, shapes in and out, element types, attributes, MACs, bytes …",
            ),
            _NUMBER,
        ),
        key="digest",
    ),
    Table(
        "tensor",
        "One weight of one distinct model, and what tells it from others: the same weights are found in other models.",
        _columns(
            ("app", "VARCHAR", "as `network.app`"),
            ("digest", "VARCHAR", "`model.digest`"),
            ("tensor", "BIGINT", "place among the weights of the file, from 0"),
            ("elements", "BIGINT", "how many"),
            ("dtype", "VARCHAR", "element type as stored"),
            ("size", "BIGINT", "bytes as stored"),
            ("layer", "BOOLEAN", "a layer's weight, rather than its bias or gain"),
            ("exact", "VARCHAR", "BLAKE2b-128 of its bytes; NULL when unread or one value over and over"),
            ("out_channels", "BIGINT", "output channels; NULL without a sketch"),
            ("in_channels", "BIGINT", "input channels of each"),
            ("positions", "BIGINT", "positions of the kernel"),
            ("bits_high", "UBIGINT", "upper 64 bits of the sketch, which conversions hardly change"),
            ("bits_low", "UBIGINT", "lower 64 bits"),
            ("known_high", "UBIGINT", "the bits that say something"),
            ("known_low", "UBIGINT", "the bits that say something"),
        ),
        key="digest, tensor",
    ),
    Table(
        "acceleration",
        "One accelerator in one ABI of one app: asked for, shipped, or both.",
        _columns(
            _APP,
            ("accelerator", "VARCHAR", "id in the knowledge base"),
            ("title", "VARCHAR", "name for people"),
            ("engine", "VARCHAR", "technology that hands work to it; empty for direct use"),
            ("hardware", "VARCHAR", "cpu, gpu, npu or any"),
            ("abi", "VARCHAR", "Android ABI; NULL where there is only one"),
            ("outcome", "VARCHAR", "what comes of it: works as shipped … unknown"),
            ("missing", "VARCHAR", "what is not there, comma-separated"),
            ("size", "BIGINT", "uncompressed bytes of the files that serve it"),
        ),
    ),
    Table(
        "protection",
        "How well each model of an app, or file that may hide one, is protected; only of apps that were audited.",
        _columns(
            _APP,
            ("digest", "VARCHAR", "`model.digest`; empty for files that are no readable models"),
            ("name", "VARCHAR", "file name in the package"),
            *_PLACE,
            ("title", "VARCHAR", "format for people; empty when nothing could be read"),
            ("places", "BIGINT", "how often it is in the app"),
            ("grade", "VARCHAR", "in which way it is kept from being read, the one that counts (docs/protection.md)"),
            ("grades", "VARCHAR", "all of them, comma-separated"),
            ("confidence", "VARCHAR", "how sure `grade` is: certain, likely or possible"),
            ("cipher", "VARCHAR", "what could be told of the masking: XOR, AES …"),
            ("reveals", "VARCHAR", "format that was found behind the disguise"),
            ("owner", "VARCHAR", "whose it is: app, sdk, system or unknown"),
            ("sdk", "VARCHAR", "component that it belongs to"),
            ("weaknesses", "VARCHAR", "how it could be swapped: checks with a bad answer, comma-separated"),
            _NUMBER,
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

_SESSION: Final = (
    ("session", "VARCHAR", "file below `measured/` in the study's folder, which holds every sample"),
    ("nth", "BIGINT", "place among the measurements of that file, from 1"),
)
_MEASURED: Final = (
    ("digest", "VARCHAR", "`model.digest`"),
    ("name", "VARCHAR", "file name of the model when it was measured"),
)
_CONFIGURATION: Final = (
    ("engine", "VARCHAR", "what ran it: litert, onnxruntime …; native:NAME: a library of its own"),
    ("threads", "BIGINT", "number of threads"),
    ("delegate", "VARCHAR", "accelerator or back end as the engine calls it; empty: its default on the processor"),
    ("batch", "BIGINT", "inputs of one inference"),
    ("cores", "VARCHAR", "cores that it was bound to, comma-separated; empty: not bound"),
)

MEASURED_TABLES: Final[tuple[Table, ...]] = (
    Table(
        "measurement",
        "One model in one configuration on one device, as `nngauge measure STUDY` measured it (docs/measuring.md). Nothing is estimated.",
        _columns(
            *_SESSION,
            *_MEASURED,
            _NUMBER,
            ("format", "VARCHAR", "format name"),
            ("device", "VARCHAR", "how it was addressed: host, adb:SERIAL, ssh:HOST"),
            ("device_name", "VARCHAR", "maker and model; else its processor; else `device`"),
            ("soc", "VARCHAR", "system on a chip, or the processor's name"),
            ("abi", "VARCHAR", "arm64-v8a, x86_64 …"),
            ("system", "VARCHAR", "operating system with version"),
            ("device_cores", "BIGINT", "cores of the device; NULL when it does not tell"),
            ("device_memory", "BIGINT", "bytes of memory of the device"),
            ("battery_mah", "DOUBLE", "capacity of its battery; NULL when it does not tell"),
            ("emulated", "BOOLEAN", "its processor is emulated: it has no times"),
            *_CONFIGURATION,
            ("engine_version", "VARCHAR", "as the engine tells it"),
            ("library", "VARCHAR", "SHA-256 of the library that ran it; empty unless that was a file of its own"),
            ("started", "VARCHAR", "UTC time, ISO 8601"),
            ("tool", "VARCHAR", "nngauge and its version"),
            ("protocol", "VARCHAR", "schema of the session"),
            ("seed", "BIGINT", "of the inputs"),
            ("macs", "BIGINT", "multiply-accumulates of one inference of one input"),
            ("launches", "BIGINT", "processes: what is replicated"),
            ("runs", "BIGINT", "inferences that were timed"),
            ("clock", "VARCHAR", "which time counts: wall; processor on one thread of a busy host"),
            ("load_seconds", "DOUBLE", "reading the model and preparing it, median over launches"),
            ("first_seconds", "DOUBLE", "the first inference, median over launches"),
            ("steady_seconds", "DOUBLE", "one inference after warm-up: median of the launches' medians; NULL: not timed"),
            ("steady_low", "DOUBLE", "lower end of its 95 % interval over launches; NULL for one launch"),
            ("steady_high", "DOUBLE", "upper end"),
            ("p5_seconds", "DOUBLE", "5 % of all runs took at most this"),
            ("p90_seconds", "DOUBLE", "90 %"),
            ("p95_seconds", "DOUBLE", "95 %"),
            ("p99_seconds", "DOUBLE", "99 %"),
            ("cpu_seconds", "DOUBLE", "processor time of a steady inference, all threads"),
            ("load_bytes", "BIGINT", "resident memory that loading added, median over launches"),
            ("peak_bytes", "BIGINT", "highest resident memory of the process, engine included"),
            ("doubts", "VARCHAR", "why it should not be believed without a second look, comma-separated"),
            ("finite", "BOOLEAN", "outputs are finite; NULL: not looked at"),
            ("varies", "BOOLEAN", "another input gave other outputs"),
            ("reference", "VARCHAR", "engine and version that the outputs were compared with; NULL: none"),
            ("difference", "DOUBLE", "largest difference from the reference, as a share of its largest value"),
            ("delegated", "VARCHAR", "JSON object: where operators ran → how many, as the engine tells"),
            ("joules", "DOUBLE", "energy of one inference above the device at rest; NULL: not measured, or below `joules_mde`"),
            ("joules_low", "DOUBLE", "lower end of its 95 % interval over blocks"),
            ("joules_high", "DOUBLE", "upper end; told below `joules_mde`, too"),
            ("joules_mde", "DOUBLE", "minimum detectable energy of the session, joules of one inference; NULL: not measured"),
            ("baseline_watts", "DOUBLE", "power of the device at rest"),
            ("meter", "VARCHAR", "what measured the energy"),
            ("energy_doubts", "VARCHAR", "why the energy should not be believed without a second look, comma-separated"),
            ("energy_refused", "VARCHAR", "why energy was asked for and not measured"),
        ),
        key="session, nth",
    ),
    Table(
        "launch",
        "One process of a measurement. Each of its samples: `FROM samples('SESSION')`, `samples('*.json')` for all.",
        _columns(
            *_SESSION,
            ("launch", "BIGINT", "number of the process, from 1"),
            ("block", "BIGINT", "launches of all configurations with one number followed each other, in random order"),
            ("load_seconds", "DOUBLE", "reading the model and preparing it"),
            ("first_seconds", "DOUBLE", "the first inference"),
            ("steady_seconds", "DOUBLE", "median of its samples, wall time; NULL: not timed"),
            ("cpu_seconds", "DOUBLE", "median of their processor times, all threads"),
            ("samples", "BIGINT", "how many were taken"),
            ("inferences_per_sample", "BIGINT", "inferences that a sample is the mean of"),
            ("load_bytes", "BIGINT", "resident memory that loading added"),
            ("peak_bytes", "BIGINT", "highest resident memory of the process"),
            ("settled", "BOOLEAN", "the warm-up settled"),
            ("celsius", "DOUBLE", "the hottest thermal zone after it"),
            ("hz", "DOUBLE", "the fastest clock of a core after it"),
            ("battery", "DOUBLE", "charge before it, 0 to 1"),
        ),
        key="session, nth, launch",
    ),
    Table(
        "operator_time",
        "One operator in an engine's own profile of a model; only where `nngauge measure --profile` asked.",
        _columns(
            *_SESSION,
            *_MEASURED,
            _NUMBER,
            ("operator", "VARCHAR", "its name"),
            ("kind", "VARCHAR", "what it is, as the engine calls it"),
            ("calls", "BIGINT", "in one inference"),
            ("seconds", "DOUBLE", "of one inference, on average; profiling itself takes time"),
            ("unit", "VARCHAR", "where it ran: cpu, gpu, npu; empty where the engine does not tell"),
        ),
    ),
    Table(
        "measurement_refusal",
        "A model and a configuration that could not be measured, or a file of a session that cannot be read.",
        _columns(
            ("session", "VARCHAR", "file below `measured/`"),
            *_MEASURED,
            _NUMBER,
            *_CONFIGURATION,
            ("kind", "VARCHAR", "unsupported, crashed, timeout, memory, missing, wrong-output, device …; damaged: the file"),
            ("reason", "VARCHAR", "in the engine's words"),
            ("hint", "VARCHAR", "what to do about it"),
        ),
    ),
)  # fmt: skip
"""Made from the sessions in the study's folder `measured/` (`nngauge.store.measured`)."""

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
