"""Models with the runtime that an app ships: found by what it exports, pulled out with what it needs, run."""

import struct
import subprocess
from pathlib import Path

import pytest
from msgspec.structs import replace

from nngauge.devices import open_device
from nngauge.engines import Request
from nngauge.engines.native import app_runtimes, native_launch, runner_for
from nngauge.errors import NotThisFormat
from tests.builders.bionic import compiler, stand_in, unversioned
from tests.builders.corpus import corpus_files
from tests.builders.elf import build_elf
from tests.builders.native_runner import EXAMPLES, QUICK, reply_of, request_for, runner
from tests.builders.packages import apk

_TFLITE = "TfLiteInterpreterInvoke"


def _app(folder: Path, files: dict[str, bytes]) -> Path:
    path = folder / "app.apk"
    path.write_bytes(apk(files))
    return path


def test_runtimes_are_found_by_what_they_export(tmp_path: Path) -> None:
    files = {
        "lib/arm64-v8a/libtensorflowlite_jni.so": build_elf(
            exports=("Java_org_tensorflow_Nothing",), needed=("libc.so",)
        ),
        "lib/arm64-v8a/libsomething.so": build_elf(exports=(_TFLITE, "other"), needed=("libc.so",)),
        "lib/arm64-v8a/libonnxruntime.so": build_elf(
            exports=("OrtGetApiBase",), needed=("libc.so", "libb.so", "liblog.so")
        ),
        "lib/arm64-v8a/libb.so": build_elf(
            exports=("b",), soname="libb.so", needed=("libc++_shared.so", "libonnxruntime.so")
        ),
        "lib/arm64-v8a/libc++_shared.so": build_elf(exports=("c",), soname="libc++_shared.so"),
        "lib/arm64-v8a/libbroken.so": b"\x7fELF\x02\x01\x01" + bytes(200),
        "lib/arm64-v8a/libtext.so": b"no library",
        "lib/x86_64/libLiteRt.so": build_elf(exports=("LiteRtCreateCompiledModel", _TFLITE), machine=62),
        "assets/arm64-v8a.so": build_elf(exports=(_TFLITE,)),
    }
    out = tmp_path / "out"
    out.mkdir()
    found = {one.name: one for one in app_runtimes(_app(tmp_path, files), "arm64-v8a", out)}
    assert {name: one.interface for name, one in found.items()} == {
        "libsomething.so": "tflite",
        "libonnxruntime.so": "onnxruntime",
    }
    needed = found["libonnxruntime.so"].needed
    assert [path.read_bytes() for path in needed] == [
        files["lib/arm64-v8a/libc++_shared.so"],
        files["lib/arm64-v8a/libb.so"],
    ]
    for name, one in found.items():
        assert one.path.read_bytes() == files[f"lib/arm64-v8a/{name}"]
        assert one.abi == "arm64-v8a"
        assert one.bionic
        assert one.location.endswith(f"app.apk!lib/arm64-v8a/{name}")
        assert (runner_for(one) or Path()).name == "runner-aarch64-android"
    (litert,) = app_runtimes(tmp_path / "app.apk", "x86_64", out)
    assert litert.interface == "litert"
    assert app_runtimes(tmp_path / "app.apk", "armeabi-v7a", out) == ()


