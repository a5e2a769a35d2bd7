"""A page as a browser's parser sees it: elements, ids, headings, references; by `html.parser`, not by our templates."""

from __future__ import annotations

from dataclasses import dataclass, field
from html.parser import HTMLParser

_VOID = {"area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "track", "wbr"}
_IN_SVG_ALONE = {"rect", "path", "circle", "line", "use"}


@dataclass
class Outline:
    """What tests ask a page for."""

    headings: list[tuple[int, str]] = field(default_factory=list)
    ids: list[str] = field(default_factory=list)
    landmarks: list[str] = field(default_factory=list)
    scripts: list[str] = field(default_factory=list)
    styles: list[str] = field(default_factory=list)
    handlers: list[str] = field(default_factory=list)
    inline_styles: list[str] = field(default_factory=list)
    references: list[str] = field(default_factory=list)
    """Values of href and src."""
    images: list[str] = field(default_factory=list)
    without_alt: int = 0
    tags: dict[str, int] = field(default_factory=dict)
    policy: str | None = None
    text: str = ""
    unclosed: list[str] = field(default_factory=list)


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.outline = Outline()
        self._open: list[str] = []
        self._text: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        out = self.outline
        out.tags[tag] = out.tags.get(tag, 0) + 1
        told = dict(attrs)
        assert len(told) == len(attrs), f"an attribute twice: {attrs}"
        if tag not in _VOID:
            self._open.append(tag)
        if tag in ("header", "nav", "main", "footer"):
            out.landmarks.append(tag)
        if tag[0] == "h" and tag[1:].isdigit():
            out.headings.append((int(tag[1:]), ""))
        if tag == "script":
            out.scripts.append("")
        if tag == "style":
            out.styles.append("")
        if tag == "img":
            out.images.append(told.get("src") or "")
            out.without_alt += not told.get("alt")
        if tag == "meta" and told.get("http-equiv") == "Content-Security-Policy":
            out.policy = told.get("content")
        self._attributes(told)

    def _attributes(self, told: dict[str, str | None]) -> None:
        out = self.outline
        out.ids += [value or "" for name, value in told.items() if name == "id"]
        out.handlers += [name for name in told if name.startswith("on")]
        out.inline_styles += [value or "" for name, value in told.items() if name == "style"]
        out.references += [value or "" for name, value in told.items() if name in ("href", "src")]

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert tag in _IN_SVG_ALONE | _VOID, f"<{tag}/> does not close in HTML"
        self.handle_starttag(tag, attrs)
        if tag not in _VOID:
            self._open.pop()

    def handle_endtag(self, tag: str) -> None:
        assert self._open[-1:] == [tag], f"</{tag}> closes {self._open[-3:]}"
        self._open.pop()

    def handle_data(self, data: str) -> None:
        inside = self._open[-1] if self._open else ""
        if inside == "script":
            self.outline.scripts[-1] += data
        elif inside == "style":
            self.outline.styles[-1] += data
        else:
            self._text.append(data)
            for at in range(len(self.outline.headings) - 1, -1, -1):
                level, said = self.outline.headings[at]
                if f"h{level}" in self._open:
                    self.outline.headings[at] = (level, said + data)
                break

    def done(self) -> Outline:
        self.outline.text = " ".join("".join(self._text).split())
        self.outline.unclosed = self._open
        return self.outline


def read_page(page: str) -> Outline:
    """Reads a page; fails when elements do not close as they were opened."""
    reader = _Reader()
    reader.feed(page)
    reader.close()
    outline = reader.done()
    assert outline.unclosed == [], outline.unclosed
    return outline
