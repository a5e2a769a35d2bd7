"""What nodes say about shapes in the formats that compute them: it must reach shape inference."""

from __future__ import annotations

import pytest

from nngauge.analyse.constants import Constants
from nngauge.analyse.shapes import infer_shapes
from nngauge.api import open_model
from nngauge.domain.graph import DType, Span, Tensor
from nngauge.formats.vocabulary.onnx import filling
from tests.builders.hostile import MODELS


def test_constant_of_shape_keeps_its_number() -> None:
    raw = b"\0" * 8 + (7).to_bytes(8, "little")
    stored = Tensor("", DType.INT64, (1,), Span(8, 8), constant=True)
    assert filling(raw, stored) == {"to": "int64", "value": 7}
    assert filling(raw, None) == {"to": "float32", "value": 0.0}
    assert filling(raw, Tensor("", DType.INT64, (2,), Span(0, 16), constant=True)) == {"to": "int64"}


@pytest.mark.parametrize(
    "name",
    [
        "szad670401__HyperLPR__88696de5__b320_backbone_h.mnn",  # slices whose bounds are computed from ranks
        "szad670401__HyperLPR__c09ed67d__litemodel_cls_96xh.mnn",  # slices of shapes that drop their axis
        "alibaba__MNN__6d2cdfc7__nasnet.mnn",  # pads that are computed
    ],
)
def test_computed_arguments_of_mnn(name: str) -> None:
    path = MODELS / "mnn" / name
    if not path.exists():
        pytest.skip("real models are not beside this checkout")
    with open_model(path) as model:
        found = infer_shapes(model.graph, Constants([piece.source for piece in model.pieces]))
    assert found.problems == ()
    outputs = [found.graph.tensors[tensor] for node in found.graph.nodes for tensor in node.outputs]
    assert [tensor for tensor in outputs if tensor.elements is None] == []
