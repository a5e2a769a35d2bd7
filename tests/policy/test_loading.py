"""Policies as files: what is merged, and what is refused with a hint."""

from __future__ import annotations

import contextlib
import re
from datetime import date
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nngauge.domain.finding import Severity
from nngauge.errors import UsageError
from nngauge.policy import RULE, load_policy, parse_policy
from nngauge.policy._api import Share, Size
from nngauge.policy.loading import DEFAULT, Policy


def severities(policy: Policy) -> dict[str, Severity]:
    return {rule.id: options.severity or rule.severity for rule, options in policy.rules}


@pytest.mark.parametrize(
    ("text", "what", "hint"),
    [
        ('titel = "x"', "a policy has no `titel`", "did you mean `title`?"),
        ("[rules.model-byte]", "rules has no `model-byte`", "did you mean `model-bytes`?"),
        ("[rules.model-bytes]\nlimits = 5", "rules.model-bytes has no `limits`", "did you mean `limit`?"),
        ("[rules.model-bytes]\nzzz = 5", "rules.model-bytes has no `zzz`", "known: severity, limit"),
        ('[rules.model-bytes]\nlimit = "5 XB"', "not an amount of bytes: '5 XB'", ""),
        ("[rules.model-bytes]\nlimit = -5", "not an amount of bytes", ""),
        ("[rules.model-bytes]\nlimit = true", "not an amount of bytes", ""),
        ("[rules.model-share]\nlimit = 40", "not a share: 40", ""),
        ('[rules.model-bytes]\nseverity = "fatal"', "Invalid enum value 'fatal'", ""),
        ('rules.model-bytes = "fatal"', "Invalid enum value 'fatal'", ""),
        ("rules.model-bytes = 5", "`rules.model-bytes` is a table", ""),
        ("rules = 5", "`rules` is a table", ""),
        ("title = 5", "`title` is a text", ""),
        ('[rules.required-task]\ntasks = ["face-detektion"]', "did you mean 'face-detection'?", ""),
        ('[rules.forbidden-technology]\ntechnologies = ["category:clouds"]', "unknown category 'category:clouds'", ""),
        ('[rules.deprecated-api]\nignore = ["nnapy"]', "unknown deprecation 'nnapy'", ""),
        ('[rules.unprotected-model]\ngrades = ["plane"]', "Invalid enum value 'plane'", ""),
        ("exempt = 5", "`exempt` is a list", ""),
        ('[[exempt]]\nrules = ["model-size"]', "missing required field `reason`", ""),
        ('[[exempt]]\nrules = ["model-size"]\nreason = " "', "an exemption needs a reason", ""),
        ('[[exempt]]\nreason = "x"', "names rules, a model, a path or a technology", ""),
        ('[[exempt]]\nmodel = "abc"\nreason = "x"', "at least 8 hexadecimal digits", ""),
        ('[[exempt]]\nrules = ["model-sise"]\nreason = "x"', "exempt 1: rules has no `model-sise`", "did you mean `model-size`?"),
        ('[[exempt]]\nrule = "model-size"\nreason = "x"', "exempt 1 has no `rule`", "did you mean `rules`?"),
        ('[[exempt]]\nrules = ["model-size"]\nreason = "x"\nuntil = "soon"', "Expected `date | null`, got `str` - at `$.until`", ""),
        ("x = ", "not TOML", ""),
        ("a = " + "[" * 5000, "not TOML", ""),
        ('extends = "nowhere.toml"', "the policy cannot be read", ""),
    ],
)  # fmt: skip
def test_what_a_policy_gets_wrong_is_said_with_the_nearest_name(text: str, what: str, hint: str) -> None:
    with pytest.raises(UsageError, match=re.escape(what)) as caught:
        parse_policy(text)
    assert caught.value.where.endswith(("policy.toml", "nowhere.toml"))
    assert hint in caught.value.hint


