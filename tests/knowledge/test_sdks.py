"""The knowledge base follows its schema, links to rules that exist and says where its traces are from."""

from __future__ import annotations

from pathlib import Path

import pytest

from nngauge.detect.ruleset import rule_files
from nngauge.errors import RuleError
from nngauge.knowledge.published import PublishedModels, read_published
from nngauge.knowledge.sdks import lint_sdks, load_sdks, read_sdks

RULES = frozenset(name.removesuffix(".toml") for name, _ in rule_files())
GOOD = """
vendor = "V"
references = ["https://example.org"]
[[sdk]]
id = "a"
title = "A"
kind = "ml"
paths = ["amodels/**"]
"""


def test_our_own_files_are_clean() -> None:
    assert lint_sdks(rules=RULES) == []
    assert len(load_sdks()) > 100


def test_vendor_and_references_of_the_file_hold_for_its_components() -> None:
    (sdk,) = read_sdks("a.toml", GOOD.encode())
    assert (sdk.vendor, sdk.references) == ("V", ("https://example.org",))


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        (('references = ["https://example.org"]', ""), "no references"),
        (('paths = ["amodels/**"]', ""), "no traces"),
        (("amodels/**", "*.a"), "says too little"),
        (('paths = ["amodels/**"]', 'technologies = ["nope"]\nclasses = ["a.b"]'), "no detection rule 'nope'"),
        (('paths = ["amodels/**"]', 'metadata = ["name"]'), "is not key=glob"),
        (('paths = ["amodels/**"]', '[[sdk.digest]]\nsha256 = "12"\nfile = "f"'), "is no SHA-256"),
        (('paths = ["amodels/**"]', 'pats = ["amodels/**"]'), "pats"),
        (('kind = "ml"', 'kind = "magic"'), "magic"),
        (('amodels/**"]', 'amodels/**", "amodels/**"]'), "twice"),
    ],
)  # fmt: skip
def test_what_the_linter_finds(tmp_path: Path, change: tuple[str, str], complaint: str) -> None:
    (tmp_path / "a.toml").write_text(GOOD.replace(*change))
    assert any(complaint in problem for problem in lint_sdks(tmp_path, RULES))


def test_a_trace_or_an_id_of_two_components(tmp_path: Path) -> None:
    (tmp_path / "a.toml").write_text(GOOD)
    (tmp_path / "b.toml").write_text(GOOD)
    problems = lint_sdks(tmp_path, RULES)
    assert problems[0] == "b.toml: a: also in a.toml"
    (tmp_path / "b.toml").write_text(GOOD.replace('"a"', '"b"'))
    assert any("already a trace of a" in problem for problem in lint_sdks(tmp_path, RULES))


@pytest.mark.parametrize("line", [b"{", b"[]", b'{"id":1}', b"\xff", b'{"id":"a"}'])
def test_a_broken_index_is_refused_with_its_line(tmp_path: Path, line: bytes) -> None:
    with pytest.raises(RuleError, match=r"i\.jsonl:1"):
        _ = PublishedModels(line, "i.jsonl").entries


def test_an_index_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(RuleError, match="cannot be read"):
        read_published(tmp_path / "nothing")
