"""What counts: exemptions, baselines, fingerprints, what could not be evaluated."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest
from msgspec.structs import replace

from nngauge.domain.finding import Finding, Severity
from nngauge.domain.location import Location
from nngauge.errors import UsageError
from nngauge.policy import Assessment, assess, parse_policy
from nngauge.policy.assessment import fingerprints
from nngauge.policy.baseline import encode_check, read_baseline
from tests.policy.subjects import dossier, kept, technology

TODAY = date(2026, 11, 21)
APP = dossier(kept("ads/m.tflite", size=9_000), kept("own/n.tflite", number=2, size=9_000))
RULES = '[rules.model-size]\nlimit = "1 kB"\n'


def checked(exempt: str = "", baseline: set[str] | None = None, today: date = TODAY) -> Assessment:
    return assess(APP, parse_policy(f"{RULES}{exempt}"), baseline=baseline, today=today)


def exempting(what: str, until: str = "") -> str:
    return f'[[exempt]]\n{what}\nreason = "agreed"\n' + (f"until = {until}\n" if until else "")


@pytest.mark.parametrize(
    ("what", "left"),
    [
        ('rules = ["model-size"]', []),
        ('rules = ["model-share"]', ["m", "n"]),
        ('path = "ads/*"', ["n"]),
        ('path = "*"', []),
        ('model = "02020202"', ["m"]),
        ('model = "02020203"', ["m", "n"]),
        ('technology = "tflite"', ["m", "n"]),
        ('path = "ads/*"\nrules = ["model-share"]', ["m", "n"]),
        ('path = "ads/*"\nmodel = "01010101"', ["n"]),
    ],
)
def test_everything_that_an_exemption_names_has_to_match(what: str, left: list[str]) -> None:
    result = checked(exempting(what))
    assert sorted(finding.says[:1] for finding in result.counting) == left
    assert len(result.findings) == 2  # nothing is lost
    assert bool(result.idle) is (left == ["m", "n"])


def test_technologies_are_exempted_by_name() -> None:
    app = dossier(technologies=(technology("pytorch-mobile"), technology("google-mobile-vision")))
    policy = parse_policy('[rules.deprecated-api]\n[[exempt]]\ntechnology = "pytorch-*"\nreason = "x"\n')
    assert [one.subject for one in assess(app, policy, today=TODAY).counting] == ["mobile-vision"]


def test_an_exemption_ends_with_its_last_day() -> None:
    exempt = exempting('path = "ads/*"', until="2026-11-21")
    assert len(checked(exempt).counting) == 1
    late = checked(exempt, today=date(2026, 11, 22))
    assert len(late.counting) == 2
    assert [one.reason for one in late.lapsed] == ["agreed"]
    assert not late.idle


def test_what_is_in_the_baseline_does_not_count(tmp_path: Path) -> None:
    file = tmp_path / "old.json"
    file.write_bytes(encode_check(assess(replace(APP, models=APP.models[:1]), parse_policy(RULES), today=TODAY)))
    result = checked(baseline=set(read_baseline(file)))
    assert [finding.says[:1] for finding in result.counting] == ["n"]
    assert [item.known for item in result.findings] == [False, True]
    assert result.breaks(Severity.WARNING)
    file.write_bytes(encode_check(result))
    assert not checked(baseline=set(read_baseline(file))).breaks(Severity.NOTE)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"[]",
        b"{}",
        b'{"schema":"nngauge.check/2"}',
        b'{"schema":1}',
        b"\xff",
        b"[" * 100_000,
        b'{"schema":"nngauge.check/1","findings":[{}]}',
    ],
)
def test_what_is_no_baseline_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "old.json").write_bytes(content)
    with pytest.raises(UsageError, match="not the JSON of a check"):
        read_baseline(tmp_path / "old.json")
    with pytest.raises(UsageError, match="cannot be read"):
        read_baseline(tmp_path / "none.json")


def found(**changes: object) -> Finding:
    facts: dict[str, object] = {
        "rule": "model-size", "severity": Severity.NOTE, "says": "9 MB", "location": Location(path="a.apk!m"), "subject": "ab" * 32,
    }  # fmt: skip
    return Finding(**(facts | changes))  # type: ignore[arg-type]


def test_fingerprints_stay_when_amounts_and_weights_change_and_differ_otherwise() -> None:
    (first,) = fingerprints([found()], "com.a")
    same = (
        found(says="10 MB"),
        found(subject="cd" * 32),
        found(severity=Severity.ERROR),
        found(location=Location(path="/tmp/b.apk!m")),
    )
    assert {mark for one in same for mark in fingerprints([one], "com.a")} == {first}
    others = (
        found(rule="model-bytes"),
        found(location=Location(path="a.apk!n")),
        found(location=None),
        found(subject="nnapi"),
    )
    marks = [mark for one in others for mark in fingerprints([one], "com.a")] + fingerprints([found()], "com.b")
    assert len({first, *marks}) == 6
    twice = fingerprints([found(), found()], "com.a")
    assert twice[0] == first
    assert twice[1] != first


def test_what_could_not_be_evaluated_is_said_and_breaks_nothing() -> None:
    result = assess(APP, parse_policy("[rules.latency-budget]\n[rules.key-beside-model]"), today=TODAY)
    assert not result.breaks(Severity.NOTE)
    assert [item.rule for item in result.skipped] == ["key-beside-model", "latency-budget"]


def test_thresholds() -> None:
    result = checked()
    assert result.breaks(Severity.NOTE)
    assert result.breaks(Severity.WARNING)
    assert not result.breaks(Severity.ERROR)
    assert (result.count(Severity.ERROR), result.count(Severity.WARNING), result.count(Severity.NOTE)) == (0, 2, 0)
