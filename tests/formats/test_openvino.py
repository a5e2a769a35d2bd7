"""OpenVINO: a real pair of files, and XML that is something else or hostile."""

from __future__ import annotations

import struct

import pytest
from msgspec.structs import replace

from nngauge.analyse.constants import Constants
from nngauge.analyse.cost import model_cost
from nngauge.analyse.shapes import infer_shapes
from nngauge.domain.graph import DType
from nngauge.errors import InputError, MalformedError, NotThisFormat
from nngauge.formats._api import ModelData
from nngauge.formats.openvino import FORMAT
from tests.builders.hostile import MODELS, matches, refuse_lookalikes, refuse_noise, survive

SMALL = b"""<?xml version="1.0"?>
<net name="n" version="11"><layers>
<layer id="0" name="x" type="Parameter"><data element_type="f32" shape="1,2"/>
<output><port id="0" precision="FP32"><dim>1</dim><dim>2</dim></port></output></layer>
<layer id="1" name="w" type="Const"><data element_type="f16" offset="0" size="8" shape="2,2"/>
<output><port id="0" precision="FP16"><dim>2</dim><dim>2</dim></port></output></layer>
<layer id="2" name="m" type="MatMul"><input><port id="0"><dim>1</dim></port><port id="1"/></input>
<output><port id="2" precision="FP32"><dim>1</dim><dim>-1</dim></port></output></layer>
<layer id="3" name="y" type="Result"/></layers>
<edges><edge from-layer="0" from-port="0" to-layer="2" to-port="0"/>
<edge from-layer="1" from-port="0" to-layer="2" to-port="1"/>
<edge from-layer="2" from-port="2" to-layer="3" to-port="0"/></edges></net>"""


def test_real_file() -> None:
    paths = sorted((MODELS / "openvino_xml").glob("*/*"))
    if not paths:
        pytest.skip("real models are not beside this checkout")
    weights, xml = (path.read_bytes() for path in paths)
    assert FORMAT.bind is not None
    assert FORMAT.bind(str(paths[1]), [str(path) for path in paths]) == (str(paths[0]),)
    graph = FORMAT.parse(ModelData("x.xml", xml, {"x.bin": weights}))
    assert (len(graph.nodes), graph.parameters, graph.format_version) == (28, 62_015, "IR v10")
    assert [graph.tensors[i].shape for i in graph.outputs] == [(1, 10)]
    assert all(node.kind for node in graph.nodes)
    assert [node.kind for node in graph.nodes].count("Conv") == 2
    with pytest.raises(MalformedError):
        FORMAT.parse(ModelData("x.xml", xml, {"x.bin": weights[:-1]}))


def test_small_network() -> None:
    assert matches(FORMAT, SMALL, "x")
    graph = FORMAT.parse(ModelData("x.xml", SMALL, {"x.bin": bytes(8)}))
    assert [(node.op, node.inputs) for node in graph.nodes] == [("MatMul", (0, 1))]
    assert graph.tensors[1].dtype is DType.FLOAT16
    assert graph.parameters == 4
    assert graph.tensors[graph.outputs[0]].shape == (1, None)
    survive(FORMAT, SMALL, "x.xml", count=300)


def layer(key: int, kind: str, settings: str = "", dims: tuple[int, ...] = (1,), body: str = "") -> str:
    ports = "".join(f"<dim>{dim}</dim>" for dim in dims)
    output = f'<output><port id="9" precision="FP32">{ports}</port></output>' if kind != "Result" else ""
    return f'<layer id="{key}" name="l{key}" type="{kind}" version="opset1"><data {settings}/>{output}{body}</layer>'


def net(layers: list[str], edges: list[tuple[int, int, int]], tag: str = 'net version="11"') -> str:
    lines = "".join(
        f'<edge from-layer="{start}" from-port="9" to-layer="{end}" to-port="{port}"/>' for start, end, port in edges
    )
    return f"<{tag}><layers>{''.join(layers)}</layers><edges>{lines}</edges></{tag.partition(' ')[0]}>"


