"""``nngauge check``: does an app keep a policy? For CI: exit code, SARIF, JUnit, annotations."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from nngauge.cli import EXIT_ERROR, EXIT_OK, EXIT_PARTIAL

if TYPE_CHECKING:
    from nngauge.domain.finding import Severity
    from nngauge.policy import Assessment

_FORMATS = ("text", "json", "sarif", "junit", "github")
_LEVELS = ("error", "warning", "note")


@click.command("check", short_help="Does an app keep a policy? For CI.")
@click.argument("app", type=click.Path(exists=True, path_type=Path), required=False)
@click.option("--policy", "policy_file", metavar="FILE", help="Policy as TOML; without one, the default policy.")
@click.option(
    "--format", "form", type=click.Choice(_FORMATS), default="text", show_default=True, help="Form of the answer."
)
@click.option("-o", "--output", type=click.Path(dir_okay=False, path_type=Path), help="Write there, not to the screen.")
@click.option(
    "--also", multiple=True, metavar="FORM=FILE", help="Another form of the same answer, into a file; repeatable."
)
@click.option("--baseline", metavar="FILE", help="JSON of an earlier check: what it found does not count again.")
@click.option(
    "--fail-on", type=click.Choice(_LEVELS), default="error", show_default=True, help="Mildest finding that fails."
)
@click.option("--all", "everything", is_flag=True, help="Do not cut the list of findings.")
@click.option("--list", "listing", is_flag=True, help="List the rules, with what the policy makes of them.")
@click.option("--explain", metavar="RULE", help="One rule: why, how to fix it, options, sources.")
def command(
    app: Path | None,
    *,
    policy_file: str | None,
    form: str,
    output: Path | None,
    also: tuple[str, ...],
    baseline: str | None,
    fail_on: str,
    everything: bool,
    listing: bool,
    explain: str | None,
) -> None:
    """Checks APP against a policy: budgets, store limits, protection, deprecated interfaces, leftovers.

    Exit code 0: kept. 1: broken (or the app could not be read at all, which stderr says). 2: wrong use, or a policy
    that does not make sense. 3: kept, but some part of the app could not be read. docs/policies.md tells how policies
    are written and what the rules mean.
    """
    if listing or explain is not None:
        _tell(policy_file, explain)
        return
    if app is None:
        raise click.UsageError("Missing argument 'APP'.")
    from nngauge.domain.finding import Severity

    threshold = Severity(fail_on)
    outputs = [(form, output), *(_form_and_file(one) for one in also)]
    result = _assessed(app, policy_file, baseline)
    for each, file in outputs:
        _write(result, each, file, threshold, everything=everything)
    broken = result.breaks(threshold)
    complete = result.dossier.scan.complete
    raise click.exceptions.Exit(EXIT_ERROR if broken else EXIT_OK if complete else EXIT_PARTIAL)


def _form_and_file(text: str) -> tuple[str, Path]:
    form, _, file = text.partition("=")
    if form not in _FORMATS or not file:
        raise click.UsageError(f"--also takes FORM=FILE with one of {', '.join(_FORMATS)}, not {text!r}.")
    return form, Path(file)


def _assessed(app: Path, policy_file: str | None, baseline: str | None) -> Assessment:
    from nngauge.policy import assess, load_policy

    policy = load_policy(policy_file)  # what is wrong with the question is said before the work
    known: frozenset[str] | None = None
    if baseline is not None:
        from nngauge.policy.baseline import read_baseline

        known = read_baseline(baseline)
    from nngauge.auditing.dossier import dossier_of
    from nngauge.domain.scan import Depth
    from nngauge.pipeline import Scanner

    return assess(dossier_of(app, Scanner(depth=Depth.USAGE)), policy, baseline=known)


def _write(result: Assessment, form: str, output: Path | None, threshold: Severity, *, everything: bool) -> None:
    if form != "text":
        data = _encoded(result, form, threshold)
        if output is None:
            from nngauge.words.safe import plain_json

            sys.stdout.buffer.write(plain_json(data) if form in ("json", "sarif") else data)
        else:
            _save(output, data)
        return
    from nngauge.policy.screen import render_check

    screen = render_check(result, threshold, rows=0) if everything else render_check(result, threshold)
    if output is None:
        from nngauge.cli.screen import show

        show(screen)
    else:
        import io

        from nngauge.cli.screen import console
        from nngauge.screen.safe import Safe

        buffer = io.StringIO()
        console(buffer).print(Safe(screen))
        _save(output, buffer.getvalue().encode())


def _encoded(result: Assessment, form: str, threshold: Severity) -> bytes:
    if form == "json":
        from nngauge.policy.baseline import encode_check

        return encode_check(result)
    if form == "sarif":
        from nngauge.policy.sarif import encode_sarif

        return encode_sarif(result)
    if form == "junit":
        from nngauge.policy.junit import encode_junit

        return encode_junit(result, threshold)
    from nngauge.policy.github import encode_github

    return encode_github(result)


def _save(output: Path, data: bytes) -> None:
    from nngauge.errors import UsageError

    try:
        output.write_bytes(data)
    except OSError as error:
        raise UsageError(f"cannot be written: {error.strerror or error}", where=str(output)) from None


def _tell(policy_file: str | None, explain: str | None) -> None:
    """Answers about rules, without an app."""
    from nngauge.cli.screen import show
    from nngauge.policy import RULE, RULES, load_policy
    from nngauge.policy.screen import render_rule, render_rules

    if explain is None:
        show(render_rules(RULES, load_policy(policy_file).rules))
        return
    if explain not in RULE:
        from difflib import get_close_matches

        near = get_close_matches(explain, RULE, n=1)
        raise click.UsageError(f"No rule {explain!r}." + (f" Did you mean {near[0]!r}?" if near else ""))
    show(render_rule(RULE[explain]))
