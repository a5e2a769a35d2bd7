"""The page about one app: its structure, its honesty, and that no text of an app is ever more than text."""

from __future__ import annotations

import re
from itertools import pairwise
from typing import Any

import pytest
from msgspec.structs import replace

from nngauge.domain.dossier import Dossier
from nngauge.domain.outcome import Failure, Stage
from nngauge.domain.scan import Depth, Verdict
from nngauge.page.app import app_page
from nngauge.page.environment import Frame, Link, disk_policy, script
from tests.builders import facts
from tests.page.dossiers import HOSTILE, findings, spoiled, whole
from tests.page.outline import Outline, read_page


@pytest.fixture(scope="module")
def page() -> str:
    return app_page(whole(), findings(), unchecked=("unused-model: the code was not read",))


@pytest.fixture(scope="module")
def outline(page: str) -> Outline:
    return read_page(page)


def blocks(page: str, kind: str) -> list[str]:
    """The HTML of each card of a kind: technology, accelerator, model."""
    start = f'<details class="block line {kind}"'
    return [part for part in re.split(r'(?=<details class="block line)', page) if part.startswith(start)]


# --- structure ----------------------------------------------------------------------------------------------------------


def test_headings_are_in_order(outline: Outline) -> None:
    levels = [level for level, _ in outline.headings]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after <= before + 1 for before, after in pairwise(levels)), outline.headings
    assert next(said for level, said in outline.headings if level == 2) == "Verdict"


def test_landmarks_ids_and_links(outline: Outline) -> None:
    assert sorted(set(outline.landmarks)) == ["footer", "header", "main", "nav"]
    assert len(outline.ids) == len(set(outline.ids))
    assert {link[1:] for link in outline.references if link.startswith("#")} <= set(outline.ids)


def test_nothing_is_fetched_from_anywhere(page: str, outline: Outline) -> None:
    assert all(link.startswith(("#", "data:image/svg+xml;base64,")) for link in outline.references), outline.references
    assert not re.search(r"url\(|@import|//cdn|https?://(?!www\.w3\.org/)", page.replace("a paper", ""))
    assert outline.policy == disk_policy()
    assert outline.scripts == [script()]
    assert not outline.handlers
    assert not outline.inline_styles


def test_pictures_have_words_instead(outline: Outline) -> None:
    assert len(outline.images) == 1
    assert outline.without_alt == 0


def test_a_frame_makes_it_a_page_of_a_site() -> None:
    frame = Frame(title="", stylesheet="/style.css", script="/page.js", home="/", links=[Link("Apps", "/apps")])
    outline = read_page(app_page(whole(), frame=frame))
    assert outline.styles == []
    assert outline.policy is None
    assert {"/style.css", "/page.js", "/", "/apps"} <= set(outline.references)


# --- what it says -------------------------------------------------------------------------------------------------------


def test_every_claim_has_its_evidence(page: str) -> None:
    for kind, count in (("technology", 2), ("accelerator", 1), ("model", 2)):
        found = blocks(page, kind)
        assert len(found) == count
        assert all(re.search(r'<ul class="evidence">\s*<li', block) for block in found), kind
    answers = re.findall(r'<li class="answer yes">.*?</details>', page, re.DOTALL)
    assert len(answers) == 3
    assert all('<ul class="evidence">' in answer for answer in answers)


def test_evidence_says_what_where_at_which_byte_and_by_which_rule(outline: Outline) -> None:
    assert "TfLiteVersion lib/arm64-v8a/libx.so" in outline.text
    assert "at byte 64, 13 long" in outline.text
    assert "rule tflite#c-api" in outline.text
    assert "… and 8 more of the kind" in outline.text


def test_the_three_answers_are_never_collapsed() -> None:
    scan = facts.scan(verdict=Verdict(runtime_present=False, model_present=True, model_elsewhere=False, because=()))
    text = read_page(app_page(Dossier(scan=scan))).text
    assert "no Runtime present No code that runs learned models is in this package." in text
    assert "✓ yes Model present" in text
    assert "no Model elsewhere" in text


def test_what_a_model_is_and_costs(outline: Outline) -> None:
    for wanted in (
        "Keyword and wake-word spotting (probability 75 %; sound-recognition 20 %)", "float32 1×28×28×? → int8 batch×10",
        "52.2 k", "26 kB", "KWS, same weights", "licence MIT", "weak cipher", "XOR, key of 4 bytes", "2 places",
        "1 file", "2,048 tokens", "bundled a path leads there",
    ):  # fmt: skip
        assert wanted in outline.text, wanted