def test_attributes_are_those_of_onnx() -> None:
    window = 'strides="2, 1" pads_begin="1,0" pads_end="1,2" dilations="1,1" auto_pad="explicit"'
    layers = [
        layer(0, "Parameter", dims=(1, 4, 8, 8)),
        layer(1, "Const", 'element_type="f32" offset="0" size="288"', (4, 2, 1, 3, 3)),
        layer(2, "GroupConvolution", window, (1, 8, 4, 8)).replace("<dim>4</dim>", "<dim>-1</dim>"),
        layer(3, "Const", 'element_type="i64" offset="288" size="32"', (4,)),
        layer(4, "Transpose", dims=(1, 4, 8, 8)),
        layer(
            5, "AvgPool", 'kernel="2,2" strides="2,2" exclude-pad="false" rounding_type="ceil" auto_pad="same_upper"'
        ),
        layer(6, "Convert", 'destination_type="i8"'),
        layer(7, "FancyThing", 'x="1"').replace("opset1", "extension"),
        layer(8, "Result"),
    ]
    edges = [(0, 2, 0), (1, 2, 1), (2, 4, 0), (3, 4, 1), (4, 5, 0), (5, 6, 0), (6, 7, 0), (7, 8, 0)]
    weights = bytes(288) + struct.pack("<4q", 0, 2, 3, 1)
    graph = FORMAT.parse(ModelData("x.xml", net(layers, edges).encode(), {"x.bin": weights}))
    conv, transpose, pool, cast, custom = graph.nodes
    assert (conv.kind, conv.attributes["pads"], conv.attributes["group"]) == ("Conv", (1, 0, 1, 2), 4)
    assert (conv.attributes["strides"], conv.attributes["weight_layout"]) == ((2, 1), "GOIHW")
    inferred = infer_shapes(replace(graph, nodes=graph.nodes[:1]), Constants())
    assert model_cost(inferred.graph).macs == 8 * 4 * 8 * 9
    assert transpose.attributes == {"perm": (0, 2, 3, 1)}
    assert pool.attributes == {
        "strides": (2, 2), "kernel_shape": (2, 2), "auto_pad": "SAME_UPPER", "ceil_mode": 1, "count_include_pad": 1,
    }  # fmt: skip
    assert (cast.kind, cast.attributes, custom.kind) == ("Cast", {"to": "int8"}, "Custom")


def test_bodies_are_subgraphs() -> None:
    inner = net([layer(0, "Parameter"), layer(1, "ReLU"), layer(2, "Result")], [(0, 1, 0), (1, 2, 0)], "body")
    ports = '<port_map><input external_port_id="3" internal_layer_id="0" axis="1" stride="1" part_size="1"/></port_map>'
    layers = [layer(0, "Parameter", dims=(1, 5, 2)), layer(1, "TensorIterator", body=ports + inner), layer(2, "Result")]
    graph = FORMAT.parse(ModelData("x.xml", net(layers, [(0, 1, 3), (1, 2, 0)]).encode()))
    assert (graph.nodes[0].kind, graph.nodes[0].attributes) == ("Loop", {"body": 0, "trip_count": 5})
    assert [node.kind for node in graph.subgraphs[0].nodes] == ["Relu"]
    assert (graph.subgraphs[0].inputs, graph.subgraphs[0].outputs) == ((0,), (1,))
    survive(FORMAT, net(layers, [(0, 1, 3), (1, 2, 0)]).encode(), "x.xml", count=300)


def test_other_or_hostile_xml() -> None:
    laughs = b'<!DOCTYPE net [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]>'
    for data in (
        SMALL.replace(b"<net ", laughs + b"<net "),
        SMALL.replace(b'to-layer="3"', b'to-layer="9"'),
        SMALL.replace(b'offset="0"', b'offset="-1"'),
        SMALL.replace(b'id="1"', b'id="0"'),
        b'<?xml version="1.0"?><net version="1">' + b"<a>" * 5000 + b"</a>" * 5000 + b"</net>",
        b'<?xml version="1.0"?><!-- <net version= --><LinearLayout/>',
        b'<?xml version="1.0"?><net version="10" ></net>',
    ):
        with pytest.raises((InputError, NotThisFormat)):
            FORMAT.parse(ModelData("x.xml", data))


def test_lookalikes_and_noise() -> None:
    refuse_lookalikes(FORMAT)
    refuse_noise(FORMAT)
