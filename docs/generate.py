"""Makes the reference pages from the code (formats, packages, technologies, command line, facts, errors) and fills
the console blocks of the README and of some guides with the real output of their commands.

``python docs/generate.py`` writes them, ``--check`` only says whether they are up to date (exit code 1 when not).
"""

from __future__ import annotations

import ast
import importlib.util
import inspect
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any

import click

from nngauge import errors
from nngauge.cli import VERBS, cli
from nngauge.detect.ruleset import Rule, load_rules
from nngauge.domain.detection import Category
from nngauge.formats import FORMATS
from nngauge.knowledge.deprecations import deprecations
from nngauge.knowledge.store_limits import store_limits
from nngauge.packages import PACKAGES
from nngauge.policy import RULES, load_policy
from nngauge.policy.screen import option_defaults
from nngauge.report import PAPERS, REPORTS
from nngauge.store.schema import FACT_TABLES, LEDGER_TABLES, LISTING, MARKET, VERSION, Table
from nngauge.store.warehouse import KINDS
from nngauge.units import format_bytes
from nngauge.words.documents import (
    bom_json_schema,
    comparison_json_schema,
    json_schema,
    model_json_schema,
    snapshots_json_schema,
)

ROOT = Path(__file__).parent.parent
GUIDES = (
    ROOT / "README.md",
    *(
        ROOT / "docs" / name
        for name in (
            "models.md",
            "studies.md",
            "policies.md",
            "bom.md",
            "estimates.md",
            "estimates-npu-llm.md",
            "fit.md",
            "phones.md",
            "advice.md",
        )
    ),
)
"""Pages with console blocks."""
SHOWN_MODELS = (
    "shapes_onnx/shapes_classifier.onnx", "keywords_tflite/keywords_float32.tflite", "keywords_tflite/keywords_int8.tflite",
)  # fmt: skip
"""Example models that these pages show."""
FOLDER = ROOT / "docs" / "reference"
NOTE = "<!-- made by docs/generate.py from the code; `make lint` fails when it is out of date -->\n\n"


def table(header: tuple[str, ...], rows: Iterator[tuple[str, ...]] | list[tuple[str, ...]]) -> str:
    lines = ["| " + " | ".join(header) + " |", "|" + "---|" * len(header)]
    lines += ["| " + " | ".join(cell.replace("|", "\\|").replace("\n", " ") for cell in row) + " |" for row in rows]
    return "\n".join(lines) + "\n"


def formats_page() -> str:
    rows = []
    for form in sorted(FORMATS, key=lambda form: form.title.lower()):
        found = ", ".join(dict.fromkeys(
            [f"`{_bytes(magic.value)}` at {magic.offset}" + (" (anywhere)" if magic.carve else "") for magic in form.magics]
            + (["content probe"] if form.probe else [])
        ))  # fmt: skip
        rows.append((
            f"**{form.title}** `{form.name}@{form.version}`", " ".join(form.suffixes) or "–", found,
            "yes" if form.bind else "", "; ".join(form.limitations) or "none known",
            " ".join(f"[{number}]({url})" if url.startswith("http") else url for number, url in enumerate(form.references, 1)),
        ))  # fmt: skip
    return (
        "# Model formats\n\n"
        f"{len(FORMATS)} formats. A file is recognised by content; endings are only hints for people. "
        "*Anywhere* means that the magic is searched for at every offset of every file.\n\n"
        + table(("format", "customary endings", "recognised by", "several files", "limitations", "references"), rows)
    )


def packages_page() -> str:
    rows = [
        (
            f"**{kind.title}** `{kind.name}@{kind.version}`",
            " ".join(kind.suffixes) or "–",
            "; ".join(kind.limitations) or "none known",
        )
        for kind in PACKAGES
    ]
    return "# Packages\n\nAsked in this order; the first that claims a container opens it.\n\n" + table(
        ("package", "customary endings", "limitations"), rows
    )


def technologies_page() -> str:
    everything = load_rules().rules
    rules = [rule for rule in everything if rule.delivers is None]
    counts = Counter(rule.category for rule in rules)
    parts = [
        "# Technologies\n\n",
        f"{len(rules)} rules: " + ", ".join(f"{counts[category]} {category}" for category in Category) + ". "
        "Each is one file in `src/nngauge/detect/rules/` with executed examples and counterexamples.\n",
    ]
    for category in Category:
        chosen = [rule for rule in rules if rule.category is category]
        if chosen:
            rows = [
                (f"**{rule.title}**", f"`{rule.id}`", rule.vendor or "–", _scopes(rule), _versions(rule))
                for rule in chosen
            ]
            parts.append(f"\n## {category.value.capitalize()}\n\n")
            parts.append(table(("technology", "rule", "vendor", "looked for in", "version from"), rows))
    loaders = [rule for rule in everything if rule.delivers is not None]
    rows = [
        (f"**{rule.title}**", f"`{rule.id}`", rule.delivers.value, _scopes(rule)) for rule in loaders if rule.delivers
    ]
    parts.append(
        "\n## Ways in\n\nNo AI and never reported as such: traces of how code that the installer does not put in place "
        "reaches the phone. They keep a technology whose library is missing from being called dead.\n\n"
    )
    parts.append(table(("what", "rule", "code is", "looked for in"), rows))
    return "".join(parts)


