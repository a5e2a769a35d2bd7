"""The forms of an answer: valid, read back by others' tools, and safe whatever an app calls its files."""

from __future__ import annotations

import json
import re
import xml.etree.ElementTree as ET
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nngauge.domain.detection import Category
from nngauge.domain.dossier import Dossier
from nngauge.domain.finding import Severity
from nngauge.domain.outcome import Failure, Stage
from nngauge.policy import Assessment, assess, parse_policy
from nngauge.policy.baseline import encode_check
from nngauge.policy.github import encode_github
from nngauge.policy.junit import encode_junit
from nngauge.policy.rules import RULES
from nngauge.policy.sarif import encode_sarif
from nngauge.policy.screen import render_check, render_rule, render_rules
from nngauge.screen.safe import Safe
from tests.builders.facts import place
from tests.policy.cases import CASES
from tests.policy.subjects import dossier, kept, technology

TODAY = date(2026, 11, 21)
ENDED = datetime(2026, 11, 21, 12, tzinfo=UTC)
SHARED = Path(__file__).parents[2].parent / "shared"
HOSTILE = (
    "<script>alert(1)</script>", '"><img src=x onerror=alert(1)>', "=cmd()", "\x1b[31mred\x1b]0;t\x07", "a\r\n::error::b%0A,:",
    "\u202egnp.exe", "../../../etc/passwd", "//evil.example/x", "javascript:alert(1)", "C:\\x", "a\u2028b", "\ufffe", "]]>&amp;", "\ud800",
)  # fmt: skip
EVERYTHING = parse_policy(
    'extends = "default"\n[rules.model-size]\nlimit = 1\n[rules.latency-budget]\n'
    '[[exempt]]\npath = "*exempt*"\nreason = "<b>agreed</b>\\n::error::x"\nuntil = 2027-01-01\n'
    '[[exempt]]\npath = "*"\nrules = ["cloud-ai"]\nreason = "ended"\nuntil = 2020-01-01\n'
    '[[exempt]]\ntechnology = "nothing-*"\nreason = "idle"\n'
)


def hostile(name: str) -> Dossier:
    inner = name.replace("!", "")
    return dossier(
        kept(f"assets/{inner}/m.tflite", places=("a.apk!x", "a.apk!y")),
        kept("exempt/n.tflite", number=2),
        app={"package_id": name, "label": name, "version_name": name},
        path=f"out/{inner}.apk",
        technologies=(
            technology("openai", title=name, category=Category.CLOUD, location=place(f"a.apk!zip!{inner}", 5, 9)),
        ),
        failures=(
            Failure(
                stage=Stage.PARSE, location=place(f"a.apk!{inner}"), error="TruncatedError", reason=name, hint=name
            ),
        ),
    )


def result_of(name: str = "plain", **changes: Any) -> Assessment:
    return assess(hostile(name), EVERYTHING, today=TODAY, **changes)


def every_result() -> list[Assessment]:
    broken = {case.rule: case.app for case in CASES if case.says}
    cases = [assess(app, EVERYTHING, today=TODAY) for app in broken.values()]
    return [*cases, *(result_of(name) for name in HOSTILE), result_of(baseline={"x"})]


# --- SARIF ----------------------------------------------------------------------------------------------------------------


def sarif(result: Assessment) -> dict[str, Any]:
    log: dict[str, Any] = json.loads(encode_sarif(result, ENDED))
    return log


def test_sarif_follows_the_official_schema() -> None:
    jsonschema = pytest.importorskip("jsonschema")
    file = SHARED / "schemas" / "sarif-schema-2.1.0.json"
    if not file.exists():
        pytest.skip("the schema of SARIF is not at hand")
    validator = jsonschema.Draft4Validator(json.loads(file.read_bytes()), format_checker=jsonschema.FormatChecker())
    for result in every_result():
        assert not [f"{list(error.path)}: {error.message}" for error in validator.iter_errors(sarif(result))]


def test_sarif_is_read_by_typed_models_and_by_a_tool(tmp_path: Path) -> None:
    pydantic = pytest.importorskip("sarif_pydantic")
    tool = pytest.importorskip("sarif.loader")
    result = result_of("<script>")
    pydantic.Sarif.model_validate(sarif(result))
    (tmp_path / "a.sarif").write_bytes(encode_sarif(result, ENDED))
    read = tool.load_sarif_file(str(tmp_path / "a.sarif"))
    assert len(read.get_results()) == len(result.findings)
    levels = [record["Severity"] for record in read.get_records()]
    assert sorted(levels) == sorted(str(item.finding.severity) for item in result.findings)


