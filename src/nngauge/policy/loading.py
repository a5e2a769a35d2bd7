"""Policies as TOML files: read, merged with what they extend, and refused with the nearest name when a word is unknown."""

from __future__ import annotations

import tomllib
from collections.abc import Collection, Iterable, Mapping
from datetime import date
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Final, TypeVar

import msgspec
from msgspec import Struct

from nngauge.errors import InputError, UsageError
from nngauge.io.whole import read_whole
from nngauge.limits import MIB
from nngauge.policy._api import Options, Rule, Share, Size
from nngauge.policy.exemptions import Exemption
from nngauge.policy.rules import RULE

DEFAULT: Final = Path(__file__).parent / "default.toml"
"""The policy that holds where none is given."""
_NAME: Final = "default"
_OFF: Final = "off"
_KEYS: Final = ("title", "extends", "rules", "exempt")
_MAX_BYTES: Final = 1 * MIB
_MAX_CHAIN: Final = 8
_GUIDE: Final = "see docs/policies.md"
_Kind = TypeVar("_Kind", bound=Struct)


class Policy(Struct, frozen=True):
    """What has to hold: rules with their options, and exemptions. A rule that is not in `rules` is off."""

    title: str
    source: str
    """The file it was read from, or ``default``."""
    rules: tuple[tuple[Rule, Options], ...]
    exemptions: tuple[Exemption, ...] = ()


class _Text(Struct):
    """One policy file, or several merged."""

    title: str
    rules: dict[str, dict[str, Any]]
    exempt: list[Exemption]


def load_policy(path: str | Path | None = None) -> Policy:
    """The policy at `path`; without one, the default policy. Raises `UsageError` that names what is wrong and where."""
    source = _NAME if path is None or str(path) == _NAME else str(path)
    return _policy(_read(DEFAULT if source == _NAME else Path(source), source, ()), source)


def parse_policy(content: str, source: str = "policy.toml") -> Policy:
    """A policy from its text; `source` is what errors call it, and where files that it extends are. Raises `UsageError`."""
    return _policy(_parse(content, Path(source), source, ()), source)


def _policy(text: _Text, source: str) -> Policy:
    chosen = tuple(
        (rule, _options(rule, text.rules[name], source))
        for name, rule in RULE.items()
        if name in text.rules and text.rules[name].get("severity") != _OFF
    )
    return Policy(title=text.title, source=source, rules=chosen, exemptions=tuple(text.exempt))


def _read(path: Path, source: str, chain: tuple[str, ...]) -> _Text:
    try:
        content = read_whole(path, _MAX_BYTES, "the policy").decode("utf-8")
    except InputError as error:
        raise UsageError(error.what, where=source) from None
    except UnicodeDecodeError:
        raise UsageError("the policy is not UTF-8 text", where=source) from None
    return _parse(content, path, source, chain)


def _parse(content: str, path: Path, source: str, chain: tuple[str, ...]) -> _Text:
    try:
        tables = tomllib.loads(content)
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise UsageError(f"not TOML: {error}", where=source) from None
    _known(tables, _KEYS, "a policy", source)
    rules = {
        name: _rule_table(name, value, source)
        for name, value in _table(tables.get("rules", {}), "rules", source).items()
    }
    own = _Text(title=_text(tables.get("title", ""), "title", source), rules=rules, exempt=_exemptions(tables, source))
    base = _extended(_text(tables.get("extends", ""), "extends", source), path, source, chain)
    return own if base is None else _merged(base, own)


def _extended(name: str, path: Path, source: str, chain: tuple[str, ...]) -> _Text | None:
    if not name:
        return None
    if name == _NAME:
        return _read(DEFAULT, _NAME, chain)
    other = (path.parent / name).resolve()
    if len(chain) >= _MAX_CHAIN or str(other) in chain or other == path.resolve():
        raise UsageError("policies extend each other in a circle, or too deep", where=source)
    return _read(other, str(other), (*chain, str(path.resolve())))


def _merged(base: _Text, own: _Text) -> _Text:
    """What `own` says about a rule is put over what `base` says; exemptions add up."""
    rules = {name: {**base.rules.get(name, {}), **own.rules.get(name, {})} for name in (*base.rules, *own.rules)}
    return _Text(title=own.title or base.title, rules=rules, exempt=[*base.exempt, *own.exempt])


def _rule_table(name: str, value: object, source: str) -> dict[str, Any]:
    """The options of one rule; ``rules.nnapi = "off"`` is short for its severity."""
    _known([name], RULE, "rules", source)
    table = {"severity": value} if isinstance(value, str) else _table(value, f"rules.{name}", source)
    _known(table, _fields(RULE[name].options), f"rules.{name}", source)
    return table


def _options(rule: Rule, table: Mapping[str, Any], source: str) -> Options:
    return _convert(table, rule.options, f"rules.{rule.id}", source)


def _exemptions(tables: Mapping[str, Any], source: str) -> list[Exemption]:
    entries = tables.get("exempt", [])
    if not isinstance(entries, list):
        raise UsageError("`exempt` is a list: write [[exempt]]", where=source, hint=_GUIDE)
    found = []
    for number, entry in enumerate(entries, 1):
        place = f"exempt {number}"
        table = _table(entry, place, source)
        _known(table, _fields(Exemption), place, source)
        exemption = _convert(table, Exemption, place, source)
        _known(exemption.rules, RULE, f"{place}: rules", source)
        found.append(exemption)
    return found


def _convert(table: Mapping[str, Any], kind: type[_Kind], place: str, source: str) -> _Kind:
    try:
        return msgspec.convert(table, kind, builtin_types=(date,), dec_hook=_amounts)
    except msgspec.ValidationError as error:
        raise UsageError(f"[{place}] {error}", where=source, hint=_GUIDE) from None


def _amounts(kind: type, value: object) -> object:
    if kind in (Size, Share):
        return kind.read(value)
    raise NotImplementedError


def _known(names: Iterable[str], known: Collection[str], place: str, source: str) -> None:
    """Refuses names that are not known, with the nearest that is."""
    for name in names:
        if name not in known:
            near = get_close_matches(name, list(known), n=1)
            hint = f"did you mean `{near[0]}`?" if near else f"known: {', '.join(known)}"
            raise UsageError(f"{place} has no `{name}`", where=source, hint=hint)


def _fields(kind: type[Struct]) -> list[str]:
    return [field.encode_name for field in msgspec.structs.fields(kind)]


def _table(value: object, place: str, source: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise UsageError(f"`{place}` is a table", where=source, hint=_GUIDE)
    return value


def _text(value: object, place: str, source: str) -> str:
    if not isinstance(value, str):
        raise UsageError(f"`{place}` is a text", where=source, hint=_GUIDE)
    return value
