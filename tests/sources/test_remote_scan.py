"""Remote packages give the facts that the same packages give on this machine, for fewer bytes."""

from __future__ import annotations

import hashlib
import random
import zipfile
from collections.abc import Iterator, Mapping
from io import BytesIO
from pathlib import Path

import pytest
from msgspec.structs import replace

from nngauge.domain.outcome import Treatment
from nngauge.domain.scan import Depth, Scan
from nngauge.domain.study import Item, State
from nngauge.errors import InputError, TransientError, UnreadableError, UsageError
from nngauge.io import remote, web
from nngauge.io.source import ByteSource
from nngauge.packages import PARTIAL, open_package, open_source
from nngauge.pipeline import Scanner
from nngauge.runners.tasks import Settings, Task, attempt
from nngauge.sources import REACH, source_for
from nngauge.store import ledger, shards
from nngauge.study import Study, look
from tests.builders import models, packages
from tests.builders.corpus import corpus_files
from tests.builders.dex import build_dex
from tests.builders.elf import ElfSpec, build_elf
from tests.builders.webserver import Answer, Clock, Site, served
from tests.builders.zips import DEFLATED, STORED, Member

pytest.importorskip("urllib3", reason="the extra 'cloud' is not installed")

MARKS = b"\0".join(
    (b"N4ncnn5LayerE", b"N4ncnn3NetE", b"layer %s not exists or registered", b"param is too old, please regenerate")
)
CHANCE = random.Random(7)
PNG = b"\x89PNG\r\n\x1a\n"


@pytest.fixture(scope="module")
def scanner() -> Scanner:
    return Scanner()


@pytest.fixture(scope="module")
def models_only() -> Scanner:
    return Scanner(depth=Depth.MODELS)


def _pictures(count: int, size: int) -> dict[str, bytes]:
    return {f"res/drawable/p{at}.png": PNG + CHANCE.randbytes(size) for at in range(count)}


def _app() -> bytes:
    inner = zipped({"inner/model.tflite": models.tflite(), "inner/readme.txt": b"text"}, STORED)
    return packages.apk(
        {
            **_pictures(60, 30_000),
            "lib/arm64-v8a/libx.so": build_elf(ElfSpec(rodata=MARKS + CHANCE.randbytes(200_000))),
            "assets/model.tflite": models.tflite(),
            "assets/hidden.png": models.tflite(),
            "assets/part.bin": CHANCE.randbytes(5000) + models.tflite() + b"tail",
            "assets/net.param": models.ncnn_binary(),
            "assets/inner.zip": inner,
            "assets/empty": b"",
            "assets/model_enc.bin": CHANCE.randbytes(80_000),
        },
        v1=packages.CERTIFICATE,
        extra=[
            Member(name=b"assets/stored.onnx", data=models.onnx(), method=STORED),
            Member(name=b"assets/large.mp4", data=b"\0\0\0\x18ftypmp42" + CHANCE.randbytes(2_000_000), method=STORED),
            Member(name=b"assets/odd.bin", data=models.gguf(), method=DEFLATED, local_name=b"assets/other.bin"),
        ],
    )


def zipped(files: Mapping[str, bytes], method: int) -> bytes:
    return packages.zipped(files, method)


