"""What is fuzzed: every model format, its analysis, every reader of `nngauge.io`, the archives, the whole pipeline."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path

from fuzz.sample import Sample
from fuzz.samples import for_format, formats
from nngauge.analyse.usage import app_code, usage
from nngauge.compress.patching import FORMATS as PATCHED
from nngauge.compress.patching import is_same, patch_of, values_of, weights_of
from nngauge.compress.samples.declared import normalisation
from nngauge.compress.subject import File, Subject
from nngauge.detect.ruleset import RULES, parse_rule
from nngauge.errors import NngaugeError
from nngauge.formats import Format, ModelData
from nngauge.io import protobuf
from nngauge.io.arsc import proto_resolve, resolve
from nngauge.io.axml import read_axml, read_proto_xml
from nngauge.io.certificates import common_name, v1_certificates, v2_certificates
from nngauge.io.content import content_kind
from nngauge.io.dex import embedded_dex, read_dex
from nngauge.io.dex_code import References, read_code
from nngauge.io.elf import read_elf
from nngauge.io.flatbuffer import Table, root
from nngauge.io.macho import read_macho
from nngauge.io.plist import read_plist
from nngauge.io.source import ByteSource
from nngauge.io.zip import read_zip
from nngauge.io.zip_signing import find_signing_block
from nngauge.limits import HEAD_BYTES
from nngauge.packages import open_container, open_source
from tests.builders import arsc, axml, code_apps, dex, elf, macho, signatures, zips
from tests.builders.samples import model

_ROOT = Path(__file__).resolve().parents[1]


@dataclass(frozen=True, slots=True)
class Target:
    """Something that takes bytes from outside."""

    name: str
    samples: Callable[[], Sequence[Sample]]
    call: Callable[[Sample], None]
    """May raise `NngaugeError` and nothing else."""


def targets() -> dict[str, Target]:
    """All of them by name: ``format-…``, ``chain-…``, ``weights-…``, ``io-…``, ``archive-…``, ``pipeline``."""
    made = [
        Target(f"format-{name}", partial(for_format, form), partial(_parse, form)) for name, form in formats().items()
    ]
    made += [
        Target(f"chain-{name}", partial(for_format, form), partial(_chain, form)) for name, form in formats().items()
    ]
    made += [
        Target(f"weights-{name}", partial(for_format, form), partial(_weights, form))
        for name, form in formats().items()
        if name in PATCHED
    ]
    made += [Target(f"io-{name}", partial(_named, *maker), call) for name, maker, call in _READERS]
    made += [Target("archive-any", _archives, _archive), Target("pipeline", _apps, _pipeline)]
    made.append(Target("usage", partial(_named, _code_file), _usage))
    return {target.name: target for target in made}


def _named(*samples: Callable[[], bytes]) -> list[Sample]:
    return [Sample(f"{index}", sample()) for index, sample in enumerate(samples)]


# --- formats ------------------------------------------------------------------------------------------------------------


def _parse(form: Format, sample: Sample) -> None:
    head = sample.data[:HEAD_BYTES]
    if form.probe:
        form.probe(head, len(sample.data), sample.name)
    if form.bind:
        form.bind(sample.name, (sample.name, *sample.parts))
    form.parse(ModelData(sample.name, memoryview(sample.data), {k: memoryview(v) for k, v in sample.parts.items()}))


def _chain(form: Format, sample: Sample) -> None:
    from fuzz.chain import chain

    chain(form, for_format(form)[0], sample)


def _weights(form: Format, sample: Sample) -> None:
    """Weights of a damaged model are found, read as numbers and written back to the same bytes."""
    subject = Subject(
        name=sample.name, format=form.name,
        graph=form.parse(
            ModelData(sample.name, memoryview(sample.data), {k: memoryview(v) for k, v in sample.parts.items()})
        ),
        files=tuple(File(name=name, content=bytes(content)) for name, content in ((sample.name, sample.data), *sample.parts.items())),
    )  # fmt: skip
    if form.name == "tflite":
        normalisation(sample.data)
    for weight in weights_of(subject):
        assert is_same(subject, patch_of(weight, values_of(subject, weight))), weight.name


# --- readers ------------------------------------------------------------------------------------------------------------


def _elf(sample: Sample) -> None:
    binary = read_elf(sample.data)
    for name in (b"OrtGetApiBase", b"a", b""):
        binary.exports(name)
        binary.imports(name)
        binary.address_of(name)
    binary.symbol_versions()
    sum(1 for _ in binary.dynamic_names())
    binary.read_only_ranges()
    binary.data_ranges()
    binary.section_at(100)


def _macho(sample: Sample) -> None:
    binary = read_macho(sample.data)
    binary.exports(b"_a")
    binary.imports(b"_b")
    for part in binary.slices:
        sum(1 for _ in part.symbol_names())
        part.objc_classes()


def _vdex(sample: Sample) -> None:
    embedded_dex(sample.data)


def _dex(sample: Sample) -> None:
    code = read_dex(sample.data)
    code.defines(b"La/")
    code.references(b"Lb/")
    sum(1 for _ in code.method_refs(b"L"))
    sum(len(text) for text in code.strings())
    code.defined_classes()


def _dex_code(sample: Sample) -> None:
    for part in read_code(sample.data):
        for known in part.classes():
            for method in (item for group in part.members(known.data) for item in group):
                part.method(method.row)
                found = part.references(method.code) if method.code else References()
                sum(len(part.site_methods(site)) for site in found.sites)
                sum(len(part.string(index)) for index in found.strings)


def _usage(sample: Sample) -> None:
    """The whole search in an app whose code is `sample`: nothing may be raised, whatever the code says."""
    app = open_source(ByteSource.of_bytes(code_apps.archive_of(sample.data), "app.apk"), hash_parts=False)
    rule = parse_rule("onnxruntime.toml", (RULES / "onnxruntime.toml").read_bytes())
    try:
        usage(app_code(app), (rule,), models=(code_apps.model_at("assets/net.tflite"),))
    except NngaugeError as error:
        raise AssertionError(f"raised {error}") from error
    app.close()


def _zip(sample: Sample) -> None:
    archive = read_zip(ByteSource.of_bytes(sample.data, "x.apk"))
    for entry in archive.entries[:50]:
        try:
            archive.head(entry)
            sum(len(piece) for piece in archive.chunks(entry, 1 << 24))
            archive.open(entry)
        except NngaugeError:
            continue
    find_signing_block(archive)
    _ = archive.anomalies


def _axml(sample: Sample) -> None:
    read_axml(sample.data)


def _proto_xml(sample: Sample) -> None:
    read_proto_xml(sample.data)


def _arsc(sample: Sample) -> None:
    for resource in (0x7F010000, 0x7F020001, 0x01010000):
        resolve(sample.data, resource)


def _proto_table(sample: Sample) -> None:
    proto_resolve(sample.data, 0x7F010000)
    proto_resolve(sample.data, "string/app_name")


def _plist(sample: Sample) -> None:
    read_plist(sample.data)


def _v1(sample: Sample) -> None:
    for certificate in v1_certificates(sample.data):
        common_name(certificate)


def _v2(sample: Sample) -> None:
    for certificate in v2_certificates(sample.data):
        common_name(certificate)


def _protobuf(sample: Sample) -> None:
    _walk(memoryview(sample.data), 0)


def _walk(buf: memoryview, depth: int) -> None:
    for item in protobuf.fields(buf):
        if item.wire != 2:
            continue
        for ask in (protobuf.text, protobuf.varints, protobuf.floats):
            try:
                ask(buf, item)
            except NngaugeError:
                continue
        if depth < 6:
            try:
                _walk(buf[item.start : item.end], depth + 1)
            except NngaugeError:
                continue


def _flatbuffer(sample: Sample) -> None:
    _fields(root(sample.data), 0)


def _fields(table: Table, depth: int) -> None:
    for number in range(min(table.fields, 8)):
        for ask in (table.string, table.table, table.tables, table.strings, table.ints):
            try:
                found = ask(number)
            except NngaugeError:
                continue
            if isinstance(found, Table) and depth < 5:
                _fields(found, depth + 1)


def _content(sample: Sample) -> None:
    content_kind(sample.data[:HEAD_BYTES])


def _manifest() -> axml.Node:
    package = axml.Attr("package", axml.STRING, "org.example")
    code = axml.Attr("versionCode", axml.INT, 7, 0x0101021B)
    label = axml.Attr("label", axml.REFERENCE, 0x7F010001, 0x01010001)
    return axml.Node("manifest", (package, code), (axml.Node("application", (label,)),))


def _binary_manifest() -> bytes:
    return axml.build_axml(_manifest())


def _proto_manifest() -> bytes:
    return axml.build_proto_xml(_manifest())


def _table(form: str) -> bytes:
    types = [(1, arsc.config(), {1: (3, 0), 2: (1, 0x7F010001)}), (1, arsc.config("de"), {1: (3, 1)})]
    return arsc.build_arsc(["Default", "Deutsch"], types, form=form)


def _resources_pb() -> bytes:
    text = axml.pb(2, axml.pb(1, b"My app"))
    return arsc.build_resources_pb([("string", 1, "app_name", 1, {"": text, "de": text})])


def _plist_binary() -> bytes:
    import plistlib

    value = {"CFBundleIdentifier": "org.example", "list": [1, 2.5, True, b"x", "é"], "d": {"a": {"b": [1] * 40}}}
    return plistlib.dumps(value, fmt=plistlib.FMT_BINARY)


def _plist_xml() -> bytes:
    import plistlib

    return plistlib.dumps({"CFBundleIdentifier": "org.example", "list": [1, 2.5, True], "d": {"a": "é"}})


def _certificate_block() -> bytes:
    subject = signatures.name("Example")
    return signatures.pkcs7([signatures.certificate(1, subject)], [(subject, 1)])


def _scheme() -> bytes:
    return signatures.scheme_value([[signatures.certificate(1, signatures.name("Example"))]])


def _library() -> bytes:
    return elf.build_elf(
        exports=("OrtGetApiBase", "b", "c"), imports=("malloc",), needed=("libc.so",), versions=("V_1",), build_id=b"1234",
        android=(24, "r26", "1"), rodata=b"hello",
    )  # fmt: skip


def _library32() -> bytes:
    return elf.build_elf(bits=32, machine=40, exports=("a", "b"), imports=("x",), hash="sysv", needed=("libm.so",))


def _fat() -> bytes:
    return macho.build_fat([(0x0100000C, macho.build_macho()), (12, macho.build_macho(bits=32))])


def _dex_file() -> bytes:
    return dex.build_dex(
        defined=["La/B;", "La/C;"], referenced=["Lb/D;"], methods=[("La/B;", "run")], strings=["é", "x"]
    )


def _code_file() -> bytes:
    return code_apps.sample_code()


def _dex_container() -> bytes:
    return dex.build_container([{"defined": ["La/B;"]}, {"defined": ["Lc/D;"], "strings": ["x"]}])


def _signed_zip() -> bytes:
    block = zips.signing_block([(0x7109871A, _scheme())])
    return zips.archive(zips.ORDINARY, between=block)


_READERS: tuple[tuple[str, tuple[Callable[[], bytes], ...], Callable[[Sample], None]], ...] = (
    ("zip", (zips.ordinary, _signed_zip, lambda: zips.ordinary(descriptor="signed"), lambda: zips.archive(zips.ORDINARY, zip64=True)), _zip),
    ("elf", (_library, _library32), _elf),
    ("macho", (macho.build_macho, _fat, lambda: macho.build_macho(bits=32)), _macho),
    ("dex", (_dex_file, _dex_container), _dex),
    ("dex-code", (_code_file,), _dex_code),
    ("vdex", (lambda: b"vdex027\0" + bytes(24) + _dex_file(), lambda: b"dey\n036\0" + bytes(32) + _dex_file()), _vdex),
    ("axml", (_binary_manifest,), _axml),
    ("proto-xml", (_proto_manifest,), _proto_xml),
    ("arsc", tuple(partial(_table, form) for form in ("plain", "sparse", "compact")), _arsc),
    ("resources-pb", (_resources_pb,), _proto_table),
    ("plist", (_plist_binary, _plist_xml), _plist),
    ("certificates-v1", (_certificate_block,), _v1),
    ("certificates-v2", (lambda: zips.signing_block([(0x7109871A, _scheme()), (0xF05368C0, _scheme())]),), _v2),
    ("protobuf", (lambda: model("onnx"),), _protobuf),
    ("flatbuffer", (lambda: model("tflite"), lambda: model("mnn"), lambda: model("ort")), _flatbuffer),
    ("content", (lambda: model("tflite"), zips.ordinary), _content),
)  # fmt: skip


# --- archives and apps --------------------------------------------------------------------------------------------------


def _archives() -> list[Sample]:
    text = b"hello " * 400
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        for name in ("a/" + "long" * 60, "b"):
            info = tarfile.TarInfo(name)
            info.size = len(text)
            archive.addfile(info, io.BytesIO(text))
    made = {
        "a.tar": out.getvalue(),
        "a.gz": gzip.compress(text),
        "a.xz": lzma.compress(text),
        "a.bz2": bz2.compress(text),
    }
    try:
        import zstandard

        made["a.zst"] = zstandard.compress(text)
    except ImportError:
        pass
    return [Sample(name, data) for name, data in made.items()]


def _archive(sample: Sample) -> None:
    container = open_container(ByteSource.of_bytes(sample.data, sample.name), sample.name)
    for entry in container.entries[:50]:
        entry.head()
        sum(len(piece) for piece in entry.chunks())
    _ = container.anomalies


@cache
def _example_apps() -> tuple[Sample, ...]:
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run(
            [sys.executable, "examples/build_apps.py", folder], cwd=_ROOT, check=True, stdout=subprocess.DEVNULL
        )
        return tuple(Sample(path.name, path.read_bytes()) for path in sorted(Path(folder).iterdir()) if path.is_file())


def _apps() -> list[Sample]:
    """The example apps, and one with its entries stored, so that damage reaches models and not only deflate."""
    stored = [
        zips.Member(name=f"assets/{name}".encode(), data=model(name), method=0)
        for name in ("tflite", "gguf", "onnx", "ort")
    ]
    stored.append(zips.Member(name=b"lib/arm64-v8a/liba.so", data=_library(), method=0))
    stored.append(zips.Member(name=b"classes.dex", data=_dex_file(), method=0))
    stored.append(zips.Member(name=b"AndroidManifest.xml", data=_binary_manifest(), method=0))
    return [Sample("stored.apk", zips.archive(stored)), *_example_apps()]


@cache
def _scanner() -> object:
    from nngauge.pipeline import Scanner

    return Scanner()


def _pipeline(sample: Sample) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / sample.name
        path.write_bytes(sample.data)
        result = _scanner().scan(path)  # type: ignore[attr-defined]
        for problem in result.failures:
            if problem.error in (
                "ParserError",
                "ReaderError",
            ):  # the last line of defence caught what a parser must not raise
                raise AssertionError(f"{problem.plugin}: {problem.reason}")
