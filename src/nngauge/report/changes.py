"""R4: what changed between snapshots: who adopted and dropped AI, who switched, and what became of models."""

from __future__ import annotations

from functools import partial
from typing import Final

from msgspec import Struct

from nngauge.compare.models import compare_models
from nngauge.compare.pairs import Sides, pair_up
from nngauge.compare.snapshots import notes_on
from nngauge.compare.technologies import compare_sdks, compare_technologies, switches, version_moves
from nngauge.compare.verdicts import compare_verdicts
from nngauge.domain.snapshot_difference import MeaningShift, Shift, Switch, VersionMove
from nngauge.errors import UsageError
from nngauge.report._api import Column, Part, Report
from nngauge.report.corpus import Corpus
from nngauge.report.figures import bars
from nngauge.report.shares import share
from nngauge.store.warehouse import Answer

_PAIRS: Final = (
    "packages (platform and application id) of the snapshot before the last and of the last one; kept: in both, each with its "
    "highest version"
)
_MOVES: Final = 100
"""Moves from version to version in the table."""
_NEITHER: Final = (
    "Packages that are in only one of the snapshots are new or gone: neither is a check-in or a check-out."
)


class _Difference(Struct, frozen=True, kw_only=True):
    """What the parts show, but for the models, which take longest."""

    sides: Sides
    meanings: tuple[MeaningShift, ...]
    technologies: tuple[Shift, ...]
    switches: tuple[Switch, ...]
    versions: tuple[VersionMove, ...]
    sdks: tuple[Shift, ...]


def _paired(corpus: Corpus) -> Sides:
    if corpus.earlier is None or corpus.latest is None:  # Part.snapshots keeps this from being asked
        raise UsageError("it takes two snapshots")
    return pair_up(corpus.facts, corpus.earlier, corpus.latest)


def _difference(corpus: Corpus) -> _Difference:
    """All in one go: what the comparisons keep in the warehouse is for one pair of snapshots, and others compare there, too."""
    sides, facts = _paired(corpus), corpus.facts
    technologies = compare_technologies(facts)
    return _Difference(
        sides=sides,
        meanings=compare_verdicts(facts),
        technologies=technologies,
        switches=switches(facts),
        versions=version_moves(facts, _MOVES),
        sdks=compare_sdks(facts),
    )


def _packages(corpus: Corpus) -> Answer:
    found = corpus.once(_difference).sides
    rows = [
        ("in the earlier snapshot", found.first.packages),
        ("in the later snapshot", found.second.packages),
        ("kept: in both", found.kept),
        ("kept, every byte the same", found.identical),
        ("new: only in the later", found.new),
        ("gone: only in the earlier", found.gone),
    ]
    return Answer(("packages", "number"), [*rows, *(("note: " + note, None) for note in notes_on(found))])


def _meanings(corpus: Corpus) -> Answer:
    rows = [
        (item.meaning.value, item.before, item.after, item.kept, item.check_in, item.check_out, item.new, item.gone)
        for item in corpus.once(_difference).meanings
    ]
    return Answer(("meaning", "before", "after", "kept", "check_in", "check_out", "new", "gone"), rows)


def _flows(corpus: Corpus) -> Answer:
    rows = []
    for item in corpus.once(_difference).meanings:
        flows = (("kept", item.kept), ("check-in", item.check_in), ("new package", item.new), ("check-out", item.check_out),
                 ("gone package", item.gone))  # fmt: skip
        rows += [(item.meaning.value, flow, number) for flow, number in flows]
    return Answer(("meaning", "flow", "packages"), rows)


_SHIFT_NAMES: Final = (
    "subject", "title", "before", "after", "kept", "adopted", "dropped", "new", "gone", "upgraded", "downgraded",
    "version_changed",
)  # fmt: skip