def _scopes(rule: Rule) -> str:
    return ", ".join(dict.fromkeys(clause.scope.value for clause in rule.match))


def _versions(rule: Rule) -> str:
    return ", ".join(dict.fromkeys(version.source.value for version in rule.version)) or "–"


def cli_page() -> str:
    parts = ["# Command line\n", _help(cli, "nngauge")]
    context = click.Context(cli)
    for verb in VERBS:
        command = cli.get_command(context, verb)
        assert command is not None
        parts.append(_help(command, f"nngauge {verb}"))
        if isinstance(command, click.Group):
            parts += [_help(inner, f"nngauge {verb} {name}") for name, inner in sorted(command.commands.items())]
    parts.append(
        "\n## Exit codes\n\n" + table(("code", "meaning"), [
            ("0", "all done"), ("1", "an input could not be read"), ("2", "wrong use"),
            ("3", "done, but some apps or parts of apps could not be read"), ("130", "stopped from the keyboard"),
        ])
    )  # fmt: skip
    return "\n".join(parts)


def _help(command: click.Command, name: str) -> str:
    context = click.Context(command, info_name=name, max_content_width=100, terminal_width=100)
    return f"\n## {name}\n\n```\n{command.get_help(context)}\n```\n"


def facts_page() -> str:
    parts = ["# Facts\n\n## Facts of a study\n\n"]
    parts.append(
        "`nngauge study sql` asks these tables, `nngauge study export` writes them as files. They lie as Parquet files "
        "below `facts/` in the study's folder; which files count is in the ledger. Tables of measurements are made from the "
        "sessions in `measured/`, whose samples `FROM samples('SESSION')` reads, those of estimates from the files in "
        "`estimated/`, those of compression from the files in `compressed/`. Absence is NULL, never 0; a column is "
        "NULL for apps whose facts are older than the column. Sizes are bytes.\n"
    )
    parts += [
        _dictionary(item)
        for item in (LISTING, MARKET, *FACT_TABLES, *(table for kind in KINDS for table in kind.tables))
    ]
    parts.append(
        f"\n## The ledger of a study\n\n`ledger.sqlite`, schema {VERSION}: what is to be done, what was done, and where "
        "the facts are.\n"
    )
    parts += [_dictionary(item) for item in LEDGER_TABLES]
    parts.append(
        "\n## JSON\n\n`nngauge scan --json` prints one document an app; [its JSON Schema](scan.schema.json).\n"
        "`nngauge show --json` prints [a model](model.schema.json), `nngauge compare --json` "
        "[a comparison](comparison.schema.json), `nngauge study diff --json` [two snapshots](snapshots.schema.json).\n"
    )
    return "".join(parts)


def _dictionary(item: Table) -> str:
    rows = [(f"`{column.name}`", column.type.lower(), column.meaning) for column in item.columns]
    key = f" Key: `{item.key}`." if item.key else ""
    return f"\n### {item.name}\n\n{item.meaning}{key}\n\n" + table(("column", "type", "meaning"), rows)


def schema_page(schema: Callable[[], dict[str, Any]] = json_schema) -> str:
    return json.dumps(schema(), indent=1, sort_keys=True) + "\n"


def errors_page() -> str:
    assert errors.__doc__
    return "# Errors\n\n" + errors.__doc__.replace("::\n\n", "\n```\n", 1).replace(
        "\n\nParsers raise", "\n```\n\nParsers raise", 1
    )


def _bytes(value: bytes) -> str:
    return value.decode("ascii") if value.isascii() and value.decode("ascii").isprintable() else value.hex(" ")


def policy_rules_page() -> str:
    on = {rule.id: options.severity or rule.severity for rule, options in load_policy().rules}
    parts = [
        "# Policy rules\n\n",
        f"{len(RULES)} rules; the default policy has {len(on)} of them. [Policies](../policies.md) tells how to use them.\n",
    ]
    for rule in RULES:
        default = f"`{on[rule.id]}` in the default policy" if rule.id in on else "not in the default policy"
        meanings = field_meanings(rule.options) | {"severity": "Of its findings; a single finding may weigh less."}
        rows = [(f"`{name}`", f"`{value}`", meanings[name]) for name, value in option_defaults(rule).items()]
        parts.append(f"\n## {rule.id}\n\n*{rule.title}.* {default}; {', '.join(rule.tags)}.\n\n{rule.help}\n\n")
        parts.append(table(("option", "default", "meaning"), rows))
        parts.append(_policy_data(rule.id))
    return "".join(parts)


