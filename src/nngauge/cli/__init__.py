"""The command line: one file per verb. The only code that prints."""

from __future__ import annotations

import gc
import sys
from importlib import import_module
from typing import Final

import click

from nngauge.version import __version__

VERBS: Final = {
    "scan": "What AI is inside one app, or many.",
    "show": "What one model file is and costs.",
    "compare": "What differs between two models.",
    "view": "Open one model file in Netron.",
    "study": "Many apps, again and again: snapshots, runs, questions.",
    "report": "What a study says: tables, figures, a page.",
    "serve": "Explore a study in the browser.",
    "measure": "How fast models run, here or on a phone.",
    "compare-runs": "Two measurements: faster, slower, or it cannot be told.",
    "official": "Makers' benchmark programs: run them, or read their output.",
    "scenario": "Battery and dropped frames of a measured model in daily use.",
    "estimate": "What models would cost on phones nobody has on the desk.",
    "calibrate": "Ten small models measured: a profile for your phone.",
    "fit": "Published architectures that fit a budget of time and bytes.",
    "compress": "Smaller weights: the whole table, or the best file under a budget.",
    "shrink": "The same answers from fewer bytes.",
    "export": "Into another format, with the converter you have; compared.",
    "advise": "What is worth doing: gain, risk, command.",
    "audit": "How well the models of an app are protected.",
    "bom": "The AI of an app as a bill of materials; two compared.",
    "check": "Does an app keep a policy? For CI.",
    "devices": "This machine and the phones that are connected.",
    "doctor": "Is a device fit for measuring?",
    "why": "The evidence behind one line of a report.",
    "knowledge": "Components that bring models, and published models.",
    "rules": "List and check the detection rules.",
}
"""Verb → its line in the help. Modules are imported when their verb is used."""

EXIT_OK, EXIT_ERROR, EXIT_USAGE, EXIT_PARTIAL, EXIT_STOPPED = 0, 1, 2, 3, 130


class _Verbs(click.Group):
    """Loads a verb's module when it is called, so that --help stays cheap."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - part of click's interface
        return list(VERBS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        if cmd_name not in VERBS:
            return None
        command = import_module(f"nngauge.cli.{cmd_name.replace('-', '_')}").command
        return command if isinstance(command, click.Command) else None

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        with formatter.section("Commands"):
            formatter.write_dl(list(VERBS.items()))


@click.group(cls=_Verbs, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, "-V", "--version", prog_name="nngauge", message="%(prog)s %(version)s")
def cli() -> None:
    """Tells what AI is inside a mobile app, with evidence for every claim."""


def main() -> None:
    """Entry point: runs the verb and turns deliberate errors into one line and an exit code.

    Exit codes: 0 all done · 1 an input could not be read, or an app breaks its policy · 2 wrong use · 3 done, but some
    apps or parts failed · 130 stopped by Ctrl-C.
    """
    from nngauge.errors import NngaugeError, UsageError

    gc.set_threshold(100_000, 50, 50)  # imports and facts make many objects and hardly any cycles
    try:
        sys.exit(cli.main(standalone_mode=False) or EXIT_OK)  # click returns the code of its own Exit
    except click.ClickException as error:
        error.show()
        sys.exit(EXIT_USAGE)
    except (click.Abort, KeyboardInterrupt):
        click.echo("stopped", err=True)
        sys.exit(EXIT_STOPPED)
    except BrokenPipeError:
        sys.stderr.close()
        sys.exit(EXIT_OK)
    except UsageError as error:
        click.echo(_plain(f"nngauge: {error}"), err=True)
        sys.exit(EXIT_USAGE)
    except NngaugeError as error:
        click.echo(_plain(f"nngauge: {error}"), err=True)
        sys.exit(EXIT_ERROR)
    finally:
        if "duckdb" not in sys.modules:  # its binding counts what is left at the end, and complains
            gc.freeze()  # the process ends: nobody needs the garbage collected once more


def _plain(text: str) -> str:
    """An error names things from outside; its line must not drive the terminal."""
    return "".join(char for char in " ".join(text.split()) if char.isprintable())
