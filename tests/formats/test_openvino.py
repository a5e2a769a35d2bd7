"""OpenVINO: a real pair of files, and XML that is something else or hostile."""

from __future__ import annotations

import pytest

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
