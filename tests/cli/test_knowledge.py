"""The verb `knowledge`."""

from __future__ import annotations

import json
from pathlib import Path

from click.testing import CliRunner

from nngauge.cli.knowledge import command
from nngauge.knowledge.published import read_published
from tests.builders import models


def run(*arguments: object) -> str:
    result = CliRunner(env={"COLUMNS": "160"}).invoke(command, [str(item) for item in arguments])
    assert result.exit_code == 0, result.output
    return result.output


def test_lists_components_and_counts_models() -> None:
    text = run("list")
    assert "mlkit-face-detection" in text
    assert "published models" in text


def test_lint_of_our_own_files_and_of_broken_ones(tmp_path: Path) -> None:
    assert run("lint") == "0 problems\n"
    (tmp_path / "a.toml").write_text('[[sdk]]\nid = "a"\ntitle = "A"\nkind = "ml"\n')
    result = CliRunner().invoke(command, ["lint", str(tmp_path)])
    assert result.exit_code == 1
    assert "no traces" in result.output


def test_an_entry_of_one_s_own(tmp_path: Path) -> None:
    net, index = tmp_path / "net.tflite", tmp_path / "mine.jsonl"
    net.write_bytes(models.tflite())
    options = ("--title", "Net (Me)", "--source", "https://example.org")
    entry = json.loads(run("model", net, *options))
    assert entry["title"] == "Net (Me)"
    assert len(entry["sha256"]) == 64
    for _ in range(2):
        run("model", net, *options, "--index", index)
    kept = read_published(index)
    assert len(kept.entries) == 1
    found = kept.by_digest(entry["sha256"])
    assert found is not None
    assert found.source == "https://example.org"
