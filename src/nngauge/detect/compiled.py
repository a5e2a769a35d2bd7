"""The rule set ready to run, quickly: parsing and compiling is done once per rule set and kept in the user's cache.

The cached copy is keyed by names, sizes and modification times of the rule files, by the carving magics, the machine and
the schema of a rule; the digest that results carry is that of the rules' content.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import msgspec
from msgspec.structs import replace

from nngauge.detect.literals import ENGINE
from nngauge.detect.ruleset import RULES, Rule, RuleSet, load_rules
from nngauge.detect.signatures import Signatures, compile_signatures
from nngauge.io.cache import cache_file, read_cached, state_of, write_cached


class _Cached(msgspec.Struct, frozen=True):
    rules: tuple[Rule, ...]
    digest: str
    database: bytes


def load_signatures(extra: Sequence[bytes] = (), folder: Path | None = None) -> Signatures:
    """The signatures of nngauge's rules (or of those in `folder`) plus the `extra` literals.

    The rules come without their examples: those are for `lint`. Raises `RuleError` when a rule file is broken.
    """
    rules = state_of(folder or RULES, ".toml")
    place = cache_file("rules", rules, tuple(extra), ENGINE, os.uname().machine, os.uname().nodename, _SCHEMA)
    cached = read_cached(place, _Cached)
    if cached is not None:
        return compile_signatures(RuleSet(cached.rules, cached.digest), extra, cached.database)
    loaded = load_rules(folder)
    ruleset = RuleSet(tuple(replace(rule, example=(), counterexample=()) for rule in loaded.rules), loaded.digest)
    signatures = compile_signatures(ruleset, extra)
    write_cached(place, _Cached(ruleset.rules, ruleset.digest, signatures.literals.compiled()))
    return signatures


_SCHEMA = Rule.__struct_fields__
