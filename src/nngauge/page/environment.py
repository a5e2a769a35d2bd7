"""Templates: found in the package, escaped without exception, strict about names."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Sequence
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any, Final

from msgspec import Struct

from nngauge.domain.location import Location
from nngauge.units import format_seconds
from nngauge.version import __version__
from nngauge.words.amounts import byte_amount, exact_amount, format_shape, plural, short_amount
from nngauge.words.safe import printable
from nngauge.words.tables import shown_value

if TYPE_CHECKING:
    from jinja2 import Environment

SERVED_POLICY: Final = (
    "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "font-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)
"""``Content-Security-Policy`` of pages from a server (https://www.w3.org/TR/CSP3/)."""
_DISK_POLICY: Final = (
    "default-src 'none'; style-src {style}; script-src {script}; img-src data:; font-src 'none'; base-uri 'none'; "
    "form-action 'none'"
)
_UNREAL: Final = re.compile("[\ud800-\udfff\ufdd0-\ufdef\ufffe\uffff]")
"""Surrogates (of names that are no UTF-8) cannot be written, and HTML forbids the others."""
_ABSENT: Final = "–"


class Link(Struct, frozen=True):
    """One entry of a page's navigation."""

    title: str
    href: str
    note: str = ""
    """Beside the title: a count."""
    here: bool = False
    """The page or section that is shown."""


class Frame(Struct, frozen=True, kw_only=True):
    """What `base.html` wants to know of every page."""

    title: str
    """Of the window and the tab."""
    description: str = ""
    links: Sequence[Link] = ()
    """Sections of the page, or pages of the site."""
    stylesheet: str = ""
    """Address of `stylesheet()`; empty: it is in the page."""
    script: str = ""
    """Address of `script()`; empty: it is in the page."""
    home: str = ""
    """Where the name of the tool leads; empty: nowhere."""
    provenance: Sequence[tuple[str, str]] = ()
    """Terms and values at the foot: tool, rules, configuration, study, snapshot."""


class Column(Struct, frozen=True, kw_only=True):
    """One column of ``m.table``."""

    title: str
    numeric: bool = False
    """Right-aligned, in figures of one width."""
    code: bool = False
    """Names, paths, digests."""
    note: str = ""
    """What the title leaves unsaid: unit, denominator."""


class Linked(Struct, frozen=True):
    """A cell of ``m.table`` that leads somewhere."""

    text: str
    href: str


class Measured(Struct, frozen=True):
    """A cell of ``m.table`` with a bar behind the text: `share` of the longest, 0 to 1."""

    text: str
    share: float
    sort: float | int = 0


def render(template: str, /, **context: object) -> str:
    """A page. Raises `jinja2.UndefinedError` when the template asks for what `context` lacks."""
    return environment().get_template(template).render(**context)


@cache
def environment() -> Environment:
    """The one environment of all pages."""
    from jinja2 import Environment, PackageLoader, StrictUndefined

    made = Environment(
        loader=PackageLoader("nngauge.page", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=shown,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    made.filters.update(_FILTERS)
    made.tests["linked"] = _is_linked
    made.tests["measured"] = _is_measured
    made.globals.update(
        css=_css, javascript=_javascript, policy=disk_policy, version=__version__, data_address=data_address
    )
    return made


def shown(value: Any) -> Any:
    """What an expression becomes before it is escaped: `–` for None, texts without controls, overrides, surrogates."""
    if value is None:
        return _ABSENT
    if type(value) is str or (isinstance(value, str) and not hasattr(value, "__html__")):
        return _UNREAL.sub("\ufffd", printable(value))
    return value


@cache
def stylesheet() -> str:
    """The CSS of all pages."""
    return files("nngauge.page").joinpath("style.css").read_text(encoding="utf-8")


@cache
def script() -> str:
    """The JavaScript of all pages: pages work without it."""
    return files("nngauge.page").joinpath("page.js").read_text(encoding="utf-8")


def disk_policy(*, scripts: bool = True) -> str:
    """``Content-Security-Policy`` of a page from disk: its own CSS and script by their digests, pictures inside it."""
    return _DISK_POLICY.format(style=_source(stylesheet()), script=_source(script()) if scripts else "'none'")


def data_address(svg: str) -> str:
    """An SVG as a ``data:`` address for an image: no id or style of it meets those of the page, and no script runs."""
    return "data:image/svg+xml;base64," + base64.b64encode(svg.encode("utf-8", "replace")).decode("ascii")


def inner(place: Location | str) -> str:
    """A location without the package file itself."""
    path = str(place)
    return path.partition("!")[2] or path.rpartition("/")[2]


def percent(part: float | None) -> str:
    """``0.1234`` → ``12 %``, below ten percent with a digit more; ``–`` for None."""
    if part is None:
        return _ABSENT
    figure = 100 * part
    if 0 < figure < 0.1:
        return "< 0.1 %"
    return f"{figure:.1f} %" if 0 < figure < 9.95 else f"{figure:.0f} %"


def _css() -> object:
    from markupsafe import Markup

    return Markup(stylesheet())  # noqa: S704 - our own file


def _javascript() -> object:
    from markupsafe import Markup

    return Markup(script())  # noqa: S704 - our own file


def _source(text: str) -> str:
    digest = hashlib.sha256(text.encode()).digest()
    return f"'sha256-{base64.b64encode(digest).decode('ascii')}'"


def _is_linked(value: object) -> bool:
    return isinstance(value, Linked)


def _is_measured(value: object) -> bool:
    return isinstance(value, Measured)


def _short(text: str, most: int = 40) -> str:
    """The beginning and the end of a long text."""
    return text if len(text) <= most else f"{text[: most // 2]}…{text[len(text) - most // 2 + 1 :]}"


def ticked(text: str) -> object:
    """`text`, escaped, with what stands between back ticks as code."""
    from markupsafe import Markup

    parts = str(shown(text)).split("`")
    if len(parts) % 2 == 0:
        return text
    return Markup("").join(Markup("<code>{}</code>").format(part) if at % 2 else part for at, part in enumerate(parts))


_FILTERS: Final = {
    "bytes": byte_amount,
    "count": short_amount,
    "exact": exact_amount,
    "inner": inner,
    "percent": percent,
    "plural": plural,
    "seconds": format_seconds,
    "shape": format_shape,
    "short": _short,
    "ticked": ticked,
    "value": shown_value,
}
"""``{{ size|bytes }}`` 1.5 kB, ``{{ n|count }}`` 3.50 M, ``{{ n|exact }}`` 3,504,872, ``{{ n|plural("app") }}`` 2,000 apps,
``{{ part|percent }}`` 12 %, ``{{ dims|shape }}`` 1×224×224×3, ``{{ s|seconds }}`` 42 ms, ``{{ x|value("joules") }}`` 24.6 mJ,
``{{ location|inner }}`` without the package, ``{{ digest|short(16) }}`` its ends, ``{{ advice|ticked }}`` with code between back
ticks."""
