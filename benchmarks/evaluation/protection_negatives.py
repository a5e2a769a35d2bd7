"""Real files that are dense and no hidden models: nothing of them may be called encrypted, whatever they are named."""

from __future__ import annotations

import gzip
import lzma
import math
import struct
import tempfile
import zipfile
import zlib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from benchmarks.evaluation.models import Listed
from benchmarks.evaluation.protection import LITERATURE, SEALED, entropy
from nngauge.api import open_model
from nngauge.auditing import audit_app
from nngauge.domain.graph import DType
from nngauge.errors import NngaugeError
from nngauge.io.content import content_kind
from nngauge.packages import open_package
from nngauge.pipeline import Scanner

_SMALLEST: Final = 4096
_LARGEST: Final = 4 << 20
_PER_KIND: Final = 12
_SKIPPED: Final = frozenset({"empty", "text", "json", "xml", "html"})
_ENCRYPTED_ANYWAY: Final = ("sqlcipher",)
"""Sources whose files are encrypted, only not models: under a model's name the answer "encrypted" would be right."""


@dataclass(frozen=True, slots=True)
class Negative:
    """One file."""

    name: str
    kind: str
    content: bytes


@dataclass(frozen=True, slots=True)
class NegativeResult:
    """What was said about it, under its own name and as ``assets/models/net.bin``."""

    name: str
    kind: str
    entropy: float
    own: tuple[str, ...]
    disguised: tuple[str, ...]
    """Empty when it was not tried."""

    @property
    def wrong(self) -> bool:
        """Called encrypted, in full or in part, under any name."""
        sealed = {str(grade) for grade in SEALED}
        return any(grades and grades[0] in sealed for grades in (self.own, self.disguised))

    @property
    def literature_wrong(self) -> bool:
        """Above the threshold of the literature."""
        return self.entropy > LITERATURE


def evaluate_negatives(found: Iterable[Negative]) -> Iterator[NegativeResult]:
    """Audits each file in an app of its own, twice."""
    scanner = Scanner()
    with tempfile.TemporaryDirectory() as folder:
        app = Path(folder) / "app.apk"
        for item in found:
            own = _grades(scanner, app, item.name, item.content)
            known = item.kind in _ENCRYPTED_ANYWAY
            disguised = () if known else _grades(scanner, app, "assets/models/net.bin", item.content)
            yield NegativeResult(item.name, item.kind, entropy(item.content), own, disguised)


def _grades(scanner: Scanner, app: Path, name: str, content: bytes) -> tuple[str, ...]:
    with zipfile.ZipFile(app, "w", zipfile.ZIP_STORED) as archive:
        archive.writestr(name, content)
    audit = audit_app(app, scanner=scanner)
    return tuple(str(grade) for item in (*audit.models, *audit.unknown) for grade in item.protection.grades)


def from_packages(packages: Sequence[Path]) -> Iterator[Negative]:
    """Entries of real apps that are no models, at most a dozen of each kind."""
    seen: Counter[str] = Counter()
    digests: set[int] = set()
    for path in packages:
        try:
            package = open_package(path)
        except NngaugeError:
            continue
        for part in package.parts:
            for entry in part.container.entries:
                if not _SMALLEST <= entry.size <= _LARGEST:
                    continue
                try:
                    kind = str(content_kind(entry.head()))
                    if kind in _SKIPPED or seen[kind] >= _PER_KIND or (kind == "data" and not _known_data(entry.path)):
                        continue
                    content = b"".join(bytes(chunk) for chunk in entry.chunks())
                except NngaugeError:
                    continue
                if (digest := zlib.crc32(content)) not in digests:
                    digests.add(digest)
                    seen[kind] += 1
                    yield Negative(entry.path, kind, content)
        package.close()


def _known_data(path: str) -> bool:
    """Data without a magic of which the name says that it is no model."""
    return path.endswith(
        (".res", ".kotlin_builtins", ".dict", ".icu", ".brk", ".nrm", ".cfu", ".spp", ".pkm", ".ico", ".emd")
    )


def from_folder(folder: Path) -> Iterator[Negative]:
    """Files named ``<kind>__<name>``: textures, meshes, snapshots, databases of public repositories."""
    for path in sorted(folder.glob("*__*")):
        kind, _, name = path.name.partition("__")
        yield Negative(f"assets/{name}", kind, path.read_bytes()[:_LARGEST])


def compressed(found: Sequence[Negative]) -> Iterator[Negative]:
    """Ordinary content in compressed streams, as apps ship it."""
    for item in found:
        yield Negative(item.name + ".gz", "gzip", gzip.compress(item.content, 6, mtime=0))
        yield Negative(item.name + ".xz", "xz", lzma.compress(item.content, preset=1))
        yield Negative(item.name + ".z", "zlib", zlib.compress(item.content))
        for module, name, suffix in (("backports.zstd", "compress", ".zst"), ("brotli", "compress", ".br")):
            try:
                make = getattr(__import__(module, fromlist=[name]), name)
            except ImportError:
                continue
            yield Negative(item.name + suffix, suffix[1:], make(item.content))


def low_bits(models: Sequence[Listed]) -> Iterator[Negative]:
    """The float weights of real models in four and two bits, packed without any container; and pruned ones."""
    for listed in models:
        values = _floats(listed)
        if len(values) < 16_384:
            continue
        name = listed.name.partition(".")[0]
        yield Negative(f"assets/{name}.q4", "4-bit weights", _blocks(values, 4))
        yield Negative(f"assets/{name}.q2", "2-bit weights", _blocks(values, 2))
        order = sorted(abs(value) for value in values)
        limit = order[len(order) * 8 // 10]
        sparse = [value if abs(value) > limit else 0.0 for value in values]
        yield Negative(f"assets/{name}.sparse", "sparse weights", struct.pack(f"<{len(sparse)}f", *sparse))


def _floats(listed: Listed) -> list[float]:
    values: list[float] = []
    try:
        with open_model(listed.path) as read:
            for tensor in read.graph.tensors:
                span = tensor.data
                if span is not None and tensor.dtype is DType.FLOAT32 and span.size % 4 == 0 and len(values) < 400_000:
                    content = read.pieces[span.part].source.read(span.offset, span.size)
                    values += [
                        value for value in struct.unpack(f"<{len(content) // 4}f", content) if not math.isnan(value)
                    ]
    except NngaugeError:
        return []
    return values[:400_000]


def _blocks(values: Sequence[float], bits: int) -> bytes:
    """Blocks of 32 values with one float16 scale, as ggml's Q4_0 lays them out."""
    out = bytearray()
    top = (1 << bits) - 1
    per = 8 // bits
    for start in range(0, len(values) - 31, 32):
        block = values[start : start + 32]
        scale = min(max(abs(value) for value in block) / (top / 2), 60_000.0) or 1.0
        codes = [min(top, max(0, round(value / scale + top / 2))) for value in block]
        out += struct.pack("<e", scale)
        out += bytes(sum(codes[at + lane] << (bits * lane) for lane in range(per)) for at in range(0, 32, per))
    return bytes(out)


def by_kind(results: Sequence[NegativeResult]) -> Mapping[str, tuple[int, int, int, int]]:
    """Kind → files, wrong ones, wrong ones of the literature, files of which anything was said."""
    table: dict[str, list[int]] = {}
    for item in results:
        row = table.setdefault(item.kind, [0, 0, 0, 0])
        row[0] += 1
        row[1] += item.wrong
        row[2] += item.literature_wrong
        row[3] += bool(item.own)
    return {kind: (row[0], row[1], row[2], row[3]) for kind, row in sorted(table.items())}
