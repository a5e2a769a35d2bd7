"""The ground that all pages stand on: escaping, policy, widgets."""

from __future__ import annotations

import base64
import hashlib

import pytest
from jinja2 import UndefinedError

from nngauge.domain.evidence import Evidence, EvidenceKind
from nngauge.domain.location import Location
from nngauge.page.environment import (
    Column,
    Frame,
    Link,
    Linked,
    Measured,
    disk_policy,
    environment,
    inner,
    percent,
    render,
    script,
    stylesheet,
)
from tests.page.outline import read_page

HOSTILE = "<script>alert(1)</script>\"><img src=x onerror=alert(2)>'&amp;\x1b[31m\u202egpj.exe\udc80\x00"


def _page(body: str, **context: object) -> str:
    head = '{% extends "base.html" %}{% import "macros.html" as m with context %}{% block main %}'
    return environment().from_string(head + body + "{% endblock %}").render(**{"frame": Frame(title="T"), **context})


def test_a_page_from_disk_allows_exactly_its_own_style_and_script() -> None:
    page = render("base.html", frame=Frame(title="T"))
    outline = read_page(page)
    assert outline.styles == [stylesheet()]
    assert outline.scripts == [script()]
    for text in (stylesheet(), script()):
        digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
        assert f"'sha256-{digest}'" in disk_policy()
    assert outline.policy == disk_policy()
    assert "unsafe" not in disk_policy()


def test_a_served_page_refers_to_both_and_has_no_policy_of_its_own() -> None:
    outline = read_page(render("base.html", frame=Frame(title="T", stylesheet="/s.css", script="/p.js")))
    assert outline.styles == []
    assert outline.scripts == [""]
    assert outline.policy is None
    assert {"/s.css", "/p.js"} <= set(outline.references)


def test_whatever_is_given_stays_text() -> None:
    proof = Evidence(
        kind=EvidenceKind.STRING, location=Location(path=f"a!{HOSTILE}", offset=7), value=HOSTILE, rule=HOSTILE
    )
    columns = [Column(title=HOSTILE, note=HOSTILE), Column(title="b", code=True), Column(title="c", numeric=True)]
    rows = [(HOSTILE, HOSTILE, 1), (Linked(HOSTILE, "#x"), None, Measured(HOSTILE, 0.5, 3))]
    body = """{{ m.answer(x, true, x) }}{{ m.stacked(x, [(x, 1, x, "c1")], 1) }}{{ m.evidence(proofs, 2, x, x) }}
        {{ m.table(x, columns, rows, note=x) }}{{ m.facts([(x, x)]) }}{{ m.nothing(x, x) }}{{ m.badge(x, "good", x) }}
        {{ m.picture("<svg/>", x, x) }}"""
    context = {"x": HOSTILE, "proofs": [proof], "columns": columns, "rows": rows}
    page = _page(body, frame=Frame(title=HOSTILE, description=HOSTILE, links=[Link(HOSTILE, "#a", HOSTILE)]), **context)
    outline = read_page(page)
    assert outline.scripts == [script()]
    assert not outline.handlers
    assert not outline.inline_styles
    assert outline.images == [image for image in outline.images if image.startswith("data:image/svg+xml;base64,")]
    assert len(outline.images) == 1
    page.encode("utf-8")  # no surrogates are left
    assert not {"\x1b", "\x00", "\u202e"} & set(page)
    assert "gpj.exe" in outline.text


def test_a_name_that_a_template_does_not_know_is_an_error() -> None:
    with pytest.raises(UndefinedError):
        _page("{{ nobody_said }}")


def test_absence_is_a_dash_and_never_the_word_none() -> None:
    text = read_page(_page("<p>{{ a }} {{ b|bytes }} {{ c|percent }}</p>", a=None, b=None, c=None)).text
    assert "– – –" in text
    assert "None" not in text


def test_tables_tell_what_heads_what() -> None:
    columns = [Column(title="name"), Column(title="bytes", numeric=True)]
    page = _page('{{ m.table("Sizes", columns, rows) }}', columns=columns, rows=[("a", 1234), ("b", 5)])
    assert page.count('scope="col"') == 2
    assert page.count('scope="row"') == 2
    assert "<caption><b>Sizes</b></caption>" in page
    assert 'data-sort="1234">1,234<' in page


def test_code_between_back_ticks_is_code_and_nothing_else() -> None:
    page = _page("<p>{{ x|ticked }} {{ y|ticked }}</p>", x="add `<b>` to `allow`", y=f"one ` {HOSTILE}")
    assert "add <code>&lt;b&gt;</code> to <code>allow</code> one ` &lt;script&gt;" in page
    assert read_page(_page("<p>{{ x|ticked }}</p>", x=f"`{HOSTILE}`")).scripts == [script()]


def test_filters() -> None:
    assert inner("a.apk!lib/x.so@12") == "lib/x.so@12"
    assert inner("/tmp/a.tflite") == "a.tflite"
    assert [percent(part) for part in (None, 0.0, 0.0001, 0.0123, 0.5, 1.0)] == [
        "–", "0 %", "< 0.1 %", "1.2 %", "50 %", "100 %",
    ]  # fmt: skip
