"""The screen of an audit: short, complete, and harmless whatever files are called."""

from __future__ import annotations

import io
from pathlib import Path

from click.testing import CliRunner
from rich.console import Console

from nngauge.auditing import audit_app
from nngauge.cli.audit import command
from nngauge.domain.protection import Audit
from nngauge.screen.audit import render_audit
from nngauge.screen.safe import Safe
from tests.builders import weighty
from tests.builders.packages import apk

MODEL = weighty.tflite()


def audited(tmp_path: Path) -> Audit:
    files = {
        "assets/face.tflite": MODEL,
        "assets/a.tflite.enc": weighty.noise(40_000, 1),
        "assets/b.tflite.enc": weighty.noise(40_000, 2),
        "assets/c.tflite.enc": weighty.noise(40_000, 3),
        "assets/d.tflite.enc": weighty.noise(40_000, 4),
        "assets/models/m\x1b[31m\u202egpj.dat": weighty.xored(MODEL, 16),
        "res/zz": weighty.noise(30_000, 5),
    }
    app = tmp_path / "app.apk"
    app.write_bytes(apk(files))
    return audit_app(app)


def text_of(audit: Audit, rows: int = 12, width: int = 140) -> str:
    out = io.StringIO()
    Console(file=out, width=width, highlight=False, markup=False, emoji=False).print(
        Safe(render_audit(audit, rows=rows))
    )
    return out.getvalue()


def test_one_screen_says_it_all(tmp_path: Path) -> None:
    text = text_of(audited(tmp_path))
    for wanted in (
        "Example", "In short", "Models  6", "face.tflite", "plain", "encrypted", "weak cipher", "XOR, key of 16 bytes", "and 1 more",
        "what somebody with the app could do", "what would help", "Could they be swapped?", "covered by the package signature: yes",
        "Uniform bytes, purpose unknown  1", "res/zz",
    ):  # fmt: skip
        assert wanted in text, wanted
    assert len(text.splitlines()) <= 45


def test_names_cannot_drive_the_terminal(tmp_path: Path) -> None:
    text = text_of(audited(tmp_path))
    assert "\x1b" not in text
    assert "\u202e" not in text


def test_narrow_screens_and_uncut_tables(tmp_path: Path) -> None:
    audit = audited(tmp_path)
    assert all(name in text_of(audit, rows=0) for name in ("a.tflite.enc", "d.tflite.enc"))
    assert max(len(line) for line in text_of(audit, width=80).splitlines()) <= 80


def test_the_verb(tmp_path: Path) -> None:
    audited(tmp_path)
    app = str(tmp_path / "app.apk")
    shown = CliRunner().invoke(command, [app])
    assert shown.exit_code == 0
    assert "weak cipher" in shown.output
    raw = CliRunner().invoke(command, ["--json", app])
    assert raw.exit_code == 0
    assert raw.output.startswith('{"schema":"nngauge.audit/1"')


def test_exit_code_when_parts_cannot_be_read(tmp_path: Path) -> None:
    whole = apk({"assets/face.tflite": MODEL})
    app = tmp_path / "app.apk"
    app.write_bytes(whole[: len(whole) * 2 // 3])
    assert CliRunner().invoke(command, [str(app)]).exit_code == 3
