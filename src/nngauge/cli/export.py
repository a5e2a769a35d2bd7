"""``nngauge export``: into another format, with a converter that is installed."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

if TYPE_CHECKING:
    from nngauge.compress.writing import Writer

TARGETS: Final = ("tflite", "onnx", "coreml", "ncnn", "mnn", "executorch", "openvino")
_FORMATS: Final = {"coreml": "coreml_mlpackage"}
"""Names of formats, where users say another."""


@click.command("export", short_help="Into another format, with the converter you have; compared.")
@click.argument("model", type=click.Path(exists=True, path_type=Path))
@click.option("--to", "target", type=click.Choice(TARGETS), required=True, help="The format to write.")
@click.option("-o", "--output", type=click.Path(path_type=Path), help="The file to write.  [default: beside the model]")
@click.option("--float16", is_flag=True, help="Store weights as 16-bit floats, where the converter can.")
@click.option(
    "--inputs", "folder", metavar="DIR", type=click.Path(path_type=Path), help="What both models are run on: pictures, WAV or .npy."
)  # fmt: skip
@click.option("--input", "shapes", multiple=True, metavar="NAME=SHAPE", help="Fix an open shape: image=1x224x224x3.")
@click.option("--count", type=click.IntRange(1, 10_000), default=32, show_default=True, help="Inputs at most.")
@click.option("--python", default="", metavar="FILE", help="Another Python that has the converter, numpy and msgspec.")
@click.option(
    "--timeout", type=click.FloatRange(1), default=600.0, show_default=True, help="Seconds for the converter."
)
@click.option("--force", is_flag=True, help="Write over what is there.")
@click.option("--json", "as_json", is_flag=True, help="Everything as JSON.")
def command(
    model: Path, target: str, output: Path | None, float16: bool, folder: Path | None, shapes: tuple[str, ...], count: int,
    python: str, timeout: float, force: bool, as_json: bool,
) -> None:  # fmt: skip
    """Hands a model to a converter that is installed, in a process of its own, and looks at what comes out.

    Beside the model files that nngauge reads it takes PyTorch programs (.pt2, torch.export.save), never pickled modules.

    The written file is read by nngauge's own parser, run where an engine for it is installed, and compared with the original;
    one that cannot be read, does not run or answers with NaN is not kept. Exit code 1: nothing was written, and it says why.
    """
    from importlib.util import find_spec

    from nngauge.cli.compress_write import carry_out, tell_written
    from nngauge.cli.screen import errors
    from nngauge.cli.show import shape_of
    from nngauge.errors import UsageError

    if find_spec("numpy") is None:
        raise UsageError("comparing outputs needs numpy and an engine", hint='pip install "nngauge[compress]"')
    from nngauge.compress.building import Plan
    from nngauge.compress.ready import Wanted
    from nngauge.compress.writing import Limits, Recipe

    writer = _exporter(model, target)
    recipe = Recipe.FLOAT16 if float16 else Recipe.CONVERT
    if recipe not in writer.recipes:
        raise UsageError(f"{writer.title} cannot store 16-bit floats", hint="leave --float16 out")
    wanted = Wanted(folder=folder, shapes=dict(shape_of(text) for text in shapes), inputs=count)
    place = output or model.with_name(f"{model.stem}{writer.suffix}")
    plan = Plan(writer=writer, recipe=recipe, output=place, wanted=wanted, force=force, limits=Limits(seconds=timeout))
    with errors().status(f"{writer.title}: {target}"):
        found = carry_out(model, plan, python)
    tell_written(found, as_json=as_json)


def _exporter(model: Path, target: str) -> Writer:
    """Raises `UsageError` with the targets there are for the model's format."""
    from nngauge.api import open_model
    from nngauge.compress.export import EXPORTERS, exporter_for
    from nngauge.errors import UsageError

    if model.suffix.lower() == ".pt2":
        form = "pt2"
    else:
        with open_model(model) as extracted:
            form = extracted.format.name
    wanted = _FORMATS.get(target, target)
    if form == wanted:
        raise UsageError(f"it is {target} already", where=str(model), hint="nngauge compress makes it smaller")
    writer = exporter_for(form, wanted)
    if writer is None:
        there = sorted({one.target for one in EXPORTERS if form in one.formats})
        hint = f"from {form} there is: {', '.join(there)}" if there else f"no converter reads {form}"
        raise UsageError(f"no converter from {form} to {target}", where=str(model), hint=hint)
    return writer
