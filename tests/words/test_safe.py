"""Texts from outside: what is left out of them, and what must stay."""

from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st

from nngauge.words.safe import brief, plain_json


@given(st.text())
def test_plain_json_says_the_same_without_controls(text: str) -> None:
    plain = plain_json(json.dumps([text], ensure_ascii=False).encode("utf-8", "surrogatepass"))
    assert json.loads(plain.decode("utf-8", "surrogatepass")) == [text]


def test_plain_json_escapes_what_encoders_leave() -> None:
    acted_on = "".join(map(chr, (0x7F, 0x80, 0x9B, 0x9F, 0x2028, 0x202E, 0x2066, 0x2069)))
    assert plain_json(json.dumps(acted_on, ensure_ascii=False).encode()).isascii()
    assert plain_json("«é → –»".encode()) == "«é → –»".encode()


@given(st.text(max_size=300), st.integers(2, 200))
def test_brief_keeps_both_ends(text: str, most: int) -> None:
    shown = brief(text, most)
    assert len(shown) == min(len(text), most)
    assert shown == text or (text.startswith(shown.split("…")[0]) and text.endswith(shown.rsplit("…", 1)[1]))
