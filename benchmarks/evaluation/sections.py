"""The parts of the page that have a room of their own: robustness, usage, attribution, tasks, protection."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from benchmarks.evaluation import attribution, robustness, usage
from benchmarks.evaluation.models import Listed
from benchmarks.evaluation.packages import PackageList
from benchmarks.evaluation.truth import Runtime
from nngauge.pipeline import Scanner


def sections(
    runtimes: Sequence[Runtime],
    roots: Sequence[Path],
    lists: Sequence[PackageList],
    folders: Sequence[Path],
    *,
    zoo: Path | None,
    crawl: Path | None,
    models: Sequence[Listed],
    protected: Path | None,
) -> tuple[str, ...]:
    """Markdown of every part whose material is at hand."""
    parts = [_robustness(runtimes, roots)]
    if folders:
        parts.append(_usage(lists, folders))
    if folders or zoo is not None:
        parts.append(attribution.page(zoo, folders[:1], crawl))  # its labels are of the packages of the first folder
    parts += [_TASKS, _LIGHTER, _ESTIMATES]
    if models:
        parts.append(_protection(models, folders, protected))
    return tuple(part for part in parts if part)


_TASKS = """## What is it for

Task and modality of 473 public models, with the confusions, the calibration and the core-feature heuristic, are measured
in [What models are for](tasks.md) by `python -m benchmarks.evaluation.tasks --models DIR --page docs/tasks.md`."""

_ESTIMATES = """## How long would it take

How far off estimated times are, for networks, families and phones that were left out, beside what multiply-accumulates alone would
tell: [How far off estimates are](estimates-accuracy.md), by `python -m benchmarks.estimator.page`.

### Neural processors, language models, memory

Latency on Snapdragon neural processors: median error 15.9 % for networks left out (goal 15 %), 26.9 % for families, 16.8 % for
flagship phones and 28.6 % for all devices left out; multiply-accumulates alone 65.0 %. Tokens per second: 13.0 % for models left out
(goal 25 %), 23.3 % for devices. Memory in LiteRT 11.4 %, first result 9.8 %, AI Hub's memory column 43.7 % at best. All tables:
[Estimates for neural processors, language models and memory](estimates-npu-llm.md), by `python -m benchmarks.estimator.npu_page`."""


_LIGHTER = """## Smaller models

What shrinking without a loss finds in 272 model files: [The same answers from fewer bytes](shrink.md#what-to-expect)
(`benchmarks/shrink/`). 174 became smaller, 24 by 5 % or more, none answers otherwise; the visual-wake-words model of MLPerf Tiny goes
from 866 to 145 kB, its int8 twin from 333 to 92 kB bit for bit.

Planned bits beside uniform ones and beside Optuna, and the files that were written: [Bits for each
weight](planner.md#is-it-better-than-simpler-ways) (`benchmarks/planner/`). SQNR on inputs held out, at the size of uniform bits:

| model | uniform | planned | Optuna TPE, mean of 3 seeds, as many evaluations |
|---|---:|---:|---:|
| ResNet-8, 4 bit / 5 bit | 1.3 / 11.8 dB | 9.3 / 13.5 dB | 8.5 / 11.7 dB |
| visual wake words, 4 bit / 5 bit | 12.3 / 18.3 dB | 28.2 / 34.0 dB | 21.2 / 27.5 dB |
| MobileNet v1 0.25, 5 bit | −1.8 dB | 5.0 dB | 4.7 dB |
| face landmarks, 4 bit | 16.8 dB | 32.2 dB | 31.6 dB |"""


def _robustness(runtimes: Sequence[Runtime], roots: Sequence[Path]) -> str:
    outcomes = list(robustness.evaluate(runtimes, roots))
    if not outcomes:
        return ""
    right = sum(outcome.right for outcome in outcomes)
    return f"""## What builds do to libraries

Real libraries in apps that were made around them, once as they are and once for each thing that a build may do: {right} of
{len(outcomes)} graded as they should be. ✓: right grade; v: the version is told too; another word is the grade that was
given instead.

{robustness.table(outcomes)}"""


def _usage(lists: Sequence[PackageList], folders: Sequence[Path]) -> str:
    scanner = Scanner()
    answers, costs, absent = usage.compare(scanner, folders)
    without = [result.score.labels.sha256 for item in lists for result in item.results if not result.score.labels.ai]
    return usage.page(answers, costs, usage.planted(scanner, folders, without), absent)


def _protection(models: Sequence[Listed], folders: Sequence[Path], protected: Path | None) -> str:
    from benchmarks.evaluation.protection_run import measure

    packages = folders[0] if folders else None
    others = protected / "dense" if protected is not None and (protected / "dense").is_dir() else None
    return measure(models, packages, others, protected).page()