def _shift(item: Shift) -> tuple[str | int, ...]:
    return (
        item.subject, item.title, item.before, item.after, item.kept, item.adopted, item.dropped, item.new, item.gone,
        item.upgraded, item.downgraded, item.version_changed,
    )  # fmt: skip


def _technologies(corpus: Corpus) -> Answer:
    rows = [_shift(item) for item in corpus.once(_difference).technologies]
    return Answer(_SHIFT_NAMES, sorted(rows, key=lambda row: (-int(row[3]), str(row[0]))))


def _sdks(corpus: Corpus) -> Answer:
    rows = [_shift(item)[:9] for item in corpus.once(_difference).sdks]
    return Answer(_SHIFT_NAMES[:9], sorted(rows, key=lambda row: (-int(row[3]), str(row[0]))))


def _switches(corpus: Corpus) -> Answer:
    rows = [
        (item.family, ", ".join(item.dropped), ", ".join(item.adopted), item.packages)
        for item in corpus.once(_difference).switches
    ]
    return Answer(("family", "dropped", "adopted", "packages"), rows)


def _versions(corpus: Corpus) -> Answer:
    rows = [
        (item.technology, ", ".join(item.first), ", ".join(item.second), item.kind.value, item.packages)
        for item in corpus.once(_difference).versions
    ]
    return Answer(("technology", "first", "second", "kind", "packages"), rows)


def _models(corpus: Corpus) -> Answer:
    _paired(corpus)
    found = compare_models(corpus.facts)
    changed = [
        (f"changed: {kind}", number) for kind, number in sorted(found.changed.items(), key=lambda item: -item[1])
    ]
    rows = [("the same bytes", found.kept), *changed, ("added", found.added), ("removed", found.removed)]
    return Answer(("what", "models"), [row for row in rows if row[1]])


_SHIFT_COLUMNS: Final = (
    Column("before", "packages of the earlier snapshot that have it", "count"),
    Column("after", "packages of the later snapshot that have it", "count"),
    Column("kept", "kept packages that had it and have it", "count"),
    Column("adopted", "kept packages that have it and had not", "count"),
    Column("dropped", "kept packages that had it and have not any more", "count"),
    Column("new", "new packages that have it", "count"),
    Column("gone", "gone packages that had it", "count"),
)
_CHECKS: Final = f"""WITH pairs AS (SELECT b.snapshot, a.snapshot AS before, a.runtime_present AS had, b.runtime_present AS has
    FROM editions AS a JOIN editions AS b ON a.package = b.package AND b.nth = a.nth + 1)
SELECT snapshot, any_value(before) AS before, count(*) AS kept, count(*) FILTER (had) AS had, count(*) FILTER (has) AS has,
    count(*) FILTER (has AND NOT had) AS check_in, count(*) FILTER (had AND NOT has) AS check_out,
    {share("count(*) FILTER (has AND NOT had)", "count(*) FILTER (has)")} AS entering
FROM pairs GROUP BY snapshot ORDER BY snapshot"""

