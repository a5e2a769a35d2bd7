"""The part of the page about versions: told, bounded, wrong or none; for known files and for versions held out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence

from benchmarks.evaluation.runtimes import Result
from benchmarks.evaluation.tables import share, table
from nngauge.domain.evidence import EvidenceKind

VERDICTS = ("right", "range", "wrong", "none")
Row = tuple[object, ...]


def versions(results: Sequence[Result]) -> str:
    """The libraries of the tables above whose version is known."""
    asked = [item for item in results if item.truth.version]
    fresh = [item for item in asked if item.fresh]
    wrong = [item for item in asked if "wrong" in (item.plain_score.version, item.disguised_score.version)]
    text = [
        "### Versions",
        (
            "*Right*: the very version. *Range*: no version, but two releases between which the right one lies, by texts "
            "that came or went between them; shown as a range everywhere, never as a version. *By build*: of those right, "
            "the ones known only by a build identifier that was published with that version "
            "(`src/nngauge/detect/builds.tsv`). Fresh files have no part in that table, unless their version is in a series below."
        ),
        table(_HEAD, [*_pair("all", asked), *_pair("fresh", fresh)]),
    ]
    if wrong:
        text.append(_wrong(wrong))
    silent = [item for item in asked if item.plain_score.version == "none"]
    held = [f"{item.title} {item.file}" for item in silent if item.version_in_bytes]
    if silent:
        text.append(f"Of the {len(silent)} without any, {len(silent) - len(held)} do not hold it as a text at all.")
    if held:
        text.append("Held somewhere in the file, yet not told: " + ", ".join(held) + ".")
    return "\n\n".join(text)


def dated(results: Sequence[Result]) -> str:
    """The series of versions, known and held out."""
    known = [item for item in results if not item.held_out]
    held = [item for item in results if item.held_out]
    wrong = [item for item in results if "wrong" in (item.plain_score.version, item.disguised_score.version)]
    technologies = sorted({item.truth.expect for item in results})
    rows = [
        (name, *_row([item for item in known if item.truth.expect == name]), *_row(_of(held, name)))
        for name in technologies
    ]
    head = (
        "technology",
        *(f"known: {name}" for name in ("files", *VERDICTS)),
        *(f"held out: {name}" for name in ("files", *VERDICTS)),
    )
    text = [
        "### Versions over time",
        (
            f"{len(results)} libraries in series of versions (`benchmarks/evaluation/version_series.toml`). Every third version "
            "was held out before anything had looked into the files: neither builds nor texts nor sources of those versions "
            "went into the rules. What is right there tells how far the rules reach beyond what they were made from; "
            "versions by build can only be known ones."
        ),
        table(_HEAD, [*_pair("known", known), *_pair("held out", held)]),
        table(head, rows),
    ]
    if wrong:
        text.append(_wrong(wrong))
    return "\n\n".join(text)


_HEAD = ("libraries", "number", *VERDICTS, "by build", "right", "right or range")


def _pair(name: str, items: Sequence[Result]) -> list[Row]:
    return [
        (name, *_counts(items, lambda item: item.plain_score.version, lambda item: item.plain.sources)),
        (f"{name}, disguised", *_counts(items, lambda item: item.disguised_score.version, lambda item: item.disguised.sources)),
    ]  # fmt: skip


def _counts(
    items: Sequence[Result], verdict: Callable[[Result], str], sources: Callable[[Result], Mapping[str, str]]
) -> Row:
    found = Counter(verdict(item) for item in items)
    build = sum(
        verdict(item) == "right" and sources(item).get(item.truth.expect) == EvidenceKind.BUILD_ID for item in items
    )
    told = found["right"]
    return (
        len(items), *(found[name] for name in VERDICTS), build, share(told, len(items)),
        share(told + found["range"], len(items)),
    )  # fmt: skip


def _row(items: Sequence[Result]) -> Row:
    found = Counter(item.plain_score.version for item in items)
    return (len(items), *(found[name] or "" for name in VERDICTS)) if items else ("",) * 5


def _of(items: Sequence[Result], name: str) -> list[Result]:
    return [item for item in items if item.truth.expect == name]


def _wrong(items: Sequence[Result]) -> str:
    rows = [
        (
            item.title, item.file, item.truth.version,
            item.plain.versions.get(item.truth.expect) or item.plain.ranges.get(item.truth.expect, "–"),
        )
        for item in items
    ]  # fmt: skip
    return table(("package", "file", "is", "told"), rows)
