"""The part of the page about libraries out of package registries."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

from benchmarks.evaluation.runtimes import Missing, Result, Score
from benchmarks.evaluation.tables import share, table

VERDICTS = ("exact", "with others", "wrong", "missed")
_VERSIONS = ("right", "range", "wrong", "none")


def labels(results: Sequence[Result], missing: Sequence[Missing]) -> str:
    asked = _asked(results)
    rest = [item for item in results if item.truth.role != "library"]
    fresh = [item for item in asked if item.fresh]
    rows = [_label_row("all", asked), _label_row("all, disguised", asked, disguised=True)]
    rows += [_label_row("fresh", fresh), _label_row("fresh, disguised", fresh, disguised=True)]
    clean = [item for item in rest if item.plain_score.verdict != "wrong"]
    packages = {(item.title, item.platform) for item in results}
    text = [
        "## Runtimes out of package registries",
        (
            f"{len(results)} files from {len(packages)} packages, each alone in a minimal app. {len(asked)} of them are "
            "runtimes or ready-made AI features that should get their one label; the others are plug-ins and loaders (a "
            "label is not asked for) or have no AI in them."
        ),
        table(("libraries", "number", *VERDICTS, *(f"version {name}" for name in _VERSIONS)), rows),
        (
            "*Exact*: the right label and no other, apart from technologies that are reported as being inside it. *With "
            "others*: also a label of something that is inside as well. *Wrong*: a label that is not true."
        ),
        (
            f"Plug-ins, front ends and files without AI that got no wrong label: {share(len(clean), len(rest))}; in "
            f"disguise {share(sum(item.disguised_score.verdict != 'wrong' for item in rest), len(rest))}."
        ),
        _flaws(results),
        _mended(fresh),
    ]
    if missing:
        text.append(
            f"Not tried: {len(missing)} files, " + "; ".join(f"{m.title} {m.file} ({m.reason})" for m in missing)
        )
    return "\n\n".join(text)


def _label_row(name: str, items: Sequence[Result], *, disguised: bool = False) -> tuple[object, ...]:
    scores = [item.disguised_score if disguised else item.plain_score for item in items]
    return name, len(items), *_counts(item.verdict for item in scores), *_version_counts(scores)


def _version_counts(scores: Sequence[Score]) -> list[int]:
    found = Counter(item.version for item in scores)
    return [found[name] for name in _VERSIONS]


def _mended(fresh: Sequence[Result]) -> str:
    mended = [f"{item.title} {item.file} ({item.truth.mended})" for item in fresh if item.truth.mended]
    if not mended:
        return f"No rule was changed because of the {len(fresh)} fresh libraries."
    return (
        f"Of the {len(fresh)} fresh libraries {len(mended)} made us change a rule after the first look: "
        + "; ".join(mended)
        + "."
    )


def _asked(results: Sequence[Result]) -> list[Result]:
    return [item for item in results if item.truth.role == "library"]


def _counts(verdicts: Iterable[str]) -> list[int]:
    found = Counter(verdicts)
    return [found[name] for name in VERDICTS]


def _flaws(results: Sequence[Result]) -> str:
    rows = []
    for item in results:
        for how, seen, score in (
            ("plain", item.plain, item.plain_score),
            ("disguised", item.disguised, item.disguised_score),
        ):
            if score.verdict in {"wrong", "missed"}:
                said = ", ".join((*seen.primary, *(f"{name} (inside)" for name in seen.inside))) or "nothing"
                rows.append((item.title, item.file, how, item.truth.expect or "no AI", said))
    if not rows:
        return "Nothing was missed and nothing mislabelled."
    return "Missed or mislabelled:\n\n" + table(("package", "file", "as", "is", "was called"), rows)


def baseline(results: Sequence[Result]) -> str:
    asked = [item for item in _asked(results) if item.baseline is not None]
    rest = [item for item in results if item.baseline is not None and item.truth.role != "library"]
    rows = [
        (
            "nngauge",
            *_counts(item.plain_score.verdict for item in asked),
            _wrong(item.plain_score.verdict for item in rest),
        ),
        (
            "published rules",
            *_counts(item.baseline_verdict for item in asked),
            _wrong(item.baseline_verdict for item in rest),
        ),
    ]
    newest: dict[str, Result] = {}
    for item in asked:
        newest[item.title.rpartition(" ")[0] + " " + item.truth.expect] = item
    detail = [
        (
            item.title,
            item.file,
            _marked(item),
            ", ".join(item.plain.primary) or "–",
            item.plain.versions.get(item.truth.expect, "–"),
        )
        for item in newest.values()
    ]
    return "\n\n".join(
        (
            "### Beside the two-step method of the literature",
            (
                "Strings in `.rodata`, with the rule table published with the first large study of deep learning in apps "
                "(`benchmarks/evaluation/baseline.toml`). The same ELF files for both; a label of the published table "
                "counts as right when it can stand for anything that is inside the file."
            ),
            table((f"{len(asked)} libraries", *VERDICTS, f"wrong on {len(rest)} others"), rows),
            table(("package (latest tried)", "file", "published rules say", "nngauge says", "version"), detail),
        )
    )


def _wrong(verdicts: Iterable[str]) -> int:
    return sum(verdict == "wrong" for verdict in verdicts)


def _marked(item: Result) -> str:
    mark = {"exact": "✔", "with others": "✔", "wrong": "✘"}.get(item.baseline_verdict, "–")
    return f"{', '.join(item.baseline or ())} {mark}".strip()


def every_library(results: Sequence[Result]) -> str:
    rows = [
        (
            item.title,
            item.file,
            item.truth.expect or "no AI",
            item.plain_score.verdict,
            ", ".join(item.plain.inside) or "–",
            item.plain.versions.get(item.truth.expect) or item.plain.ranges.get(item.truth.expect, "–"),
            item.plain_score.version,
            item.disguised_score.verdict,
        )
        for item in results
    ]
    head = ("package", "file", "is", "verdict", "inside it", "version told", "that is", "in disguise")
    return "## Every library\n\n" + table(head, rows)
