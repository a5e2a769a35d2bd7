"""A small study to show in a browser: some apps of the sample study, the hostile ones, both snapshots, kept models."""

from __future__ import annotations

import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from http import HTTPStatus
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import urlopen

from examples.apps import health, photo_studio
from examples.study import cast, hostile, listing, packages

WITH, WITHOUT = 22, 10
"""Apps with models and without in each snapshot."""

LISTED = replace(hostile.APP, category=f"TOOLS{hostile.PICTURE}")
"""The hostile app as the store lists it, with a category that is hostile, too."""


def nngauge(*arguments: object, code: int = 0) -> str:
    """Runs a command; what it printed."""
    command = [sys.executable, "-m", "nngauge", *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == code, done.stderr
    return done.stdout


def chosen(number: int) -> list[cast.App]:
    """The same apps in both snapshots, where they still are."""
    first = list(cast.snapshot(0))
    names = {app.package_id for app in [app for app in first if app.uses][:WITH]}
    names |= {app.package_id for app in [app for app in first if not app.uses][:WITHOUT]}
    return [app for app in cast.snapshot(number) if app.package_id in names]


def build(folder: Path) -> Path:
    """The study, below `folder`, run to its end."""
    study = folder / "study"
    nngauge("study", "init", study)
    for number, name in enumerate(cast.SNAPSHOTS):
        apps = folder / name
        apps.mkdir()
        listed = chosen(number)
        made: list[tuple[str, Callable[[], bytes]]] = [
            (f"{app.package_id}-{app.version}.apk", partial(packages.build, app)) for app in listed
        ]
        made += [("hostile.apk", hostile.build), ("listed.apk", partial(hostile.build, hostile.APP.package_id))]
        made += [
            ("photo-studio.apk", photo_studio.build),
            ("health.ipa", health.build),
            ("page.apk", lambda: b"<html>"),
        ]
        for file, make in made:
            (apps / file).write_bytes(make())
        listing.write(folder / f"{name}.csv", [*listed, LISTED], name)
        nngauge("study", "add", study, apps, "--snapshot", name)
        nngauge("study", "metadata", study, folder / f"{name}.csv", "--snapshot", name)
    nngauge("study", "run", study, "--audit", "--keep-models", "--workers", 1, code=3)
    return study


def _wait_until_prepared(explorer: str) -> None:
    """Pages whose tables are not ready say so, with status 503, which the browser's console calls an error."""
    waiting = [f"{explorer}/{page}.json" for page in ("index", "apps", "models", "technologies", "sdks")]
    for _ in range(900):
        if not _prepared(waiting[-1]):
            time.sleep(0.2)
            continue
        waiting.pop()
        if not waiting:
            return
    raise AssertionError(f"the explorer does not get ready: {waiting}")


def _prepared(address: str) -> bool:
    try:
        with urlopen(address, timeout=60):
            return True
    except HTTPError as error:
        if error.code != HTTPStatus.SERVICE_UNAVAILABLE:
            raise
        return False


@contextmanager
def served(study: Path) -> Iterator[str]:
    """``nngauge serve`` on a free port, as a process of its own; its address, once it answers."""
    command = [sys.executable, "-m", "nngauge", "serve", str(study), "--port", "0", "--no-cache"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            said = process.stdout.readline()
            address = re.search(r"http://\S+?(?=/?\s)", said)
            assert address, said
            _wait_until_prepared(address[0])
            yield address[0]
        finally:
            process.terminate()
            process.wait(timeout=30)