def test_sarif_says_all_that_the_result_says() -> None:
    result = result_of()
    (run,) = sarif(result)["runs"]
    rules = run["tool"]["driver"]["rules"]
    assert [rule["id"] for rule in rules] == [rule.id for rule, _ in EVERYTHING.rules]
    assert all(rule["help"]["markdown"] and rule["helpUri"].startswith("https://") for rule in rules)
    assert [entry["partialFingerprints"]["nngauge/v1"] for entry in run["results"]] == [
        item.fingerprint for item in result.findings
    ]
    for entry, item in zip(run["results"], result.findings, strict=True):
        assert rules[entry["ruleIndex"]]["id"] == entry["ruleId"] == item.finding.rule
        assert bool(entry.get("suppressions")) is (item.exemption is not None)
        assert "baselineState" not in entry
    (invocation,) = run["invocations"]
    assert invocation["executionSuccessful"] is False  # a part was not read
    notes = [note["descriptor"]["id"] for note in invocation["toolExecutionNotifications"]]
    assert notes.count("not-read") == 1
    assert notes.count("not-evaluated") == len(result.skipped)
    assert [note["descriptor"]["id"] for note in invocation["toolConfigurationNotifications"]] == [
        "exemption-lapsed",
        "exemption-idle",
    ]


def test_sarif_tells_new_from_known_when_there_is_a_baseline() -> None:
    known = result_of().findings[0].fingerprint
    states = [entry["baselineState"] for entry in sarif(result_of(baseline={known}))["runs"][0]["results"]]
    assert states.count("unchanged") == 1
    assert set(states) == {"unchanged", "new"}


def test_sarif_nests_artifacts_as_containers_are_nested() -> None:
    (run,) = sarif(result_of())["runs"]
    entry = next(one for one in run["results"] if one["ruleId"] == "cloud-ai")
    (location,) = entry["locations"]
    assert location["physicalLocation"]["region"] == {"startLine": 1, "byteOffset": 5, "byteLength": 9}
    index, chain = location["physicalLocation"]["artifactLocation"]["index"], []
    while index is not None:
        artifact = run["artifacts"][index]
        chain.append(artifact["location"]["uri"])
        assert artifact.get("parentIndex", -1) < index  # containers first
        index = artifact.get("parentIndex")
    assert chain == ["plain", "zip", "out/plain.apk"]


@pytest.mark.parametrize("name", HOSTILE)
def test_no_name_makes_another_address_of_a_sarif_location(name: str) -> None:
    data = encode_sarif(result_of(name), ENDED)
    assert data.isascii()
    uris = [artifact["location"]["uri"] for artifact in json.loads(data)["runs"][0]["artifacts"]]
    for uri in uris:
        parts = urlsplit(uri)
        assert not parts.scheme
        assert not parts.netloc
        assert not uri.startswith("/")
        assert ".." not in uri.split("/")
        assert re.fullmatch(r"[A-Za-z0-9._~%/\-]+", uri)


# --- JUnit ----------------------------------------------------------------------------------------------------------------


def test_junit_is_read_by_a_parser_of_others(tmp_path: Path) -> None:
    junitparser = pytest.importorskip("junitparser")
    for number, result in enumerate(every_result()):
        file = tmp_path / f"{number}.xml"
        file.write_bytes(encode_junit(result, Severity.NOTE, ENDED))
        read = junitparser.JUnitXml.fromfile(str(file))
        broken = {item.finding.rule for item in result.findings if item.counts}
        assert (read.tests, read.failures) == (len(EVERYTHING.rules), len(broken))
        cases = [case for suite in read for case in suite]
        assert {case.name.partition(":")[0] for case in cases if case.is_failure} == broken


def test_junit_tells_kept_broken_exempt_and_not_evaluated_apart() -> None:
    root = ET.fromstring(encode_junit(result_of(), Severity.WARNING, ENDED))
    cases = {case.get("name", "").partition(":")[0]: case for case in root.iter("testcase")}
    size = cases["model-size"]
    failure = size.find("failure")
    assert failure is not None
    assert failure.get("type") == "warning"
    assert "exempt: <b>agreed</b>" in (size.findtext("system-out") or "")
    skipped = cases["latency-budget"].find("skipped")
    assert skipped is not None
    assert (skipped.get("message") or "").startswith("not evaluated: no estimate without all layers: ")
    assert len(cases["store-limit"]) == 0
    assert cases["cloud-ai"].find("failure") is None  # milder than the threshold
    assert "note" in (cases["cloud-ai"].findtext("system-out") or "")
    suite = root.find("testsuite")
    assert suite is not None
    assert suite.get("timestamp") == "2026-11-21T12:00:00"


@pytest.mark.parametrize("name", HOSTILE)
def test_no_name_breaks_junit(name: str) -> None:
    data = encode_junit(result_of(name), Severity.NOTE, ENDED)
    ET.fromstring(data)
    assert b"\x1b" not in data
    assert b"<script>" not in data


# --- GitHub ---------------------------------------------------------------------------------------------------------------

COMMAND = re.compile(r"::(error|warning|notice) file=[^,:]*,title=[^,:]*::.*")


