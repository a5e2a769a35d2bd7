"""The engine on small made-up rules; nngauge's own rules are tested by their examples (test_rule_files.py)."""

from __future__ import annotations

from pathlib import Path

import pytest

from nngauge.detect.compiled import load_signatures
from nngauge.detect.lint import detect_example, lint_rules
from nngauge.detect.ruleset import Example, RuleSet, parse_rule
from nngauge.detect.signatures import Signatures, compile_globs, compile_signatures
from nngauge.domain.detection import Detection
from nngauge.domain.evidence import Confidence, EvidenceKind, Presence
from nngauge.errors import RuleError

ENGINE = """
id = "engine"
title = "Engine"
category = "runtime"
references = ["https://example.org"]
[[match]]
name = "api"
scope = "native"
presence = "library"
any.export = ["engine_create"]
any.soname = ["libengine*.so"]
[[match]]
name = "types"
scope = "native"
presence = "embedded"
min = 2
any.string = ["N6engine5LayerE", "N6engine3NetE", "engine/src/net.cpp"]
none.string = ["this is not the engine"]
[[match]]
name = "java"
scope = "dex"
any.class = ["com.engine.Net", "com.engine.ops.*"]
any.method = ["com.other.Loader.engineLoad"]
[[match]]
name = "service"
scope = "code"
confidence = "likely"
any.host = ["api.engine.example"]
[[match]]
name = "permission"
scope = "manifest"
confidence = "possible"
any.permission = ["com.engine.permission.*"]
any.meta = ["com.engine.KEY=on"]
[[match]]
name = "file"
scope = "file"
any.path = ["assets/*.engine"]
[[version]]
scope = "native"
anchor = "Engine v"
pattern = 'Engine v(\\d+\\.\\d+)'
[[version]]
scope = "native"
source = "symbol-version"
pattern = 'ENG_([\\d.]+)'
[[version]]
scope = "file"
pattern = 'version=([\\d.]+)'
[[example]]
name = "x"
[[counterexample]]
name = "x"
"""
WRAPPER = """
id = "wrapper"
title = "Wrapper"
category = "wrapper"
references = ["https://example.org"]
[[match]]
name = "api"
scope = "native"
any.string = ["wrapper_marker"]
[[example]]
name = "x"
[[counterexample]]
name = "x"
"""


def signatures(*sources: str) -> Signatures:
    rules = []
    for text in sources:
        name = text.split('"')[1]
        rules.append(parse_rule(f"{name}.toml", text.encode()))
    return compile_signatures(RuleSet(tuple(rules), "test"))


def detect(*sources: str, **facts: object) -> tuple[Detection, ...]:
    return detect_example(signatures(*sources), Example(name="t", **facts))  # type: ignore[arg-type]


def test_an_exported_symbol_is_a_library_and_says_where() -> None:
    (found,) = detect(ENGINE, native={"exports": ["engine_create"], "strings": ["Engine v3.4"]})
    assert (found.presence, found.confidence, found.version) == (Presence.LIBRARY, Confidence.CERTAIN, "3.4")
    proof = found.evidence[0]
    assert (proof.kind, proof.value, proof.rule) == (EvidenceKind.EXPORT, "engine_create", "engine#api")
    assert proof.location.offset == 1
    assert found.version_evidence is not None
    assert found.version_evidence.value == "3.4"


def test_the_name_of_a_symbol_alone_is_not_an_export() -> None:
    assert detect(ENGINE, native={"strings": ["engine_create"]}) == ()


def test_an_import_is_not_an_export() -> None:
    assert detect(ENGINE, native={"imports": ["engine_create"]}) == ()


def test_two_of_three_strings_mean_embedded_and_one_means_nothing() -> None:
    (found,) = detect(ENGINE, native={"strings": ["N6engine5LayerE", "engine/src/net.cpp"]})
    assert found.presence is Presence.EMBEDDED
    assert detect(ENGINE, native={"strings": ["N6engine5LayerE"]}) == ()


def test_none_vetoes() -> None:
    strings = ["N6engine5LayerE", "N6engine3NetE", "this is not the engine"]
    assert detect(ENGINE, native={"strings": strings}) == ()


def test_the_strongest_clause_decides() -> None:
    (found,) = detect(ENGINE, native={"soname": "libengine2.so", "strings": ["N6engine5LayerE", "N6engine3NetE"]})
    assert found.presence is Presence.LIBRARY
    assert found.evidence_count == 3


