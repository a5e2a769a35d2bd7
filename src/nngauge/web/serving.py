"""From requests to pages: routes, HTML or JSON, errors without secrets."""

from __future__ import annotations

import hashlib
import time
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any, Final

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from nngauge.errors import NngaugeError, StoreError, UsageError
from nngauge.page.environment import Frame, Link, environment, render, script, stylesheet
from nngauge.version import __version__
from nngauge.web.asked import Asked
from nngauge.web.explorer import Explorer, State
from nngauge.web.guard import Guard
from nngauge.web.pages import NAVIGATION, VIEWS
from nngauge.web.patience import Working
from nngauge.web.prepared import Progress
from nngauge.web.view import Desk, Later, Missing, Shown, View

if TYPE_CHECKING:
    from starlette.applications import Starlette
    from starlette.requests import Request
    from starlette.responses import Response

SCHEMA: Final = "nngauge.explorer/1"
"""Of the JSON around every page; the number is raised when something in it changes its meaning or goes away."""
_WAIT: Final = 2.0
"""Seconds that a page waits for the preparation before it shows how far that is."""
_HTML: Final = "text/html; charset=utf-8"
_JSON: Final = "application/json"
_SVG: Final = "image/svg+xml"


class Document(Struct, frozen=True, kw_only=True):
    """What an address with ``.json`` answers."""

    schema: str = SCHEMA
    study: str
    state: int
    """Changes of the study so far: the same number, the same answers."""
    page: str
    """Kind of page."""
    data: Any = None
    working: Working | None = None
    """Status 202: being worked out, ask again."""
    preparing: Progress | None = None
    """Status 503: the study is being prepared, ask again."""
    error: str = ""
    hint: str = ""


class _Answer(Struct, frozen=True):
    body: bytes
    status: int = 200
    kind: str = _HTML
    again: int = 0
    """Seconds after which to ask again."""


def build(explorer: Explorer, *, names: Iterable[str] = (), any_address: bool = False, token: str = "") -> Starlette:
    """The explorer as an ASGI application; `explorer` is closed with it. Parameters as those of `Guard`."""
    from starlette.applications import Starlette
    from starlette.middleware import Middleware
    from starlette.routing import Route

    _assets()
    for name in environment().list_templates():  # compiled before somebody waits for them
        environment().get_template(name)
    routes = [
        Route("/static/{name}", _static),
        *(route for view in VIEWS for route in _routes(view, explorer)),
    ]

    @asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncIterator[None]:
        yield
        explorer.close()

    return Starlette(
        routes=routes,
        lifespan=lifespan,
        middleware=[Middleware(Guard, names=tuple(names), any_address=any_address, token=token)],
        exception_handlers={404: _unknown(explorer), 500: _broken(explorer)},
    )


def _routes(view: View, explorer: Explorer) -> list[Any]:
    from starlette.routing import Route

    def page(request: Request) -> Response:
        return _respond(view, explorer, request, as_json=_wants_json(request))

    def document(request: Request) -> Response:
        return _respond(view, explorer, request, as_json=True)

    if not view.template:
        return [Route(view.path, page)]
    json_path = "/index.json" if view.path == "/" else f"{view.path}.json"
    return [Route(json_path, document), Route(view.path, page)]


def _wants_json(request: Request) -> bool:
    accepted = request.headers.get("accept", "")
    return _JSON in accepted and "text/html" not in accepted


def _respond(view: View, explorer: Explorer, request: Request, *, as_json: bool) -> Response:
    """Runs in a thread of its own: pages ask DuckDB, which blocks."""
    from starlette.responses import Response

    begun = time.perf_counter()
    asked = Asked(_path(request, as_json=as_json), request.query_params, request.path_params)
    with explorer.state() as state:
        answer = _answer(view, explorer, state, asked, as_json=as_json)
    headers = {
        "Cache-Control": "no-store",
        "Vary": "Accept",
        "Server-Timing": f"page;dur={1000 * (time.perf_counter() - begun):.1f}",
    }
    if answer.kind == _SVG:
        headers["Content-Security-Policy"] = "default-src 'none'; style-src 'unsafe-inline'; sandbox"
    if answer.again:
        headers |= {"Retry-After": str(answer.again), **({} if as_json else {"Refresh": str(answer.again)})}
    return Response(answer.body, answer.status, headers, answer.kind)


