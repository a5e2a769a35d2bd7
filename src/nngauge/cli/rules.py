"""``nngauge rules``: list and check the detection rules."""

from __future__ import annotations

from pathlib import Path

import click

from nngauge.cli import EXIT_ERROR


@click.group("rules", short_help="List and check the detection rules.")
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
