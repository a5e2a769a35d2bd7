"""A function that remembers the object it was asked about last."""

from __future__ import annotations

from nngauge.estimate.last import Last


def test_the_same_object_is_computed_once_and_an_equal_one_again() -> None:
    asked: list[list[int]] = []

    def size(key: list[int]) -> int:
        asked.append(key)
        return len(key)

    last = Last(size)
    one, other = [1, 2], [1, 2]
    assert [last(one), last(one), last(other), last(other), last(one)] == [2] * 5
    assert [id(key) for key in asked] == [id(one), id(other), id(one)]