def _plain() -> bytes:
    data = BytesIO()
    with zipfile.ZipFile(data, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("classes.dex", build_dex())
        for path, content in _pictures(20, 100).items():
            archive.writestr(path, content)
    return data.getvalue()


SHAPES: dict[str, bytes] = {
    "app.apk": _app(),
    "plain.apk": _plain(),
    "set.xapk": packages.xapk({**packages.splits(), "config.big.apk": packages.apk(_pictures(30, 9000), split="x")}),
    "set.apks": packages.bundletool_apks(),
    "bundle.aab": packages.aab({"base/assets/model.tflite": models.tflite(), **_pictures(20, 9000)}),
    "library.aar": packages.aar(),
    "app.ipa": packages.ipa({"Payload/App.app/model.tflite": models.tflite()}),
    "cut.apk": _app()[:-200_000],
    "shifted.apk": bytes(70_000) + _app(),
    "app.tar": packages.tarred({"a/model.tflite": models.tflite(), "b.bin": CHANCE.randbytes(200_000)}),
}


def comparable(scan: Scan) -> Scan:
    """Without what depends on where the package lies, and on whether all bytes were read."""
    parts = tuple(replace(part, sha256=None) for part in scan.app.parts)
    return replace(scan, path="", app=replace(scan.app, sha256="", parts=parts))


def far(scanner: Scanner, site: Site, name: str, **options: bool) -> tuple[Scan, int]:
    source, store = web.open_web(site.url(name), sleep=Clock())
    package = open_source(source, **options)
    try:
        scan = scanner.scan_package(package, name)
    finally:
        package.close()
    assert store.lost is None
    return scan, store.fetched


def near(scanner: Scanner, site: Site, name: str, data: bytes) -> Scan:
    package = open_source(ByteSource.of_bytes(data, site.url(name)))
    return scanner.scan_package(package, name)


# --- the same facts -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", SHAPES)
def test_the_facts_are_those_of_a_local_scan(scanner: Scanner, name: str) -> None:
    data = SHAPES[name]
    with served({name: data}) as site:
        scan, fetched = far(scanner, site, name)
        local = near(scanner, site, name, data)
    assert comparable(scan) == comparable(local)
    assert fetched <= 1.1 * len(data) + 1000  # small gaps are fetched again rather than asked around


def test_something_was_compared(scanner: Scanner) -> None:
    data = SHAPES["app.apk"]
    with served({"app.apk": data}) as site:
        scan, fetched = far(scanner, site, "app.apk")
    assert len(scan.models) >= 5
    assert [item.technology for item in scan.detections].count("ncnn") >= 1
    assert {item.treatment for item in scan.coverage} >= {Treatment.SCANNED, Treatment.PARSED, Treatment.HEAD_ONLY}
    assert scan.app.label == "Example"
    assert fetched < 0.65 * len(data)  # the film and most of the pictures stay where they are


def test_models_only_finds_the_models_for_few_bytes(scanner: Scanner, models_only: Scanner) -> None:
    data = SHAPES["app.apk"]
    with served({"app.apk": data}) as site:
        everything, _ = far(scanner, site, "app.apk")
        scan, fetched = far(models_only, site, "app.apk", sparing=True)
    seen = {model.digest for model in scan.models}
    missing = [model.parts[0].location.path for model in everything.models if model.digest not in seen]
    assert missing == []
    # Dressed up as a picture or inside another file: found by a full scan only, and said to be left out.
    paths = {model.parts[0].location.path.rpartition("!")[2] for model in scan.models}
    assert "assets/hidden.png" not in paths
    left = [item for item in scan.coverage if item.treatment is Treatment.LEFT_OUT]
    assert sum(item.size for item in left) > 2_000_000
    assert sum(item.entries for item in scan.coverage) == sum(item.entries for item in everything.coverage)
    assert scan.libraries == ()
    assert scan.provenance.configuration == "models-only"
    assert "nothing is said about code" in scan.verdict.because[-1]
    assert fetched < 0.1 * len(data)


def test_models_only_gives_the_same_facts_near_and_far(models_only: Scanner) -> None:
    for name, data in SHAPES.items():
        with served({name: data}) as site:
            scan, _ = far(models_only, site, name)
            local = near(models_only, site, name, data)
        assert comparable(scan) == comparable(local)


def test_real_packages_give_the_same_facts(scanner: Scanner) -> None:
    paths = corpus_files("packages/*.apk", magic=b"PK", largest=12 << 20)[::8]
    for path in paths:
        with served({"a.apk": path.read_bytes()}) as site:
            scan, _ = far(scanner, site, "a.apk")
            local = near(scanner, site, "a.apk", path.read_bytes())
        assert comparable(scan) == comparable(local), path.name


# --- identity -----------------------------------------------------------------------------------------------------------


def test_the_identity_of_what_was_not_read_is_marked_and_the_same_each_time(scanner: Scanner) -> None:
    data = SHAPES["app.apk"]
    with served({"a.apk": data, "b.apk": data, "c.apk": data[:200] + b"\xff" + data[201:]}) as site:
        first, second = far(scanner, site, "a.apk")[0], far(scanner, site, "b.apk")[0]
    assert first.app.sha256 == second.app.sha256
    assert first.app.sha256.startswith(PARTIAL)
    assert len(first.app.sha256) == len(PARTIAL) + 64
    assert [part.sha256 for part in first.app.parts] == [None]


@pytest.mark.parametrize("change", ["content", "name", "signer"])
def test_another_package_has_another_identity(scanner: Scanner, change: str) -> None:
    files = {**_pictures(8, 20_000), "a.txt": b"one"}
    other = dict(files)
    if change == "content":
        other["a.txt"] = b"two"
    elif change == "name":
        other["b.txt"] = other.pop("a.txt")
    certificate = packages.OTHER_CERTIFICATE if change == "signer" else packages.CERTIFICATE
    with served({"a.apk": packages.apk(files), "b.apk": packages.apk(other, v2=certificate)}) as site:
        assert far(scanner, site, "a.apk")[0].app.sha256 != far(scanner, site, "b.apk")[0].app.sha256


def test_what_was_read_as_a_whole_has_its_digest(scanner: Scanner) -> None:
    data = packages.apk()
    assert len(data) < 60_000
    with served({"a.apk": data, "app.apk": SHAPES["app.apk"]}) as site:
        assert far(scanner, site, "a.apk")[0].app.sha256 == hashlib.sha256(data).hexdigest()
        site.fault = Answer.whole
        assert far(scanner, site, "app.apk")[0].app.sha256 == hashlib.sha256(SHAPES["app.apk"]).hexdigest()


# --- as a source of a study ---------------------------------------------------------------------------------------------


@pytest.fixture
def study(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(shards, "installed", lambda: False)
    monkeypatch.setattr(remote, "_FIRST_PAUSE", 0.001)
    monkeypatch.setattr(ledger, "PAUSES", (0.0, 0.0, 0.0))
    Study.create(tmp_path / "study").__exit__(None, None, None)
    return tmp_path / "study"


def run(study: Path, scanner: Scanner, locator: str, **sources: str) -> list[object]:
    def here(tasks: Iterator[Task]) -> Iterator[tuple[Task, object]]:
        for task in tasks:
            yield task, attempt(scanner, task, Settings(sources=sources))

    with Study.open(study) as opened:
        opened.add(locator, "now")
        return [item.result for item in opened.run(engine=here, sleep=lambda _: None)]  # type: ignore[arg-type]


def test_a_study_scans_an_address(study: Path, scanner: Scanner) -> None:
    with served({"app.apk": SHAPES["app.apk"]}) as site:
        results = run(study, scanner, site.url("app.apk"))
        (result,) = results
        assert isinstance(result, Scan)
        with look(study) as book:
            (row,) = book.listing()
        assert 0 < row[-1] < 0.65 * len(SHAPES["app.apk"])
        assert row[5] == len(SHAPES["app.apk"])
        with Study.open(study) as opened:
            assert opened.add(site.url("app.apk"), "now") == (0, 0)
            site.stamp += 1
            assert opened.add(site.url("app.apk"), "now") == (0, 1)


def test_a_server_that_dies_in_the_middle_is_put_off_not_half_a_result(study: Path, scanner: Scanner) -> None:
    def dies(answer: Answer) -> None:
        if answer.number > 5:
            answer.status = 500

    with served({"app.apk": SHAPES["app.apk"]}) as site:
        site.fault = dies
        results = run(study, scanner, site.url("app.apk"))
    assert not any(isinstance(result, Scan) for result in results)
    assert {result.error for result in results} == {"TransientError"}  # type: ignore[attr-defined]
    with look(study) as book:
        assert book.progress()[0].counts == {State.QUARANTINED: 1}


def test_a_server_that_recovers_gives_the_undisturbed_result(study: Path, scanner: Scanner) -> None:
    def hiccups(answer: Answer) -> None:
        if answer.number in range(4, 9):
            answer.cut = 100

    with served({"app.apk": SHAPES["app.apk"]}) as site:
        clean, _ = far(scanner, site, "app.apk")
        site.asked.clear()
        site.fault = hiccups
        results = run(study, scanner, site.url("app.apk"))
    assert isinstance(results[-1], Scan)
    assert comparable(results[-1]) == comparable(clean)


def test_a_lying_server_is_a_recorded_failure(study: Path, scanner: Scanner) -> None:
    def lies(answer: Answer) -> None:
        if answer.number > 3:
            answer.content_range = "bytes 0-1/2"

    with served({"app.apk": SHAPES["app.apk"]}) as site:
        site.fault = lies
        (result,) = run(study, scanner, site.url("app.apk"))
    assert result.error == "MalformedError"  # type: ignore[attr-defined]
    with look(study) as book:
        assert book.progress()[0].counts == {State.FAILED: 1}


def test_what_is_gone_is_a_recorded_failure(study: Path, scanner: Scanner) -> None:
    with served({}) as site:
        (result,) = run(study, scanner, site.url("app.apk"))
    assert (result.error, "404" in result.reason) == ("UnreadableError", True)  # type: ignore[attr-defined]


def test_a_page_instead_of_a_package_is_a_recorded_failure(study: Path, scanner: Scanner) -> None:
    with served({"app.apk": b"<!doctype html><html>please log in</html>"}) as site:
        (result,) = run(study, scanner, site.url("app.apk"))
    assert result.error == "NotThisFormat"  # type: ignore[attr-defined]


def test_another_size_than_listed_is_refused(scanner: Scanner) -> None:
    with served({"app.apk": SHAPES["app.apk"]}) as site:
        item = Item(locator=site.url("app.apk"), size=5)
        with pytest.raises(UnreadableError, match="when it was listed"), source_for(item.locator).open(item, {}):
            pass


def test_an_address_that_does_not_answer_is_added_and_tried_by_the_run() -> None:
    (item,) = source_for("http://127.0.0.1:9/a.apk").items("http://127.0.0.1:9/a.apk", {})
    assert item == Item(locator="http://127.0.0.1:9/a.apk")


def test_secrets_in_addresses_are_refused_before_anything_is_stored(study: Path) -> None:
    with Study.open(study) as opened, pytest.raises(UsageError) as caught:
        opened.add("https://user:S3CRET@example.org/a.apk", "now")
    assert "S3CRET" not in str(caught.value)
    assert b"S3CRET" not in b"".join(path.read_bytes() for path in study.rglob("*") if path.is_file())


def test_a_sparing_source_leaves_the_label(models_only: Scanner) -> None:
    with served({"app.apk": SHAPES["app.apk"]}) as site:
        item = Item(locator=site.url("app.apk"))
        with source_for(item.locator).open(item, {REACH: "models"}) as opened:
            assert opened.package.app.label == "@0x7f010001"
            assert opened.package.app.package_id == packages.PACKAGE_ID
            assert opened.fetched <= 80_000


def test_errors_of_a_scan_close_what_was_opened(scanner: Scanner) -> None:
    with served({"app.apk": SHAPES["app.apk"]}) as site:
        item = Item(locator=site.url("app.apk"))
        with pytest.raises(TransientError, match="elsewhere"):  # noqa: PT012, SIM117 - the raise is what is tested
            with source_for(item.locator).open(item, {}) as opened:
                source = opened.package.source
                raise TransientError("elsewhere")
        assert source is not None
        with pytest.raises(InputError, match="closed"):
            source.read(0, 1)


def test_a_local_package_keeps_its_digest(tmp_path: Path) -> None:
    path = tmp_path / "a.apk"
    path.write_bytes(packages.apk())
    package = open_package(path)
    assert package.app.sha256 == hashlib.sha256(packages.apk()).hexdigest()
    package.close()
