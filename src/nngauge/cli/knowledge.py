"""``nngauge knowledge``: what is known about components and published models, and how to add to it."""

from __future__ import annotations

from pathlib import Path

import click

from nngauge.cli import EXIT_ERROR


@click.group("knowledge", short_help="Components that bring models, and published models.")
def command() -> None:
    """Components are TOML files, published models an index of digests; docs/add-an-sdk.md is the guide."""


@command.command("list")
def list_components() -> None:
    """Prints id, title, vendor and kind of every component."""
    from rich.table import Table

    from nngauge.cli.screen import show
    from nngauge.knowledge.published import published_models
    from nngauge.knowledge.sdks import load_sdks

    table = Table(box=None, padding=(0, 3, 0, 0), header_style="dim", pad_edge=False)
    for column in ("id", "title", "vendor", "kind", "models", "traces"):
        table.add_column(column)
    sdks = load_sdks()
    for sdk in sdks:
        traces = len(sdk.paths) + len(sdk.libraries) + len(sdk.classes) + len(sdk.metadata) + len(sdk.digest)
        table.add_row(sdk.id, sdk.title, sdk.vendor or "–", sdk.kind, "yes" if sdk.models else "–", str(traces))
    show(table)
    click.echo(f"{len(sdks)} components, {len(published_models().entries)} published models")


@command.command("phone")
@click.argument("name", required=False)
@click.option("--json", "as_json", is_flag=True, help="Everything as JSON.")
def phone(name: str | None, as_json: bool) -> None:
    """Prints what is known of the phone, board or chip NAME, with its sources; without NAME how many are known."""
    import msgspec

    from nngauge.cli.screen import show, write_json
    from nngauge.errors import UsageError
    from nngauge.knowledge import phones
    from nngauge.screen.phones import render_phone, render_soc, render_table

    if name is None:
        if as_json:
            write_json(msgspec.json.encode(tuple(phones.phones().values())))
        else:
            show(render_table())
        return
    found, soc = phones.find(name), phones.find_soc(name)
    if found is None and soc is None:
        near = ", ".join(phones.close(name))
        raise UsageError(
            f"there is no phone or chip {name!r}",
            hint=f"like it: {near}" if near else "docs/phones.md tells how to add one",
        )
    if as_json:
        chips = [phones.socs()[one] for one in found.socs] if found else [soc]
        write_json(msgspec.json.encode({"phone": found, "socs": chips}))
    elif found is not None:
        show(render_phone(found))
    elif soc is not None:
        show(render_soc(soc))


@command.command("lint")
@click.argument("folder", required=False, type=click.Path(exists=True, file_okay=False, path_type=Path))
def lint(folder: Path | None) -> None:
    """Checks the files of components; nngauge's own unless FOLDER is given."""
    from nngauge.detect.ruleset import rule_files
    from nngauge.knowledge.sdks import lint_sdks

    problems = lint_sdks(folder, frozenset(name.removesuffix(".toml") for name, _ in rule_files()))
    for problem in problems:
        click.echo(problem)
    click.echo(f"{len(problems)} problems")
    raise click.exceptions.Exit(EXIT_ERROR if problems else 0)


@command.command("model")
@click.argument("path", type=click.Path(exists=True, path_type=Path))
@click.option(
    "--title", required=True, help="What it is called, with its publisher: 'MobileNet V1 1.0 224 (TensorFlow)'."
)
@click.option("--source", required=True, help="Where it is published.")
@click.option("--license", "licence", default="", help="SPDX name.")
@click.option("--task", default="", help="What it is for.")
@click.option("--architecture", default="", help="Name of its architecture.")
@click.option(
    "--index", type=click.Path(dir_okay=False, path_type=Path), help="Add it to this index file, made if need be."
)
def model(path: Path, title: str, source: str, licence: str, task: str, architecture: str, index: Path | None) -> None:
    """Makes the entry of a published model: digests and fingerprints of its weights, never the weights.

    Without --index the entry is printed, one line of JSON.
    """
    import msgspec

    from nngauge.analyse.attribution.published import published_entry
    from nngauge.api import open_model
    from nngauge.knowledge.published import read_published, write_published

    with open_model(path) as extracted:
        entry = published_entry(
            extracted, title=title, source=source, license=licence, task=task, architecture=architecture
        )
    if index is None:
        click.echo(msgspec.json.encode(entry).decode())
        return
    others = read_published(index).entries if index.exists() else ()
    write_published(index, [entry, *(other for other in others if other.id != entry.id)])
    click.echo(f"{index}: {entry.id}, {len(entry.sketches)} weight tensors")
