"""The runner on this machine: the same outputs as the engines' Python processes, honest answers to whatever goes wrong."""

import hashlib
import json
import re
import subprocess
import sys
import time
from pathlib import Path

import msgspec
import pytest
from msgspec.structs import replace

from nngauge.devices import open_device
from nngauge.engines import Feed, Reply, Request, timing
from nngauge.engines.native import NATIVE, Runtime, native_launch, runner_for, runtime_of
from nngauge.engines.native.launch import PREBUILT
from nngauge.engines.native.runtime import FORMATS, INTERFACES
from nngauge.errors import UnsupportedError
from tests.builders.native_runner import EXAMPLES, KEYWORDS, QUICK, ask, library, reply_of, request_for, runner

SOURCES = PREBUILT.parent
MODELS = sorted([*EXAMPLES.glob("*/*.tflite"), *EXAMPLES.glob("*/*.onnx")])


def _engine(model: Path) -> str:
    return "litert" if model.suffix == ".tflite" else "onnxruntime"


def _child(engine: str, request: Request) -> Reply:
    ran = subprocess.run(
        [sys.executable, "-m", "nngauge.engines.child", engine], input=msgspec.json.encode(request),
        capture_output=True, timeout=120, check=True,
    )  # fmt: skip
    return msgspec.json.decode(ran.stdout.splitlines()[-1], type=Reply)


@pytest.mark.parametrize("model", MODELS, ids=lambda path: path.name)
def test_outputs_are_those_of_the_python_process(model: Path, tmp_path: Path) -> None:
    there = library(_engine(model))
    request = request_for(model, tmp_path, outputs=str(tmp_path / "out"), **QUICK)
    reply = reply_of([runner()], replace(request, library=str(there)))
    mine = (tmp_path / "out").read_bytes()
    other = _child(_engine(model), request)
    assert reply.trouble is None
    assert reply.digests == other.digests
    assert reply.finite
    assert [(one.dtype, one.shape, one.size) for one in reply.outputs] == [
        (one.dtype, one.shape, one.size) for one in other.outputs
    ]
    assert mine == (tmp_path / "out").read_bytes()
    assert len(mine) == 2 * sum(one.size for one in reply.outputs)
    assert len(reply.wall_ns) == len(reply.cpu_ns) == len(reply.interrupted) >= 5
    assert reply.load_ns > 0 < reply.first_ns
    assert reply.peak_bytes > 2**20
    assert reply.load_bytes is not None


def test_digest_is_sha256_of_the_outputs(tmp_path: Path) -> None:
    request = request_for(KEYWORDS, tmp_path, library=str(library("litert")), outputs=str(tmp_path / "out"), **QUICK)
    reply = reply_of([runner()], request)
    size = sum(one.size for one in reply.outputs)
    data = (tmp_path / "out").read_bytes()
    assert reply.digests == tuple(hashlib.sha256(part).hexdigest() for part in (data[:size], data[size:]))


@pytest.mark.parametrize(
    ("name", "engine"),
    [
        ("keywords_tflite/keywords_float32.tflite", "litert_compiled"),
        ("shapes_onnx/shapes_segmenter.onnx", "onnxruntime"),
    ],
    ids=["litert", "onnxruntime"],
)
def test_processor_time_is_that_of_the_python_process(name: str, engine: str, tmp_path: Path) -> None:
    # How near they are is measured on a quiet machine (benchmarks/engines/native.py: 1 to 10 %). Here a thread, a run or a unit
    # that one side forgets is found: half or twice the time. Work of others only makes launches slower: the best counts.
    model = EXAMPLES / name
    request = request_for(model, tmp_path, **{**QUICK, "least_seconds": 0.1, "warmup_seconds": 0.1})
    native = replace(request, library=str(library(_engine(model))))
    mine, theirs = [], []
    for _ in range(10):
        mine.append(_fast(reply_of([runner()], native)))
        theirs.append(_fast(_child(engine, request)))
        if abs(min(mine) / min(theirs) - 1) < 0.2:
            break
    assert 0.6 < min(mine) / min(theirs) < 1.6


