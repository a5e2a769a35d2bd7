"""What a page shows of one model, beyond its facts: the work along the network, and sums by family."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from msgspec import Struct

from nngauge.domain.cost import Amount, Family, Layer
from nngauge.domain.dossier import ModelDossier
from nngauge.domain.graph import Dim, DType
from nngauge.domain.model import Port
from nngauge.domain.task import UNKNOWN
from nngauge.picture.network_svg import COLOURS
from nngauge.words.amounts import format_shape
from nngauge.words.families import family_rows

_BARS: Final = 160
"""Columns of the profile; networks with more layers share them."""
_PORTS: Final = 2
"""Inputs or outputs named in one line."""
_ABOVE: Final = 46.0
_BELOW: Final = 26.0
_WIDEST: Final = 60.0
_LEAST: Final = 0.8
"""Pixels of a bar that is not nothing."""


class Bar(Struct, frozen=True):
    """Some layers in a row, in a drawing of 1000 by 76."""

    title: str
    colour: str
    x: float
    width: float
    macs: float
    """Height above the line."""
    bytes: float
    """Depth below it."""


class FamilyLine(Struct, frozen=True):
    """The layers of one family in sum."""

    family: str
    colour: str
    layers: int
    macs: int | None
    share: float | None
    """Of all MACs."""
    parameters: Amount | None


class ModelCard(Struct, frozen=True, kw_only=True):
    """One model on a page."""

    anchor: str
    """Id of its element."""
    dossier: ModelDossier
    says: str
    """Inputs → outputs, in one line."""
    task: str
    """For people; empty when nobody can tell."""
    profile: tuple[Bar, ...] = ()
    families: tuple[FamilyLine, ...] = ()
    layers: tuple[Layer, ...] = ()
    """For the table: as many as the page has room for."""
    layers_left_out: int = 0
    picture: str = ""
    picture_left_out: bool = False
    """There is one, and the page has no room for it."""
    words: str = ""
    """What a search on the page finds it by."""


def model_card(item: ModelDossier, anchor: str, *, most_layers: int, room: int) -> ModelCard:
    """`most_layers` of the table, a picture of at most `room` characters."""
    model = item.model
    task = model.task.title if model.task is not None and model.task.task != UNKNOWN else ""
    layers = item.layers[:most_layers]
    fits = len(item.picture) <= room
    owner = model.owner.title if model.owner else ""
    return ModelCard(
        anchor=anchor,
        dossier=item,
        says=f"{_ports(model.inputs)} → {_ports(model.outputs)}" if model.inputs or model.outputs else "",
        task=task,
        profile=profile(item.layers),
        families=families(item),
        layers=layers,
        layers_left_out=item.layers_left_out + len(item.layers) - len(layers),
        picture=item.picture if fits else "",
        picture_left_out=not fits,
        words=" ".join((model.name, model.title, task, owner, *item.places[:4])),
    )


def _ports(ports: Sequence[Port]) -> str:
    shown = [port_line(port.dtype, port.shape) for port in ports[:_PORTS]]
    rest = len(ports) - len(shown)
    return " + ".join(shown) + (f" + {rest} more" if rest else "") or "–"


def port_line(dtype: str, shape: tuple[Dim, ...] | None) -> str:
    """``uint8 1×224×224×3``."""
    return format_shape(shape) if dtype == DType.UNKNOWN else f"{dtype} {format_shape(shape)}"


def families(item: ModelDossier) -> tuple[FamilyLine, ...]:
    """From the layers where they are at hand, else from the stored sums."""
    if item.layers and not item.layers_left_out:
        return tuple(
            FamilyLine(
                row.family.value, COLOURS[row.family], row.layers, row.macs if isinstance(row.macs, int) else None,
                row.share, row.parameters,
            )
            for row in family_rows(item.layers)
        )  # fmt: skip
    stored = item.network.families if item.network else ()
    total = sum(part.macs or 0 for part in stored)
    lines = [
        FamilyLine(
            part.family, _colour(part.family), part.layers, part.macs, (part.macs or 0) / total if total else None,
            part.parameters,
        )
        for part in stored
    ]  # fmt: skip
    return tuple(sorted(lines, key=lambda line: (-(line.macs or 0), -line.layers, line.family)))


def _colour(family: str) -> str:
    return next((colour for known, colour in COLOURS.items() if known.value == family), COLOURS[Family.OTHER])


def profile(layers: Sequence[Layer]) -> tuple[Bar, ...]:
    """MACs and weight bytes in the order of execution; empty where neither is known of any layer."""
    step = max(1, -(-len(layers) // _BARS))
    groups = [layers[at : at + step] for at in range(0, len(layers), step)]
    macs = [sum(_macs(layer) for layer in group) for group in groups]
    sizes = [sum(layer.weight_bytes or 0 for layer in group) for group in groups]
    most_macs, most_bytes = max(macs, default=0), max(sizes, default=0)
    if not most_macs and not most_bytes:
        return ()
    width = 1000 / len(groups)
    bars = []
    for at, group in enumerate(groups):
        heaviest = max(group, key=lambda layer: (_macs(layer), layer.weight_bytes or 0))
        bars.append(
            Bar(
                _bar_title(group, heaviest), COLOURS[heaviest.family], at * width, min(_WIDEST, max(width - 1, 0.7 * width)),
                _height(macs[at], most_macs, _ABOVE), _height(sizes[at], most_bytes, _BELOW),
            )
        )  # fmt: skip
    return tuple(bars)


def _macs(layer: Layer) -> int:
    return layer.macs * layer.repeats if isinstance(layer.macs, int) else 0


def _height(amount: int, most: int, pixels: float) -> float:
    return max(_LEAST, pixels * amount / most) if amount and most else 0.0


def _bar_title(group: Sequence[Layer], heaviest: Layer) -> str:
    name = f"{heaviest.kind or heaviest.op} {heaviest.attributes}".strip()
    if len(group) == 1:
        return f"layer {heaviest.index}: {name}"
    return f"layers {group[0].index} to {group[-1].index}, most of it {name}"
