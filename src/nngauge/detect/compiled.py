"""The rule set ready to run, quickly: parsing and compiling is done once per rule set and kept in the user's cache.

The cache is only an accelerator: it is keyed by the digest of the rule files, of the carving magics and of the
Hyperscan version, typed when read, and whatever is wrong with it means compiling again.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import platform
import tempfile
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path

import msgspec

from nngauge.detect.ruleset import Rule, RuleSet, parse_rule, rule_files, rules_digest
from nngauge.detect.signatures import Signatures, compile_signatures


class _Cached(msgspec.Struct, frozen=True):
    rules: tuple[Rule, ...]
    database: bytes


def load_signatures(extra: Sequence[bytes] = (), folder: Path | None = None) -> Signatures:
    """The signatures of nngauge's rules (or of those in `folder`) plus the `extra` literals.

    Raises `RuleError` when a rule file is broken.
    """
    sources = rule_files(folder)
    digest = rules_digest(sources)
    place = _cache_file(digest, extra)
    cached = _read(place)
    if cached is not None:
        return compile_signatures(RuleSet(cached.rules, digest), extra, cached.database)
    ruleset = RuleSet(tuple(parse_rule(name, data) for name, data in sources), digest)
    signatures = compile_signatures(ruleset, extra)
    _write(place, _Cached(ruleset.rules, signatures.literals.compiled()))
    return signatures


def _cache_file(digest: str, extra: Sequence[bytes]) -> Path:
    root = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    machine = f"{version('hyperscan')} {platform.machine()} {platform.node()}"
    key = hashlib.blake2b(repr((digest, tuple(extra), machine, _SCHEMA)).encode(), digest_size=12).hexdigest()
    return root / "nngauge" / f"rules-{key}.msgpack"


_SCHEMA = hashlib.blake2b(
    repr([field.name for field in msgspec.structs.fields(Rule)]).encode(), digest_size=4
).hexdigest()


def _read(place: Path) -> _Cached | None:
    try:
        return msgspec.msgpack.decode(place.read_bytes(), type=_Cached)
    except (OSError, msgspec.MsgspecError):
        return None


def _write(place: Path, content: _Cached) -> None:
    with contextlib.suppress(OSError):
        place.parent.mkdir(parents=True, exist_ok=True)
        descriptor, temporary = tempfile.mkstemp(dir=place.parent, prefix=place.name)
        with os.fdopen(descriptor, "wb") as file:
            file.write(msgspec.msgpack.encode(content))
        Path(temporary).replace(place)