def _fast(reply: Reply) -> int:
    return sorted(reply.cpu_ns)[len(reply.cpu_ns) // 10]


@pytest.mark.parametrize(("model", "kinds"), [(KEYWORDS, set()), (MODELS[-1], {"Conv"})], ids=["litert", "onnxruntime"])
def test_profile_adds_up_to_about_the_inference(model: Path, kinds: set[str], tmp_path: Path) -> None:
    folder = tmp_path / "written"
    folder.mkdir()
    request = request_for(model, tmp_path, library=str(library(_engine(model))), outputs=str(folder / "out"), **QUICK)
    plain = reply_of([runner()], replace(request, least_runs=50))
    profiled = reply_of([runner()], replace(request, profile=True, least_runs=50))
    assert not profiled.wall_ns
    assert len(profiled.ops) > 3
    assert kinds <= {op.kind for op in profiled.ops}
    assert all(op.calls >= 1 for op in profiled.ops)
    total = sum(op.nanoseconds for op in profiled.ops)
    assert 0.1 * min(plain.wall_ns) < total < 50 * max(plain.wall_ns)
    assert [path.name for path in folder.iterdir()] == ["out"]  # ONNX Runtime's own file is gone


def test_an_accelerator_that_is_not_there_is_told(tmp_path: Path) -> None:
    request = request_for(KEYWORDS, tmp_path, library=str(library("litert")), **QUICK)
    reply = reply_of([runner()], replace(request, delegate="npu"))
    assert (reply.trouble is not None) or reply.delegated == {"cpu": 1}
    assert reply_of([runner()], request).delegated == {}


def test_launch_on_this_machine_as_on_any_device(tmp_path: Path) -> None:
    runner()
    request = request_for(KEYWORDS, tmp_path, **QUICK)
    with open_device("host") as device:
        reply = native_launch(device, request, runtime_of(library("litert")))
        wrong = native_launch(device, replace(request, format="onnx"), runtime_of(library("litert")))
        profiled = native_launch(device, replace(request, profile=True), runtime_of(library("litert")))
    assert reply.trouble is None
    assert reply.engine == "litert"
    assert wrong.trouble is not None
    assert wrong.trouble.kind == "unsupported"
    assert profiled.ops


def test_a_library_for_another_processor_is_refused_before_anything_is_sent(tmp_path: Path) -> None:
    runtime = Runtime(
        name="libx.so", path=tmp_path / "libx.so", sha256="", abi="armeabi-v7a", interface="tflite", bionic=True
    )
    assert runner_for(runtime) is None
    with open_device("host") as device:
        for abi in ("armeabi-v7a", "arm64-v8a" if device.facts().abi == "x86_64" else "x86_64"):
            reply = native_launch(device, Request(files=("m",), format="tflite"), replace(runtime, abi=abi))
            assert reply.trouble is not None
            assert reply.trouble.kind == "unsupported"


# --- what goes wrong -------------------------------------------------------------------------------------------------------


def _trouble(given: Request | bytes, kind: str, words: str) -> None:
    reply = reply_of([runner()], given)
    assert reply.trouble is not None
    assert reply.trouble.kind == kind
    assert words in reply.trouble.reason
    assert "\n" not in reply.trouble.reason
    assert not reply.wall_ns


@pytest.mark.parametrize(
    ("change", "kind", "words"),
    [
        ({"library": "/nowhere/lib.so"}, "missing", "/nowhere/lib.so"),
        ({"files": ("/nowhere/model.tflite",)}, "failed", "model"),
        ({"feeds": {}}, "unsupported", "wants 1 inputs, there are 0"),
        ({"delegate": "warp-drive"}, "unsupported", "warp-drive"),
        ({"outputs": "/nowhere/out"}, "failed", "/nowhere/out"),
        ({"threads": 100_000}, "failed", "threads"),
        ({"least_runs": 0}, "failed", "least_runs"),
        ({"library": ""}, "failed", "no library"),
        ({"needed": ("/nowhere/libneeded.so",)}, "missing", "libneeded"),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
def test_refusals_say_why(change: dict[str, object], kind: str, words: str, tmp_path: Path) -> None:
    request = request_for(KEYWORDS, tmp_path, library=str(library("litert")), **QUICK)
    _trouble(replace(request, **change), kind, words)


def test_a_library_with_none_of_the_functions() -> None:
    _trouble(_GOOD, "missing", "exports none")
    with pytest.raises(UnsupportedError):
        runtime_of(Path(sys.executable).resolve())


@pytest.mark.parametrize("name", ["keywords_tflite/keywords_float32.tflite", "shapes_onnx/shapes_segmenter.onnx"])
@pytest.mark.parametrize("keep", [0, 7, 400])
def test_truncated_models(name: str, keep: int, tmp_path: Path) -> None:
    model = EXAMPLES / name
    request = request_for(model, tmp_path, library=str(library(_engine(model))), **QUICK)
    cut = tmp_path / f"cut{model.suffix}"
    cut.write_bytes(model.read_bytes()[:keep])
    reply, code = ask([runner()], replace(request, files=(str(cut),)))
    # an engine may crash on it; then there is no reply, and a status that says so
    assert (reply is None and code != 0) or (reply is not None and reply.trouble is not None)


def test_a_model_of_another_format(tmp_path: Path) -> None:
    onnx = EXAMPLES / "shapes_onnx" / "shapes_segmenter.onnx"
    request = request_for(KEYWORDS, tmp_path, library=str(library("litert")), **QUICK)
    _trouble(replace(request, files=(str(onnx),)), "failed", "model")


@pytest.mark.parametrize("engine", ["litert", "onnxruntime"])
@pytest.mark.parametrize("what", ["short", "shape", "type", "gone"])
def test_feeds_that_do_not_fit(engine: str, what: str, tmp_path: Path) -> None:
    model = KEYWORDS if engine == "litert" else EXAMPLES / "shapes_onnx" / "shapes_segmenter.onnx"
    request = request_for(model, tmp_path, library=str(library(engine)), **QUICK)
    ((name, sets),) = request.feeds.items()
    feed = sets[0]
    bad = {
        "short": replace(feed, path=str(tmp_path / "short")),
        "shape": replace(feed, shape=(*feed.shape, 2**31 - 1, 2**31 - 1)),
        "type": replace(feed, dtype="float64"),
        "gone": replace(feed, path=str(tmp_path / "gone")),
    }[what]
    (tmp_path / "short").write_bytes(b"\0" * 5)
    reply = reply_of([runner()], replace(request, feeds={name: (bad,)}))
    assert reply.trouble is not None
    assert reply.trouble.kind in ("failed", "unsupported", "memory")


def test_outputs_that_are_not_finite(tmp_path: Path) -> None:
    request = request_for(KEYWORDS, tmp_path, library=str(library("litert")), **QUICK)
    ((name, sets),) = request.feeds.items()
    nans = tmp_path / "nan"
    nans.write_bytes(b"\x00\x00\xc0\x7f" * (Path(sets[0].path).stat().st_size // 4))
    reply = reply_of([runner()], replace(request, feeds={name: (replace(sets[0], path=str(nans)),)}))
    assert reply.trouble is None
    assert not reply.finite
    assert len(reply.digests) == 1


_GOOD = Request(files=("m",), format="tflite", library="libm.so.6")


@pytest.mark.parametrize(
    "given",
    [
        b"", b"[]", b"{", b"null", b'{"files":["m"],"library":"x"', b'{"files":["m"],"library":"x",}', b'{"files":"m"}',
        b'{"a":' + b"[" * 10_000, b'{"files":["' + b"x" * 5000 + b'"]}', b'{"library":"\\ud800"}', b'{"library":"\\u0000"}',
        b'{"threads":1e99,"files":["m"],"library":"x"}', b'{"threads":1.5}', b'{"threads":-1}', b'{"least_seconds":nan}',
        b'{"feeds":{"x":[]}}', b'{"feeds":{"x":[{"shape":[1,1,1,1,1,1,1,1,1]}]}}', b'{"feeds":{"x":[{"shape":[-1]}]}}',
        b'{"feeds":{' + b",".join(b'"%d":[{}]' % at for at in range(100)) + b"}}", b'{"profile":1}', b"\xff\xfe\0\0" * 100,
        b'{"files":["m"],"needed":[' + b",".join([b'"n"'] * 40) + b"]}",
    ],
    ids=range(22),
)  # fmt: skip
def test_bad_requests_are_answered(given: bytes) -> None:
    _trouble(given, "failed", "bad request")


def test_huge_requests_are_not_read_to_their_end() -> None:
    _trouble(b'{"files":["' + b" " * (2 << 20), "failed", "more than")


def test_texts_go_through_unharmed() -> None:
    # The name of the library comes back in the loader's words.
    for name in ("/nö/日本/🙂.so", '/quote"back\\slash.so', "/tab\tnew\nline.so"):
        reply = reply_of([runner()], replace(_GOOD, library=name))
        assert reply.trouble is not None
        assert name.replace("\t", " ").replace("\n", " ") in reply.trouble.reason


def test_every_prefix_of_a_request_is_answered(tmp_path: Path) -> None:
    whole = msgspec.json.encode(replace(_GOOD, feeds={"x": (Feed(path="p", dtype="int8", shape=(1, 2)),)}))
    for end in range(0, len(whole), 7):
        assert reply_of([runner()], whole[:end]).trouble is not None


def test_an_output_file_that_is_a_link_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "precious").write_text("mine")
    (tmp_path / "link").symlink_to(tmp_path / "precious")
    request = request_for(KEYWORDS, tmp_path, library=str(library("litert")), outputs=str(tmp_path / "link"), **QUICK)
    _trouble(request, "failed", "cannot write")
    assert (tmp_path / "precious").read_text() == "mine"


# --- it says the same as the Python side ------------------------------------------------------------------------------------


def test_constants_are_those_of_the_python_loop() -> None:
    header = (SOURCES / "runner.h").read_text()
    found = {name: int(value) for name, value in re.findall(r"^    (\w+) = (\d+),", header, re.MULTILINE)}
    assert found["MOST_SAMPLES"] == timing.MOST_SAMPLES
    assert found["SHORTEST_NS"] == timing.SHORTEST_NS
    assert found["PLANNED"] == timing._PLANNED
    assert found["WINDOWS"] == timing._WINDOWS
    assert found["CALIBRATION"] == timing._CALIBRATION
    assert found["WAITED_NS"] == timing._WAITED_NS


def test_defaults_are_those_of_the_request() -> None:
    text = (SOURCES / "request.c").read_text()
    given = dict(
        re.findall(r"\.(\w+) = ([\d.]+)", text.partition("*request = (struct request){")[2].partition("};")[0])
    )
    default = Request(files=(), format="")
    assert {name: float(value) for name, value in given.items()} == {name: getattr(default, name) for name in given}
    assert len(given) == 8


def test_members_are_those_of_the_request_and_the_reply() -> None:
    known = set(re.findall(r'is\(key, "(\w+)"\)', (SOURCES / "request.c").read_text()))
    passed_over = {"format", "batch"}  # shapes of feeds say both
    assert known == (set(Request.__struct_fields__) | set(Feed.__struct_fields__)) - passed_over
    told = set(json.loads(msgspec.json.encode(reply_of([runner()], b"{}"))))
    assert told <= set(Reply.__struct_fields__)


def test_interfaces_are_those_of_the_program() -> None:
    sources = "".join(path.read_text() for path in SOURCES.glob("*.c"))
    markers = dict(re.findall(r'\.name = "(\w+)", \.marker = "(\w+)"', sources))
    assert {name: symbol.decode() for name, symbol in INTERFACES.items()} == markers
    assert NATIVE.formats == set().union(*FORMATS.values())


def test_the_loop_adds_less_than_a_percent(tmp_path: Path) -> None:
    request = request_for(KEYWORDS, tmp_path, library=str(library("litert")), **{**QUICK, "least_seconds": 0.1})
    reply = reply_of([runner()], request)
    assert reply.sample_cost_ns is not None
    assert reply.sample_cost_ns < 0.01 * min(reply.cpu_ns) * reply.inferences_per_sample


def test_time_is_up_when_it_is(tmp_path: Path) -> None:
    request = request_for(
        KEYWORDS, tmp_path, library=str(library("litert")),
        least_runs=100_000, least_seconds=100.0, most_seconds=0.3, warmup_runs=100_000, warmup_seconds=50.0, warmup_most=0.2,
    )  # fmt: skip
    begun = time.monotonic()
    reply = reply_of([runner()], request)
    assert time.monotonic() - begun < 100, "it was asked for 150 s"
    assert reply.wall_ns


def test_a_loop_counts_its_inferences(tmp_path: Path) -> None:
    """What a phone without its cable writes into its log: all that ran, also what no sample has in it."""
    request = request_for(KEYWORDS, tmp_path, library=str(library("litert")), counted=True,
                          **{**QUICK, "least_runs": 1, "least_seconds": 0.3, "most_seconds": 0.3})  # fmt: skip
    ran = subprocess.run([runner()], input=msgspec.json.encode(request), capture_output=True, timeout=60, check=True)
    reply = msgspec.json.decode(ran.stdout, type=Reply)
    (told,) = re.findall(rb"^inferences (\d+) seconds (\d+\.\d{3})$", ran.stderr, re.MULTILINE)
    assert int(told[0]) == len(reply.wall_ns) * (reply.inferences_per_sample + 1)
    assert 0.3 <= float(told[1]) < 60
    quiet = subprocess.run([runner()], input=msgspec.json.encode(replace(request, counted=False)), capture_output=True,
                           timeout=60, check=True)  # fmt: skip
    assert b"inferences" not in quiet.stderr
