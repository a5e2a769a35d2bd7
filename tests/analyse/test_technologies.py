"""What detections amount to: one grade a technology, and dead references told from everything that only looks dead."""

from __future__ import annotations

from itertools import permutations

import pytest

from nngauge.analyse.app_facts import index_rules
from nngauge.analyse.technologies import technologies
from nngauge.detect.ruleset import Delivery, ModelFormats, Needs, Rule
from nngauge.domain.app import App, Part, Platform
from nngauge.domain.detection import Category, Detection
from nngauge.domain.evidence import Confidence, Evidence, EvidenceKind, Presence
from nngauge.domain.graph import Completeness
from nngauge.domain.library import Library
from nngauge.domain.location import Location
from nngauge.domain.model import Model, ModelFile
from nngauge.domain.technology import Grade, Technology
from tests.builders import facts

INSTALLED = "app.apk!lib/arm64-v8a/libengine.so"
DEX = "app.apk!classes.dex"


def detection(
    technology: str,
    presence: Presence,
    path: str = INSTALLED,
    *,
    confidence: Confidence = Confidence.CERTAIN,
    kind: EvidenceKind = EvidenceKind.STRING,
    value: str = "x",
    clause: str = "clause",
    version: str | None = None,
    category: Category = Category.RUNTIME,
) -> Detection:
    native = presence in (Presence.LIBRARY, Presence.EMBEDDED)
    proof = Evidence(kind=kind, location=Location(path=path), value=value, rule=f"{technology}#{clause}")
    return Detection(
        technology=technology, title=technology, category=category, presence=presence, confidence=confidence,
        version=version, library_bytes=4096 if native else None, evidence=(proof,), evidence_count=1,
    )  # fmt: skip


def rule(technology: str, needs: Needs | None = None, models: ModelFormats | None = None, **more: object) -> Rule:
    return Rule(
        id=technology, title=technology, category=Category.RUNTIME, references=("x",), match=(), needs=needs,
        models=models or ModelFormats(), **more,  # type: ignore[arg-type]
    )  # fmt: skip


ENGINE = rule(
    "engine",
    Needs(libraries=("libengine.so", "libengine.so.*"), technologies=("system",), alone=("web",)),
    ModelFormats(own=("net",), reads=("tflite",)),
)
RULES = (
    ENGINE,
    rule("system"),
    rule("wrapper", Needs(technologies=("engine",))),
    rule("other", None, ModelFormats(own=("tflite",))),
    rule("unpacker", None, delivers=Delivery.PACKED),
    rule("loader", None, delivers=Delivery.FETCHED),
    rule("splits", None, delivers=Delivery.SPLIT),
)

INDEX = index_rules(RULES)


def model(form: str, digest: str = "d1", size: int = 10) -> Model:
    place = Location(path=f"app.apk!assets/{digest}.{form}")
    proof = Evidence(kind=EvidenceKind.STRUCTURE, location=place, value=f"validated as {form}")
    return Model(
        format=form, title=form, name=place.name, digest=digest, size=size,
        parts=(ModelFile(location=place, sha256=digest, size=size),), completeness=Completeness.FULL, evidence=(proof,),
    )  # fmt: skip


def library(path: str, *, soname: str | None = None, needed: tuple[str, ...] = ()) -> Library:
    return Library(location=Location(path=path), size=4096, soname=soname, needed=needed)


def app(container: str = "apk", *roles: str, abis: tuple[str, ...] = ()) -> App:
    parts = tuple(Part(path=role, role=role, size=1) for role in roles or ("base",))
    return App(platform=Platform.ANDROID, container=container, parts=parts, abis=abis)


def only(*detections: Detection, **facts: object) -> Technology:
    found = {item.id: item for item in technologies(detections, index=INDEX, **facts)}  # type: ignore[arg-type]
    return found["engine"]


CLASSES = detection("engine", Presence.DEFINED, DEX, kind=EvidenceKind.CLASS_DEFINED)
MENTION = detection("engine", Presence.REFERENCED, DEX, kind=EvidenceKind.CLASS_REFERENCED)