def test_symbol_versions_are_the_second_source() -> None:
    (found,) = detect(ENGINE, native={"exports": ["engine_create"], "symbol_versions": ["ENG_1.2.3"]})
    assert found.version == "1.2.3"


@pytest.mark.parametrize(
    ("facts", "presence"),
    [
        ({"defines": ["com.engine.Net"]}, Presence.DEFINED),
        ({"references": ["com.engine.Net"]}, Presence.REFERENCED),
        ({"references": ["com.engine.ops.Conv"]}, Presence.REFERENCED),
        ({"defines": ["com.engine.ops.Conv"], "references": ["com.engine.Net"]}, Presence.DEFINED),
        ({"methods": ["com.other.Loader.engineLoad"]}, Presence.REFERENCED),
    ],
)
def test_classes_are_graded_by_definition(facts: dict[str, list[str]], presence: Presence) -> None:
    (found,) = detect(ENGINE, dex=facts)
    assert found.presence is presence


@pytest.mark.parametrize("facts", [{"defines": ["com.engine.Network"]}, {"methods": ["com.other.Loader.load"]}])
def test_similar_classes_do_not_match(facts: dict[str, list[str]]) -> None:
    assert detect(ENGINE, dex=facts) == ()


@pytest.mark.parametrize(
    ("text", "matches"),
    [
        ("https://api.engine.example/v1", True),
        ("api.engine.example", True),
        ("eu.api.engine.example", True),
        ("my-api.engine.example", False),
        ("api.engine.example.org", False),
        ("api.engine.examples", False),
    ],
)
def test_hosts_are_whole_names(text: str, matches: bool) -> None:
    found = detect(ENGINE, script={"strings": [text]})
    assert bool(found) is matches
    assert all(item.presence is Presence.ENDPOINT for item in found)


def test_manifest_names_and_values() -> None:
    assert detect(ENGINE, manifest={"permissions": ["com.engine.permission.USE"]})[0].confidence is Confidence.POSSIBLE
    assert detect(ENGINE, manifest={"meta": ["com.engine.KEY=on"]})
    assert not detect(ENGINE, manifest={"meta": ["com.engine.KEY=off"]})


def test_files_give_versions_from_their_content() -> None:
    (found,) = detect(ENGINE, file={"path": "assets/a.engine", "content": "version=7.1\n"})
    assert (found.presence, found.version) == (Presence.FILE, "7.1")


def test_inside_regrades_to_embedded_and_names_the_host() -> None:
    text = ENGINE.replace('references = ["https://example.org"]', 'references = ["x"]\ninside = ["wrapper"]', 1)
    found = {item.technology: item for item in detect(text, WRAPPER, native={
        "exports": ["engine_create"], "strings": ["wrapper_marker"],
    })}  # fmt: skip
    assert (found["engine"].presence, found["engine"].host) == (Presence.EMBEDDED, "wrapper")
    assert found["wrapper"].host is None


def test_unless_drops_a_clause() -> None:
    text = ENGINE.replace('name = "api"', 'name = "api"\nunless = ["wrapper"]', 1)
    found = detect(text, WRAPPER, native={"exports": ["engine_create"], "strings": ["wrapper_marker"]})
    assert [item.technology for item in found] == ["wrapper"]


def test_globs_match_exactly_and_by_pattern() -> None:
    globs = compile_globs(["libfoo.so", "lib*_jni.so", "lib[ab].so"])
    assert globs.matching("libfoo.so") == ["libfoo.so"]
    assert globs.matching("libx_jni.so") == ["lib*_jni.so"]
    assert globs.matching("liba.so") == ["lib[ab].so"]
    assert globs.matching("libc.so") == []


@pytest.mark.parametrize("glob", ["*/models/face_*_v?.bin", "a[!x]bc*d", "exact.json", "*[0-9]*", "odd[name", "*?"])
@pytest.mark.parametrize(
    "name", ["x/models/face_1_v2.bin", "aybccd", "in/exact.json", "a7", "odd[name", "", "é\0b", "b"]
)
def test_globs_that_match_are_among_the_possible(glob: str, name: str) -> None:
    globs = compile_globs([glob])
    names = ["none", *["filler"] * 5000, name, "last"]
    wanted = {at for at, text in enumerate(names) if globs.matching(text) or globs.matching(text.rpartition("/")[2])}
    assert wanted <= globs.possible(names)


