"""The command line: files, times, exit codes, errors."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from nngauge.cli.bom import command
from nngauge.errors import MalformedError, UsageError


def call(*arguments: str | Path, **environment: str | None) -> Result:
    env = {"SOURCE_DATE_EPOCH": None, **environment}
    return CliRunner().invoke(command, [str(each) for each in arguments], env=env)


def failed(result: Result) -> BaseException:
    assert result.exception is not None
    return result.exception


def test_to_the_screen_and_into_a_file(apps: Path, tmp_path: Path) -> None:
    shown = call(apps / "vault.apk", "--timestamp", "2026-05-31T14:00:00+02:00")
    assert shown.exit_code == 0
    document = json.loads(shown.stdout)
    assert (document["specVersion"], document["metadata"]["timestamp"]) == ("1.6", "2026-05-31T12:00:00+00:00")
    assert list(document)[:3] == ["$schema", "bomFormat", "specVersion"]
    saved = call(apps / "vault.apk", "-o", tmp_path / "bom.json", SOURCE_DATE_EPOCH="1780228800")
    assert (saved.exit_code, saved.stdout) == (0, "")
    assert (tmp_path / "bom.json").read_text() == shown.stdout


def test_spdx_with_author_and_supplier(apps: Path) -> None:
    result = call(apps / "vault.apk", "--format", "spdx", "--author", "A. Uditor", "--supplier", "Example Ltd.")
    graph = json.loads(result.stdout)["@graph"]
    assert graph[0]["specVersion"] == "3.0.1"
    assert {each["name"] for each in graph if each["type"] == "Organization"} >= {"A. Uditor", "Example Ltd.", "Google"}


def test_a_broken_app_gives_a_bill_and_exit_code_3(apps: Path) -> None:
    result = call(apps / "broken.apk", "--spec-version", "1.7")
    assert result.exit_code == 3
    document = json.loads(result.stdout)
    assert "nngauge:failure" in {each["name"] for each in document["metadata"]["properties"]}


@pytest.mark.parametrize(
    "arguments",
    [["--timestamp", "soon"], ["--json"], ["--exit-code"], ["--diff"], ["-o", "/nonexistent/folder/bom.json"]],
)
def test_wrong_use(apps: Path, arguments: list[str]) -> None:
    assert isinstance(failed(call(apps / "plain.apk", *arguments)), UsageError)


def test_wrong_epoch(apps: Path) -> None:
    assert "SOURCE_DATE_EPOCH=x" in str(failed(call(apps / "plain.apk", SOURCE_DATE_EPOCH="x")))


def test_difference_of_packages_and_bills(apps: Path, tmp_path: Path) -> None:
    for form in ("cyclonedx", "spdx"):
        bom = tmp_path / f"{form}.json"
        assert call(apps / "assistant.xapk", "--format", form, "-o", bom).exit_code == 0
        same = call("--diff", "--exit-code", bom, apps / "assistant.xapk")
        assert (same.exit_code, "Nothing changed; 8 lines the same." in same.stdout) == (0, True)
    other = call("--diff", "--exit-code", "--json", apps / "assistant.xapk", apps / "plain.apk")
    assert other.exit_code == 1
    document = json.loads(other.stdout)
    assert document["schema"] == "nngauge.bom-difference/1"
    assert {change["kind"] for change in document["difference"]["changes"]} == {"removed"}
    assert call("--diff", apps / "assistant.xapk", apps / "plain.apk").exit_code == 0


def test_what_is_no_bill_says_so(apps: Path, tmp_path: Path) -> None:
    (tmp_path / "bom.json").write_text('{"bomFormat": "CycloneDX", "components": 3}')
    error = failed(call("--diff", apps / "plain.apk", tmp_path / "bom.json"))
    assert isinstance(error, MalformedError)
    assert "components" in str(error)