@pytest.mark.parametrize("name", HOSTILE)
def test_each_annotation_is_one_line_that_holds_one_command(name: str) -> None:
    result = result_of(name)
    lines = encode_github(result).decode().split("\n")
    assert lines.pop() == ""
    assert len(lines) == len(result.counting) + len(result.skipped) + len(result.lapsed)
    for line in lines:
        assert COMMAND.fullmatch(line), line
        assert not set(line) & {"\r", "\x1b", "\x07", "\u202e", "\u2028"}


def test_annotations_are_escaped_as_the_runner_undoes_it() -> None:
    app = dossier(kept("100%, a:b/m.tflite", size=9), path="out/a,b.apk")
    (line,) = (
        encode_github(assess(app, parse_policy("[rules.model-size]\nlimit = 1"), today=TODAY)).decode().splitlines()
    )
    head, _, message = line.removeprefix("::").partition("::")
    name, _, rest = head.partition(" ")
    told = dict(item.split("=", 1) for item in rest.split(","))
    undo = {"%25": "%", "%0D": "\r", "%0A": "\n", "%3A": ":", "%2C": ","}
    plain = {key: re.sub("%(25|0D|0A|3A|2C)", lambda found: undo[found[0]], value) for key, value in told.items()}
    assert name == "warning"
    assert plain == {"file": "out/a,b.apk", "title": "model-size: A model over its budget"}
    shown = re.sub("%(25|0D|0A)", lambda found: undo[found[0]], message)
    assert shown.startswith(
        "100%, a:b/m.tflite: m.tflite (TensorFlow Lite / LiteRT) takes 9 B; 1 B are allowed for one model.\nQuantise"
    )


# --- JSON and the screen --------------------------------------------------------------------------------------------------


def test_json_says_all_that_the_result_says() -> None:
    result = result_of()
    told = json.loads(encode_check(result))
    assert told["schema"] == "nngauge.check/1"
    assert (told["errors"], told["warnings"], told["notes"]) == tuple(result.count(severity) for severity in Severity)
    assert [item["fingerprint"] for item in told["findings"]] == [item.fingerprint for item in result.findings]
    assert [item["counts"] for item in told["findings"]] == [item.counts for item in result.findings]
    assert sum(item["findings"] for item in told["rules"]) == len(result.findings)
    assert [item["reason"] for item in told["skipped"]] == [item.reason for item in result.skipped]
    assert told["complete"] is False


@pytest.mark.parametrize("name", [name for name in HOSTILE if name.isprintable() or name.isascii()])
def test_json_keeps_names_as_they_are(name: str) -> None:
    assert json.loads(encode_check(result_of(name)))["app"]["package_id"] == name


def screen(renderable: Any) -> str:
    from rich.console import Console

    console = Console(width=120, highlight=False, markup=False, emoji=False)
    with console.capture() as captured:
        console.print(Safe(renderable))
    return captured.get()


@pytest.mark.parametrize("name", HOSTILE)
def test_no_name_drives_the_terminal(name: str) -> None:
    text = screen(render_check(result_of(name), rows=0))
    assert not set(text) & {"\x1b", "\x07", "\r", "\u202e", "\u2028"}
    assert "✓ kept" in text
    assert "Not evaluated" in text


def test_the_screen_shows_what_counts_what_is_set_aside_and_what_was_not_evaluated() -> None:
    text = screen(render_check(result_of(), Severity.WARNING))
    assert "✗ broken" in text
    assert "could not be read: nothing is said about those" in text
    assert re.search(r"model-size: n\.tflite .* exempt, until 2027-01-01", text.replace("\n", " "))
    assert "exemption ended on 2020-01-01" in text
    assert "exemption covers nothing: about nothing-* (idle)" in text
    assert "latency-budget  no estimate without all layers" in text


def test_long_lists_are_cut_and_say_so() -> None:
    models = [kept(f"m{number}.tflite", number=number) for number in range(1, 10)]
    result = assess(dossier(*models), parse_policy("[rules.model-size]\nlimit = 1"), today=TODAY)
    assert "… and 3 more (--all shows them)" in screen(render_check(result))
    assert "more" not in screen(render_check(result, rows=0)).partition("Quantise")[0]


def test_all_rules_can_be_listed_and_explained() -> None:
    text = screen(render_rules(RULES, EVERYTHING.rules))
    assert all(rule.id in text for rule in RULES)
    for rule in RULES:
        told = screen(render_rule(rule))
        assert rule.title in told
        assert "severity" in told
    assert "2027-06-15" in screen(render_rule(next(rule for rule in RULES if rule.id == "deprecated-api")))


@settings(deadline=None, max_examples=50)
@given(st.text(max_size=40))
def test_any_name_survives_every_form(name: str) -> None:
    result = result_of(name)
    json.loads(encode_sarif(result, ENDED))
    ET.fromstring(encode_junit(result, Severity.NOTE, ENDED))
    assert all(COMMAND.fullmatch(line) for line in encode_github(result).decode().split("\n")[:-1])
