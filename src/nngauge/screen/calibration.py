"""A calibration on a terminal: the anchors, and which known devices the new one is like."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from nngauge.domain.measurement import Refusal
from nngauge.estimate.calibration import Calibration
from nngauge.screen.estimate import runs_on
from nngauge.words.amounts import plural
from nngauge.words.safe import one_line

_LARGEST = 4
"""Contributions that are told."""


def render_calibration(found: Calibration, refusals: Sequence[Refusal], file: str) -> RenderableType:
    """The anchors measured and as the others tell them, the mixture, and what to do next."""
    table = Table(box=None, padding=(0, 3, 0, 0), header_style="dim", pad_edge=False)
    for number, title in enumerate(("anchor", "measured", "the others tell", "off by")):
        table.add_column(title, justify="right" if number else "left")
    for one in found.anchors:
        table.add_row(
            one_line(one.name),
            f"{one.measured:.2f} ms",
            f"{one.left_out:.2f} ms",
            f"{one.left_out / one.measured - 1:+.1%}",
        )
    shares = sorted(found.shares, key=lambda share: -abs(share.weight))[:_LARGEST]
    like = ", ".join(f"{one_line(share.profile)} ({share.weight:+.2f})" for share in shares)
    return Group(
        Text(f"\n{one_line(found.title)}", style="bold").append(f"  {runs_on(found.setting)}", style="not bold dim"),
        table,
        Text(f"\n{plural(len(found.anchors), 'anchor')}; one left out is off by {found.error:.1%} in the mean"),
        Text(f"most like: {like}"),
        *([Text(f"every inference takes {found.floor:.2f} ms beside what the network does")] if found.floor else []),
        *(Text(one_line(f"{one.name}: {one.reason}"), style="red") for one in refusals),
        Text(one_line(f"kept in {file}"), style="dim"),
        Text(
            one_line(f"nngauge estimate MODEL --device {found.setting.device} --threads {found.setting.threads}"),
            style="dim",
        ),
    )
