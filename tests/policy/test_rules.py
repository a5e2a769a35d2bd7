"""Each rule on apps that break it and apps that keep it."""

from __future__ import annotations

import re
from datetime import date

import msgspec
import pytest

from nngauge.detect.ruleset import load_rules
from nngauge.domain.finding import Finding, Severity
from nngauge.knowledge.accelerators import ACCELERATORS
from nngauge.knowledge.deprecations import deprecations
from nngauge.knowledge.store_limits import store_limits
from nngauge.policy import RULE, RULES, assess, findings, load_policy, parse_policy
from nngauge.policy.loading import Policy
from tests.policy.cases import CASES, NNAPI, Case, doing
from tests.policy.subjects import dossier, kept, packed, technology

TODAY = date(2026, 11, 21)


def policy_of(case: Case) -> Policy:
    lines = [f"[rules.{case.rule}]"]
    lines += [f"{key} = {msgspec.json.encode(value).decode()}" for key, value in case.options.items()]
    return parse_policy("\n".join(lines))


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.rule}{'-broken' if case.says else '-kept'}")
def test_a_rule_finds_what_breaks_it_and_nothing_else(case: Case) -> None:
    result = assess(case.app, policy_of(case), today=TODAY)
    found = result.counting
    reasons = " ".join(item.reason for item in result.skipped)
    if case.says:
        assert len(found) == case.count, found
        assert case.says in found[0].says
        assert found[0].rule == case.rule
        assert case.gain is None or found[0].gain_bytes == case.gain
        assert found[0].severity in (RULE[case.rule].severity, Severity.WARNING, Severity.NOTE)
    else:
        assert not found
    assert (case.unevaluated in reasons) if case.unevaluated else not reasons


def test_every_rule_has_an_app_that_breaks_it_and_one_that_keeps_it() -> None:
    for rule in RULES:
        mine = [case for case in CASES if case.rule == rule.id]
        assert any(case.says for case in mine), rule.id
        assert any(not case.says and not case.unevaluated for case in mine), rule.id


def test_rules_are_told_in_full() -> None:
    assert len({rule.id for rule in RULES}) == len(RULES)
    for rule in RULES:
        assert re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", rule.id)
        assert rule.title[0].isupper()
        assert not rule.title.endswith(".")
        assert len(rule.tags) > 0
        assert len(rule.sources) > 0
        assert all(url.startswith("https://") for url in rule.sources)
        for part in ("**Why it matters.**", "**How to fix it.**", "**Sources.**"):
            assert part in rule.help
        assert rule.options()  # all options have defaults


def test_data_names_things_that_exist() -> None:
    known = {rule.id for rule in load_rules().rules}
    accelerators = {one.id for one in ACCELERATORS}
    for item in deprecations():
        assert set(item.technologies) <= known, item.id
        assert set(item.accelerators) <= accelerators, item.id
        assert item.technologies or item.accelerators or item.paths
        assert item.source.startswith("https://")
        assert item.read <= date.today()  # noqa: DTZ011 - a day is enough
    assert all(limit.source.startswith("https://") and limit.bytes > 0 for limit in store_limits())


def only(rule: str, found: tuple[Finding, ...]) -> Finding:
    (one,) = [finding for finding in found if finding.rule == rule]
    return one


@pytest.mark.parametrize(
    ("today", "severity", "words"),
    [
        (date(2026, 11, 21), Severity.WARNING, "which ends on 2027-06-15"),
        (date(2027, 3, 16), Severity.WARNING, "which ends on 2027-06-15"),
        (date(2027, 3, 17), Severity.ERROR, "which ends on 2027-06-15"),
        (date(2027, 6, 15), Severity.ERROR, "switched off on 2027-06-15"),
    ],
)
def test_what_ends_becomes_an_error_ninety_days_before(today: date, severity: Severity, words: str) -> None:
    app = dossier(technologies=(technology("firebase-ml-model-downloader"),))
    found = only("deprecated-api", findings(app, load_policy(), today=today))
    assert found.severity is severity
    assert words in found.says


def test_a_policy_can_only_make_findings_milder_than_they_are() -> None:
    app = dossier(accelerations=(NNAPI,), app=packed("aab", ("base", 600_000_000)))
    strict = parse_policy('[rules.deprecated-api]\nseverity = "error"\n[rules.store-limit]\nseverity = "error"')
    mild = parse_policy('[rules.deprecated-api]\nseverity = "note"\n[rules.store-limit]\nseverity = "warning"')
    assert {one.rule: one.severity for one in findings(app, strict, today=TODAY)} == {
        "deprecated-api": Severity.WARNING, "store-limit": Severity.ERROR,
    }  # fmt: skip
    assert {one.rule: one.severity for one in findings(app, mild, today=TODAY)} == {
        "deprecated-api": Severity.NOTE, "store-limit": Severity.WARNING,
    }  # fmt: skip


def test_an_app_without_anything_wrong_keeps_the_default_policy() -> None:
    result = assess(dossier(), today=TODAY)
    assert result.findings == ()
    assert not result.breaks(Severity.NOTE)
    assert {item.rule for item in result.skipped} == {
        "key-beside-model", "weak-cipher", "replaceable-model", "open-download",
    }  # fmt: skip


def test_findings_come_most_serious_and_most_worth_first() -> None:
    app = dossier(
        kept("a", places=("a.apk!a", "a.apk!b"), size=9_000_000, weights={"float32": 2_000_000}),
        kept("c", number=2, places=("a.apk!c", "a.apk!d"), size=90_000, task=doing("face-detection")),
        app=packed("aab", ("base", 600_000_000)),
    )
    found = findings(app, today=TODAY)
    assert [(one.rule, one.gain_bytes) for one in found] == [
        ("store-limit", None), ("duplicate-model", 9_000_000), ("duplicate-model", 90_000), ("float32-weights", 6_000_000),
    ]  # fmt: skip
    assert assess(app, today=TODAY).gain_bytes == 9_090_000  # remedies of the same file are not added up
