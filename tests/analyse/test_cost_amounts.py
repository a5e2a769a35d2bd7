"""Polynomials in dynamic dimensions: one writing for equal amounts, and arithmetic that agrees with numbers."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nngauge.analyse.amounts import at, canonical, divide, plus, times
from nngauge.domain.cost import Amount


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("N", "N"),
        ("seq*2 + N", "N + 2*seq"),
        ("3*N*2 + N*N - 6*N", "N*N"),
        ("N - N", 0),
        ("3*4", 12),
        ("-N + 1", "-N + 1"),
        ("7*N*N*N", "7*N*N*N"),
        ("floor(H/2)", "floor(H/2)"),
        ("past length", "past_length"),
        ("past-length!", "past_length_"),
        ("floor((H + 1)/2)*3 - floor((H + 1)/2)", "2*floor((H + 1)/2)"),
    ],
)
def test_canonical(text: str, expected: Amount) -> None:
    assert canonical(text) == expected
    if isinstance(expected, str):
        assert canonical(expected) == expected


def test_coefficients_are_collected() -> None:
    assert plus([times([37748736, "N"]), 1204224]) == "37748736*N + 1204224"
    assert plus([times(["N", 2]), "N", 5, "3*N"]) == "6*N + 5"
    assert times(["batch", "seq", 4, "seq"]) == "4*batch*seq*seq"


def test_divide() -> None:
    assert divide(12, 4) == 3
    assert divide(13, 4) is None
    assert divide("8*N + 4", 4) == "2*N + 1"
    assert divide("N", 2) is None


_sums = st.lists(st.tuples(st.integers(-99, 99), st.lists(st.sampled_from("abc"), max_size=3)), min_size=1, max_size=5)


def _amount(terms: list[tuple[int, list[str]]]) -> Amount:
    return plus([times([count, *names]) for count, names in terms])


@given(_sums, _sums, st.integers(0, 9))
def test_arithmetic_agrees_with_numbers(
    left: list[tuple[int, list[str]]], right: list[tuple[int, list[str]]], value: int
) -> None:
    first, second = _amount(left), _amount(right)
    assert at(plus([first, second]), value) == at(first, value) + at(second, value)
    assert at(times([first, second]), value) == at(first, value) * at(second, value)
    assert plus([first, second]) == plus([second, first])
    assert times([first, second]) == times([second, first])


@given(st.text(max_size=64))
def test_any_name_of_a_dimension_is_an_amount(text: str) -> None:
    amount = canonical(text)
    assert isinstance(plus([amount, 1]), (int, str))


def test_a_bomb_of_factors_stays_small() -> None:
    assert len(str(times([f"a{n} + b{n}" for n in range(40)]))) < 200
    assert len(str(times(["a*b*c"] * 20))) < 200
    assert len(str(canonical("9" * 10**6))) < 200
