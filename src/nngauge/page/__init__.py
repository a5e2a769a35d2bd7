"""Pages in HTML: one design for the app page, reports and the explorer.

How a page is made (`nngauge.page.environment`, `templates/`):

* ``render("mine.html", frame=Frame(title="…"), …)``; ``mine.html`` starts with ``{% extends "base.html" %}`` and fills the
  blocks ``masthead`` (title, first in main), ``nav``, ``main``, ``footer``, ``head`` and ``bar``.
* Widgets are macros: ``{% import "macros.html" as m with context %}``, then ``m.badge``, ``m.grade``, ``m.confidence``,
  ``m.answer``, ``m.byte_bar``, ``m.stacked``, ``m.evidence``, ``m.table`` (a caption, `Column` values and rows),
  ``m.facts`` (terms with their values), ``m.nothing`` (an honest "no data"), ``m.picture`` (an SVG as an image).
* A file that works from disk leaves `Frame.stylesheet` and `Frame.script` empty: both are put into the page, and a strict
  policy (``Content-Security-Policy`` in a meta tag) allows exactly them by their digests. A server sets both to
  addresses that answer with `stylesheet()` and `script()`, and sends `SERVED_POLICY` as a header.
* Everything is escaped, texts lose control characters and bidirectional overrides, None is shown as ``–``, and a name
  that a template does not know is an error. ``|safe`` and `Markup` are for SVG and CSS of our own only.
* Neither ``style="…"`` nor ``on…="…"``: the policy forbids both. Widths and positions are attributes of inline SVG, colours
  are the classes ``c1`` to ``c8`` (of the Okabe and Ito palette; ``c0`` is the rest).
"""
