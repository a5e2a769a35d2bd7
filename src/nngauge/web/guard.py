"""Who may ask, and what every answer says: host names, the token, methods, headers.

A page of somebody else, open in the same browser, must not learn anything from here (https://xsleaks.dev), not even by a
name that it points to this machine (DNS rebinding): hence the look at ``Host`` and ``Sec-Fetch-Site``.
"""

from __future__ import annotations

import hashlib
import hmac
import ipaddress
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Final
from urllib.parse import parse_qsl, urlencode

from nngauge.page.environment import SERVED_POLICY
from nngauge.web.asked import MOST_QUERY

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

HEADERS: Final = (
    ("content-security-policy", SERVED_POLICY),
    ("x-content-type-options", "nosniff"),
    ("referrer-policy", "no-referrer"),
    ("x-frame-options", "DENY"),
    ("cross-origin-opener-policy", "same-origin"),
    ("cross-origin-resource-policy", "same-origin"),
    ("permissions-policy", "camera=(), geolocation=(), microphone=()"),
)
_LOCAL: Final = frozenset({"localhost", "127.0.0.1", "::1"})
_YEAR: Final = 31_536_000


class Guard:
    """ASGI middleware around the whole explorer.

    `names`: host names under which it may be asked, besides those of this machine's loopback; `any_address`: IP addresses
    will do, too (no name leads to them, so nothing can be rebound). `token`: what has to be shown; empty: nothing.
    """

    def __init__(self, app: ASGIApp, *, names: Iterable[str] = (), any_address: bool = False, token: str = "") -> None:
        self._app = app
        self._names = _LOCAL | {name.lower() for name in names}
        self._any_address = any_address
        self._token = token.encode()
        self._cookie = _digest(self._token, "name")[:8]
        self._pass = _digest(self._token, "value")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Turns away what may not be asked, and adds headers to every answer."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        if scope["type"] != "http":
            return

        async def guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                told = {name.lower() for name, _ in message["headers"]}
                extra = [(name.encode(), value.encode()) for name, value in HEADERS if name.encode() not in told]
                message = {**message, "headers": [*message["headers"], *extra]}
            await send(message)

        refusal = self._refusal(scope)
        if refusal is not None:
            await _say(guarded, *refusal)
        elif self._token and not self._knows(scope):
            await self._first_use(scope, guarded)
        else:
            await self._app(scope, receive, guarded)

    def _refusal(self, scope: Scope) -> tuple[int, str] | None:
        if scope["method"] not in {"GET", "HEAD"}:
            return 405, "Only GET: nothing can be changed here."
        if not self._is_ours(_all(scope, b"host")):
            return 421, "This is not the address of this server. It answers to the one that nngauge serve printed."
        if len(scope["query_string"]) > MOST_QUERY or len(scope["path"]) > MOST_QUERY:
            return 414, "The address is too long."
        site, mode = _one(scope, b"sec-fetch-site"), _one(scope, b"sec-fetch-mode")
        foreign = site not in {"", "same-origin", "none"}
        if foreign and (mode != "navigate" or scope["path"].startswith("/sql")):
            return 403, "Other sites may link to this explorer, but not ask it."
        return None

    def _is_ours(self, hosts: Sequence[str]) -> bool:
        if len(hosts) != 1:
            return False
        name = _without_port(hosts[0].lower())
        return name in self._names or (self._any_address and _is_address(name))

    def _knows(self, scope: Scope) -> bool:
        bearer = _one(scope, b"authorization").removeprefix("Bearer ").encode()
        if hmac.compare_digest(bearer, self._token):
            return True
        pairs = (pair.strip().partition("=") for header in _all(scope, b"cookie") for pair in header.split(";"))
        shown = [value for name, _, value in pairs if name == f"nngauge-{self._cookie}"]
        return any(hmac.compare_digest(value.encode(), self._pass.encode()) for value in shown)

    async def _first_use(self, scope: Scope, send: Send) -> None:
        """The token in the address becomes a cookie that scripts cannot read, and leaves the address."""
        pairs = parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True)
        given = next((value for name, value in pairs if name == "token"), "")
        if not hmac.compare_digest(given.encode("utf-8", "replace"), self._token):
            await _say(send, 401, "This explorer wants its token: open the address that nngauge serve printed.")
            return
        rest = urlencode([pair for pair in pairs if pair[0] != "token"])
        path = "/" + scope["path"].lstrip("/\\")
        place = path.encode("ascii", "ignore").decode() + (f"?{rest}" if rest else "")
        cookie = f"nngauge-{self._cookie}={self._pass}; HttpOnly; SameSite=Strict; Path=/; Max-Age={_YEAR}"
        headers = [(b"location", _header(place)), (b"set-cookie", cookie.encode())]
        await _say(send, 303, "", headers)


def _digest(token: bytes, what: str) -> str:
    return hmac.new(token, f"nngauge {what}".encode(), hashlib.sha256).hexdigest()


def _header(text: str) -> bytes:
    return "".join(char for char in text if char.isprintable()).encode("latin-1", "ignore")


def _all(scope: Scope, name: bytes) -> list[str]:
    return [value.decode("latin-1") for key, value in scope["headers"] if key == name]


def _one(scope: Scope, name: bytes) -> str:
    return next(iter(_all(scope, name)), "")


def _without_port(host: str) -> str:
    if host.startswith("["):
        name, closed, rest = host[1:].partition("]")
        return name if closed and (not rest or rest.startswith(":")) else host
    return host.rpartition(":")[0] if host.count(":") == 1 else host


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


async def _say(send: Send, status: int, text: str, headers: Sequence[tuple[bytes, bytes]] = ()) -> None:
    body = text.encode()
    plain = [(b"content-type", b"text/plain; charset=utf-8"), (b"content-length", str(len(body)).encode())]
    start: Message = {
        "type": "http.response.start",
        "status": status,
        "headers": [*plain, (b"cache-control", b"no-store"), *headers],
    }
    await send(start)
    await send({"type": "http.response.body", "body": body})