@pytest.mark.parametrize(
    ("presence", "grade", "shipped"),
    [
        (Presence.LIBRARY, Grade.LIBRARY, True),
        (Presence.EMBEDDED, Grade.EMBEDDED, True),
        (Presence.FRAMEWORK, Grade.FRAMEWORK, False),
        (Presence.DEFINED, Grade.DEFINED, True),
        (Presence.REFERENCED, Grade.REFERENCED, False),
        (Presence.DECLARED, Grade.DECLARED, False),
        (Presence.ENDPOINT, Grade.ENDPOINT, False),
        (Presence.FILE, Grade.MODELS, False),
    ],
)
def test_every_presence_has_its_grade(presence: Presence, grade: Grade, shipped: bool) -> None:
    (found,) = technologies([detection("other", presence)], index=INDEX)
    assert (found.grade, found.shipped, found.dead) == (grade, shipped, False)


def test_the_strongest_grade_wins_in_any_order() -> None:
    items = [CLASSES, detection("engine", Presence.LIBRARY, version="1.2"), detection("engine", Presence.FILE, DEX)]
    for order in permutations(items):
        found = only(*order)
        assert (found.grade, found.versions, found.places) == (Grade.LIBRARY, ("1.2",), 3)


def test_what_is_only_possible_never_outranks_what_counts() -> None:
    """And the confidence is that of the grade, not of the best detection."""
    weak = detection("other", Presence.LIBRARY, confidence=Confidence.POSSIBLE)
    strong = detection("other", Presence.DEFINED, DEX, confidence=Confidence.LIKELY)
    (found,) = technologies([weak, strong], index=INDEX)
    assert (found.grade, found.confidence) == (Grade.DEFINED, Confidence.LIKELY)
    likely = detection("other", Presence.LIBRARY, confidence=Confidence.LIKELY)
    (found,) = technologies([likely, detection("other", Presence.DEFINED, DEX)], index=INDEX)
    assert (found.grade, found.confidence) == (Grade.LIBRARY, Confidence.LIKELY)


def test_without_rules_nothing_is_judged() -> None:
    (found,) = technologies([CLASSES])
    assert (found.grade, found.dead, found.missing) == (Grade.DEFINED, False, ())


# --- dead -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("trace", [CLASSES, MENTION, detection("engine", Presence.DECLARED, DEX)])
def test_traces_without_library_model_or_way_are_dead(trace: Detection) -> None:
    found = only(trace, app=app())
    assert (found.grade, found.dead, found.shipped) == (Grade.DEAD, True, False)
    assert found.confidence is Confidence.LIKELY
    assert found.missing == ("libengine.so", "libengine.so.*", "system")
    assert "libengine.so" in found.because
    assert found.evidence == trace.evidence


@pytest.mark.parametrize(
    ("others", "facts"),
    [
        ([detection("engine", Presence.EMBEDDED, "app.apk!lib/arm64-v8a/libapp.so")], {}),
        ([], {"libraries": [library("app.apk!lib/x86/libengine.so")]}),
        ([], {"libraries": [library("app.apk!lib/x86/libq.so", soname="libengine.so.1")]}),
        ([detection("system", Presence.REFERENCED, DEX)], {}),
        ([detection("engine", Presence.DEFINED, "app.apk!assets/e.js", clause="web")], {}),
    ],
    ids=["embedded", "library by name", "library by soname", "alternative", "works alone"],
)
def test_whatever_runs_it_keeps_it_alive(others: list[Detection], facts: dict[str, object]) -> None:
    found = only(CLASSES, *others, app=app(), **facts)
    assert (found.dead, found.missing) == (False, ())
    assert found.shipped


def test_a_chain_lives_as_long_as_its_end() -> None:
    wrapper = detection("wrapper", Presence.DEFINED, DEX)
    dead = {item.id: item for item in technologies([wrapper, CLASSES], index=INDEX, app=app())}
    assert (dead["wrapper"].dead, dead["engine"].dead) == (True, True)
    system = detection("system", Presence.DEFINED, DEX)
    alive = technologies([wrapper, CLASSES, system], index=INDEX, app=app())
    assert not any(item.dead for item in alive)


def test_technologies_that_need_each_other_do_not_keep_each_other_alive() -> None:
    rules = [rule("a", Needs(technologies=("b",))), rule("b", Needs(technologies=("a",)))]
    items = [detection("a", Presence.DEFINED, DEX), detection("b", Presence.DEFINED, DEX)]
    assert [item.grade for item in technologies(items, index=index_rules(rules))] == [Grade.DEAD, Grade.DEAD]


