"""`nngauge rules evaluate` on packages that are made here: found, missed, claimed falsely, skipped."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from nngauge.cli import cli
from nngauge.errors import MalformedError, UnreadableError
from nngauge.evaluation.labels import parse_labels
from nngauge.evaluation.run import evaluations, find_packages
from tests.builders.dex import build_dex
from tests.builders.packages import apk
from tests.builders.samples import model

CLASSES = [
    f"Lorg/tensorflow/lite/{name};" for name in ("Interpreter", "InterpreterImpl", "NativeInterpreterWrapper", "Tensor")
]


def write(folder: Path, name: str, data: bytes) -> str:
    folder.mkdir(exist_ok=True)
    (folder / name).write_bytes(data)
    return hashlib.sha256(data).hexdigest()


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    apps = tmp_path / "apps"
    java = write(apps, "java.apk", apk({"classes.dex": build_dex(defined=CLASSES), "assets/m.bin": model("tflite")}))
    plain = write(apps, "plain.apk", apk({"assets/notes.txt": b"nothing to see here\n" * 40}))
    modelled = write(apps, "modelled.apk", apk({"assets/x.dat": model("gguf")}))
    labels = tmp_path / "labels.toml"
    labels.write_text(f"""
labels = 1
exhaustive = ["runtime", "model"]
[[package]]
sha256 = "{java}"
repository = "someone/app"
path = "java.apk"
group = "dev"
technology = [{{ id = "tflite", presence = "defined" }}, {{ id = "onnxruntime" }}]
model = [{{ entry = "assets/m.bin", format = "tflite" }}]
[[package]]
sha256 = "{plain}"
ai = false
group = "hold-out"
[[package]]
sha256 = "{modelled}"
ai = false
group = "hold-out"
[[package]]
sha256 = "{"0" * 64}"
group = "hold-out"
technology = [{{ id = "no-such-rule" }}]
""")
    return labels


def run(*arguments: object) -> Result:
    return CliRunner(env={"COLUMNS": "160"}).invoke(cli, [str(item) for item in arguments])


def test_json_has_every_miss_and_alarm_with_evidence(corpus: Path) -> None:
    done = run("rules", "evaluate", corpus, "--json", "--workers", "1")
    assert done.exit_code == 3, done.output
    document: dict[str, Any] = json.loads(done.output)
    whole, dev, held = document["evaluations"]
    assert (whole["packages"], whole["skipped"], whole["without_ai"], whole["without_ai_clean"]) == (4, 1, 2, 1)
    assert (dev["group"], dev["total"]["labelled"], dev["total"]["found"]) == ("dev", 2, 1)
    assert (held["group"], held["skipped"], held["models"]["wrong"]) == ("hold-out", 1, 1)
    java, plain, modelled = document["packages"]
    assert [miss["name"] for miss in java["missed"]] == ["onnxruntime"]
    assert java["models_found"] == ["assets/m.bin"]
    assert not plain["alarms"]
    alarm = modelled["model_alarms"][0]
    assert alarm["name"] == "gguf model"
    assert alarm["evidence"][0]["location"]["path"].endswith("modelled.apk!assets/x.dat")
    assert document["remarks"] == ["no rule is called no-such-rule"]


def test_screen(corpus: Path) -> None:
    done = run("rules", "evaluate", corpus, "--apps", corpus.parent / "apps", "--quiet", "--workers", "1")
    for wanted in (
        "3 of 4 packages at hand, 1 skipped",
        "recall 1 of 2 (0.500)",
        "missed: onnxruntime  nothing was found",
        "false: gguf model  assets/x.dat: not labelled",
        "without AI: 1 of 2 clean",
        "no rule is called no-such-rule",
    ):
        assert wanted in done.output, wanted


def test_all_right_is_exit_code_zero(corpus: Path) -> None:
    blocks = corpus.read_text().split("[[package]]")
    corpus.write_text("[[package]]".join([*blocks[:1], blocks[2]]))
    done = run("rules", "evaluate", corpus, "--workers", "1")
    assert done.exit_code == 0, done.output
    assert "Nothing was missed, nothing was claimed falsely." in done.output


def test_bad_labels_are_an_error_with_a_name(tmp_path: Path) -> None:
    (tmp_path / "labels.toml").write_text("labels = 1\n[[package]]\nsha = 'ab'")
    done = run("rules", "evaluate", tmp_path / "labels.toml")
    assert isinstance(done.exception, MalformedError)


def test_packages_are_found_by_their_bytes(corpus: Path, tmp_path: Path) -> None:
    labels = parse_labels(corpus.read_bytes())
    found = find_packages(labels, [tmp_path / "apps"])
    assert sorted(path.name for path in found.values()) == ["java.apk", "modelled.apk", "plain.apk"]
    (tmp_path / "apps" / "plain.apk").write_bytes(b"other bytes")
    assert len(find_packages(labels, [tmp_path / "apps"])) == 2
    assert len(find_packages(labels, [tmp_path / "apps" / "java.apk"])) == 1
    with pytest.raises(UnreadableError):
        find_packages(labels, [tmp_path / "nowhere"])
    assert [part.group for part in evaluations(labels, [])] == ["", "dev", "hold-out"]