def test_the_default_policy_lists_every_rule_or_says_that_it_is_off() -> None:
    policy = load_policy()
    text = DEFAULT.read_text(encoding="utf-8")
    on = set(severities(policy))
    assert set(RULE) - on == {
        "model-share", "compute-budget", "latency-budget", "energy-budget", "required-task", "forbidden-task",
        "forbidden-technology",
    }  # fmt: skip
    assert all(name in text for name in RULE)
    assert not policy.exemptions


def test_a_policy_says_only_what_differs(tmp_path: Path) -> None:
    (tmp_path / "team.toml").write_text(
        'extends = "default"\ntitle = "team"\nrules.cloud-ai = "off"\n[rules.model-bytes]\nlimit = "30 MB"\n'
        '[[exempt]]\nrules = ["model-size"]\nreason = "team"\n'
    )
    (tmp_path / "app.toml").write_text(
        'extends = "team.toml"\nrules.unprotected-model = "error"\n[rules.model-bytes]\nseverity = "error"\n'
        '[rules.required-task]\ntasks = ["face-detection"]\n[[exempt]]\npath = "assets/*"\nreason = "app"\n'
    )
    policy = load_policy(tmp_path / "app.toml")
    assert policy.title == "team"
    assert [one.reason for one in policy.exemptions] == ["team", "app"]
    default, mine = severities(load_policy()), severities(policy)
    assert set(mine) == set(default) - {"cloud-ai"} | {"required-task"}
    assert mine["unprotected-model"] is Severity.ERROR
    assert mine["model-bytes"] is Severity.ERROR
    limit = next(options.limit for rule, options in policy.rules if rule.id == "model-bytes")  # type: ignore[attr-defined]
    assert limit == 30_000_000


def test_policies_in_a_circle_are_refused(tmp_path: Path) -> None:
    (tmp_path / "a.toml").write_text('extends = "b.toml"')
    (tmp_path / "b.toml").write_text('extends = "a.toml"')
    (tmp_path / "c.toml").write_text('extends = "c.toml"')
    for name in ("a", "b", "c"):
        with pytest.raises(UsageError, match="circle"):
            load_policy(tmp_path / f"{name}.toml")


def test_files_that_are_no_policies_are_refused(tmp_path: Path) -> None:
    (tmp_path / "binary.toml").write_bytes(b"\xff\xfe\x00")
    (tmp_path / "large.toml").write_bytes(b"#" * ((1 << 20) + 1))
    for name, what in (
        ("binary.toml", "not UTF-8"),
        ("large.toml", "larger than 1 MiB"),
        ("none.toml", "cannot be read"),
        (".", "cannot be read"),
    ):
        with pytest.raises(UsageError, match=what):
            load_policy(tmp_path / name)


@pytest.mark.parametrize(
    ("text", "size"),
    [("50 MB", 50_000_000), ("50MiB", 52_428_800), ("1.5 GB", 1_500_000_000), ("7", 7), (7, 7), ("0.5 kB", 500)],
)
def test_amounts_of_bytes(text: object, size: int) -> None:
    assert Size.read(text) == size


def test_shares() -> None:
    assert Share.read("40%") == Share.read(0.4) == 0.4
    assert Share.read(1) == 1


@settings(deadline=None)
@given(st.one_of(st.text(), st.integers(), st.floats(), st.booleans(), st.none(), st.lists(st.integers())))
def test_amounts_raise_nothing_but_value_errors(value: object) -> None:
    for kind in (Size, Share):
        with contextlib.suppress(ValueError):
            assert kind.read(value) >= 0


@settings(deadline=None)
@given(st.text(max_size=200))
def test_any_text_is_a_policy_or_a_usage_error(text: str) -> None:
    with contextlib.suppress(UsageError):
        parse_policy(text)


def test_dates_of_exemptions_are_dates() -> None:
    (one,) = parse_policy('[[exempt]]\nrules = ["model-size"]\nreason = "x"\nuntil = 2027-01-31').exemptions
    assert one.until == date(2027, 1, 31)
