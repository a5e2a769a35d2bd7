"""`nngauge check` on packages that are made here: exit codes, forms, files, baselines, what stderr says."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from nngauge.cli import EXIT_ERROR, EXIT_OK, EXIT_PARTIAL, cli
from nngauge.errors import NotThisFormat, UsageError
from tests.builders.packages import apk
from tests.builders.samples import model

STRICT = '[rules.model-size]\nseverity = "error"\nlimit = 10\n[rules.unprotected-model]\n'


@pytest.fixture
def app(tmp_path: Path) -> Path:
    file = tmp_path / "app.apk"
    file.write_bytes(apk({"assets/m.tflite": model("tflite")}))
    return file


@pytest.fixture
def policy(tmp_path: Path) -> Path:
    file = tmp_path / "policy.toml"
    file.write_text(STRICT)
    return file


def check(*arguments: object) -> Result:
    return CliRunner().invoke(cli, ["check", *(str(one) for one in arguments)])


def test_an_app_that_keeps_the_default_policy(app: Path) -> None:
    result = check(app)
    assert result.exit_code == EXIT_OK, result.output
    assert "✓ kept  nngauge default policy" in result.output
    assert "unprotected-model" in result.output


def test_an_app_that_breaks_a_policy(app: Path, policy: Path) -> None:
    result = check(app, "--policy", policy)
    assert result.exit_code == EXIT_ERROR
    assert "✗ broken" in result.output
    assert "10 B are allowed for one model" in result.output


def test_fail_on_moves_the_threshold(app: Path) -> None:
    assert check(app, "--fail-on", "note").exit_code == EXIT_ERROR  # its model is in the clear
    assert check(app, "--fail-on", "error").exit_code == EXIT_OK


def test_an_app_that_could_be_read_in_part_only(tmp_path: Path) -> None:
    file = tmp_path / "torn.apk"
    data = apk({"assets/m.tflite": model("tflite"), "assets/big.bin": bytes(range(256)) * 200})
    file.write_bytes(data[: len(data) * 2 // 3])
    result = check(file)
    assert result.exit_code == EXIT_PARTIAL, result.output
    assert "unread-parts" in result.output


def test_what_is_no_app_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.apk").write_bytes(b"no package")
    assert isinstance(check(tmp_path / "a.apk").exception, NotThisFormat)


def test_a_wrong_policy_is_said_before_the_app_is_read(tmp_path: Path) -> None:
    (tmp_path / "a.apk").write_bytes(b"no package")
    (tmp_path / "p.toml").write_text("[rules.model-sise]")
    result = check(tmp_path / "a.apk", "--policy", tmp_path / "p.toml")
    assert isinstance(result.exception, UsageError)
    assert "did you mean `model-size`?" in str(result.exception)


def test_every_form_goes_to_a_file_or_to_stdout(app: Path, policy: Path, tmp_path: Path) -> None:
    starts = {"text": "", "json": "{", "sarif": "{", "junit": "<?xml", "github": "::error file="}
    for form, start in starts.items():
        out = tmp_path / f"out.{form}"
        printed = check(app, "--policy", policy, "--format", form)
        written = check(app, "--policy", policy, "--format", form, "-o", out)
        assert printed.exit_code == written.exit_code == EXIT_ERROR
        assert written.output == ""
        assert printed.output.startswith(start)
        assert out.read_text(encoding="utf-8").startswith(start)
    assert isinstance(check(app, "-o", tmp_path / "none" / "out").exception, UsageError)


def test_one_run_gives_several_forms(app: Path, policy: Path, tmp_path: Path) -> None:
    result = check(
        app, "--policy", policy, "--also", f"sarif={tmp_path}/a=b.sarif", "--also", f"junit={tmp_path}/c.xml"
    )
    assert result.exit_code == EXIT_ERROR
    assert "✗ broken" in result.output
    assert json.loads((tmp_path / "a=b.sarif").read_bytes())["version"] == "2.1.0"
    assert (tmp_path / "c.xml").read_bytes().startswith(b"<?xml")
    for wrong in ("sarif", "pdf=x", "=x", "sarif="):
        assert check(app, "--also", wrong).exit_code == 2


def test_a_baseline_lets_old_findings_pass(app: Path, policy: Path, tmp_path: Path) -> None:
    old = tmp_path / "old.json"
    assert check(app, "--policy", policy, "--format", "json", "-o", old).exit_code == EXIT_ERROR
    again = check(app, "--policy", policy, "--baseline", old)
    assert again.exit_code == EXIT_OK
    assert "2 findings known from the baseline" in again.output
    app.write_bytes(apk({"assets/m.tflite": model("tflite"), "assets/new.tflite": model("onnx")}))
    fresh = check(app, "--policy", policy, "--baseline", old, "--format", "json")
    assert fresh.exit_code == EXIT_ERROR
    assert [
        item["location"]["path"].partition("!")[2] for item in json.loads(fresh.output)["findings"] if item["counts"]
    ] == ["assets/new.tflite"] * 2
    assert isinstance(check(app, "--baseline", policy).exception, UsageError)


def test_use_is_looked_for(app: Path) -> None:
    told = json.loads(check(app, "--format", "json").output)
    assert not any("scan with --usage" in item["reason"] for item in told["skipped"])


def test_rules_are_listed_and_explained_without_an_app(policy: Path) -> None:
    listed = check("--list", "--policy", policy)
    assert listed.exit_code == EXIT_OK
    lines = {line.split()[0]: line.split()[1] for line in listed.output.splitlines() if line}
    assert lines["model-size"] == "error"
    assert lines["cloud-ai"] == "off"
    told = check("--explain", "store-limit")
    assert told.exit_code == EXIT_OK
    assert "1.5 GB" in told.output
    wrong = check("--explain", "store-limits")
    assert wrong.exit_code == 2
    assert "Did you mean 'store-limit'?" in wrong.output
    assert check().exit_code == 2


def test_a_check_leaves_what_it_does_not_need_alone(app: Path) -> None:
    code = (
        "import sys\nfrom nngauge.cli import cli\n"
        f"try: cli.main(['check', {str(app)!r}, '--format', 'sarif'], standalone_mode=False)\nexcept SystemExit: pass\n"
        "heavy = {'numpy', 'duckdb', 'jinja2', 'altair', 'rich'} & set(sys.modules)\nassert not heavy, heavy"
    )
    subprocess.run([sys.executable, "-c", code], check=True, stdout=subprocess.DEVNULL)
