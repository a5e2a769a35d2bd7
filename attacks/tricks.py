"""Zips that Android reads and other readers do not, and names that lead elsewhere.

Malware sets the "encrypted" flag, writes impossible methods, lies in local headers, hides the end record or repeats the
manifest: installers look only at the central directory. Measured with six tools: the flag alone makes a deep-learning
detector say "no DL" (exit code 0), APKiD give up and blint crash; a truncated download silences or crashes all of them.
Names such as ``../../etc/cron.d/x`` write outside the folder in tools that unpack.

nngauge reads what Android reads, recovers truncated files from their local headers, reports each oddity, and never uses
a name from inside a package to write.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from attacks._api import Attack, all_of, doubted, failed, models, odd, refused
from tests.builders.samples import model
from tests.builders.zips import STORED, Member, archive, deflate, ordinary

_NET = Member(name=b"assets/net", data=model("tflite"))
_FILLER = Member(name=b"assets/filler", data=bytes(range(256)) * 4000, method=STORED)


def _packed(*members: Member, **options: object) -> bytes:
    return archive([*members, _FILLER], **options)  # type: ignore[arg-type]


def _attack(name: str, title: str, data: bytes, check: object, entries: int | None = 2) -> Attack:
    def build(folder: Path) -> Path:
        target = folder / f"{name}.apk"
        target.write_bytes(data)
        return target

    return Attack(name=name, title=title, build=build, check=check, entries=entries)  # type: ignore[arg-type]


def _truncated() -> bytes:
    whole = _packed(_NET, Member(name=b"assets/more", data=bytes(range(251)) * 9000, method=STORED))
    return whole[: len(whole) // 2]


def _encrypted() -> bytes:
    import random

    noise = random.Random(2).randbytes(20_000)
    return _packed(Member(name=b"assets/net.tflite", data=model("tflite"), packed=noise, flags=1))


def _overlap() -> bytes:
    """A second record points into the middle of the first entry's data, where a whole entry stands."""
    inner = archive([_NET])
    return archive(
        [Member(name=b"assets/outer", data=inner, method=STORED), replace(_NET, name=b"x", header_offset=42)]
    )


ATTACKS = (
    _attack("zip-encrypted-flag", '"encrypted" flag on a readable model', _packed(replace(_NET, flags=1)), models(1)),
    _attack(
        "zip-odd-method", "method 0x1234 on a stored model",
        _packed(replace(_NET, method=0x1234, packed=_NET.data)), models(1),
    ),
    _attack("zip-local-name", "another name in the local header", _packed(replace(_NET, local_name=b"logo.png")), models(1)),
    _attack("zip-local-size", "wrong sizes in the local header", _packed(replace(_NET, local_size=3, local_compressed_size=1)), models(1)),
    _attack("zip-bad-crc", "wrong checksum", _packed(replace(_NET, crc=1)), all_of(models(1), odd("zip-bad-crc"))),
    _attack("zip-prepended", "a megabyte in front", bytes(1 << 20) + _packed(_NET), models(1)),
    _attack("zip-fake-end", "a second end record in the comment", _packed(_NET, comment=b"PK\x05\x06" + bytes(18)), models(1)),
    _attack(
        "zip-duplicate-manifest", "two manifests; the second is text",
        archive([Member(name=b"AndroidManifest.xml", data=b"\3\0\x08\0" + bytes(60)), _NET,
                 Member(name=b"AndroidManifest.xml", data=b"<manifest/>")]),
        all_of(models(1), odd("zip-duplicate-name")), 3,
    ),
    _attack("zip-traversal", "names that climb out", _packed(replace(_NET, name=b"../../../../tmp/../root/evil")), all_of(models(1), odd("zip-path-traversal"))),
    _attack("zip-truncated", "half a download", _truncated(), all_of(models(1), odd("zip-truncated"), failed("TruncatedError")), 2),
    _attack("zip-encrypted", "an encrypted model", _encrypted(), all_of(models(0), failed("UnsupportedError", "encrypted")), 2),
    _attack("zip-overlap", "an entry inside another one", _overlap(), models(2), 3),
    _attack("zip-wrong-offset", "a record that points behind the file", _packed(replace(_NET, header_offset=1 << 30)), failed("TruncatedError"), 2),
    _attack("zip-no-deflate", "a stream that is not deflate", _packed(replace(_NET, packed=b"\xff" * 500)), failed("MalformedError"), 2),
    _attack("zip-cut-deflate", "a model whose stream ends early", _packed(replace(_NET, packed=deflate(_NET.data)[:9000])), all_of(models(0), failed("TruncatedError"), doubted()), 2),
    _attack("empty-file", "an empty file", b"", refused("NotThisFormat"), None),
    _attack("not-a-zip", "a text file named .apk", b"hello world\n" * 900, refused("NotThisFormat", "MalformedError"), None),
    _attack("only-an-end", "an end record and nothing else", b"PK\x05\x06" + bytes(18), models(0), 0),
    _attack("garbage-documents", "manifest and resources of noise", ordinary(), models(0), 3),
)  # fmt: skip
