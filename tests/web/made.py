"""A small study without packages: two snapshots, hostile names everywhere, a failed item, kept models."""

from __future__ import annotations

import hashlib
import random
from pathlib import Path

import msgspec
from msgspec.structs import replace

from nngauge.domain.app import Platform
from nngauge.domain.attribution import Attribution, Owner
from nngauge.domain.evidence import Confidence
from nngauge.domain.measurement import Doubt, Session
from nngauge.domain.model import ModelFile
from nngauge.domain.outcome import Failure, Stage
from nngauge.domain.protection import Audit
from nngauge.domain.scan import Scan
from nngauge.domain.study import Item
from nngauge.measure.summary import summary
from nngauge.store.blobs import FOLDER, blob_path
from nngauge.store.ledger import Ledger
from nngauge.store.rows import StoredResult
from tests.builders import facts
from tests.builders.samples import model as sample
from tests.measure.sessions import PHONE, launch, measurement

HOSTILE = "<script>alert(1)</script>\"'><img src=x onerror=alert(2)>\x1b[31m\u202e=cmd()"
"""Markup, a way out of attributes, terminal escapes, a right-to-left override, a formula."""
SNAPSHOTS = ("2026-08", "2026-11")


def sha(text: str) -> str:
    """A SHA-256 of something."""
    return hashlib.sha256(text.encode()).hexdigest()


TFLITE = sample("tflite")
SHARED, KEPT = sha("shared"), hashlib.sha256(TFLITE).hexdigest()


def an_app(number: int, **changes: object) -> Scan:
    """App `number`: every third has no AI, and all with AI share a model."""
    scan = facts.scan(path=f"apps/{number}.apk")
    told = {"package_id": f"com.example.p{number // 2:03}", "version_code": str(number), "label": f"App {number:03}", "size": 1000 + number, "sha256": sha(f"app {number}")}  # fmt: skip
    app = replace(
        scan.app,
        **(told | {key: changes.pop(key) for key in list(changes) if key in {"label", "package_id", "platform"}}),
    )
    if number % 3 == 0:
        verdict = replace(scan.verdict, runtime_present=False, model_present=False, because=())
        return replace(
            scan,
            app=app,
            verdict=verdict,
            detections=(),
            technologies=(),
            models=(),
            candidates=(),
            failures=(),
            **changes,
        )
    own = facts.model(digest=sha(f"model {number}"), path=f"a.apk!assets/m{number}.tflite", size=5000 + number)
    shared = facts.model(digest=SHARED, path="a.apk!assets/shared.tflite", owner=Attribution(owner=Owner.SDK, sdk="mlkit-face", title="ML Kit", confidence=Confidence.CERTAIN, because="x"))  # fmt: skip
    return replace(scan, app=app, models=(shared, own), **changes)


def kept_model(scan: Scan) -> Scan:
    """The same with a model whose bytes the study keeps, twice."""
    parts = (ModelFile(location=facts.place("a.apk!assets/kept.tflite"), sha256=KEPT, size=len(TFLITE)),)
    model = facts.model(digest=KEPT, parts=parts, name="kept.tflite", size=len(TFLITE))
    return replace(
        scan,
        models=(
            *scan.models,
            model,
            replace(model, parts=(replace(parts[0], location=facts.place("a.apk!b/kept.tflite")),)),
        ),
    )


def store(folder: Path, scans: list[tuple[Scan, tuple[str, ...]]]) -> None:
    """A study with these results, each in some snapshots, and one item that failed."""
    folder.mkdir(exist_ok=True)
    with Ledger(folder / "ledger.sqlite") as ledger:
        ledger.set_fact("name", HOSTILE)
        results = {}
        for snapshot in SNAPSHOTS:
            found = [
                (scan, f"{snapshot}/{''.join(chr(97 + int(digit)) for digit in str(place))}.apk")
                for place, (scan, where) in enumerate(scans)
                if snapshot in where
            ]
            ledger.add(snapshot, "folder", "apps", [Item(locator=place) for _, place in found])
            results |= {(snapshot, place): scan for scan, place in found}
        ledger.add(SNAPSHOTS[1], "folder", "more", [Item(locator=f"{HOSTILE}.apk")])
        for work in ledger.lease(10_000):
            scan = results.get((work.snapshot, work.item.locator))
            if scan is None:
                problem = Failure(stage=Stage.PACKAGE, location=facts.place("x"), error="NotThisFormat", reason=HOSTILE)
                ledger.finish(work.id, "unopened-1", "key", StoredResult(failure=problem))
                continue
            networks = tuple(facts.network(digest=model.digest) for model in scan.models)
            audit = Audit(
                path=scan.path, app=scan.app, models=(), unknown=(), integrity=(), summary=(HOSTILE,), failures=()
            )
            ledger.finish(work.id, scan.app.sha256, "key", StoredResult(scan=scan, networks=networks, audit=audit))
    target = blob_path(folder / FOLDER, KEPT)
    target.parent.mkdir(parents=True)
    target.write_bytes(TFLITE)
    (folder / "measured").mkdir()
    (folder / "measured" / "a.json").write_bytes(msgspec.json.encode(measured()))


def measured() -> Session:
    """The kept model, measured on a phone with a hostile name."""
    chance = random.Random(1)
    launches = tuple(launch(chance, block=block, peak_bytes=50_000_000) for block in range(6))
    item = measurement(
        launches, model=KEPT, summary=summary(launches, 1), device=replace(PHONE, maker=HOSTILE), engine_version=HOSTILE,
        doubts=(Doubt.WIDE, Doubt.UNCHECKED),
    )  # fmt: skip
    return Session(measurements=(item,))


def hostile_app() -> Scan:
    """Everything that an app may call itself or its files."""
    scan = an_app(1, label=HOSTILE, package_id=f"com.{HOSTILE}", platform=Platform.IOS)
    bad = replace(
        scan.models[0],
        name=HOSTILE,
        digest=sha("hostile"),
        producer=HOSTILE,
        metadata={HOSTILE: HOSTILE},
        title=HOSTILE,
    )
    technology = replace(scan.technologies[0], title=HOSTILE, id="tflite", versions=(HOSTILE,))
    failure = replace(scan.failures[0], location=facts.place(f"a.apk!{HOSTILE}"), reason=HOSTILE)
    return replace(scan, models=(*scan.models, bad), technologies=(technology,), failures=(failure,))
