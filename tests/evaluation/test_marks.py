"""Proposals of dated texts, from made-up sources and libraries."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from benchmarks.evaluation.marks import distinctive, library_texts, present, propose, source_texts, stretch
from nngauge.detect.ruleset import Mark

OLD = b"the tensor was resized without asking"
NEW = b"the tensor may only be resized by its owner"
ALWAYS = b"the interpreter has no such input tensor"


def releases() -> dict[str, frozenset[bytes]]:
    return {
        "1.9.0": frozenset({OLD, ALWAYS}),
        "1.10.0": frozenset({OLD, ALWAYS}),
        "1.11.0": frozenset({NEW, ALWAYS}),
    }


@pytest.mark.parametrize(
    ("has", "bounds"),
    [
        ((True, True, False), ("", "3")),
        ((False, True, False), ("1", "3")),
        ((False, False, True), ("2", "")),
        ((True, True, True), None),
        ((True, False, True), None),
        ((False, False, False), None),
    ],
)
def test_one_stretch_bounds(has: tuple[bool, ...], bounds: tuple[str, str] | None) -> None:
    found = stretch(["1", "2", "3"], has)
    assert (found and (found.after, found.before)) == bounds


def test_texts_that_any_project_has_are_not_distinctive() -> None:
    assert distinctive(NEW)
    for text in (
        b"failed to open file for reading",
        b"see https://example.org for the reason",
        b"1234567890123456789012345",
    ):
        assert not distinctive(text)


def test_marks_are_what_came_and_went() -> None:
    libraries = [("1.9.0", b"\0" + OLD + b"\0" + ALWAYS), ("1.11.0", NEW + b"\0" + ALWAYS)]
    assert propose(releases(), libraries, []) == [
        Mark(text=OLD.decode(), before="1.11.0"),
        Mark(text=NEW.decode(), after="1.10.0"),
    ]


def test_a_library_or_another_project_can_refute_a_mark() -> None:
    libraries = [("1.9.0", OLD + b"\0" + NEW), ("1.11.0", NEW)]
    assert [mark.text for mark in propose(releases(), libraries, [])] == [OLD.decode()]
    assert propose(releases(), [("1.9.0", OLD), ("1.11.0", NEW)], [OLD + b"\0" + NEW]) == []


def test_texts_of_libraries_are_those_that_all_of_a_release_have() -> None:
    found = library_texts([("1.0", OLD + b"\0" + NEW), ("1.0", OLD), ("1.1", NEW)])
    assert found == {"1.0": frozenset({OLD}), "1.1": frozenset({NEW})}
    assert present([OLD, NEW], b"x" + NEW) == {NEW}


def test_literals_of_tagged_sources(tmp_path: Path) -> None:
    run = ["git", "-C", str(tmp_path), "-c", "user.name=x", "-c", "user.email=x@example.org"]
    subprocess.run(["git", "init", "-q", tmp_path], check=True)
    (tmp_path / "core").mkdir()
    (tmp_path / "core" / "a.cc").write_bytes(b'fail("' + OLD + b': %d bytes\\n");')
    (tmp_path / "core" / "a_test.cc").write_bytes(b'expect("' + NEW + b'");')
    subprocess.run([*run, "add", "."], check=True)
    subprocess.run([*run, "commit", "-q", "-m", "x"], check=True)
    subprocess.run([*run, "tag", "v1.0"], check=True)
    assert source_texts(tmp_path, "v1.0", ["core"]) == {OLD + b":"}