def test_a_loader_whose_library_is_absent_is_dead() -> None:
    """And not a runtime library, however certain its symbols are."""
    glue = "app.apk!lib/arm64-v8a/libengine_jni.so"
    found = only(
        detection("engine", Presence.LIBRARY, glue),
        libraries=[library(glue, needed=("libc.so", "libengine.so"))],
        app=app(),
    )
    assert (found.grade, found.dead, found.shipped) == (Grade.DEAD, True, False)
    assert found.because.startswith("libengine_jni.so links libengine.so, which is not in the app")
    assert [(proof.kind, proof.value) for proof in found.evidence] == [(EvidenceKind.NEEDED, "libengine.so")]
    present = only(
        detection("engine", Presence.LIBRARY, glue),
        libraries=[library(glue, needed=("libengine.so",)), library(INSTALLED)],
        app=app(),
    )
    assert (present.grade, present.dead) == (Grade.LIBRARY, False)


def test_what_links_an_absent_runtime_cannot_be_loaded_either() -> None:
    """A speech library over a runtime: its own needs name no library, its tables do."""
    speech = "app.apk!lib/arm64-v8a/libspeech.so"
    items = [detection("other", Presence.LIBRARY, speech)]
    glue = [library(speech, needed=("libc.so", "libengine.so"))]
    (found,) = technologies(items, index=INDEX, libraries=glue, app=app())
    assert (found.id, found.grade, found.missing) == ("other", Grade.DEAD, ("libengine.so",))
    (found,) = technologies(items, index=INDEX, libraries=[*glue, library(INSTALLED)], app=app())
    assert found.grade is Grade.LIBRARY
    system = [library(speech, needed=("libc.so", "libneuralnetworks.so"))]
    (found,) = technologies(items, index=INDEX, libraries=system, app=app())
    assert found.grade is Grade.LIBRARY


def test_a_model_of_its_own_keeps_it_from_being_dead() -> None:
    found = only(CLASSES, models=[model("net")], app=app())
    assert (found.grade, found.dead, found.shipped) == (Grade.DEFINED, False, False)
    assert "though models that it loads are" in found.because
    assert found.models == ("d1",)


def test_a_model_that_another_engine_loads_says_nothing() -> None:
    other = detection("other", Presence.LIBRARY)
    found = only(CLASSES, other, models=[model("tflite")], app=app())
    assert found.dead
    assert only(CLASSES, models=[model("tflite")], app=app()).dead is False


# --- elsewhere --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("package", "loaders"),
    [
        (app("aar"), ()),
        (app("apk", "split:feature"), ()),
        (app("apk"), (detection("splits", Presence.DECLARED, "app.apk!AndroidManifest.xml"),)),
    ],
    ids=["library", "split alone", "base alone"],
)
def test_a_part_of_an_app_misses_nothing(package: App, loaders: tuple[Detection, ...]) -> None:
    found = only(CLASSES, app=package, loaders=loaders)
    assert (found.grade, found.dead) == (Grade.DEFINED, False)
    assert found.because
    assert not found.shipped


@pytest.mark.parametrize(
    "package", [app("split-set", "base", "split:config.arm64_v8a"), app("apk", abis=("arm64-v8a",)), app("aab", "base")]
)
def test_a_whole_app_does(package: App) -> None:
    marked = detection("splits", Presence.DECLARED, "app.apk!AndroidManifest.xml")
    assert only(CLASSES, app=package, loaders=(marked,)).dead


@pytest.mark.parametrize(
    "path",
    [
        "app.apk!assets/core.bin",
        "app.apk!assets/libs.zip!arm64-v8a/libengine.so",
        "set.xapk!base.apk!assets/libengine.so.xz!libengine.so",
        "app.aab!base/assets/core.bin",
        "app.apk!res/raw/e.zip!libengine.so",
    ],
)
def test_a_library_that_no_installer_unpacks_is_packed(path: str) -> None:
    found = only(detection("engine", Presence.LIBRARY, path), app=app())
    assert (found.grade, found.shipped, found.dead) == (Grade.PACKED, True, False)
    assert "assets" in found.because or "res/raw" in found.because
    assert found.evidence[0].location.path == path


@pytest.mark.parametrize(
    "path",
    [
        INSTALLED,
        "set.xapk!split_config.arm64_v8a.apk!lib/arm64-v8a/libengine.so",
        "app.aab!base/lib/arm64-v8a/libengine.so",
        "app.ipa!Payload/A.app/Frameworks/Engine.framework/Engine",
        "lib.aar!jni/arm64-v8a/libengine.so",
        "folder!lib/arm64-v8a/libengine.so",
    ],
)
def test_a_library_in_its_place_is_not(path: str) -> None:
    assert only(detection("engine", Presence.LIBRARY, path), app=app()).grade is Grade.LIBRARY


