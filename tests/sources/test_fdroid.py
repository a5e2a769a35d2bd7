"""F-Droid repositories: whose index it is, how old, and that packages are what it says."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("urllib3", reason="addresses are fetched with urllib3")
pytest.importorskip("cryptography", reason="signatures are verified with cryptography")

from nngauge.domain.outcome import Failure
from nngauge.domain.scan import Scan
from nngauge.domain.study import Item, State
from nngauge.errors import InputError, MalformedError, TransientError, UnreadableError, UsageError
from nngauge.sources import fdroid, source_for
from tests.builders.keys import jar, jar_parts, signer
from tests.builders.repository import Repository, sha256
from tests.builders.studying import Bench, bench
from tests.builders.webserver import Site, served


@pytest.fixture
def site() -> Iterator[Site]:
    with served({}) as running:
        yield running


@pytest.fixture
def repository(site: Site) -> Repository:
    made = Repository(site.files)
    for code in (1, 3, 2):
        made.app("org.a", code)
    made.app("org.a", 9, channels=["Beta"])
    made.app("org.b", 5, channels=["Beta"])
    made.publish()
    return made


@pytest.fixture
def study(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Bench:
    return bench(tmp_path, monkeypatch)


def place(site: Site, query: str = "") -> str:
    return f"fdroid+{site.address}/repo{query}"


def items(locator: str, notes: dict[str, str] | None = None) -> list[Item]:
    source = source_for(locator)
    assert source.name == "fdroid"
    return list(source.items(locator, {} if notes is None else notes))


def codes(found: list[Item]) -> list[str]:
    return [f"{item.package_id} {item.version_code}" for item in found]


# --- what is listed ---------------------------------------------------------------------------------------------------


def test_the_latest_release_of_each_package(site: Site, repository: Repository) -> None:
    found = items(place(site))
    assert codes(found) == ["org.a 3", "org.b 5"]
    data = site.files["repo/org.a_3.apk"]
    assert found[0] == Item(
        locator=site.url("repo/org.a_3.apk"), size=len(data), stamp=sha256(data), sha256=sha256(data),
        package_id="org.a", version_code="3",
    )  # fmt: skip


def test_all_versions_or_some_packages(site: Site, repository: Repository) -> None:
    assert len(items(place(site, "?versions=all"))) == 5
    assert codes(items(place(site, "?package=org.b,org.c&package=org.d"))) == ["org.b 5"]


@pytest.mark.parametrize(
    "written", ["fdroid+{}/repo", "fdroid+{}/repo/", "fdroid+{}/repo/entry.jar", "fdroid+{}/repo/index-v1.jar"]
)
def test_addresses_as_people_have_them(site: Site, repository: Repository, written: str) -> None:
    assert len(items(written.format(site.address))) == 2
    short = site.address.removeprefix("http://")
    assert len(items(f"fdroidrepo://{short}/repo?fingerprint={repository.who.fingerprint.upper()}")) == 2


@pytest.mark.parametrize(
    ("query", "says"),
    [
        ("?fingerprint=12", "64 hexadecimal"), ("?versions=some", "versions=latest"), ("?apikey=S3CRET", "no setting 'apikey'"),
        ("?S3CRET", "name=value"), ("?versions=all&versions=all", "2 times"),
    ],
)  # fmt: skip
def test_wrong_settings_are_wrong_use(site: Site, repository: Repository, query: str, says: str) -> None:
    with pytest.raises(UsageError, match=says) as caught:
        items(place(site, query))
    assert "S3CRET" not in f"{caught.value}"


def test_passwords_do_not_belong_into_addresses() -> None:
    for written in ("fdroid+https://user:S3CRET@example.org/repo", "fdroid+https://example.org/repo?sig=S3CRET"):
        with pytest.raises(UsageError) as caught:
            items(written)
        assert "S3CRET" not in f"{caught.value}"


# --- whose index it is ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["rsa", "ec"])
def test_the_key_in_the_address_counts(site: Site, kind: str) -> None:
    made = Repository(site.files, who=signer("repository", kind))
    made.app("org.a", 1)
    made.publish()
    colons = ":".join(made.who.fingerprint[at : at + 2] for at in range(0, 64, 2))
    notes: dict[str, str] = {}
    for text in (made.who.fingerprint, made.who.fingerprint.upper(), colons):
        assert len(items(place(site, f"?fingerprint={text}"), notes)) == 1
    assert "as its address says" in notes[f"fdroid {site.address}/repo"]


def test_another_key_than_the_address_names_is_refused(site: Site, repository: Repository) -> None:
    notes: dict[str, str] = {}
    with pytest.raises(MalformedError, match=r"not by 0000.* as its address says"):
        items(place(site, f"?fingerprint={'00' * 32}"), notes)
    assert notes == {}


def test_the_first_key_is_remembered_and_said(site: Site, repository: Repository, study: Bench) -> None:
    study.add(place(site))
    note = study.facts[f"fdroid {site.address}/repo"]
    assert repository.who.fingerprint in note
    assert "trusted because it was the first" in note
    repository.who = signer("stranger")
    repository.timestamp += 1
    repository.publish()
    with pytest.raises(MalformedError, match="as was seen first"):
        study.add(place(site), "2026-12")
    assert study.facts[f"fdroid {site.address}/repo"] == note
    assert study.add(place(site, f"?fingerprint={repository.who.fingerprint}"), "2026-12") == (2, 0), (
        "a change that is meant"
    )
    assert study.add(place(site), "2027-01") == (2, 0), "and is remembered"


def test_an_index_that_is_older_than_the_newest_seen_is_refused(
    site: Site, repository: Repository, study: Bench
) -> None:
    pinned = place(site, f"?fingerprint={repository.who.fingerprint}")
    study.add(pinned)
    assert study.add(pinned, "again") == (2, 0), "the same one is fine"
    repository.timestamp -= 1
    repository.publish()
    with pytest.raises(MalformedError, match="is older than one seen before"):
        study.add(pinned, "2026-12")
    repository.timestamp += 2
    repository.publish()
    assert study.add(pinned, "2026-12") == (2, 0)
    assert f"index {repository.timestamp}" in study.facts[f"fdroid {site.address}/repo"]


def test_what_was_tampered_with_leaves_no_trace(site: Site, repository: Repository, study: Bench) -> None:
    entry = site.files["repo/entry.json"]
    parts = jar_parts({"entry.json": entry}, repository.who)
    other = entry.replace(b"1700000000000", b"1700000000009")
    strangers = jar_parts({"entry.json": other}, signer("stranger"))
    mixed = {**strangers, "META-INF/KEY.RSA": parts["META-INF/KEY.RSA"]}
    for forged in ({**parts, "entry.json": other}, mixed, {"entry.json": entry}):
        site.files["repo/entry.jar"] = jar(forged)
        with pytest.raises(MalformedError):
            study.add(place(site))
    site.files["repo/entry.jar"] = jar(parts)
    site.files["repo/index-v2.json"] = site.files["repo/index-v2.json"].replace(b"1.3", b"1.4")
    with pytest.raises(MalformedError, match="SHA-256"):
        study.add(place(site))
    site.files["repo/index-v2.json"] += b" "
    with pytest.raises(MalformedError, match="bytes, the source promised"):
        study.add(place(site))
    assert study.items == {}
    assert not any(name.startswith("fdroid") for name in study.facts)


# --- documents --------------------------------------------------------------------------------------------------------


def test_servers_without_a_repository(site: Site, repository: Repository, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("time.sleep", lambda _: None)
    with pytest.raises(UnreadableError, match="404"):
        items(f"fdroid+{site.address}/elsewhere")
    site.fault = lambda answer: setattr(answer, "status", 503)
    with pytest.raises(TransientError):
        items(place(site))


@pytest.mark.parametrize(
    "entry", [b"", b"[]", b"{}", b'{"timestamp": "x"}', b"[" * 100_000, b"\xff", b'{"timestamp":1,"index":{}}']
)
def test_entries_of_another_form(site: Site, repository: Repository, entry: bytes) -> None:
    repository.sign(entry)
    with pytest.raises(MalformedError, match="another form"):
        items(place(site))


@pytest.mark.parametrize(
    ("told", "says"),
    [
        ({"name": "/../index"}, "leads somewhere else"), ({"name": "index-v2.json"}, "leads somewhere else"),
        ({"name": "//example.org/x"}, "leads somewhere else"), ({"sha256": "12"}, "without a SHA-256"),
        ({"size": -1}, "without a SHA-256 or size"), ({"size": 1 << 60}, "an index of"),
    ],
)  # fmt: skip
def test_entries_that_lead_elsewhere(site: Site, repository: Repository, told: dict[str, Any], says: str) -> None:
    repository.publish(**told)
    with pytest.raises(MalformedError, match=says):
        items(place(site))


@pytest.mark.parametrize("index", [[], {}, {"packages": []}, {"packages": 1}])
def test_indices_of_another_form(site: Site, repository: Repository, index: object) -> None:
    repository.publish(index)
    with pytest.raises(MalformedError, match="another form"):
        items(place(site))


def _set(name: str, value: object) -> Callable[[dict[str, Any]], None]:
    return lambda version: version["file"].__setitem__(name, value)


@pytest.mark.parametrize(
    ("spoil", "why"),
    [
        (_set("name", "/../../etc/passwd"), "leads somewhere else"),
        (_set("name", "/a\\b"), "leads somewhere else"),
        (_set("sha256", "zz"), "without a SHA-256"),
        (_set("size", "12"), "another form"),
        (lambda version: version.pop("file"), "another form"),
        (lambda version: version.pop("manifest"), "another form"),
    ],
)
def test_bad_versions_fail_by_name(site: Site, repository: Repository, study: Bench, spoil: Any, why: str) -> None:
    digest = sha256(site.files["repo/org.a_3.apk"])
    spoil(repository.version("org.a", 3))
    repository.packages["org.c"] = "no app"
    repository.publish()
    assert study.add(place(site, "?package=org.a&package=org.c")) == (3, 0)
    study.run()
    assert study.states == {State.DONE: 1, State.FAILED: 2}
    assert why in study.items[f"fdroid:{site.address}/repo#row=org.a/{digest}"]["reason"]
    assert "another form" in study.items[f"fdroid:{site.address}/repo#row=org.c"]["reason"]
    assert study.items[site.url("repo/org.a_2.apk")]["state"] == "done", "the latest of those that are good"


# --- packages ---------------------------------------------------------------------------------------------------------


def test_packages_are_what_the_index_says(site: Site, repository: Repository, study: Bench) -> None:
    data = repository.app("org.odd", 1, data=site.files["repo/org.a_1.apk"])
    repository.version("org.odd", 1)["file"]["name"] = "/a b/ü.apk"
    site.files["repo/a%20b/%C3%BC.apk"] = data
    repository.publish()
    assert study.add(place(site, "?versions=all")) == (6, 0)
    site.files["repo/org.a_2.apk"] = site.files["repo/org.a_1.apk"]
    del site.files["repo/org.a_3.apk"]
    results = study.run()
    assert study.states == {State.DONE: 4, State.FAILED: 2}
    assert isinstance(results[site.url("repo/org.a_9.apk")], Scan)
    assert results[site.url("repo/a%20b/%C3%BC.apk")] is None, "the same package as another one"
    assert isinstance(problem := results[site.url("repo/org.a_2.apk")], Failure)
    assert "promised" in problem.reason
    assert "404" in study.items[site.url("repo/org.a_3.apk")]["reason"]
    assert study.items[site.url("repo/org.a_9.apk")]["package"] == "org.a"


def test_a_new_release_is_new(site: Site, repository: Repository, study: Bench) -> None:
    study.add(place(site))
    study.run()
    repository.app("org.a", 4)
    repository.timestamp += 1
    repository.publish()
    assert study.add(place(site), "2026-12") == (2, 0)
    results = study.run()
    assert isinstance(results[site.url("repo/org.a_4.apk")], Scan)
    assert results[site.url("repo/org.b_5.apk")] is None, "known from the snapshot before"
    asked = [path for _, path, _ in site.asked]
    assert asked.count("/repo/org.b_5.apk") == 1, "and not fetched again"


def test_the_command_line_says_whom_it_trusted(site: Site, repository: Repository, tmp_path: Path) -> None:
    from click.testing import CliRunner

    from nngauge.cli.study import command

    folder = str(tmp_path / "study")
    CliRunner().invoke(command, ["init", folder])
    said = CliRunner().invoke(command, ["add", folder, place(site)]).output
    assert "2 new and 0 changed packages" in said
    assert f"noted: fdroid {site.address}/repo: signed by {repository.who.fingerprint}, trusted because" in said
    assert "noted" not in CliRunner().invoke(command, ["add", folder, place(site)]).output


def test_nothing_but_input_errors_comes_from_any_signed_entry(site: Site, repository: Repository) -> None:
    good = site.files["repo/entry.json"]
    for at in range(0, len(good), 3):
        for byte in (b"0", b"}", b"\xff"):
            repository.sign(good[:at] + byte + good[at + 1 :])
            try:
                items(place(site))
            except InputError:
                continue
    assert fdroid.SOURCE.references
