"""The page ``docs/evaluation.md``: every figure in it is computed from the results of the run that writes it."""

from __future__ import annotations

from dataclasses import dataclass

from benchmarks.evaluation import models_page, packages_page, runtimes_page, versions_page
from benchmarks.evaluation.models import ModelResult
from benchmarks.evaluation.packages import PackageList
from benchmarks.evaluation.runtimes import Missing, Result
from benchmarks.evaluation.tables import share
from benchmarks.evaluation.truth import Vocabulary


@dataclass(frozen=True, slots=True)
class Run:
    """All results of one run."""

    when: str
    tool: str
    rules: str
    rule_count: int
    runtimes: tuple[Result, ...]
    missing: tuple[Missing, ...]
    series: tuple[Result, ...]
    packages: tuple[PackageList, ...]
    models: tuple[ModelResult, ...]
    sections: tuple[str, ...] = ()
    """Parts that have a room of their own, as Markdown."""


def render(run: Run, vocabulary: Vocabulary) -> str:
    """The whole page."""
    parts = [
        _head(run),
        _caveats(run),
        _how(run),
        runtimes_page.labels(run.runtimes, run.missing),
        versions_page.versions(run.runtimes),
        versions_page.dated(run.series),
        runtimes_page.baseline(run.runtimes),
        packages_page.labelled(run.packages, vocabulary.baseline),
        models_page.planted(run.models),
        *run.sections,
        runtimes_page.every_library(run.runtimes),
        packages_page.every_package(run.packages),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _head(run: Run) -> str:
    return (
        "# Evaluation on real things\n\n"
        "Written by `python -m benchmarks.evaluation`; do not edit. "
        f"{run.when}, {run.tool}, rule set {run.rules} ({run.rule_count} rules)."
    )


def _how(run: Run) -> str:
    total = sum(item.size for item in run.runtimes) / 1e9
    return f"""## How to repeat it

    python -m benchmarks.evaluation --fetch
    python -m benchmarks.evaluation --packages DIR --models DIR [--crawl CLONE] [--protected DIR]

The first downloads what `runtimes.toml` lists, without installing or running anything of it, and keeps the binaries
({total:.1f} GB are looked at). The second also needs folders with the packages of `packages_known.toml` and
`packages_fresh.toml`, whatever the files are called (`--packages` may be given again), and a folder of model files with a
`SOURCES.csv` (file, format, repository, path, digest); `--crawl` is a clone of the repository with the paths of a crawl of
2021, `--protected` a folder with the files of `protection_real.toml` and, in `dense`, dense files that are no models. The
packages are listed below with the places they were published at. None of it is redistributed.
Raw results: `out/evaluation/results.json`."""


def _caveats(run: Run) -> str:
    packages = [result for item in run.packages for result in item.results]
    others = sum(result.score.labels.assembled for result in packages)
    desktop = sum("linux" in item.platform and item.platform.endswith("x86_64") for item in run.runtimes)
    arm = sum("linux" in item.platform and item.platform.endswith("aarch64") for item in run.runtimes)
    phones = sum(item.platform in {"elf", "macho"} for item in run.runtimes)
    fresh = sum(item.fresh for item in run.runtimes)
    return f"""## Read this first

- What is true about each library is written down by hand in `benchmarks/evaluation/runtimes.toml`. The rules were
  developed with many of the same files at hand: for those the figures show that the rules do what they are meant to do.
  {share(fresh, len(run.runtimes))} of the files are *fresh*: other versions and processors, chosen and labelled before
  anything had looked into them. Their rows are the better guess for what nobody has seen; what was changed because of
  them is listed below the table.
- {share(desktop, len(run.runtimes))} of the files are builds for Linux on x86-64 and {arm} for Linux on Arm: what the
  registries offer. Builds for Android share the sources, not the bytes; {phones} files come out of packages for React
  Native and the like and are mostly the very libraries that apps ship.
- The packages of the group *known* were labelled by hand, and partially. Those of the groups *dev* and *hold-out* were
  labelled from other sources before nngauge had seen them, and exhaustively for runtimes, ready features, clouds and
  models. {share(others, len(packages))} of the packages were put together again from the parts of a build; parts of more
  than 4 MiB are missing from them, so engines with large libraries are rarer here than in stores.
- The packages come from public source repositories: tutorials, student projects, demos. They are smaller and simpler
  than apps of stores.
- The published rules that serve as the baseline are from 2019 to 2022 and for Android; they are held against the
  libraries they can read."""