def test_installed_beats_packed() -> None:
    both = [detection("engine", Presence.LIBRARY, "app.apk!assets/core.bin"), detection("engine", Presence.EMBEDDED)]
    assert only(*both, app=app()).grade is Grade.EMBEDDED


def test_a_file_named_like_the_library_is_where_it_is_packed() -> None:
    path = "app.apk!assets/libengine.so.br"
    found = only(CLASSES, app=app(), loaders=[detection("unpacker", Presence.FILE, path, value=path)])
    assert (found.grade, found.dead, found.confidence) == (Grade.PACKED, False, Confidence.LIKELY)
    other = "app.apk!assets/libgame.so.br"
    assert only(CLASSES, app=app(), loaders=[detection("unpacker", Presence.FILE, other, value=other)]).dead


def test_a_library_named_in_full_is_fetched() -> None:
    """By whichever technology's clause: engines share libraries."""
    named = detection("other", Presence.REFERENCED, DEX, value="libengine.so", confidence=Confidence.LIKELY)
    found = only(CLASSES, named, app=app())
    assert (found.grade, found.dead, found.shipped) == (Grade.FETCHED, False, False)
    assert found.evidence[0].value == "libengine.so"
    binary = detection("other", Presence.LIBRARY, value="libengine.so")
    assert only(CLASSES, binary, app=app()).dead


def test_means_to_load_any_code_leave_it_open() -> None:
    loader = detection("loader", Presence.DEFINED, DEX, confidence=Confidence.POSSIBLE)
    found = only(CLASSES, app=app(), loaders=[loader])
    assert (found.grade, found.dead, found.shipped) == (Grade.DEFINED, False, False)
    assert "not known" in found.because
    assert found.missing


# --- models only ------------------------------------------------------------------------------------------------------


def test_models_that_nothing_loads_are_named_for_their_owner() -> None:
    (found,) = technologies([], [model("net", "d1", 5), model("net", "d2", 9), model("net", "d2", 9)], index=INDEX)
    assert (found.id, found.grade, found.shipped) == ("engine", Grade.MODELS, False)
    assert found.models == ("d2", "d1")
    assert found.because.startswith("2 models")


def test_models_that_somebody_loads_are_not() -> None:
    found = technologies([detection("engine", Presence.LIBRARY)], [model("tflite")], index=INDEX)
    assert [(item.id, item.models) for item in found] == [("engine", ("d1",))]


def test_models_that_only_the_dead_could_load_are_again() -> None:
    """The wrapper loads nothing, so the format's owner is named."""
    items = [detection("wrapper", Presence.DEFINED, DEX)]
    found = {item.id: item.grade for item in technologies(items, [model("tflite")], index=INDEX, app=app())}
    assert found == {"wrapper": Grade.DEAD, "other": Grade.MODELS}


def test_a_format_without_owner_is_nobodys() -> None:
    assert technologies([], [model("safetensors")], index=INDEX) == ()


def test_runtimes_come_first_and_possible_ones_last() -> None:
    items = [
        detection("b", Presence.DEFINED, category=Category.SDK),
        detection("a", Presence.LIBRARY, confidence=Confidence.POSSIBLE),
        detection("d", Presence.REFERENCED),
        detection("c", Presence.LIBRARY),
    ]
    assert [item.id for item in technologies(items)] == ["c", "d", "b", "a"]


def test_technologies_are_grouped_and_ordered() -> None:
    found = technologies([
        facts.detection(technology="openai", title="OpenAI", category=Category.CLOUD, presence=Presence.ENDPOINT, version=None),
        facts.detection(abi="x86_64", version="2.16.0", presence=Presence.EMBEDDED, library_bytes=9_000_000),
        facts.detection(),
        facts.detection(technology="maybe", title="Maybe", confidence=Confidence.POSSIBLE),
    ])  # fmt: skip
    assert [tech.id for tech in found] == ["tflite", "openai", "maybe"]
    assert found[0].presence is Presence.LIBRARY
    assert found[0].versions == ("2.17.0", "2.16.0")
    assert found[0].abis == ("arm64-v8a", "x86_64")
    assert (found[0].places, found[0].library_bytes) == (2, 9_000_000)
