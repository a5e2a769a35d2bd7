"""Exit codes, machine-readable output, and what the command line says when something is wrong."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.builders.lookalikes import NOT_MODELS
from tests.builders.samples import MODELS, WHOLE, model
from tests.builders.zips import Member, archive

NET = Member(name=b"assets/net.tflite", data=model("tflite"))
MANIFEST = Member(name=b"AndroidManifest.xml", data=b"\x03\x00\x08\x00")


def nngauge(*arguments: object, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "nngauge", *map(str, arguments)]
    wide = {**os.environ, "COLUMNS": "140"}
    return subprocess.run(command, capture_output=True, text=True, check=False, cwd=cwd, timeout=60, env=wide)


def app(folder: Path, *members: Member, name: str = "app.zip") -> Path:
    target = folder / name
    target.write_bytes(archive(members or (NET,)))
    return target


# --- scan ---------------------------------------------------------------------------------------------------------------


def test_all_well_is_0(tmp_path: Path) -> None:
    done = nngauge("scan", app(tmp_path))
    assert done.returncode == 0, done.stderr
    assert "net.tflite" in done.stdout


def test_an_unreadable_package_is_1(tmp_path: Path) -> None:
    (tmp_path / "empty.apk").write_bytes(b"")
    done = nngauge("scan", tmp_path / "empty.apk")
    assert done.returncode == 1
    assert "neither an app package nor an archive" in done.stderr
    assert not done.stdout


@pytest.mark.parametrize(
    "arguments",
    [["scan"], ["scan", "missing.apk"], ["scan", "--workers", "0", "x"], ["scan", "--nonsense"], ["nonsense"], ["show"], ["why", "x"]],
    ids=" ".join,
)  # fmt: skip
def test_wrong_use_is_2(tmp_path: Path, arguments: list[str]) -> None:
    done = nngauge(*arguments, cwd=tmp_path)
    assert done.returncode == 2
    assert done.stderr
    assert "Traceback" not in done.stderr


def test_a_part_that_failed_is_3(tmp_path: Path) -> None:
    broken = Member(name=b"assets/broken", data=b"hello " * 100, packed=b"\xff" * 50)
    done = nngauge("scan", app(tmp_path, NET, broken))
    assert done.returncode == 3
    assert "net.tflite" in done.stdout
    assert "broken" in done.stdout


def test_one_of_many_that_failed_is_3(tmp_path: Path) -> None:
    app(tmp_path, name="a.apk")
    (tmp_path / "b.apk").write_bytes(b"")
    done = nngauge("scan", tmp_path, "--workers", 1)
    assert done.returncode == 3
    assert "b.apk" in done.stdout


def test_json_is_one_line_an_app(tmp_path: Path) -> None:
    for name in ("a.apk", "b.apk", "c.apk"):
        app(tmp_path, name=name)
    (tmp_path / "empty.apk").write_bytes(b"")
    done = nngauge("scan", tmp_path, "--json")
    documents = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(documents) == 4
    assert done.returncode == 3
    assert not done.stderr
    text = [json.dumps(document) for document in documents]
    assert sum("digits" in line or "tflite" in line for line in text) == 3
    assert sum("NotThisFormat" in line for line in text) == 1


def test_hostile_names_do_not_reach_the_terminal(tmp_path: Path) -> None:
    """Escape sequences in names could rewrite what a person sees."""
    name = b"assets/\x1b[2J\x1b[31mevil\r\nnet.tflite"
    for arguments in ((), ("--json",)):
        done = subprocess.run(
            [sys.executable, "-m", "nngauge", "scan", str(app(tmp_path, Member(name=name, data=model("tflite")))), *arguments],
            capture_output=True, check=False,
        )  # fmt: skip
        assert b"\x1b" not in done.stdout
        assert b"\r" not in done.stdout


def test_extract_writes_inside_the_folder_only(tmp_path: Path) -> None:
    names = [b"../../../evil", b"/etc/evil", b"assets/..\\..\\evil", b"assets/\0evil", b"a" * 300, b".hidden", b"-rf"]
    members = [Member(name=name, data=model(kind)) for name, kind in zip(names, WHOLE, strict=False)]
    inner = tmp_path / "deep" / "er"
    inner.mkdir(parents=True)
    before = set(tmp_path.rglob("*")) | {inner / "app.zip"}
    out = inner / "out"
    done = nngauge("scan", app(inner, *members), "--extract", out, cwd=inner)
    assert "Traceback" not in done.stderr
    written = set(tmp_path.rglob("*")) - before
    assert written
    assert all(path == out or out in path.parents for path in written)
    models = [path for path in out.iterdir() if path.suffix != ".json"]
    assert sorted(path.read_bytes() for path in models) == sorted(member.data for member in members)
    for path in models:
        assert not path.name.startswith((".", "-"))


def test_extract_leaves_sidecars(tmp_path: Path) -> None:
    target = app(tmp_path)
    nngauge("scan", target, "--extract", tmp_path / "out")
    sidecars = list((tmp_path / "out").glob("*.json"))
    assert len(sidecars) == 1
    sidecar = json.loads(sidecars[0].read_text())
    assert sidecar["app"] == str(target)
    assert sidecar["model"]["parts"][0]["location"]["path"].endswith("!assets/net.tflite")
    assert (tmp_path / "out" / sidecar["files"][0]).read_bytes() == model("tflite")


def test_extract_where_nothing_can_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    done = nngauge("scan", app(tmp_path), "--extract", tmp_path / "file" / "out")
    assert done.returncode == 3
    assert "net.tflite" in done.stdout  # the scan itself is not lost
    assert "Traceback" not in done.stderr


def test_a_broken_pipe_is_quiet(tmp_path: Path) -> None:
    for index in range(60):
        app(tmp_path, name=f"{index}.apk")
    command = f'"{sys.executable}" -m nngauge scan "{tmp_path}" --json | head -n 1'
    done = subprocess.run(["/bin/bash", "-c", command], capture_output=True, text=True, check=False, timeout=60)
    assert done.stdout.count("\n") == 1
    assert "Traceback" not in done.stderr
    assert "BrokenPipe" not in done.stderr


# --- why ----------------------------------------------------------------------------------------------------------------


@pytest.fixture
def mixed(tmp_path: Path) -> Path:
    cascade = Member(
        name=b"assets/haarcascade_frontalface_alt.xml", data=NOT_MODELS["assets/haarcascade_frontalface_alt.xml"]
    )
    broken = Member(name=b"assets/broken.gguf", data=b"GGUF\3\0\0\0" + b"\xff" * 100)
    return app(tmp_path, NET, broken, cascade)


@pytest.mark.parametrize(
    ("fact", "shown"), [("net.tflite", "validated"), ("assets/net.tflite", "sha256"), ("broken.gguf", "declared")]
)
def test_why(mixed: Path, fact: str, shown: str) -> None:
    done = nngauge("why", mixed, fact)
    assert done.returncode == 0, done.stderr
    assert shown in done.stdout


def test_why_a_digest(mixed: Path) -> None:
    import hashlib

    done = nngauge("why", mixed, hashlib.sha256(model("tflite")).hexdigest()[:12])
    assert done.returncode == 0
    assert "net.tflite" in done.stdout


def test_why_of_a_technology(tmp_path: Path) -> None:
    from tests.builders.dex import build_dex

    dex = build_dex(defined=["Lorg/tensorflow/lite/Interpreter;", "Lorg/tensorflow/lite/NativeInterpreterWrapper;"])
    target = app(tmp_path, MANIFEST, Member(name=b"classes.dex", data=dex), name="app.apk")
    done = nngauge("why", target, "tflite")
    assert done.returncode == 0, done.stderr
    assert "org/tensorflow/lite" in done.stdout.replace(".", "/")


def test_why_an_unknown_fact_suggests(mixed: Path) -> None:
    done = nngauge("why", mixed, "net.tflit")
    assert done.returncode == 2
    assert "net.tflite" in done.stderr


# --- show ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", WHOLE)
def test_show(kind: str) -> None:
    done = nngauge("show", MODELS / WHOLE[kind])
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip()
    document = json.loads(nngauge("show", MODELS / WHOLE[kind], "--json").stdout)
    assert document["model"]["format"] == kind


def test_show_a_model_that_is_a_folder() -> None:
    done = nngauge("show", MODELS / "shapes_coreml" / "shapes_classifier.mlpackage")
    assert done.returncode == 0, done.stderr


def test_show_of_something_else(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("hello")
    (tmp_path / "folder").mkdir()
    for path, code in ((tmp_path / "a.txt", 1), (tmp_path / "folder", 1), (tmp_path / "missing", 2)):
        done = nngauge("show", path)
        assert done.returncode == code, (path, done.stderr)
        assert done.stderr
        assert "Traceback" not in done.stderr


# --- start-up -----------------------------------------------------------------------------------------------------------


def test_help_is_cheap() -> None:
    code = (
        "import sys\nfrom nngauge.cli import main\nsys.argv = ['nngauge', '--help']\n"
        "try:\n    main()\nexcept SystemExit:\n    pass\n"
        "print(sorted({name.partition('.')[0] for name in sys.modules} & "
        "{'numpy', 'rich', 'hyperscan', 'isal', 'pebble', 'msgspec', 'sqlite3', 'nngauge.pipeline'}))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"
    assert "scan" in done.stdout


def test_help_of_every_verb() -> None:
    from nngauge.cli import VERBS

    for verb in VERBS:
        done = nngauge(verb, "--help")
        assert done.returncode == 0
        assert "Usage" in done.stdout


def test_nothing_is_left_behind(tmp_path: Path) -> None:
    """Spooled entries have no name, so that a kill leaves no rubbish."""
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    big = Member(name=b"assets/big", data=bytes(30 << 20))
    environment = {**os.environ, "TMPDIR": str(scratch)}
    command = [sys.executable, "-m", "nngauge", "scan", str(app(tmp_path, big, NET))]
    subprocess.run(command, capture_output=True, check=False, env=environment)
    assert list(scratch.iterdir()) == []
