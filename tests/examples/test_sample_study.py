"""The sample study: the same every time, its models are valid to the runtime they are for, and all kinds of change are there."""

from __future__ import annotations

import csv
import hashlib
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

import nngauge
from examples.builders.tflite import Form
from examples.study import apple, cast, hostile, listing, packages
from examples.study.cast import App, Use
from examples.study.networks import KINDS, Recipe, made

FIRST, SECOND = (list(cast.snapshot(number)) for number in (0, 1))


def test_hundreds_of_packages_most_of_them_apart() -> None:
    files = [f"{app.package_id}-{app.version}" for app in (*FIRST, *SECOND)]
    assert len(files) >= 580
    assert len(set(files)) >= 450
    assert len({app.package_id for app in SECOND}) == len(SECOND)


def test_another_process_makes_the_same() -> None:
    app = next(app for app in SECOND if app.uses and "cipher" in app.engines)
    code = "from examples.study import cast, packages; import hashlib; "
    code += f"app = list(cast.snapshot(1))[{SECOND.index(app)}]; print(hashlib.sha256(packages.build(app)).hexdigest())"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == hashlib.sha256(packages.build(app)).hexdigest()


def _own(app: App) -> dict[str, Recipe]:
    return {use.path: use.recipe for use in app.uses if isinstance(use.recipe, Recipe)}


def test_everything_that_can_happen_between_snapshots_happens() -> None:
    later = {app.package_id: app for app in SECOND}
    seen: Counter[str] = Counter()
    for app in FIRST:
        after = later.get(app.package_id)
        if after is None:
            seen["gone"] += 1
            continue
        seen["adopted"] += not app.uses and bool(after.uses)
        seen["dropped"] += bool(app.uses) and not after.uses
        seen["switched"] += bool(app.uses and after.uses) and _runtime(app) != _runtime(after)
        for path, recipe in _own(app).items():
            new = _own(after).get(path, recipe)
            seen["trained"] += new.seed != recipe.seed
            seen["tuned"] += new.seed == recipe.seed and new.tuned != recipe.tuned
            seen["quantised"] += new.form is Form.INT8 and recipe.form is not Form.INT8
    seen["new"] = len({app.package_id for app in SECOND} - {app.package_id for app in FIRST})
    assert all(seen.values()), seen
    assert len(seen) == 8


def _runtime(app: App) -> str:
    return app.engines[0].split()[0]


def test_the_store_lists_every_app(tmp_path: Path) -> None:
    apps = [*SECOND, hostile.APP, *(app for app, _, _ in apple.apps(1))]
    listing.write(tmp_path / "store.csv", apps, "2026-11")
    with (tmp_path / "store.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["appId"] for row in rows if row["appId"] == hostile.APP.package_id]
    assert {row["appId"] for row in rows} == {app.package_id for app in apps}
    assert {row["rank"] for row in rows if row["genreId"] == "FINANCE"} >= {"1", "2", "3"}


@pytest.mark.parametrize("kind", KINDS)
def test_the_runtime_takes_the_models(kind: str) -> None:
    library = pytest.importorskip("ai_edge_litert.interpreter", reason="ai-edge-litert is not installed (make oracles)")
    for form in Form:
        library.Interpreter(model_content=made(Recipe(kind, form, 1))).allocate_tensors()


def test_what_is_put_in_is_found(tmp_path: Path) -> None:
    app = next(app for app in FIRST if len(app.uses) > 1 and not any(use.hidden for use in app.uses))
    (tmp_path / "app.apk").write_bytes(packages.build(app))
    scan = nngauge.scan(tmp_path / "app.apk")
    assert scan.app.package_id == app.package_id
    assert {model.parts[0].location.path.partition("!")[2] for model in scan.models} >= _paths(app.uses)
    assert not scan.failures


def _paths(uses: tuple[Use, ...]) -> set[str]:
    return {use.path for use in uses if isinstance(use.recipe, Recipe)}


def test_every_feature_has_a_task(tmp_path: Path) -> None:
    uses = tuple(Use(Recipe(feature.kind), feature.path) for feature in cast._F.values())
    app = App(
        number=0, package_id="com.example.all", label="All", developer="all", category="TOOLS", downloads=1, version=1,
        target=35, engines=("tflite 2.16.1",), uses=uses,
    )  # fmt: skip
    (tmp_path / "all.apk").write_bytes(packages.build(app))
    tasks = [model.task.task if model.task else "" for model in nngauge.scan(tmp_path / "all.apk").models]
    assert len(tasks) == len(uses)
    assert "unknown" not in tasks
    assert len(set(tasks)) >= 20
