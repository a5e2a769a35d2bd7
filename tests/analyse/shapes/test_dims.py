"""Arithmetic of dimensions: canonical texts, exact numbers, bounds."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nngauge.analyse.shapes import dims, expression
from nngauge.domain.graph import Dim

SYMBOLS = ("H", "W", "batch", "x.1")


@pytest.mark.parametrize(
    ("found", "text"),
    [
        (dims.add("H", 1), "H + 1"),
        (dims.subtract("H", "H"), 0),
        (dims.subtract(0, "H"), "-H"),
        (dims.multiply(dims.add("N", 1), dims.subtract("L", 2)), "L*N + L - 2*N - 2"),
        (dims.divide(dims.multiply("N", dims.multiply("L", 768)), dims.multiply("N", 64)), "12*L"),
        (dims.add(dims.divide(dims.subtract("H", 3), 2), 1), "floor((H + 1)/2) - 1"),
        (dims.divide_up(dims.divide_up(dims.divide_up("H", 2), 2), 2), "floor((H + 7)/8)"),
        (dims.divide(dims.add(dims.multiply(2, "H"), 3), 4), "floor((H + 1)/2)"),
        (dims.divide(dims.add(dims.multiply("a", 2), 4), dims.add("a", 2)), 2),
        (dims.divide("H", "W"), None),
        (dims.divide("H", 0), None),
        (dims.larger("a", dims.add("a", 1)), "a + 1"),
        (dims.larger("b", "a"), "max(a, b)"),
        (dims.smaller("b", "a"), "min(a, b)"),
        (dims.multiply(None, 0), 0),
        (dims.multiply(None, 2), None),
        (dims.add(1 << 63, 1 << 63), None),
    ],
)
def test_canonical_text(found: Dim, text: Dim) -> None:
    assert found == text


@pytest.mark.parametrize(
    ("written", "text"),
    [
        ("floor(height/2 - 1/2)", "floor((height + 1)/2) - 1"),
        ("((s0 - 1)//2) + 1", "floor((s0 + 1)/2)"),
        ("ceil(n/4)", "floor((n + 3)/4)"),
        ("past_sequence_length + 1", "past_sequence_length + 1"),
        ("batch size", "batch_size"),
        ("2*", "_2_"),
        ("", "_"),
        ("max(a, b, c)", "max_a_b_c_"),
        ("a**2", "a_2"),
        ("(" * 40 + "a" + ")" * 40, "_a_"),
    ],
)
def test_texts_of_exporters(written: str, text: str) -> None:
    """What is no expression counts as one symbol."""
    assert dims.add(written, 0) == text


def test_substitute() -> None:
    assert dims.substitute("floor((H + 1)/2) - 1", {"H": 224}) == 111
    assert dims.substitute("max(a, b)", {"a": "c"}) == "max(b, c)"
    assert dims.substitute("odd name", {"odd name": 3}) == 3
    assert dims.substitute("H", {"W": 3}) == "H"
    assert dims.substitute(None, {"W": 3}) is None


def test_bounds() -> None:
    long: Dim = "a"
    for number in range(100):
        long = dims.multiply(dims.add(long, f"symbol{number}"), "b")
    assert long is None
    assert dims.add("x" * 10_000, 1) == "x" * 100 + " + 1"


# --- the same as with numbers ----------------------------------------------------------------------------------------


def expressions() -> st.SearchStrategy[tuple[str, tuple[object, ...]]]:
    leaves = st.sampled_from(SYMBOLS) | st.integers(-9, 9)
    return st.recursive(
        leaves,
        lambda inner: st.tuples(st.sampled_from(["+", "-", "*", "//", "^", "max", "min"]), inner, inner),
        max_leaves=8,
    )  # type: ignore[return-value]


def symbolic(tree: object) -> Dim:
    if not isinstance(tree, tuple):
        return tree  # type: ignore[return-value]
    word, one, other = tree
    left, right = symbolic(one), symbolic(other)
    if word in ("//", "^"):
        divisor = abs(right) + 1 if isinstance(right, int) else 3
        return dims.divide(left, divisor) if word == "//" else dims.divide_up(left, divisor)
    operations = {
        "+": dims.add, "-": dims.subtract, "*": dims.multiply, "max": dims.larger, "min": dims.smaller,
    }  # fmt: skip
    return operations[word](left, right)


def numeric(tree: object, values: dict[str, int]) -> int:
    if not isinstance(tree, tuple):
        return values[tree] if isinstance(tree, str) else tree  # type: ignore[return-value]
    word, one, other = tree
    left, right = numeric(one, values), numeric(other, values)
    if word in ("//", "^"):
        known = symbolic(other)
        divisor = abs(known) + 1 if isinstance(known, int) else 3
        return left // divisor if word == "//" else -(-left // divisor)
    return {"+": left + right, "-": left - right, "*": left * right, "max": max(left, right), "min": min(left, right)}[
        word
    ]


@given(expressions(), st.lists(st.integers(1, 50), min_size=4, max_size=4))
def test_expressions_mean_what_numbers_mean(tree: object, numbers: list[int]) -> None:
    values = dict(zip(SYMBOLS, numbers, strict=True))
    found = symbolic(tree)
    if found is not None:
        assert dims.substitute(found, values) == numeric(tree, values)


@given(expressions())
def test_text_is_canonical(tree: object) -> None:
    """Read again, a text is the same text."""
    found = symbolic(tree)
    if isinstance(found, str):
        assert len(found) <= expression.MAX_TEXT
        assert expression.write(expression.terms(found)) == found


@given(st.text(max_size=300))
def test_any_text_is_a_symbol_or_an_expression(text: str) -> None:
    found = dims.add(text, 1)
    assert found is None or isinstance(found, int | str)


@given(st.floats(0.01, 64), st.integers(1, 5000))
def test_numbers_stay_numbers(scale: float, size: int) -> None:
    assert dims.divide_up(size, max(int(scale), 1)) == math.ceil(size / max(int(scale), 1))
