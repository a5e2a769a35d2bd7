"""The picture of score against cost: well-formed, escaped, nothing outside."""

from __future__ import annotations

import re
from xml.etree import ElementTree as ET

from nngauge.picture.front import Dot, front_svg

NS = "{http://www.w3.org/2000/svg}"
DOTS = [Dot(name="a<b>&", x=10, y=50, front=True), Dot(name="c", x=1000, y=70, front=True), Dot(name="d", x=500, y=40)]


def picture(dots: list[Dot]) -> ET.Element:
    return ET.fromstring(front_svg(dots, title="t & <x>", across="MACs", up="top-1"))


def test_it_is_well_formed_and_names_are_escaped() -> None:
    root = picture(DOTS)
    assert next(one.text for one in root.iter(f"{NS}title")) == "t & <x>"
    assert "a<b>&" in [one.text for one in root.iter(f"{NS}text")]
    assert "script" not in front_svg(DOTS, title="", across="", up="")


def test_every_dot_is_inside_and_only_the_front_is_named() -> None:
    root = picture(DOTS)
    circles = list(root.iter(f"{NS}circle"))
    assert len(circles) == 3
    assert all(0 <= float(one.get("cx", "-1")) <= 760 and 0 <= float(one.get("cy", "-1")) <= 460 for one in circles)
    names = [one.text for one in root.iter(f"{NS}text") if one.get("class") == "name"]
    assert sorted(str(name) for name in names) == ["a<b>&", "c"]


def test_more_cost_is_further_right_and_better_is_higher() -> None:
    spots = {one.find(f"{NS}title").text: one for one in picture(DOTS).iter(f"{NS}circle")}  # type: ignore[union-attr]
    assert float(spots["c"].get("cx", "")) > float(spots["d"].get("cx", "")) > float(spots["a<b>&"].get("cx", ""))
    assert float(spots["c"].get("cy", "")) < float(spots["d"].get("cy", ""))


def test_one_dot_and_none_make_a_picture_too() -> None:
    assert len(list(picture(DOTS[:1]).iter(f"{NS}circle"))) == 1
    assert "nothing to draw" in front_svg([], title="t", across="", up="")
    assert not re.search(r"nan|inf", front_svg(DOTS[:1], title="", across="", up="").lower().replace("font", ""))
