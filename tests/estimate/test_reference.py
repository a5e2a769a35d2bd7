"""The list of phones that studies are estimated on, and that of a user."""

from __future__ import annotations

from pathlib import Path

import pytest

from nngauge.domain.estimate import Unit
from nngauge.errors import MalformedError
from nngauge.estimate import reference
from nngauge.estimate.choice import devices
from nngauge.estimate.npu import profile
from nngauge.estimate.reference import Reference, grounds, references
from nngauge.knowledge import phones


def test_every_phone_of_the_list_has_profiles_of_its_units() -> None:
    known = {card.id: {setting.unit for setting in card.settings} for card in devices()}
    npus = {device.id for device in profile().devices}
    found = references()
    assert len({one.device for one in found}) == len(found)
    for one in found:
        assert phones.find(one.device) is not None, one.device
        for unit in one.units:
            assert one.device in npus if unit is Unit.NPU else unit in known[one.device], one
    assert set(known) <= {one.device for one in found}, "a phone with profiles is missing"


def test_a_list_of_ones_own(tmp_path: Path) -> None:
    file = tmp_path / "mine.csv"
    file.write_text("# two\n\ndevice,units\npixel-4,big little\n galaxy-s25 , npu\n")
    assert references(file) == (
        Reference("pixel-4", (Unit.BIG, Unit.LITTLE)),
        Reference("galaxy-s25", (Unit.NPU,)),
    )


@pytest.mark.parametrize(
    "text",
    [
        "",
        "phone,units\npixel-4,big\n",
        "device,units\n",
        "device,units\npixel-4,\n",
        "device,units\npixel-4,fast\n",
        "device,units\n,big\n",
        "device,units\npixel-4,big,more\n",
        'device,units\n"pixel-4,big\n',
        "device,units\n" + "pixel-4,big\n" * 2000,
        "\ufffd".encode().decode("latin-1"),
    ],
)
def test_what_is_no_list_is_told(tmp_path: Path, text: str) -> None:
    file = tmp_path / "mine.csv"
    file.write_text(text)
    with pytest.raises(MalformedError, match=r"mine\.csv"):
        references(file)
    file.write_bytes(b"device,units\n\xff\xfe,big\n")
    with pytest.raises(MalformedError):
        references(file)


def test_what_estimates_rest_on_has_a_name_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = grounds()
    (tmp_path / "profiles").mkdir()
    (tmp_path / "profiles" / "new.json").write_text("{}")
    monkeypatch.setattr(reference, "_HERE", tmp_path)
    grounds.cache_clear()
    try:
        one = grounds()
        (tmp_path / "profiles" / "new.json").write_text("{ }")
        grounds.cache_clear()
        assert len({before, one, grounds()}) == 3
    finally:
        grounds.cache_clear()