def test_unknown_is_said_and_is_never_a_zero(page: str) -> None:
    text = re.sub(r"(?:<[^>]+>|\s)+", " ", blocks(page, "model")[1])
    assert "Nobody analysed this model: cost, precision and structure are not known." in text
    assert "MACs of one inference" not in text
    assert "Unknown: not enough evidence" in text
    assert "None" not in text


def test_without_a_policy_there_is_no_section_and_with_a_kept_one_it_says_so() -> None:
    assert "What could be better" not in app_page(whole())
    assert "Nothing breaks the policy." in app_page(whole(), ())


def test_findings_come_by_rule_the_worst_first_with_what_they_gain(outline: Outline) -> None:
    text = outline.text
    assert "6 findings, up to 4.0 MB less" in text
    assert text.index("too large") < text.index("The app's own models in the clear") < text.index("model 4 is plain")
    assert text.count("Encrypt it.") == 1  # said once for all five
    assert "unused-model: the code was not read" in text


def test_what_could_not_be_read_is_there(outline: Outline) -> None:
    for wanted in (
        "TruncatedError",
        "cut short",
        "1 part of this package could not be read",
        "zip-duplicate-name",
        "noise",
        "png 20",
    ):
        assert wanted in outline.text, wanted


def test_a_scan_for_models_only_says_nothing_about_code() -> None:
    scan = facts.scan(technologies=(), detections=())
    scan = replace(scan, provenance=replace(scan.provenance, configuration=Depth.MODELS))
    text = read_page(app_page(Dossier(scan=scan))).text
    assert "nothing is said about code" in text
    assert "Not looked for" in text


def test_an_app_about_which_nothing_is_known() -> None:
    scan = facts.scan(
        technologies=(), detections=(), models=(), candidates=(), failures=(), anomalies=(), coverage=(),
        verdict=Verdict(runtime_present=False, model_present=False, model_elsewhere=False, because=()),
    )  # fmt: skip
    text = read_page(app_page(Dossier(scan=scan))).text
    assert "Nothing in this package speaks of AI." in text
    assert "Nothing failed" in text


# --- hostile texts ------------------------------------------------------------------------------------------------------


def test_hostile_texts_change_nothing_but_texts() -> None:
    def made(tail: str) -> str:
        return app_page(spoiled(whole(), tail), spoiled(findings(), tail), unchecked=spoiled(("x: y",), tail))

    page, harmless = made(HOSTILE), read_page(made("x" * len(HOSTILE)))
    bad = read_page(page)
    assert bad.tags == harmless.tags
    assert bad.ids == harmless.ids
    assert bad.scripts == [script()]
    assert not bad.handlers
    assert not bad.inline_styles
    assert [link for link in bad.references if link[:5] != "data:"] == [
        link for link in harmless.references if link[:5] != "data:"
    ]
    assert "<script>alert(1)</script>" in bad.text  # as a text
    assert "{{7*7}}" in bad.text
    page.encode("utf-8")
    assert not set(page) & {"\x1b", "\x00", "\u202e", "\u2066"}


# --- bounds -------------------------------------------------------------------------------------------------------------


def test_a_huge_app_makes_a_page_that_a_browser_opens() -> None:
    dossier = whole()
    item = dossier.models[0]
    assert item.cost is not None
    cost = replace(item.cost, layers=tuple(item.layers[0] for _ in range(2_000)))
    picture = f'<svg xmlns="http://www.w3.org/2000/svg">{"<g/>" * 100_000}</svg>'
    models = tuple(replace(item, cost=cost, layers_left_out=0, picture=picture) for _ in range(500))
    failures = tuple(
        Failure(stage=Stage.PARSE, location=facts.place(f"a.apk!{number}"), error="LimitError", reason="x" * 200)
        for number in range(20_000)
    )
    many: Any = findings() * 500
    page = app_page(replace(dossier, scan=replace(dossier.scan, failures=failures), models=models), many)
    assert len(page) < 16_000_000
    text = read_page(page).text
    for wanted in ("380 models without a card", "500 distinct models", "20,000, the first 300 shown", "1,000 more are left out",
                   "The picture of this network is left out"):  # fmt: skip
        assert wanted in text, wanted