def test_hostile_names_write_nothing_elsewhere(tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    files = {
        "lib/arm64-v8a/..\\..\\evil.so": build_elf(exports=(_TFLITE,)),
        "lib/x/../arm64-v8a/e.so": build_elf(exports=(_TFLITE,)),
    }
    before = sorted(tmp_path.iterdir())
    app_runtimes(_app(tmp_path, files), "arm64-v8a", out)
    assert sorted(tmp_path.iterdir()) == sorted([*before, tmp_path / "app.apk"])
    assert all(path.suffix == ".so" and len(path.stem) == 32 for path in out.iterdir())


def test_no_app(tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(b"nothing at all")
    with pytest.raises(NotThisFormat):
        app_runtimes(tmp_path / "x", "arm64-v8a", tmp_path)


# A library with TensorFlow Lite's C API whose model doubles numbers: tests the calls, not the runtime.
_STUB = r"""
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#ifdef NEEDED
int twice(int x) { return 2 * x; }
#else
int twice(int);
static float in[8], out[8]; static int dims[2] = {1, 4}; static int ready;
typedef struct { void (*report)(void *, const char *, va_list); void *user; int threads; } Options;
static Options options;
static void say(const char *text, ...) { va_list l; va_start(l, text); if (options.report) options.report(options.user, text, l); va_end(l); }
void *TfLiteModelCreateFromFile(const char *path) { FILE *f = fopen(path, "rb"); char m[8] = {0}; if (!f) return 0;
    fread(m, 1, 8, f); fclose(f); return memcmp(m + 4, "TFL3", 4) ? 0 : in; }
void *TfLiteInterpreterOptionsCreate(void) { return &options; }
void TfLiteInterpreterOptionsSetNumThreads(Options *o, int n) { o->threads = n; }
void TfLiteInterpreterOptionsSetErrorReporter(Options *o, void (*r)(void *, const char *, va_list), void *u) { o->report = r; o->user = u; }
void *TfLiteInterpreterCreate(void *m, Options *o) { if (o->threads == 13) { say("unlucky %d\n", 13); return 0; } return m; }
int TfLiteInterpreterAllocateTensors(void *i) { ready = 1; return dims[1] > 8; }
int TfLiteInterpreterResizeInputTensor(void *i, int at, const int *d, int n) { if (n != 2) { say("rank %d", n); return 1; } memcpy(dims, d, 8); return 0; }
int TfLiteInterpreterInvoke(void *i) { if (in[0] == 666) { say("no such number"); return 1; }
    for (int k = 0; k < dims[1]; k++) out[k] = twice(1) * in[k]; return 0; }
int TfLiteInterpreterGetInputTensorCount(void *i) { return 1; }
int TfLiteInterpreterGetOutputTensorCount(void *i) { return 1; }
void *TfLiteInterpreterGetInputTensor(void *i, int at) { return in; }
void *TfLiteInterpreterGetOutputTensor(void *i, int at) { return out; }
int TfLiteTensorType(void *t) { return 1; }
int TfLiteTensorNumDims(void *t) { return 2; }
int TfLiteTensorDim(void *t, int at) { return dims[at]; }
size_t TfLiteTensorByteSize(void *t) { return 4 * dims[0] * dims[1]; }
void *TfLiteTensorData(void *t) { return ready ? t : 0; }
const char *TfLiteTensorName(void *t) { return t == in ? "in" : "o\"u\xfft"; }
const char *TfLiteVersion(void) { return "9.9.9"; }
#endif
"""


@pytest.fixture(scope="module")
def stub_app(tmp_path_factory: pytest.TempPathFactory) -> Path:
    runner()
    folder = tmp_path_factory.mktemp("stub")
    (folder / "stub.c").write_text(_STUB)
    files = {}
    for name, more in (("libneeded.so", ["-DNEEDED"]), ("libstub.so", [str(folder / "libneeded.so")])):
        words = [
            *compiler(),
            "-w",
            "-shared",
            "-fPIC",
            f"-Wl,-soname,{name}",
            str(folder / "stub.c"),
            *more,
            "-o",
            str(folder / name),
        ]
        subprocess.run(words, check=True, timeout=120)
        files[f"lib/{_abi()}/{name}"] = (folder / name).read_bytes()
    return _app(folder, files)


def _abi() -> str:
    return {"x86_64": "x86_64", "aarch64": "arm64-v8a"}[runner().name.split("-")[1]]


def _stub_request(folder: Path, values: list[float], **settings: object) -> Request:
    request = request_for(EXAMPLES / "keywords_tflite" / "keywords_float32.tflite", folder, **QUICK)
    ((_, sets),) = request.feeds.items()
    path = folder / f"values-{len(values)}-{values[0]}"
    path.write_bytes(struct.pack(f"<{len(values)}f", *values))
    feed = replace(sets[0], path=str(path), shape=(1, len(values)), dtype="float32")
    return replace(request, feeds={"in": (feed,)}, outputs=str(folder / "out"), **settings)


def test_an_apps_own_library_and_what_it_needs(stub_app: Path, tmp_path: Path) -> None:
    (runtime,) = app_runtimes(stub_app, _abi(), tmp_path)
    assert (runtime.name, runtime.interface, len(runtime.needed)) == ("libstub.so", "tflite", 1)
    with open_device("host") as device:
        reply = native_launch(device, _stub_request(tmp_path, [1, -2, 3.5, 0.25]), runtime)
        assert reply.trouble is None
        assert (reply.engine, reply.version) == ("tflite", "9.9.9")
        assert struct.unpack("<4f", (tmp_path / "out").read_bytes()) == (2, -4, 7, 0.5)
        assert reply.outputs[0].name == 'o"u\ufffdt'  # no UTF-8: still a reply
        wide = native_launch(device, _stub_request(tmp_path, [1.0] * 8), runtime)
        assert wide.outputs[0].shape == (1, 8)
        for request, words in (
            (_stub_request(tmp_path, [666, 0, 0, 0]), "no such number"),
            (_stub_request(tmp_path, [1.0] * 9), "allocated"),
            (_stub_request(tmp_path, [1.0] * 4, threads=13), "unlucky 13"),
        ):
            bad = native_launch(device, request, runtime)
            assert bad.trouble is not None
            assert words in bad.trouble.reason
        infinite = native_launch(device, _stub_request(tmp_path, [3e38, 1, 1, 1]), runtime)
        assert infinite.trouble is None
        assert not infinite.finite
        profiled = native_launch(device, _stub_request(tmp_path, [1.0] * 4, profile=True), runtime)
        assert profiled.trouble is None
        assert "no profile" in profiled.notes[0]


def test_runtimes_of_real_apps_run_here(tmp_path: Path) -> None:
    """libtensorflowlite_jni.so of apps, for x86-64, with a stand-in for Android's libc: the apps' own code, their own speed."""
    if runner().name != "runner-x86_64-linux-gnu":
        pytest.skip("the corpus has libraries for x86-64")
    needed = stand_in(tmp_path)
    requests = [
        request_for(EXAMPLES / "keywords_tflite" / f"keywords_{kind}.tflite", tmp_path, **QUICK)
        for kind in ("float32", "int8")
    ]
    versions: dict[str, list[str]] = {}
    for app in corpus_files("packages*/*.apk", magic=b"PK", largest=60 << 20):
        for runtime in app_runtimes(app, "x86_64", tmp_path):
            copy = unversioned(runtime.path, tmp_path / "app.so")
            for at, request in enumerate(requests):
                asked = replace(request, library=str(copy), needed=tuple(map(str, (*needed, *runtime.needed))))
                reply = reply_of([runner()], asked)
                assert at or reply.trouble is None
                assert reply.engine == runtime.interface
                versions.setdefault(reply.version, []).append("ran" if reply.trouble is None else reply.trouble.reason)
        if len(versions) >= 3:
            break
    assert len(versions) >= 3, versions


def test_the_program_for_android_starts_as_bionic_starts_it(tmp_path: Path) -> None:
    """Through glibc's loader and a stand-in for `__libc_init`; the kernel would ask for /system/bin/linker64."""
    loader = Path("/lib64/ld-linux-x86-64.so.2")
    if runner().name != "runner-x86_64-linux-gnu" or not loader.exists():
        pytest.skip("needs x86-64 and glibc")
    stand_in(tmp_path)
    program = runner().with_name("runner-x86_64-android")
    reply = reply_of([loader, "--library-path", tmp_path, program], b"{}")
    assert reply.trouble is not None
    assert "bad request" in reply.trouble.reason