def test_hardly_any_name_is_possible() -> None:
    globs = compile_globs(["*assets/x*.tflite", "index.js"])
    names = ["res/a.png", "assets/b.tflite", "assets/x1.tflite", "www/index.js", "assets/x"]
    assert globs.possible(names) == {2, 3, 4}


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        (('category = "runtime"', 'category = "engine"'), "category"),
        (('scope = "native"', 'scope = "elf"'), "scope"),
        (('title = "Engine"', 'titel = "Engine"'), "titel"),
        (('id = "engine"', 'id = "other"'), "file name"),
        (('id = "engine"', "id = engine"), "Invalid value"),
    ],
)
def test_broken_rule_files_are_refused_with_the_place(change: tuple[str, str], complaint: str) -> None:
    with pytest.raises(RuleError, match=complaint):
        parse_rule("engine.toml", ENGINE.replace(*change, 1).encode())


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        (('any.export = ["engine_create"]', 'any.export = ["engine_*_create"]'), "trailing"),
        (('any.class = ["com.engine.Net"', 'any.class = ["com/engine/Net"'), "write a.b.C"),
        (('"N6engine3NetE"', '"Net"'), "shorter than"),
        (('scope = "manifest"', 'scope = "dex"'), "does not exist in scope"),
        (("min = 2", "min = 9"), "can never be reached"),
        (('anchor = "Engine v"', ""), "needs an anchor"),
        ((r"'Engine v(\d+\.\d+)'", r"'Engine v\d+'"), "groups"),
        (('name = "types"', 'name = "api"'), "not unique"),
        (('name = "types"', 'name = "types"\nunless = ["nobody"]'), "unknown technology"),
        (('references = ["https://example.org"]', "references = []"), "no references"),
    ],
)
def test_the_linter_complains(tmp_path: Path, change: tuple[str, str], complaint: str) -> None:
    text = ENGINE.replace(*change, 1)
    assert text != ENGINE
    (tmp_path / "engine.toml").write_text(text)
    assert any(complaint in problem for problem in lint_rules(tmp_path))


def test_the_linter_runs_examples(tmp_path: Path) -> None:
    good = ENGINE.replace('[[example]]\nname = "x"', '[[example]]\nname = "x"\nversion = "1.0"\n'
                          'native = { exports = ["engine_create"], strings = ["Engine v1.0"] }')  # fmt: skip
    good = good.replace('[[counterexample]]\nname = "x"', '[[counterexample]]\nname = "x"\n'
                        'native = { strings = ["engine_create"] }')  # fmt: skip
    (tmp_path / "engine.toml").write_text(good)
    assert lint_rules(tmp_path) == []
    (tmp_path / "engine.toml").write_text(good.replace('version = "1.0"', 'version = "1.1"'))
    assert "expected '1.1'" in lint_rules(tmp_path)[0]
    (tmp_path / "engine.toml").write_text(good.replace('strings = ["engine_create"]', 'exports = ["engine_create"]'))
    assert "is detected by engine#api" in lint_rules(tmp_path)[0]


def test_the_cache_gives_the_same_signatures_and_survives_damage(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rules = tmp_path / "rules"
    rules.mkdir()
    (rules / "engine.toml").write_text(ENGINE)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    data = b"\0N6engine5LayerE\0TFL3"
    first = load_signatures((b"TFL3",), rules)
    (place,) = (tmp_path / "cache" / "nngauge").iterdir()
    assert load_signatures((b"TFL3",), rules).scan(data) == first.scan(data) != []
    place.write_bytes(b"garbage")
    assert load_signatures((b"TFL3",), rules).scan(data) == first.scan(data)
    (rules / "engine.toml").write_text(ENGINE.replace("N6engine5LayerE", "N6engine5OtherE"))
    changed = load_signatures((b"TFL3",), rules)
    assert changed.ruleset.digest != first.ruleset.digest
    assert len(changed.scan(data)) < len(first.scan(data))


def test_an_unwritable_cache_is_no_problem(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rules = tmp_path / "rules"
    rules.mkdir()
    (rules / "engine.toml").write_text(ENGINE)
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    assert load_signatures((), rules).scan(b"N6engine5LayerE")