def reports_page() -> str:
    """Every report: its question, who asked it first, its parts, and the facts that it needs."""
    text = [
        "# Reports",
        (
            "`nngauge report STUDY` makes all but those of publications, `nngauge report STUDY NAME` one, by name or id. A part "
            "whose facts a study lacks says so, and what to run. The meaning of every column and the SQL stand beside every "
            "table of the page that `--html` writes, and in `--json`."
        ),
    ]
    for report in (*REPORTS, *PAPERS):
        needs = ", ".join(f"`{need}`" for need in report.needs) or "nothing that studies have yet"
        parts = [(f"`{part.name}`", part.title, part.counting, "yes" if part.chart else "") for part in report.parts]
        text += [
            f"## {report.id}: {report.title} {{ #{report.name} }}",
            f"`{report.name}` · {report.question}",
            f"First asked by: {report.origin}. Needs: {needs}.",
            table(("part", "title", "counted", "figure"), parts),
        ]
        text += ["\n".join(f"- {limitation}" for limitation in report.limitations)] if report.limitations else []
    return "\n\n".join(text) + "\n"


def field_meanings(kind: type) -> dict[str, str]:
    """Name of each field of a struct, as policies write it → the text under it in the source."""
    body = ast.parse(inspect.getsource(kind)).body[0].body
    return {
        field.target.id.replace("_", "-"): " ".join(text.value.value.split()).replace("``", "`")
        for field, text in pairwise(body)
        if isinstance(field, ast.AnnAssign) and isinstance(text, ast.Expr) and isinstance(text.value, ast.Constant)
    }


def _policy_data(rule: str) -> str:
    """The data that a rule rests on."""
    if rule == "store-limit":
        rows = [
            (
                item.store,
                format_bytes(item.bytes),
                item.level,
                f"{item.what} ([source]({item.source}), read {item.read})",
            )
            for item in store_limits()
        ]
        return "\nLimits:\n\n" + table(("store", "limit", "severity", "of what"), rows)
    if rule == "deprecated-api":
        rows = [
            (
                f"`{item.id}`",
                item.title,
                item.since or "–",
                str(item.ends or "–"),
                item.instead,
                f"[{item.read}]({item.source})",
            )
            for item in deprecations()
        ]
        return "\nKnown:\n\n" + table(("id", "what", "since", "ends", "instead", "read"), rows)
    return ""


PAGES: dict[str, Callable[[], str]] = {
    "formats.md": formats_page,
    "packages.md": packages_page,
    "technologies.md": technologies_page,
    "cli.md": cli_page,
    "facts.md": facts_page,
    "scan.schema.json": schema_page,
    "model.schema.json": partial(schema_page, model_json_schema),
    "comparison.schema.json": partial(schema_page, comparison_json_schema),
    "snapshots.schema.json": partial(schema_page, snapshots_json_schema),
    "bom-difference.schema.json": partial(schema_page, bom_json_schema),
    "errors.md": errors_page,
    "policy-rules.md": policy_rules_page,
    "reports.md": reports_page,
}


def with_output(text: str) -> str:
    """A page with the real output of its console blocks."""
    with tempfile.TemporaryDirectory() as folder:
        _examples(Path(folder))
        environment = os.environ | {"PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}

        def fill(block: re.Match[str]) -> str:
            command = block.group(1)
            run = subprocess.run(
                shlex.split(command),
                cwd=folder,
                env=environment,
                check=False,
                capture_output=True,
                text=True,
                stdin=subprocess.DEVNULL,
            )
            assert run.returncode in (0, 3), (command, run.stderr)
            shown = "\n".join(line.rstrip() for line in run.stdout.strip("\n").splitlines())
            return f"```console\n$ {command}\n{shown}\n```"

        return re.sub(r"```console\n\$ ([^\n]*)\n.*?```", fill, text, flags=re.DOTALL)


def _examples(folder: Path) -> None:
    """`apps/` and `models/`, as the README's commands expect them."""
    specification = importlib.util.spec_from_file_location("build_apps", ROOT / "examples" / "build_apps.py")
    assert specification is not None
    assert specification.loader is not None
    sys.path.insert(0, str(ROOT))
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    module.build_all(folder / "apps")
    (folder / "models").mkdir()
    for name in SHOWN_MODELS:
        shutil.copy(ROOT / "examples" / "models" / name, folder / "models")


def _timeless(text: str) -> str:
    """Without the figures that differ from run to run or rule to rule and the order in which workers finish."""
    lines = re.sub(r"\d+(\.\d+)? (s|ms|min)\b|\d+(\.\d+)? apps/s|files of facts, .*", "#", text).splitlines()
    return "\n".join(sorted(lines))


def main() -> int:
    check = "--check" in sys.argv
    stale = []
    for place in GUIDES:
        old = place.read_text(encoding="utf-8")
        new = with_output(old)
        if _timeless(new) != _timeless(old):
            stale.append(place.name)
            if not check:
                place.write_text(new, encoding="utf-8")
    FOLDER.mkdir(exist_ok=True)
    for name, make in PAGES.items():
        text = make() if name.endswith(".json") else NOTE + make()
        place = FOLDER / name
        if place.exists() and place.read_text(encoding="utf-8") == text:
            continue
        stale.append(name)
        if not check:
            place.write_text(text, encoding="utf-8")
    if check and stale:
        print(f"out of date: {', '.join(stale)}; run `make docs`")
        return 1
    print(
        f"{len(GUIDES)} guides and {len(PAGES)} reference pages"
        + (f", {len(stale)} rewritten" if stale else " up to date")
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
