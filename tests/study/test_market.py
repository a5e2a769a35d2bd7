"""The made-up market of benchmarks/market: the same for the same seed, and all that is in its apps is found."""

from __future__ import annotations

from pathlib import Path

from benchmarks.market.making import build, truth
from benchmarks.market.plan import FAULTS, App, Market
from nngauge.errors import NngaugeError
from nngauge.packages import open_package
from nngauge.pipeline import Scanner

SIZE = 4000


def chosen() -> list[App]:
    """Every kind of engine, of place and of fault."""
    apps = list(Market(SIZE).snapshot(0))
    faulty = {app.fault: app for app in apps if app.fault}
    assert set(faulty) == set(FAULTS)
    return [*faulty.values(), *[app for app in apps if app.engines][:70], *apps[:20]]


def test_snapshots_follow_each_other() -> None:
    first, again, second = (list(Market(SIZE).snapshot(number)) for number in (0, 0, 1))
    assert first == again
    assert [build(app) for app in first[:20]] == [build(app) for app in again[:20]]
    assert list(Market(SIZE, seed=2).snapshot(0)) != first
    before = {app.number: app for app in first}
    changed = [app for app in second if before.get(app.number) not in {app, None}]
    assert 0.2 < len(changed) / SIZE < 0.3
    assert all(app.version > before[app.number].version for app in changed)
    assert {bool(app.engines) for app in changed if not before[app.number].engines} == {True, False}


def test_what_was_put_in_is_found(tmp_path: Path) -> None:
    scanner = Scanner()
    for app in chosen():
        path = tmp_path / f"{app.number}.apk"
        path.write_bytes(build(app))
        expected = truth(app)
        try:
            package = open_package(path)
        except NngaugeError:
            assert not expected.opens, app
            continue
        scan = scanner.scan_package(package, str(path), None)
        package.close()
        assert expected.opens, app
        assert {item.technology for item in scan.detections} == expected.technologies, app
        assert {item.digest for item in scan.models} == expected.models, app
