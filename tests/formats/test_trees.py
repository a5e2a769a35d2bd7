"""Boosted trees: the committed example models of the three libraries, and damaged or different files."""

from __future__ import annotations

import json
import struct
from pathlib import Path

import pytest

from nngauge.errors import InputError, NotThisFormat
from nngauge.formats import catboost, lightgbm, xgboost
from nngauge.formats._api import Format, ModelData
from tests.builders.hostile import accepts, matches, refuse_lookalikes, refuse_noise, survive

TREES = Path(__file__).resolve().parents[2] / "examples" / "models" / "trees"
FILES = {
    "wine_xgboost.json": (xgboost.FORMAT, 36, 13),
    "wine_xgboost.ubj": (xgboost.FORMAT, 36, 13),
    "tumour_lightgbm.txt": (lightgbm.FORMAT, 12, 30),
    "tumour_catboost.cbm": (catboost.FORMAT, 12, 30),
}


@pytest.mark.parametrize("name", FILES)
def test_example(name: str) -> None:
    form, trees, features = FILES[name]
    data = (TREES / name).read_bytes()
    assert matches(form, data, "x")
    graph = form.parse(ModelData("x", data))
    assert (len(graph.nodes), graph.parameters) == (trees, None)
    assert graph.tensors[0].shape == (None, features)
    survive(form, data, name, count=60)


def binary(booster: bytes = b"gbtree", trees: int = 3) -> bytes:
    names = b"".join(struct.pack("<Q", len(name)) + name for name in (b"binary:logistic", booster))
    parameters = struct.pack("<fIiiiII", 0.5, 30, 0, 0, 0, 1, 6) + bytes(108)
    return b"binf" + parameters + names + struct.pack("<I", trees) + bytes(200)


def test_binary_xgboost() -> None:
    graph = xgboost.FORMAT.parse(ModelData("x", binary()))
    assert (len(graph.nodes), graph.producer) == (3, "XGBoost 1.6")
    for data in (binary(booster=b"gbforest"), binary(trees=10_000)):
        with pytest.raises(InputError):
            xgboost.FORMAT.parse(ModelData("x", data))
    survive(xgboost.FORMAT, binary(), "x.model", count=200)


def test_other_learners() -> None:
    course = {"learner": {"name": "Ada", "courses": ["maths"], "note": "x" * 300}, "version": [1, 2]}
    with pytest.raises(NotThisFormat):
        xgboost.FORMAT.parse(ModelData("x.json", json.dumps(course).encode()))
    assert not accepts(lightgbm.FORMAT, b"tree\nversion=v4\nTree=0\nend of trees\n")
    deep = b"{L\0\0\0\0\0\0\0\x07learner" + b"[" * 100_000
    assert not accepts(xgboost.FORMAT, deep)


@pytest.mark.parametrize("form", [xgboost.FORMAT, lightgbm.FORMAT, catboost.FORMAT], ids=lambda form: form.name)
def test_lookalikes_and_noise(form: Format) -> None:
    refuse_lookalikes(form)
    refuse_noise(form)
