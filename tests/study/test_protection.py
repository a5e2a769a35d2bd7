"""What studies keep of protection: only when they are asked to, and the same as an audit says."""

from __future__ import annotations

from pathlib import Path

import pytest

from nngauge.auditing import audit_app
from nngauge.domain.scan import Depth
from nngauge.pipeline import Scanner
from nngauge.runners.tasks import Settings, attempt
from nngauge.store.warehouse import Warehouse
from nngauge.study import Study
from tests.builders import weighty
from tests.builders.packages import apk

pytest.importorskip("duckdb", reason="the extra `study` is not installed")
QUESTION = "SELECT name, grade, number IS NULL, size FROM protection ORDER BY name"


def rows(study: Path, depth: Depth) -> list[tuple[object, ...]]:
    settings, scanner = Settings(depth=depth), Scanner(depth=depth)

    with Study.open(study) as opened:
        for _ in opened.run(
            settings=settings, engine=lambda tasks: ((one, attempt(scanner, one, settings)) for one in tasks)
        ):
            pass
        with Warehouse(study, opened.ledger) as facts:
            return facts.ask(QUESTION).rows


def test_protection_is_kept_when_a_study_is_audited(tmp_path: Path) -> None:
    model = weighty.tflite()
    apps = tmp_path / "apps"
    apps.mkdir()
    files = {"assets/a.tflite": model, "assets/b.dat": bytes(byte ^ 0x5A for byte in model), "c.txt": b"text"}
    (apps / "a.apk").write_bytes(apk(files))
    with Study.create(tmp_path / "study") as made:
        made.add(str(apps), "2026-11")
    assert rows(tmp_path / "study", Depth.DEFAULT) == []
    wanted = [("a.tflite", "plain", False, len(model)), ("b.dat", "weak cipher", True, len(model))]
    assert rows(tmp_path / "study", Depth.AUDIT) == wanted
    audit = audit_app(apps / "a.apk")
    assert sorted((item.name, item.protection.grade) for item in audit.models) == [row[:2] for row in wanted]
