"""Two snapshots side by side: facts made up for every kind of change, exact answers, hostile names."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace
from rich.console import Console

from nngauge.compare.snapshots import compare_snapshots
from nngauge.domain.acceleration import Acceleration, Hardware, Outcome
from nngauge.domain.attribution import Attribution, KnownModel, Likeness, Owner
from nngauge.domain.evidence import Confidence
from nngauge.domain.model import Model
from nngauge.domain.scan import Scan, Verdict
from nngauge.domain.snapshot_difference import AppChange, ChangeKind, Meaning, SnapshotDifference
from nngauge.domain.study import Item
from nngauge.domain.technology import Grade
from nngauge.domain.usage import UsageVerdict, Use
from nngauge.errors import UsageError
from nngauge.screen.safe import Safe
from nngauge.screen.snapshots import changes_csv, render_snapshots
from nngauge.store import shards
from nngauge.store.ledger import Ledger
from nngauge.store.rows import StoredResult
from nngauge.store.warehouse import Warehouse
from nngauge.words.documents import SNAPSHOTS_SCHEMA, encode_snapshots
from tests.builders import facts

pytest.importorskip("duckdb", reason="the extra `study` is not installed")

NOTHING = Verdict(runtime_present=False, model_present=False, model_elsewhere=False, because=())
Snapshot = Mapping[str, Scan | None]
"""Locator → what was found, None for a failure."""


def app(package: str = "com.example.a", code: str = "1", **changes: Any) -> Scan:
    """An app with TensorFlow Lite and no models, unless told."""
    signers = changes.pop("signers", ("cd" * 32,))
    made = facts.scan(**{"models": (), "candidates": (), "failures": (), **changes})
    return replace(made, app=replace(made.app, package_id=package or None, version_code=code, signers=signers))


def without_ai(package: str = "com.example.a", code: str = "1", **changes: Any) -> Scan:
    return app(package, code, **{"detections": (), "verdict": NOTHING, **changes})


def compare(folder: Path, first: Snapshot, second: Snapshot, **asked: Any) -> SnapshotDifference:
    """The difference of two snapshots that have these results; those of the first are in a shard, the others are not."""
    with Ledger(folder / "ledger.sqlite") as ledger:
        for name, snapshot in (("2026-08", first), ("2026-11", second)):
            ledger.add(name, "folder", "/", [Item(locator=locator) for locator in snapshot])
            for work in ledger.lease(1000):
                scan = snapshot[work.item.locator]
                stored = StoredResult(scan=scan) if scan else StoredResult(failure=facts.scan().failures[0])
                identity = f"{hash((repr(scan), None if scan else work.item.locator)) & (1 << 64) - 1:064x}"
                known = ledger.known(identity, "key")
                ledger.finish(work.id, identity, "key", None if known else stored)
            if name == "2026-08":
                shards.seal(folder, ledger, least=1)
        with Warehouse(folder, ledger) as warehouse:
            return compare_snapshots(warehouse, "2026-08", "2026-11", **asked)


def changes(folder: Path, first: Scan, second: Scan, *leave_out: ChangeKind) -> list[AppChange]:
    found = compare(folder, {"/a": first}, {"/a": second}).changes
    return [item for item in found if item.kind not in leave_out]


def change(
    kind: ChangeKind, subject: str, first: str = "", second: str = "", detail: str = "", **more: Any
) -> AppChange:
    return AppChange(
        kind=kind, platform="android", package_id=more.pop("package", "com.example.a"), subject=subject, first=first,
        second=second, detail=detail, **more,
    )  # fmt: skip


# --- packages -----------------------------------------------------------------------------------------------------------


def test_new_and_gone_packages_are_no_check_ins(tmp_path: Path) -> None:
    first = {"/1": app("gone"), "/2": app("out"), "/3": without_ai("in"), "/4": app("same"), "/5": app("kept")}
    second = {"/1": app("new"), "/2": without_ai("out"), "/3": app("in"), "/4": app("same"), "/5": app("kept", "2")}
    found = compare(tmp_path, first, second)
    assert (found.kept, found.identical, found.new, found.gone) == (4, 1, 1, 1)
    assert found.first_bytes == found.second_bytes == 20_000_000
    runtime = found.meanings[0]
    assert runtime.meaning is Meaning.RUNTIME
    counts = (
        runtime.before,
        runtime.after,
        runtime.kept,
        runtime.check_in,
        runtime.check_out,
        runtime.new,
        runtime.gone,
    )
    assert counts == (4, 4, 2, 1, 1, 1, 1)
    packages = {item.package_id for item in found.changes}
    assert packages == {"in", "out"}
    (tflite,) = found.technologies
    counts = (tflite.before, tflite.after, tflite.kept, tflite.adopted, tflite.dropped, tflite.new, tflite.gone)
    assert counts == (4, 4, 2, 1, 1, 1, 1)


@pytest.mark.parametrize(
    ("verdict", "detections", "meanings"),
    [
        ({"runtime_present": True}, (), {Meaning.RUNTIME, Meaning.ANY}),
        ({"model_present": True}, (), {Meaning.MODEL, Meaning.ANY}),
        ({"model_elsewhere": True}, (), {Meaning.ELSEWHERE, Meaning.ANY}),
        ({}, (facts.detection(),), {Meaning.WWW19}),
        ({}, (facts.detection(presence="defined"),), set()),
        ({}, (facts.detection(confidence=Confidence.POSSIBLE),), set()),
        ({}, (facts.detection(category="sdk"),), set()),
        ({}, (facts.detection(presence="embedded", host="x"),), {Meaning.WWW19}),
    ],
)
def test_each_meaning_of_having_ai_is_its_own(
    tmp_path: Path, verdict: dict[str, bool], detections: tuple[Any, ...], meanings: set[Meaning]
) -> None:
    with_ai = app(detections=detections, verdict=replace(NOTHING, **verdict))
    found = compare(tmp_path, {"/a": without_ai()}, {"/a": with_ai})
    assert {item.subject for item in found.changes if item.kind is ChangeKind.CHECK_IN} == {m.value for m in meanings}
    assert {item.meaning for item in found.meanings if item.check_in} == meanings
    assert not any(item.check_out for item in found.meanings)


def test_the_highest_version_of_a_package_stands_for_it(tmp_path: Path) -> None:
    first = {"/1": app(code="9"), "/2": without_ai(code="10"), "/3": app(code="1.5")}
    second = {"/1": without_ai(code="11"), "/2": app(code="2")}
    found = compare(tmp_path, first, second)
    assert (found.kept, found.first.editions, found.second.editions, found.changes) == (1, 2, 1, ())
    assert "2 further versions" in " ".join(found.notes)


def test_what_has_no_result_or_no_name_is_said(tmp_path: Path) -> None:
    first = {"/1": app(), "/2": app("")}
    found = compare(tmp_path, first, {"/1": app(), "/2": None})
    assert (found.first.unnamed, found.second.without_result, found.second.items) == (1, 1, 2)
    notes = " ".join(found.notes)
    assert "1 of 2 packages have no result" in notes
    assert "1 apps tell no application id" in notes


def test_facts_of_different_rules_are_said(tmp_path: Path) -> None:
    with Ledger(tmp_path / "ledger.sqlite") as ledger:
        for number, snapshot in enumerate(("a", "b")):
            ledger.add(snapshot, "folder", "/", [Item(locator="/")])
            (work,) = ledger.lease(1)
            ledger.finish(work.id, str(number), f"rules {number}", StoredResult(scan=app(code=str(number))))
        with Warehouse(tmp_path, ledger) as warehouse:
            assert "run the study again" in " ".join(compare_snapshots(warehouse, "a", "b").notes)


def test_snapshots_and_packages_that_are_not_there_are_wrong_use(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="in neither snapshot"):
        compare(tmp_path, {"/a": app()}, {"/a": app()}, app="other")
    with Ledger(tmp_path / "ledger.sqlite") as ledger, Warehouse(tmp_path, ledger) as warehouse:
        with pytest.raises(UsageError, match="no such snapshot"):
            compare_snapshots(warehouse, "2026-08", "'; DROP TABLE app")
        with pytest.raises(UsageError, match="two different"):
            compare_snapshots(warehouse, "2026-08", "2026-08")


# --- technologies -------------------------------------------------------------------------------------------------------


def of(technology: str, title: str = "", **more: Any) -> Any:
    return facts.detection(technology=technology, title=title or technology, **more)


def test_one_runtime_for_another_is_a_switch(tmp_path: Path) -> None:
    found = changes(
        tmp_path, app(detections=(of("tflite"), of("llama-cpp"), of("opencv", category="classical"))),
        app(code="2", detections=(of("ncnn"), of("mnn"), of("llama-cpp"))),
    )  # fmt: skip
    assert found == [
        change(ChangeKind.SWITCHED, "neural networks", "tflite", "mnn, ncnn"),
        change(ChangeKind.ADOPTED, "mnn", "", "runtime library 2.17.0", "runtime", second_bytes=3_000_000),
        change(ChangeKind.ADOPTED, "ncnn", "", "runtime library 2.17.0", "runtime", second_bytes=3_000_000),
        change(ChangeKind.DROPPED, "opencv", "runtime library 2.17.0", "", "classical", first_bytes=3_000_000),
        change(ChangeKind.DROPPED, "tflite", "runtime library 2.17.0", "", "runtime", first_bytes=3_000_000),
    ]


@pytest.mark.parametrize(
    ("first", "second"),
    [("tflite", "llama-cpp"), ("whisper-cpp", "tflite"), ("xgboost", "tflite")],
)
def test_runtimes_of_other_families_are_no_switch(tmp_path: Path, first: str, second: str) -> None:
    found = changes(tmp_path, app(detections=(of(first),)), app(code="2", detections=(of(second),)))
    assert {item.kind for item in found} == {ChangeKind.ADOPTED, ChangeKind.DROPPED}


def test_what_cannot_run_is_no_runtime_that_was_left(tmp_path: Path) -> None:
    (tech,) = app().technologies
    first = app(technologies=(replace(tech, shipped=False),))
    found = changes(tmp_path, first, app(code="2", detections=(of("ncnn"),)))
    assert [item.kind for item in found] == [ChangeKind.ADOPTED, ChangeKind.DROPPED]


def test_versions_ranges_grades_and_use(tmp_path: Path) -> None:
    def used(use: Use) -> UsageVerdict:
        return UsageVerdict(subject="a", use=use, confidence=Confidence.LIKELY, reason="x")

    first = (
        of("a", version="1.9"), of("b", version="3"), of("c", version=None, version_range=">1.0,<1.4"),
        of("d", version=None, version_range=">1.0,<1.4"), of("e", version="1"), of("f", version="7"),
    )  # fmt: skip
    second = (
        of("a", version="1.10"), of("b", version="2"), of("c", version=None, version_range=">1.4"),
        of("d", version=None, version_range=">1.2,<1.5"), of("e", version="1", presence="embedded", host="a"),
        of("f", version=None),
    )  # fmt: skip
    found = changes(
        tmp_path,
        app(detections=first, usage=(used(Use.USED),)),
        app(code="2", detections=second, usage=(used(Use.BUNDLED),)),
    )
    both = {"first_bytes": 3_000_000, "second_bytes": 3_000_000}
    assert found == [
        change(ChangeKind.REGRADED, "e", "runtime library", "inside another library", "runtime", **both),
        change(ChangeKind.USE, "a", "used", "bundled", "runtime"),
        change(ChangeKind.UPGRADED, "a", "1.9", "1.10", "runtime", **both),
        change(ChangeKind.UPGRADED, "c", ">1.0,<1.4", ">1.4", "runtime", **both),
        change(ChangeKind.DOWNGRADED, "b", "3", "2", "runtime", **both),
        change(ChangeKind.VERSION, "d", ">1.0,<1.4", ">1.2,<1.5", "runtime", **both),
    ]


def test_dead_and_possible_technologies_are_absent(tmp_path: Path) -> None:
    (sure,) = app().technologies
    for at, other in enumerate((
        replace(sure, grade=Grade.DEAD, dead=True, shipped=False),
        replace(sure, confidence=Confidence.POSSIBLE),
        replace(sure, grade=Grade.MODELS, shipped=False),
    )):  # fmt: skip
        folder = tmp_path / str(at)
        folder.mkdir()
        found = changes(folder, app(), app(code="2", technologies=(other,)), ChangeKind.CHECK_OUT)
        assert [(item.kind, item.subject) for item in found] == [(ChangeKind.DROPPED, "tflite")]


def test_components_accelerators_and_signers(tmp_path: Path) -> None:
    def owned(sdk: str) -> Attribution:
        return Attribution(owner=Owner.SDK, sdk=sdk, confidence=Confidence.CERTAIN, because="x")

    def asked(name: str, outcome: Outcome, abi: str = "arm64-v8a") -> Acceleration:
        return Acceleration(
            accelerator=name, title=name.title(), engine="tflite", hardware=Hardware.GPU, outcome=outcome, abi=abi
        )

    (tech,) = app().technologies
    first = app(
        technologies=(replace(tech, owner=owned("mlkit")),), models=(facts.model(owner=owned("faces")),),
        accelerations=(asked("gpu", Outcome.WORKS), asked("npu", Outcome.WORKS), asked("dsp", Outcome.UNKNOWN)),
    )  # fmt: skip
    second = app(
        code="2", technologies=(replace(tech, owner=owned("mlkit")),), models=(facts.model(owner=owned("beauty")),),
        signers=("ef" * 32,),
        accelerations=(
            asked("gpu", Outcome.WORKS), asked("npu", Outcome.WORKS), asked("npu", Outcome.MISSING, "x86_64"),
            asked("nnapi", Outcome.SYSTEM),
        ),
    )  # fmt: skip
    assert changes(tmp_path, first, second) == [
        change(ChangeKind.SDK_ADDED, "beauty"),
        change(ChangeKind.SDK_REMOVED, "faces"),
        change(ChangeKind.ACCELERATOR_ADDED, "nnapi", "", "provided by the system", "gpu"),
        change(ChangeKind.ACCELERATOR_REMOVED, "dsp", "unknown", "", "gpu"),
        change(ChangeKind.ACCELERATOR_CHANGED, "npu", "works as shipped", "asked for but not shipped, works as shipped", "gpu"),
        change(ChangeKind.MODEL_OWNER, "assets/m.tflite", "sdk faces", "sdk beauty", "tflite", first_bytes=4096, second_bytes=4096),
        change(ChangeKind.SIGNER, "", "cd" * 32, "ef" * 32, first_bytes=5_000_000, second_bytes=5_000_000),
    ]  # fmt: skip


# --- models -------------------------------------------------------------------------------------------------------------


def model(place: str, digest: str, package: str = "a.apk", **more: Any) -> Model:
    return facts.model(path=f"{package}!{place}", digest=digest, **more)


def models_of(folder: Path, first: tuple[Model, ...], second: tuple[Model, ...]) -> list[tuple[ChangeKind, str, str]]:
    found = changes(folder, app(models=first), app(code="2", models=second))
    return [(item.kind, item.subject, item.detail) for item in found]


CHANGED, ADDED, REMOVED, MOVED = (
    ChangeKind.MODEL_CHANGED, ChangeKind.MODEL_ADDED, ChangeKind.MODEL_REMOVED, ChangeKind.MODEL_MOVED,
)  # fmt: skip


def test_models_added_removed_moved_and_the_same(tmp_path: Path) -> None:
    first = (model("a/same.tflite", "1"), model("a/moved.tflite", "2"), model("a/removed.tflite", "3"))
    second = (
        model("a/same.tflite", "1", package="renamed.apk"), model("b/elsewhere.bin", "2"), model("a/added.tflite", "4")
    )  # fmt: skip
    found = compare(tmp_path, {"/a": app(models=first)}, {"/a": app(code="2", models=second)})
    assert list(found.changes) == [
        change(ADDED, "a/added.tflite", "", "4", "tflite", second_bytes=4096),
        change(REMOVED, "a/removed.tflite", "3", "", "tflite", first_bytes=4096),
        change(MOVED, "b/elsewhere.bin", "a/moved.tflite", "b/elsewhere.bin", "tflite", first_bytes=4096, second_bytes=4096),
    ]  # fmt: skip
    totals = found.models
    assert (totals.kept, totals.moved, totals.added, totals.removed, totals.changed) == (2, 1, 1, 1, {})
    assert totals.first_bytes == totals.second_bytes == 3 * 4096


def test_the_next_version_of_a_model_is_found_by_place_name_stem_and_origin(tmp_path: Path) -> None:
    known = KnownModel(id="mobilenet", title="M", source="x", likeness=Likeness.DERIVED, confidence=Confidence.CERTAIN)
    first = (
        model("a/place.tflite", "1"), model("a/name.tflite", "2"), model("a/faces_v1.tflite", "3"),
        model("a/other.tflite", "4", known=known), model("base.apk!a/split.tflite", "5", package="x.xapk"),
    )  # fmt: skip
    second = (
        model("a/place.tflite", "6"), model("b/name.tflite", "7"), model("a/faces_v2.onnx", "8", format="onnx"),
        model("b/mystery.tflite", "9", known=known), model("a/split.tflite", "10", parameters=99, weights={"float32": 99}),
    )  # fmt: skip
    assert models_of(tmp_path, first, second) == [
        (CHANGED, "a/faces_v2.onnx", "converted: tflite → onnx (same name but for ending and numbers, was a/faces_v1.tflite)"),
        (CHANGED, "a/place.tflite", "weights only"),
        (CHANGED, "a/split.tflite", "layers: 1,234 → 99 parameters"),
        (CHANGED, "b/mystery.tflite", "weights only (made from the same published model, was a/other.tflite)"),
        (CHANGED, "b/name.tflite", "weights only (same file name, was a/name.tflite)"),
    ]  # fmt: skip


def test_ambiguous_names_are_not_guessed(tmp_path: Path) -> None:
    first = (model("a/part1.tflite", "1"), model("a/part2.tflite", "2"))
    second = (model("a/part3.tflite", "3"), model("a/part4.tflite", "4"))
    assert {kind for kind, _, _ in models_of(tmp_path, first, second)} == {ADDED, REMOVED}


def test_models_inside_one_file_are_paired_in_order(tmp_path: Path) -> None:
    def inside(offset: int, digest: str) -> Model:
        made = model("lib/libx.so", digest)
        return replace(made, parts=(replace(made.parts[0], location=facts.place("a.apk!lib/libx.so", offset, 9)),))

    first, second = (inside(100, "1"), inside(200, "2")), (inside(104, "3"), inside(999, "4"))
    found = changes(tmp_path, app(models=first), app(code="2", models=second))
    assert [(item.first, item.second) for item in found] == [("1", "3"), ("2", "4")]


# --- what people and programs read --------------------------------------------------------------------------------------

EVIL = "\x1b[31m=cmd|' /C calc'!A0\n\u202eexe.'; DROP TABLE app; --\""


def hostile(folder: Path) -> SnapshotDifference:
    detection = of(EVIL, EVIL, version=EVIL)
    first = app(EVIL, models=(model(f"{EVIL}/m", "1"), model(EVIL, "2")), detections=(detection,))
    second = app(EVIL, "2", models=(model(f"{EVIL}/m", "3"),), detections=(of(EVIL + "2", EVIL),))
    return compare(folder, {"/a": first}, {"/a": second})


def test_hostile_names_drive_neither_sql_nor_screen_nor_sheet(tmp_path: Path) -> None:
    found = hostile(tmp_path)
    assert {item.package_id for item in found.changes} == {EVIL}
    assert {item.kind for item in found.changes} >= {ChangeKind.SWITCHED, CHANGED, REMOVED}
    document = json.loads(encode_snapshots(found))
    assert document["schema"] == SNAPSHOTS_SCHEMA
    assert {item["package_id"] for item in document["difference"]["changes"]} == {EVIL}
    console = Console(file=io.StringIO(), width=120, force_terminal=True, color_system=None)
    console.print(Safe(render_snapshots(found)))
    screen = console.file.getvalue()  # type: ignore[attr-defined]
    assert "\x1b" not in screen
    assert "\u202e" not in screen
    for row in csv.reader(io.StringIO(changes_csv(found.changes))):
        assert not any(cell.lstrip()[:1] in "=+-@" for cell in row if cell)
        assert not any(control in cell for cell in row for control in "\n\x1b\u202e")


def test_a_csv_has_one_row_a_change(tmp_path: Path) -> None:
    found = compare(tmp_path, {"/a": app(), "/b": without_ai("b")}, {"/a": app(code="2"), "/b": app("b", "2")})
    rows = list(csv.DictReader(io.StringIO(changes_csv(found.changes))))
    assert len(rows) == len(found.changes) == 5
    assert rows[-1] == {
        "kind": "adopted", "platform": "android", "package_id": "b", "subject": "tflite", "first": "",
        "second": "runtime library 2.17.0", "detail": "runtime", "first_bytes": "", "second_bytes": "3000000",
    }  # fmt: skip


def test_a_limit_names_fewer_changes_and_counts_all(tmp_path: Path) -> None:
    first = {f"/{name}": without_ai(name) for name in "abc"}
    second = {f"/{name}": app(name) for name in "abc"}
    found = compare(tmp_path, first, second, most=1)
    assert {item.package_id for item in found.changes} == {"a"}
    assert found.counts == {"check-in": 12, "adopted": 3}
    assert found.changes_left_out == 13


def test_one_package_can_be_asked_about(tmp_path: Path) -> None:
    first = {"/a": without_ai("a"), "/b": app("b")}
    second = {"/a": app("a", "2"), "/b": without_ai("b", "2")}
    found = compare(tmp_path, first, second, app="b")
    assert {item.package_id for item in found.changes} == {"b"}
    assert found.first.packages == found.second.packages == found.kept == 1