def _path(request: Request, *, as_json: bool) -> str:
    path: str = request.url.path
    if as_json and path.endswith(".json"):
        return path.removesuffix(".json").removesuffix("/index") or "/"
    return path


def _answer(view: View, explorer: Explorer, state: State | None, asked: Asked, *, as_json: bool) -> _Answer:
    if view.step and (state is None or not state.prepared.wait(view.step, _WAIT)):
        return _preparing(view, explorer, state, as_json=as_json)
    changes = state.prepared.changes if state is not None else 0
    key = f"{'json' if as_json else 'html'} {asked.canonical}"
    known = explorer.cached(changes, key) if view.cached else None
    if known is not None:
        return _Answer(known, kind=_JSON if as_json and view.template else _HTML)
    try:
        answer = _made(view, explorer, state, asked, as_json=as_json)
    except Later as later:
        return _later(view, explorer, changes, later.working, as_json=as_json)
    except Missing as error:
        return _error(explorer, 404, error.what, error.hint, as_json=as_json)
    except UsageError as error:
        return _error(explorer, 400, error.what, error.hint, as_json=as_json)
    except StoreError as error:
        explorer.hurry()
        hint = "a run may just have put them together: then this page is there again in a moment; else nngauge study verify"
        return replace(_error(explorer, 503, error.what.partition("\n")[0], hint, as_json=as_json), again=5)
    except NngaugeError as error:
        return _error(explorer, 500, error.what, error.hint, as_json=as_json)
    if view.cached and view.template:
        explorer.cache(changes, key, answer.body)
    return answer


def _made(view: View, explorer: Explorer, state: State | None, asked: Asked, *, as_json: bool) -> _Answer:
    if state is None:
        raise Missing("the study is not open yet")
    with state.prepared.session() as facts:
        made = view.make(Desk(facts, state, explorer), asked)
    page, more = (made.page, made.more) if isinstance(made, Shown) else (made, {})
    if not view.template:
        return _file(page)
    if as_json:
        document = Document(study=explorer.name, state=state.prepared.changes, page=view.name, data=page)
        return _Answer(msgspec.json.encode(document), kind=_JSON)
    draw = more.get("draw")
    frame = _frame(explorer, view, str(getattr(page, "title", view.title)), state)
    if callable(draw):
        return _Answer(str(draw(frame)).encode())
    return _Answer(_render(view.template, frame, asked=asked, page=page, **more))


def _file(page: Struct) -> _Answer:
    """Pages without a template are files: a drawing or a table."""
    svg, csv = getattr(page, "svg", None), getattr(page, "csv", None)
    if svg is not None:
        return _Answer(str(svg).encode(), kind=_SVG)
    return _Answer(str(csv).encode(), kind="text/csv; charset=utf-8")


def _render(template: str, frame: Frame, **context: object) -> bytes:
    from markupsafe import Markup

    return render(template, frame=frame, markup=Markup, **context).encode("utf-8", "replace")


def _frame(explorer: Explorer, view: View | None, title: str, state: State | None) -> Frame:
    section = view.section if view is not None else ""
    name = explorer.name
    provenance = [("study", name), ("made by", f"nngauge {__version__}")]
    if state is not None:
        shown = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(state.prepared.begun))
        provenance.append(("as it was", f"{shown}, after {state.prepared.changes:,} changes"))
    return Frame(
        title=title if title == name else f"{title} · {name}",
        links=[Link(text, path, here=path == section) for text, path in NAVIGATION],
        stylesheet=_assets()["style.css"].href,
        script=_assets()["explorer.js"].href,
        home="/",
        provenance=provenance,
    )


