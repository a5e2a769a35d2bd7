"""Small files are read whole, and never more of a file than it may have."""

from __future__ import annotations

from pathlib import Path

import pytest

from nngauge.errors import LimitError, UnreadableError
from nngauge.io.whole import read_whole
from nngauge.limits import MIB


def test_a_file_may_have_as_much_as_is_allowed(tmp_path: Path) -> None:
    file = tmp_path / "table.csv"
    file.write_bytes(bytes(MIB))
    assert len(read_whole(file, MIB)) == MIB


def test_a_byte_more_is_refused_by_name(tmp_path: Path) -> None:
    file = tmp_path / "table.csv"
    file.write_bytes(bytes(2 * MIB + 1))
    with pytest.raises(LimitError, match="the table is larger than 2 MiB") as caught:
        read_whole(file, 2 * MIB, "the table")
    assert caught.value.where == str(file)


def test_what_says_that_it_is_empty_is_counted_all_the_same() -> None:
    endless = Path("/dev/zero")
    if not endless.is_char_device():
        pytest.skip("there is no file without end here")
    assert endless.stat().st_size == 0
    with pytest.raises(LimitError, match="the policy is larger than 1 MiB"):
        read_whole(endless, MIB, "the policy")


@pytest.mark.parametrize(("name", "why"), [("none.csv", "No such file"), (".", "directory")])
def test_what_cannot_be_opened_is_told(tmp_path: Path, name: str, why: str) -> None:
    with pytest.raises(UnreadableError, match=f"the file cannot be read: .*{why}") as caught:
        read_whole(tmp_path / name, MIB)
    assert caught.value.where == str(tmp_path / name)
