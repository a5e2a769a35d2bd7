"""``nngauge rules``: list, check and evaluate the detection rules."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import TYPE_CHECKING

import click

from nngauge.cli import EXIT_ERROR, EXIT_OK, EXIT_PARTIAL
from nngauge.limits import APP_MEMORY, APP_SECONDS

if TYPE_CHECKING:
    from nngauge.domain.evaluation import LabelSet, PackageScore
    from nngauge.runners.tasks import Limits


@click.group("rules", short_help="List, check and evaluate the detection rules.")
def command() -> None:
    """The rules are TOML files, one a technology; docs/add-a-rule.md is the guide."""


@command.command("list")
def list_rules() -> None:
    """Prints id, title, category and number of clauses of every rule."""
    from rich.table import Table

    from nngauge.cli.screen import show
    from nngauge.detect.ruleset import load_rules

    table = Table(box=None, padding=(0, 3, 0, 0), header_style="dim", pad_edge=False)
    for column in ("id", "title", "category", "clauses", "versions from"):
        table.add_column(column)
    rules = load_rules().rules
    for rule in rules:
        sources = ", ".join(dict.fromkeys(version.source.value for version in rule.version))
        table.add_row(rule.id, rule.title, rule.category, str(len(rule.match)), sources or "–")
    show(table)
    click.echo(f"{len(rules)} rules")


@command.command("lint")
@click.argument("folder", required=False, type=click.Path(exists=True, file_okay=False, path_type=Path))
def lint(folder: Path | None) -> None:
    """Checks rule files and runs their examples and counterexamples; nngauge's own rules unless FOLDER is given."""
    from nngauge.detect.lint import lint_rules
    from nngauge.detect.ruleset import rule_files

    problems = lint_rules(folder)
    for problem in problems:
        click.echo(problem)
    click.echo(f"{len(rule_files(folder))} rules, {len(problems)} problems")
    raise click.exceptions.Exit(EXIT_ERROR if problems else 0)


@command.command("evaluate")
@click.argument("labels", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option(
    "--apps",
    multiple=True,
    type=click.Path(exists=True, path_type=Path),
    help="Folder with the labelled packages (default: that of LABELS); may be given again.",
)
@click.option("--json", "as_json", is_flag=True, help="Everything as JSON.")
@click.option("--workers", type=click.IntRange(1, 512), help="Worker processes (default: one a core).")
@click.option(
    "--timeout", type=click.FloatRange(min=0.1), default=APP_SECONDS, show_default=True, help="Seconds per package."
)
@click.option("--quiet", is_flag=True, help="No progress bar.")
def evaluate(
    labels: Path, apps: tuple[Path, ...], as_json: bool, workers: int | None, timeout: float, quiet: bool
) -> None:
    """Scores the rules against labelled packages: precision, recall and version accuracy per technology.

    LABELS says what is in which package (docs/labels.md). Packages are found by their digests; those that are not at
    hand are counted as skipped. Exit code 3: something was missed, claimed falsely or could not be scanned.
    """
    from nngauge.cli.screen import show
    from nngauge.detect.ruleset import load_rules
    from nngauge.evaluation.labels import check_names, load_labels
    from nngauge.evaluation.run import evaluations
    from nngauge.formats import FORMATS
    from nngauge.runners.tasks import Limits
    from nngauge.screen.scores import EvaluationDocument, encode_evaluation, render_evaluation

    wanted = load_labels(labels)
    rules = load_rules()
    scores = _scores(wanted, apps or (labels.parent,), workers, Limits(seconds=timeout, memory=APP_MEMORY), quiet=quiet)
    document = EvaluationDocument(
        rules=rules.digest,
        evaluations=evaluations(wanted, scores),
        packages=tuple(scores),
        remarks=check_names(wanted, [rule.id for rule in rules.rules], [form.name for form in FORMATS]),
    )
    if as_json:
        click.echo(encode_evaluation(document))
    else:
        show(render_evaluation(document))
    raise click.exceptions.Exit(EXIT_OK if all(score.perfect for score in scores) else EXIT_PARTIAL)


def _scores(
    wanted: LabelSet, folders: tuple[Path, ...], workers: int | None, limits: Limits, *, quiet: bool
) -> list[PackageScore]:
    """In the order of the labels, with a bar that tells the rate."""
    from nngauge.cli.screen import progress
    from nngauge.evaluation.run import find_packages, score_each

    files = find_packages(wanted, folders)
    count = workers or max(1, min(len(files), os.cpu_count() or 1))
    scores, started = [], time.monotonic()
    with progress(quiet=quiet) as bar:
        task = bar.add_task("scanning", total=len(files), rate="", failed="")
        for score in score_each(wanted, files, workers=count, limits=limits):
            scores.append(score)
            rate = len(scores) / max(1e-9, time.monotonic() - started)
            failed = sum(bool(item.failure) for item in scores)
            bar.update(task, advance=1, rate=f"{rate:.1f}/s", failed=f"{failed} failed" if failed else "")
    order = {package.sha256: number for number, package in enumerate(wanted.package)}
    return sorted(scores, key=lambda score: order[score.labels.sha256])