# --- what is no page ------------------------------------------------------------------------------------------------------


def _preparing(view: View, explorer: Explorer, state: State | None, *, as_json: bool) -> _Answer:
    progress = (
        state.prepared.progress if state is not None else Progress((), ("opening the study",), 0.0, explorer.problem)
    )
    if progress.error or (state is None and explorer.problem):
        return _error(explorer, 500, progress.error or explorer.problem, "nngauge study verify", as_json=as_json)
    if as_json:
        changes = state.prepared.changes if state is not None else 0
        document = Document(study=explorer.name, state=changes, page=view.name, preparing=progress)
        return _Answer(msgspec.json.encode(document), 503, _JSON, again=2)
    frame = _frame(explorer, view, view.title, state)
    return _Answer(_render("web/preparing.html", frame, progress=progress), 503, again=2)


def _later(view: View, explorer: Explorer, changes: int, working: Working, *, as_json: bool) -> _Answer:
    again = 1 if working.seconds < 10 else 3
    if as_json:
        document = Document(study=explorer.name, state=changes, page=view.name, working=working)
        return _Answer(msgspec.json.encode(document), 202, _JSON, again=again)
    frame = _frame(explorer, view, view.title, None)
    return _Answer(_render("web/working.html", frame, working=working), 202, again=again)


def _error(explorer: Explorer, status: int, what: str, hint: str, *, as_json: bool) -> _Answer:
    if as_json:
        document = Document(study=explorer.name, state=0, page="error", error=what, hint=hint)
        return _Answer(msgspec.json.encode(document), status, _JSON)
    title = {400: "Not a question that can be answered", 404: "Not here", 503: "The facts are on the move"}.get(
        status, "Something went wrong"
    )
    frame = _frame(explorer, None, title, None)
    return _Answer(_render("web/error.html", frame, what=what, hint=hint, heading=title), status)


def _unknown(explorer: Explorer) -> Callable[..., Any]:
    async def answer(request: Request, _: Exception) -> Response:
        return _plain_error(explorer, request, 404, "there is no such page")

    return answer


def _broken(explorer: Explorer) -> Callable[..., Any]:
    """The traceback goes to the server's log and nowhere else."""

    async def answer(request: Request, _: Exception) -> Response:
        return _plain_error(explorer, request, 500, "a mistake of the explorer itself; its log tells more")

    return answer


def _plain_error(explorer: Explorer, request: Request, status: int, what: str) -> Response:
    from starlette.responses import Response

    as_json = request.url.path.endswith(".json") or _wants_json(request)
    answer = _error(explorer, status, what, "", as_json=as_json)
    return Response(answer.body, answer.status, {"Cache-Control": "no-store"}, answer.kind)


# --- files of our own ---------------------------------------------------------------------------------------------------


class _Asset(Struct, frozen=True):
    body: bytes
    kind: str
    href: str


@cache
def _assets() -> dict[str, _Asset]:
    """Style and script by name; their addresses change with them, so that browsers may keep them."""
    own = files("nngauge.web")
    texts = {
        "style.css": (stylesheet() + own.joinpath("explorer.css").read_text(encoding="utf-8"), "text/css"),
        "explorer.js": (script() + own.joinpath("explorer.js").read_text(encoding="utf-8"), "text/javascript"),
    }
    found = {}
    for name, (text, kind) in texts.items():
        version = hashlib.blake2b(text.encode(), digest_size=6).hexdigest()
        found[name] = _Asset(text.encode(), f"{kind}; charset=utf-8", f"/static/{name}?{version}")
    return found


async def _static(request: Request) -> Response:
    """One of the files above: nothing of the address reaches the file system."""
    from starlette.exceptions import HTTPException
    from starlette.responses import Response

    found = _assets().get(request.path_params["name"])
    if found is None:
        raise HTTPException(404)
    return Response(found.body, 200, {"Cache-Control": "private, max-age=31536000, immutable"}, found.kind)