REPORT: Final = Report(
    id="R4",
    name="changes",
    title="Check-in, check-out and what became of models",
    question="Which apps adopted AI, dropped it or switched runtimes from one snapshot to the next, and how did models change?",
    origin="WWW'19 Figure 5; IMC'21, models added and removed",
    parts=(
        Part(
            name="packages",
            title="What is compared",
            ask=_packages,
            columns=(Column("packages", "which ones; notes say what to mind"), Column("number", "how many", "count")),
            counting=_PAIRS,
            needs=("app",),
            snapshots=2,
        ),
        Part(
            name="meanings",
            title="Check-in and check-out",
            ask=_meanings,
            columns=(
                Column("meaning", "what having AI means: the three answers, any of them, or the native library of a runtime"),
                *_SHIFT_COLUMNS[:3],
                Column("check_in", "kept packages that have it and had not", "count"),
                Column("check_out", "kept packages that had it and have not any more", "count"),
                *_SHIFT_COLUMNS[5:],
            ),
            counting=_PAIRS,
            needs=("app",),
            snapshots=2,
            note=_NEITHER,
        ),
        Part(
            name="flows",
            title="Where they came from and went",
            ask=_flows,
            columns=(
                Column("meaning", "what having AI means"),
                Column("flow", "kept, check-in, new package, check-out or gone package"),
                Column("packages", "how many", "count"),
            ),
            counting=_PAIRS,
            needs=("app",),
            snapshots=2,
            chart=partial(bars, value="packages", by="meaning", colour="flow", stacked=True, title="packages"),
            note="The first three are what has AI in the later snapshot, the last two what had it and is no more there.",
        ),
        Part(
            name="over-time",
            title="Check-in and check-out, snapshot after snapshot",
            ask=_CHECKS,
            columns=(
                Column("snapshot", "the later one"),
                Column("before", "the snapshot before it"),
                Column("kept", "packages that are in both", "count"),
                Column("had", "of these, those with a runtime before", "count"),
                Column("has", "those with a runtime now", "count"),
                Column("check_in", "with a runtime now and not before", "count"),
                Column("check_out", "with a runtime before and not now", "count"),
                Column("entering", "check_in ÷ has", "share"),
            ),
            counting="packages that are in a snapshot and in the one before it, runtime present",
            needs=("app",),
            snapshots=2,
            chart=partial(bars, value="check_in", by="snapshot", title="packages that checked in"),
            note=_NEITHER,
        ),
        Part(
            name="technologies",
            title="Technologies adopted and dropped",
            ask=_technologies,
            columns=(
                Column("subject", "technology"),
                Column("title", "name for people"),
                *_SHIFT_COLUMNS,
                Column("upgraded", "kept packages with a newer version than before", "count"),
                Column("downgraded", "with an older one", "count"),
                Column("version_changed", "with another one, of which it cannot be told which is newer", "count"),
            ),
            counting=_PAIRS,
            needs=("technology",),
            snapshots=2,
            chart=partial(bars, value="adopted", by="title", title="kept packages that adopted it", most=20),
        ),
        Part(
            name="switches",
            title="Switches",
            ask=_switches,
            columns=(
                Column("family", "what both are for"),
                Column("dropped", "runtimes that were left"),
                Column("adopted", "runtimes that came in their place"),
                Column("packages", "kept packages that did so", "count"),
            ),
            counting="kept packages that dropped runtimes of a family and adopted others of it",
            needs=("technology",),
            snapshots=2,
        ),
        Part(
            name="versions",
            title="Moves from version to version",
            ask=_versions,
            columns=(
                Column("technology", "id of its rule"),
                Column("first", "version or range before"),
                Column("second", "version or range after"),
                Column("kind", "upgraded, downgraded, or version changed where it cannot be told"),
                Column("packages", "kept packages that did so", "count"),
            ),
            counting="kept packages with the technology before and after; the hundred most frequent moves",
            needs=("technology",),
            snapshots=2,
        ),
        Part(
            name="sdks",
            title="SDKs adopted and dropped",
            ask=_sdks,
            columns=(Column("subject", "SDK"), Column("title", "name for people"), *_SHIFT_COLUMNS),
            counting=_PAIRS,
            needs=("technology.sdk",),
            snapshots=2,
        ),
        Part(
            name="models",
            title="What became of models",
            ask=_models,
            columns=(
                Column("what", "the same bytes, changed and how, added or removed"),
                Column("models", "how many; one that is in two packages counts twice", "count"),
            ),
            counting="models of kept packages, found again by place, name or what they were made from",
            needs=("model",),
            snapshots=2,
            chart=partial(bars, value="models", by="what", title="models"),
        ),
    ),
    limitations=(
        "Between two snapshots lies more than one update: what came and went in between is not seen.",
        "nngauge study diff names every single change.",
    ),
)  # fmt: skip
