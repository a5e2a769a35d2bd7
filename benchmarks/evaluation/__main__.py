"""Evaluates detection and extraction on real libraries, packages and models, and writes docs/evaluation.md."""

from __future__ import annotations

import argparse
import dataclasses
import json
import time
from collections.abc import Mapping
from pathlib import Path

import msgspec

from benchmarks.evaluation import models, packages, runtimes
from benchmarks.evaluation.baseline import load_rules
from benchmarks.evaluation.fetch import fetch, locate
from benchmarks.evaluation.report import Run, render
from benchmarks.evaluation.sections import sections
from benchmarks.evaluation.series import load_series
from benchmarks.evaluation.truth import Runtime, load_notes, load_runtimes, load_vocabulary
from nngauge.evaluation.run import find_packages
from nngauge.pipeline import Scanner

ROOT = Path(__file__).parent.parent.parent


def main() -> None:
    """Parses the options and runs the parts whose material is at hand."""
    options = _options()
    work: Path = options.work
    work.mkdir(parents=True, exist_ok=True)
    roots = (*options.have, work / "runtimes")
    wanted = load_runtimes()
    if options.fetch:
        _fetch((*wanted, *load_series()), roots)
    run = _run(wanted, roots, options)
    (work / "results.json").write_text(json.dumps(_plain(run), indent=1, ensure_ascii=False))
    page = render(run, load_vocabulary())
    options.page.write_text(page)
    print(page.partition("## Every library")[0])


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.evaluation", description=__doc__)
    parser.add_argument(
        "--work", type=Path, default=ROOT / "out" / "evaluation", help="folder for downloads and results"
    )
    parser.add_argument(
        "--have",
        type=Path,
        action="append",
        default=[],
        help="folder with unpacked packages named as in --work/runtimes",
    )
    parser.add_argument("--fetch", action="store_true", help="download the packages of runtimes.toml that are missing")
    parser.add_argument(
        "--packages", type=Path, action="append", default=[], help="folder with labelled packages; may be given again"
    )
    parser.add_argument("--models", type=Path, help="folder with model files and SOURCES.csv")
    parser.add_argument("--crawl", type=Path, help="clone of the repository with the paths of the crawl of 2021")
    parser.add_argument("--protected", type=Path, help="folder with real protected models, and dense files in `dense`")
    parser.add_argument("--skip-protection", action="store_true", help="leave out the longest part")
    parser.add_argument("--page", type=Path, default=ROOT / "docs" / "evaluation.md", help="page to write")
    return parser.parse_args()


def _fetch(wanted: tuple[Runtime, ...], roots: tuple[Path, ...]) -> None:
    for runtime in wanted:
        if all(locate(runtime, library, roots) for library in runtime.libraries):
            continue
        problem = fetch(runtime, roots[-1])
        print(f"{runtime.title}: {problem or 'fetched'}", flush=True)


def _run(wanted: tuple[Runtime, ...], roots: tuple[Path, ...], options: argparse.Namespace) -> Run:
    apps: list[Path] = options.packages
    zoo: Path | None = options.models
    vocabulary, notes, rules = load_vocabulary(), load_notes(), load_rules()
    lists = packages.load_lists()
    files = {digest: path for labels in lists for digest, path in find_packages(labels, apps).items()}
    measured = packages.commands(files.items())
    shown = tuple(packages.evaluate(labels, files, measured, rules) for labels in lists)
    tried = tuple(runtimes.evaluate(wanted, roots, rules, vocabulary.baseline))
    dated = tuple(runtimes.evaluate(load_series(), roots, rules, vocabulary.baseline))
    listed = models.load_list(zoo, notes) if zoo else ()
    planted = tuple(models.evaluate(listed, vocabulary))
    scanner = Scanner()
    return Run(
        when=time.strftime("%Y-%m-%d"),
        tool=scanner.provenance.tool,
        rules=scanner.provenance.rules,
        rule_count=len(scanner.signatures.ruleset.rules),
        runtimes=tuple(item for item in tried if isinstance(item, runtimes.Result)),
        missing=tuple(item for item in tried if isinstance(item, runtimes.Missing)),
        series=tuple(item for item in dated if isinstance(item, runtimes.Result)),
        packages=shown,
        models=planted,
        sections=sections(
            wanted,
            roots,
            shown,
            apps,
            zoo=zoo,
            crawl=options.crawl,
            models=() if options.skip_protection else listed,
            protected=options.protected,
        ),
    )


def _plain(value: object) -> object:
    """Dataclasses, structs, mappings and tuples as what JSON has."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {item.name: _plain(getattr(value, item.name)) for item in dataclasses.fields(value)}
    if isinstance(value, msgspec.Struct):
        return msgspec.to_builtins(value)
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, tuple | list):
        return [_plain(item) for item in value]
    return str(value) if isinstance(value, Path) else value


if __name__ == "__main__":
    main()
