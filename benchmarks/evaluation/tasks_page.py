"""The measured part and the taxonomy of ``docs/tasks.md``."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from benchmarks.evaluation.tables import share, table
from benchmarks.evaluation.tasks import Answer, Outcome, answer, coverage_at, evidence, fit, out_of_fold
from benchmarks.evaluation.tasks_core import LabelledApp, core_table
from nngauge.analyse.task.verdict import TEMPERATURE
from nngauge.domain.task import TASK, TASKS, UNKNOWN

_PRECISION = 0.95
_BINS = ((0.0, 0.5), (0.5, 0.7), (0.7, 0.9), (0.9, 0.97), (0.97, 1.01))


def taxonomy() -> str:
    """All tasks with the rows of the two studies."""
    rows = [
        (
            f"`{task.id}`",
            task.title + (f": {task.meaning[0].lower()}{task.meaning[1:]}" if task.meaning else ""),
            task.modality,
            task.www19 or "–",
            task.imc21 or "–",
        )
        for task in TASKS
    ]
    return table(("task", "meaning", "modality", "WWW'19 row", "IMC'21 row"), rows)


def tables(outcomes: Sequence[Outcome], listed: int, apps: Sequence[LabelledApp] = ()) -> str:
    """Everything that is measured, as Markdown."""
    held = [item for item in outcomes if item.model.split == "hold-out"]
    seen = [item for item in outcomes if item.model.split == "dev"]
    if not held or not seen:
        return "The labelled models are not at hand.\n"
    named, bare = out_of_fold(held, names=True), out_of_fold(held, names=False)
    parts = [
        _sizes(outcomes, held, seen, listed),
        "### How often it is right\n\n" + _overall(seen, held, named, bare),
        "### How far the probability can be trusted\n\n" + _reliability(named, bare),
        "### By task (hold-out, all evidence)\n\n" + _by_task(named),
        "### Confusions (hold-out, all evidence)\n\n" + _confusions(named),
    ]
    if apps:
        parts.append("### Core feature or extra (package id and uses only)\n\n" + core_table(apps))
    return "\n\n".join(parts) + "\n"


def _sizes(outcomes: Sequence[Outcome], held: Sequence[Outcome], seen: Sequence[Outcome], listed: int) -> str:
    formats = {item.format for item in outcomes}
    repositories = {item.model.repository for item in outcomes}
    tasks = {item.model.task for item in outcomes} - {UNKNOWN}
    fitted = fit(evidence(held))
    times = sorted(item.seconds * 1e6 for item in outcomes)
    return (
        f"{share(len(outcomes), listed)} of the listed files were there: {len(repositories)} repositories, {len(formats)} formats, "
        f"{len(tasks)} tasks, {sum(item.model.task == UNKNOWN for item in outcomes)} test graphs without a task. Development: "
        f"{len(seen)} models of {len({item.model.repository for item in seen})} repositories; hold-out: {len(held)} of "
        f"{len({item.model.repository for item in held})}.\n\n"
        f"The temperature in the source is {TEMPERATURE}; least log loss over the whole hold-out part: {fitted}. "
        f"One verdict took {times[len(times) // 2]:.0f} µs of processor time in the median, "
        f"at most {times[len(times) * 9 // 10]:.0f} µs for nine in ten, {times[-1] / 1000:.1f} ms at most."
    )


def _overall(seen: Sequence[Outcome], held: Sequence[Outcome], named: Sequence[Answer], bare: Sequence[Answer]) -> str:
    rows = [
        ("hold-out, all evidence", *_figures(named)),
        ("hold-out, structure only (no names of any kind)", *_figures(bare)),
        (
            "hold-out, baseline: keywords in the file's name",
            *_figures([Answer(i.model.task, i.keyword, 1.0) for i in held], ranked=False),
        ),
        ("development, all evidence", *_figures([answer(i.model.task, i.named) for i in seen])),
        ("development, structure only", *_figures([answer(i.model.task, i.bare) for i in seen])),
    ]
    return table(
        ("", "top-1", "named a task", "right of those named", f"coverage at {_PRECISION:.0%} precision", "modality"),
        rows,
    )


def _figures(answers: Sequence[Answer], *, ranked: bool = True) -> tuple[str, str, str, str, str]:
    given = [item for item in answers if item.task != UNKNOWN]
    count, threshold = coverage_at(answers, _PRECISION)
    covered = (
        f"{share(count, len(answers))}, from probability {threshold:.2f}" if ranked and threshold is not None else "–"
    )
    return (
        share(sum(item.right for item in answers), len(answers)),
        share(len(given), len(answers)),
        share(sum(item.right for item in given), len(given)),
        covered,
        share(sum(_modality(item.task) == _modality(item.truth) for item in given), len(given)),
    )


def _modality(task: str) -> str:
    return TASK[task].modality if task in TASK else UNKNOWN


def _reliability(named: Sequence[Answer], bare: Sequence[Answer]) -> str:
    rows = []
    for low, high in _BINS:
        cells: list[object] = [f"{low:.2f} – {min(high, 1.0):.2f}"]
        for answers in (named, bare):
            inside = [item for item in answers if item.task != UNKNOWN and low <= item.probability < high]
            mean = sum(item.probability for item in inside) / len(inside) if inside else 0.0
            cells += [
                len(inside),
                f"{mean:.2f}" if inside else "–",
                f"{sum(i.right for i in inside) / len(inside):.2f}" if inside else "–",
            ]
        rows.append(cells)
    head = ("probability", "all evidence: models", "said", "right", "structure only: models", "said", "right")
    return (
        table(head, rows)
        + f"\n\nExpected calibration error: {_error(named):.3f} with all evidence, {_error(bare):.3f} with structure only. Every "
        "probability in this table was made with a temperature fitted on other repositories (five folds)."
    )


def _error(answers: Sequence[Answer]) -> float:
    given = [item for item in answers if item.task != UNKNOWN]
    total = 0.0
    for low, high in _BINS:
        inside = [item for item in given if low <= item.probability < high]
        if inside:
            total += abs(sum(item.probability - item.right for item in inside))
    return total / len(given) if given else 0.0


def _by_task(answers: Sequence[Answer]) -> str:
    rows = []
    for task in (*TASK, UNKNOWN):
        truth = [item for item in answers if item.truth == task]
        said = [item for item in answers if item.task == task]
        if truth or said:
            hit = sum(item.right for item in truth)
            rows.append((f"`{task}`", len(truth), share(hit, len(truth)), share(hit, len(said))))
    return table(("task", "models", "recall", "precision"), rows)


def _confusions(answers: Sequence[Answer]) -> str:
    pairs = Counter((item.truth, item.task) for item in answers if not item.right)
    rows = [(f"`{truth}`", f"`{task}`", count) for (truth, task), count in pairs.most_common()]
    return table(("is", "was called", "models"), rows) if rows else "None."


def filled(page: str, measured: str) -> str:
    """`page` with its two generated parts written anew."""
    for name, text in (("taxonomy", taxonomy()), ("measured", measured)):
        begin, end = f"<!-- {name} -->\n", f"\n<!-- end of {name} -->"
        before, _, rest = page.partition(begin)
        page = before + begin + "\n" + text.strip() + "\n" + end + rest.partition(end)[2]
    return page
