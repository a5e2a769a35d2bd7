"""Two snapshots of real packages, scanned and kept as a run does it: what is said to have changed is what was changed."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner

from nngauge.api import read_graph
from nngauge.cli import cli
from nngauge.compare.snapshots import compare_snapshots
from nngauge.detect.ruleset import load_rules
from nngauge.domain.snapshot_difference import ChangeKind, Meaning, SnapshotDifference
from nngauge.pipeline import Scanner
from nngauge.runners.tasks import Reply, Settings, Task, attempt
from nngauge.store.warehouse import Warehouse
from nngauge.study import Study, look
from tests.builders.axml import INT, STRING, Attr, Node, build_axml
from tests.builders.engines import made_library
from tests.builders.packages import apk
from tests.builders.samples import MODELS

pytest.importorskip("duckdb", reason="the extra `study` is not installed")

FIRST, SECOND = "2026-08", "2026-11"
LIB = "lib/arm64-v8a/"
SETTINGS = Settings(networks=True)
Files = dict[str, bytes]


def here(tasks: Iterator[Task]) -> Iterator[tuple[Task, Reply]]:
    """An engine without processes."""
    scanner = Scanner()
    for task in tasks:
        yield task, attempt(scanner, task, SETTINGS)


def library(technology: str, version: tuple[bytes, bytes] = (b"", b"")) -> bytes:
    """A made-up library of a technology, with one version in place of another of the same length."""
    rule = next(rule for rule in load_rules().rules if rule.id == technology)
    made = made_library(rule)
    assert made is not None
    assert version[0] in made
    return made.replace(*version) if version[0] else made


def model(name: str) -> bytes:
    return (MODELS / name).read_bytes()


def other_weights(name: str, layers: int) -> bytes:
    """The model with other bytes in its `layers` largest weights."""
    data = bytearray(model(name))
    weights = sorted(
        (tensor.data for tensor in read_graph(MODELS / name).tensors if tensor.data), key=lambda span: -span.size
    )
    for span in weights[:layers]:
        data[span.offset + 1] ^= 1
    return bytes(data)


def package(folder: Path, package_id: str, code: int, files: Files) -> None:
    attributes = [Attr("package", STRING, package_id), Attr("versionCode", INT, code, 0x0101021B)]
    manifest = build_axml(Node("manifest", attributes, [Node("application")]))
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{package_id}-{code}.apk").write_bytes(apk(files, manifest=manifest))


TFLITE = "digits_tflite/digits_float32.tflite"
BEFORE: dict[str, Files] = {
    "app.gone": {LIB + "libx.so": library("mnn")},
    "app.out": {LIB + "libtensorflowlite.so": library("tflite"), "assets/m.tflite": model(TFLITE)},
    "app.in": {"assets/text.txt": b"nothing"},
    "app.same": {"assets/m.tflite": model(TFLITE)},
    "app.switch": {LIB + "libtensorflowlite.so": library("tflite"), "assets/m.tflite": model(TFLITE)},
    "app.version": {LIB + "libonnxruntime.so": library("onnxruntime")},
    "app.models": {
        "assets/quantised.tflite": model(TFLITE), "assets/tuned.tflite": model("keywords_tflite/keywords_float32.tflite"),
        "assets/text.tflite": model("digits_tflite/digits_float16.tflite"), "assets/net.onnx": model("shapes_onnx/shapes_classifier.onnx"),
        "assets/shapes.ort": model("shapes_ort/shapes_classifier.ort"), "assets/old.gguf": model("story_gguf/story_llama_q8_0.gguf"),
        "assets/moved.pte": model("shapes_executorch/shapes_classifier_portable.pte"),
    },
}  # fmt: skip
AFTER: dict[str, Files] = {
    "app.new": {LIB + "libx.so": library("mnn")},
    "app.out": {"assets/text.txt": b"nothing any more"},
    "app.in": {LIB + "libncnn.so": library("ncnn")},
    "app.same": BEFORE["app.same"],
    "app.switch": {LIB + "libncnn.so": library("ncnn"), "assets/m.tflite": model(TFLITE)},
    "app.version": {LIB + "libonnxruntime.so": library("onnxruntime", (b"1.20.1", b"1.22.0"))},
    "app.models": {
        "assets/quantised.tflite": model("digits_tflite/digits_int8.tflite"),
        "assets/tuned.tflite": other_weights("keywords_tflite/keywords_float32.tflite", 2),
        "assets/text.tflite": model("digits_tflite/digits_float16.tflite") + b"\0" * 16,
        "assets/net.onnx": model("shapes_onnx/shapes_segmenter.onnx"), "assets/shapes.mnn": model("shapes_mnn/shapes_classifier.mnn"),
        "assets/new.tflite": model("digits_tflite/digits_dynamic.tflite"),
        "raw/moved.pte": model("shapes_executorch/shapes_classifier_portable.pte"),
    },
}  # fmt: skip


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("two")
    with Study.create(folder / "study") as made:
        for snapshot, apps, code in ((FIRST, BEFORE, 1), (SECOND, AFTER, 2)):
            for name, files in apps.items():
                package(folder / snapshot, name, 1 if name == "app.same" else code, files)
            if snapshot == SECOND:  # an old version beside the new one counts for nothing
                package(folder / snapshot, "app.out", 1, BEFORE["app.out"])
            made.add(str(folder / snapshot), snapshot)
        list(made.run(engine=here, settings=SETTINGS))
    return folder / "study"


@pytest.fixture(scope="module")
def difference(study: Path) -> SnapshotDifference:
    with look(study) as ledger, Warehouse(study, ledger) as facts:
        return compare_snapshots(facts, FIRST, SECOND)


def told(difference: SnapshotDifference, package_id: str) -> list[tuple[ChangeKind, str, str]]:
    return [
        (item.kind, item.subject, item.detail or f"{item.first} → {item.second}")
        for item in difference.changes
        if item.package_id == package_id
    ]


def test_ai_that_came_went_and_switched(difference: SnapshotDifference) -> None:
    everywhere = (Meaning.ANY.value, Meaning.WWW19.value, Meaning.RUNTIME.value)
    assert told(difference, "app.in") == [
        *((ChangeKind.CHECK_IN, meaning, " → ") for meaning in everywhere), (ChangeKind.ADOPTED, "ncnn", "runtime"),
    ]  # fmt: skip
    assert told(difference, "app.out") == [
        *((ChangeKind.CHECK_OUT, meaning, " → ") for meaning in sorted([*everywhere, Meaning.MODEL.value])),
        (ChangeKind.DROPPED, "tflite", "runtime"), (ChangeKind.MODEL_REMOVED, "assets/m.tflite", "tflite"),
    ]  # fmt: skip
    assert told(difference, "app.switch") == [
        (ChangeKind.SWITCHED, "neural networks", "tflite → ncnn"), (ChangeKind.ADOPTED, "ncnn", "runtime"),
        (ChangeKind.DROPPED, "tflite", "runtime"),
    ]  # fmt: skip
    (upgrade,) = (item for item in difference.changes if item.package_id == "app.version")
    assert (upgrade.kind, upgrade.first, upgrade.second) == (ChangeKind.UPGRADED, "1.20.1", "1.22.0")
    assert told(difference, "app.same") == told(difference, "app.new") == told(difference, "app.gone") == []


def test_how_models_changed(difference: SnapshotDifference) -> None:
    changed = ChangeKind.MODEL_CHANGED
    assert told(difference, "app.models") == [
        (ChangeKind.MODEL_ADDED, "assets/new.tflite", "tflite"),
        (ChangeKind.MODEL_REMOVED, "assets/old.gguf", "gguf"),
        (
            changed, "assets/net.onnx",
            "architecture: 13 → 10 operations, 3,303 → 3,141 parameters; 11 of 11 weight tensors differ",
        ),
        (
            changed, "assets/quantised.tflite",
            "quantised: float32 → full-integer int8; 4 of 4 weight tensors differ",
        ),
        (
            changed, "assets/shapes.mnn",
            "converted: ort → mnn; all 11 weight tensors are the same (same name but for ending and numbers, was assets/shapes.ort)",
        ),
        (changed, "assets/text.tflite", "file only: all 4 weight tensors are the same"),
        (changed, "assets/tuned.tflite", "weights only: 2 of 15 weight tensors differ"),
        (ChangeKind.MODEL_MOVED, "raw/moved.pte", "executorch"),
    ]  # fmt: skip
    models = difference.models
    assert (models.kept, models.moved, models.added, models.removed, models.compared) == (3, 1, 1, 2, 5)
    assert models.changed == dict.fromkeys(("architecture", "converted", "file only", "quantised", "weights only"), 1)


def test_totals_and_what_counts_for_nothing(difference: SnapshotDifference) -> None:
    assert (difference.kept, difference.identical, difference.new, difference.gone) == (6, 1, 1, 1)
    assert difference.notes == (
        f"{SECOND}: 1 further versions or sources of packages; the highest version code counts",
    )
    assert {item.subject: (item.adopted, item.dropped, item.new, item.gone) for item in difference.technologies} == {
        "ncnn": (2, 0, 0, 0), "tflite": (0, 2, 0, 0), "mnn": (0, 0, 1, 1), "onnxruntime": (0, 0, 0, 0),
    }  # fmt: skip


@pytest.mark.parametrize(
    ("options", "wanted"),
    [
        ([], "6 packages in both (1 with the same bytes), 1 new, 1 gone"),
        (["--app", "app.switch"], "tflite → ncnn"),
        (["--json"], '"schema":"nngauge.snapshots/1"'),
        (["--csv"], "upgraded,android,app.version,onnxruntime,1.20.1,1.22.0,runtime"),
    ],
)
def test_the_command_says_it_on_the_screen_and_to_programs(study: Path, options: list[str], wanted: str) -> None:
    result = CliRunner().invoke(cli, ["study", "diff", str(study), FIRST, SECOND, *options], env={"COLUMNS": "160"})
    assert result.exit_code == 0, result.output
    assert wanted in result.output
    if not options:
        assert len(result.output.splitlines()) <= 60
