"""The GitHub Action: keys that GitHub knows, inputs that cannot become script, and its steps run with bash."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.builders.packages import apk
from tests.builders.samples import model

ROOT = Path(__file__).parents[2]
POLICY = '[rules.model-size]\nseverity = "error"\nlimit = 10\n'


@pytest.fixture(scope="module")
def action() -> dict[str, Any]:
    yaml = pytest.importorskip("yaml")
    read: dict[str, Any] = yaml.safe_load((ROOT / "action.yml").read_text(encoding="utf-8"))
    return read


def test_it_uses_the_keys_of_composite_actions(action: dict[str, Any]) -> None:
    """https://docs.github.com/en/actions/reference/workflows-and-actions/metadata-syntax"""
    assert set(action) == {"name", "description", "author", "branding", "inputs", "outputs", "runs"}
    assert action["runs"]["using"] == "composite"
    for value in action["inputs"].values():
        assert set(value) <= {"description", "required", "default"}
        assert value.get("required") or isinstance(value["default"], str)
    for value in action["outputs"].values():
        assert set(value) == {"description", "value"}
    for step in action["runs"]["steps"]:
        assert set(step) <= {"id", "name", "if", "shell", "run", "env", "uses", "with"}
        assert ("run" in step) is ("shell" in step)
        assert ("run" in step) is not ("uses" in step)


def test_no_input_becomes_a_part_of_a_script(action: dict[str, Any]) -> None:
    for step in action["runs"]["steps"]:
        assert "${{" not in step.get("run", "")


def test_every_input_that_is_named_exists_and_every_one_is_used(action: dict[str, Any]) -> None:
    named = set(re.findall(r"inputs\.([a-z-]+)", json.dumps(action)))
    assert named == set(action["inputs"])
    steps = {step.get("id") for step in action["runs"]["steps"]}
    assert set(re.findall(r"steps\.([a-z-]+)\.", json.dumps(action))) <= steps


class Runner:
    """As much of a runner as the steps ask for."""

    def __init__(self, action: dict[str, Any], folder: Path) -> None:
        self.steps = {step.get("name"): step for step in action["runs"]["steps"]}
        self.inputs = {name: value.get("default", "") for name, value in action["inputs"].items()}
        self.workspace = folder / "work"
        self.temp = folder / "tmp dir"
        self.workspace.mkdir()
        (self.temp / "nngauge" / "bin").mkdir(parents=True)
        tool = self.temp / "nngauge" / "bin" / "nngauge"
        tool.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m nngauge "$@"\n')
        tool.chmod(0o755)
        self.output, self.summary = folder / "output", folder / "summary"

    def step(self, name: str, **inputs: str) -> subprocess.CompletedProcess[str]:
        values = {f"inputs.{key}": value for key, value in (self.inputs | inputs).items()}
        values |= {f"steps.check.outputs.{key}": value for key, value in self.outputs().items()}
        env = {
            key: re.sub(r"\$\{\{ ([\w.-]+) \}\}", lambda found: values.get(found[1], ""), value)
            for key, value in self.steps[name]["env"].items()
        }
        env |= {
            "RUNNER_TEMP": str(self.temp), "GITHUB_OUTPUT": str(self.output), "GITHUB_STEP_SUMMARY": str(self.summary),
            "PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT / "src"), "GITHUB_ACTIONS": "true",
        }  # fmt: skip
        script = self.steps[name]["run"]
        return subprocess.run(
            ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", script],  # as runners call it
            cwd=self.workspace, env=env, capture_output=True, text=True, check=False, timeout=120,
        )  # fmt: skip

    def outputs(self) -> dict[str, str]:
        lines = self.output.read_text().splitlines() if self.output.exists() else []
        return dict(line.split("=", 1) for line in lines)


@pytest.fixture
def runner(action: dict[str, Any], tmp_path: Path) -> Runner:
    if shutil.which("bash") is None:
        pytest.skip("no bash")
    made = Runner(action, tmp_path)
    (made.workspace / "policy.toml").write_text(POLICY)
    (made.workspace / "app.apk").write_bytes(apk({"assets/m.tflite": model("tflite")}))
    return made


def test_an_app_that_keeps_its_policy_passes(runner: Runner) -> None:
    done = runner.step("Check the app", path="app.apk")
    assert done.returncode == 0, done.stderr
    assert "::notice file=app.apk,title=unprotected-model" in done.stdout
    assert runner.outputs()["exit-code"] == "0"
    log = json.loads(Path(runner.outputs()["sarif"]).read_bytes())
    assert log["runs"][0]["artifacts"][0]["location"]["uri"] == "app.apk"
    assert Path(runner.outputs()["junit"]).read_bytes().startswith(b"<?xml")
    assert all(line.startswith("    ") for line in runner.summary.read_text().splitlines()[2:])
    assert runner.step("Verdict").returncode == 0


def test_an_app_that_breaks_its_policy_fails_after_its_findings_are_written(runner: Runner) -> None:
    done = runner.step("Check the app", path="app.apk", policy="policy.toml", format="text")
    assert done.returncode == 0
    assert "✗ broken" in done.stdout
    assert runner.outputs()["sarif"].endswith("check.sarif")
    assert runner.step("Verdict").returncode == 1


def test_a_baseline_of_an_earlier_run_is_taken(runner: Runner) -> None:
    runner.step("Check the app", path="app.apk", policy="policy.toml")
    old = runner.workspace / "old.json"
    shutil.copy(runner.outputs()["json"], old)
    runner.output.unlink()
    runner.step("Check the app", path="app.apk", policy="policy.toml", baseline="old.json")
    assert runner.step("Verdict").returncode == 0


def test_what_was_read_in_part_passes_when_that_is_allowed(runner: Runner) -> None:
    data = apk({"assets/m.tflite": model("tflite"), "assets/big.bin": bytes(range(256)) * 200})
    (runner.workspace / "torn.apk").write_bytes(data[: len(data) * 2 // 3])
    runner.step("Check the app", path="torn.apk")
    assert runner.outputs()["exit-code"] == "3"
    assert runner.step("Verdict").returncode == 0
    assert runner.step("Verdict", **{"allow-partial": "false"}).returncode == 3


def test_what_cannot_be_read_fails_without_findings_of_an_earlier_run(runner: Runner) -> None:
    runner.step("Check the app", path="app.apk")
    runner.output.unlink()
    done = runner.step("Check the app", path="policy.toml")
    assert "nngauge: " in done.stderr
    assert set(runner.outputs()) == {"exit-code"}
    assert runner.step("Verdict").returncode == 1


@pytest.mark.parametrize("name", ["$(touch pwned).apk", "a; touch pwned; b.apk", "--list", "-o.apk", "a b'c.apk"])
def test_names_of_packages_are_only_names(runner: Runner, name: str) -> None:
    shutil.copy(runner.workspace / "app.apk", runner.workspace / name)
    runner.step("Check the app", path=name)
    assert runner.outputs()["exit-code"] == "0"
    assert not (runner.workspace / "pwned").exists()
