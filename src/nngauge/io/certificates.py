"""Takes signers' certificates out of Android signatures; their SHA-256 is the identity that `apksigner` prints.

Scheme v1 (PKCS #7 in META-INF): RFC 2315 and RFC 5280; schemes v2 and v3:
https://source.android.com/docs/security/features/apksigning/v3. Nothing is verified here.
"""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Iterator
from mmap import mmap
from typing import Final

from nngauge.errors import InputError, LimitError, MalformedError, NotThisFormat, TruncatedError
from nngauge.io.binary import Buffer
from nngauge.io.der import INTEGER, OID, SEQUENCE, SET, Element, content, element, elements
from nngauge.limits import MAX_CERTIFICATES, MAX_SIGNING_PAIRS

BLOCK_MAGIC: Final = b"APK Sig Block 42"
SIGNATURE_V2, SIGNATURE_V3, SIGNATURE_V31 = 0x7109871A, 0xF05368C0, 0x1B93AD61
SCHEMES: Final = {SIGNATURE_V2: "v2", SIGNATURE_V3: "v3", SIGNATURE_V31: "v3.1"}
"""Ids of the pairs in an APK Signing Block that hold signers."""

_SIGNED_DATA: Final = bytes.fromhex("2a864886f70d010702")
_COMMON_NAME: Final = bytes.fromhex("550403")
_TEXT_CODINGS: Final = {0x0C: "utf-8", 0x13: "ascii", 0x14: "latin-1", 0x16: "ascii", 0x1E: "utf-16-be"}


def digest(certificate: bytes) -> str:
    """SHA-256 of the certificate's DER, in hex."""
    return hashlib.sha256(certificate).hexdigest()


def v1_certificates(buf: Buffer | mmap) -> tuple[bytes, ...]:
    """DER of the signers' certificates in a PKCS #7 block (META-INF/*.RSA, .DSA, .EC), in the order of the signers.

    Chains above the signers are left out. Raises `NotThisFormat` when it is no signed data, `MalformedError`,
    `UnsupportedError` (indefinite lengths), `LimitError`.
    """
    data = bytes(buf)
    if data[:1] != b"\x30":
        raise NotThisFormat("no PKCS #7")
    outer = elements(data, element(data, 0, len(data)))
    if len(outer) < 2 or content(data, outer[0]) != _SIGNED_DATA:
        raise NotThisFormat("no PKCS #7 signed data")
    parts = elements(data, element(data, outer[1].body, outer[1].end))
    found = [item for part in parts if part.tag == 0xA0 for item in elements(data, part) if item.tag == SEQUENCE]
    if len(found) > MAX_CERTIFICATES:
        raise LimitError(f"{len(found)} certificates in one signature")
    if not found or not parts or parts[-1].tag != SET:
        raise MalformedError("signed data without certificates or signers")
    names = [_issuer_and_serial(data, item) for item in found]
    signers = [_signer(data, item) for item in elements(data, parts[-1])[:MAX_CERTIFICATES]]
    chosen = [found[names.index(signer)] for signer in signers if signer in names]
    return tuple(dict.fromkeys(data[item.start : item.end] for item in chosen or found[:1]))


def v2_certificates(block: Buffer | mmap) -> tuple[bytes, ...]:
    """DER of each signer's certificate in an APK Signing Block (from its first size field to its magic).

    The newest scheme that is valid on all phones speaks (v3 before v2; v3.1 names a later key and comes last); of equal ids
    the first, as Android takes it.
    Empty when the block holds none of them. Raises `NotThisFormat` without the magic, `MalformedError`.
    """
    view = memoryview(block)
    if bytes(view[-16:]) != BLOCK_MAGIC or len(view) < 32:
        raise NotThisFormat("no APK Signing Block")
    found: dict[str, tuple[int, int]] = {}
    for kind, span in _pairs(view):
        if kind in SCHEMES:
            found.setdefault(SCHEMES[kind], span)
    for scheme in ("v3", "v2", "v3.1"):
        if scheme in found:
            return scheme_certificates(view[slice(*found[scheme])])
    return ()


def scheme_certificates(value: memoryview) -> tuple[bytes, ...]:
    """DER of each signer's first certificate, in the value of one v2 or v3 pair."""
    certificates: dict[bytes, None] = {}
    (signers,) = _take_prefixed(value, 1)
    for signer in _prefixed(signers):
        (signed,) = _take_prefixed(signer, 1)
        _, chain = _take_prefixed(signed, 2)
        first = next(_prefixed(chain), None)
        if first is None:
            raise MalformedError("signer without a certificate")
        certificates[bytes(first)] = None
    return tuple(certificates)


def common_name(certificate: bytes) -> str | None:
    """The subject's common name; None where there is none or the certificate cannot be read."""
    try:
        fields = _certificate_fields(certificate, element(certificate, 0, len(certificate)))
        if len(fields) < 5:
            return None
        for names in elements(certificate, fields[4]):
            for pair in elements(certificate, names):
                kind, value = elements(certificate, pair)[:2]
                if kind.tag == OID and content(certificate, kind) == _COMMON_NAME:
                    return content(certificate, value).decode(_TEXT_CODINGS.get(value.tag, "latin-1"), "replace")
    except (InputError, ValueError):
        return None
    return None


def _pairs(view: memoryview) -> Iterator[tuple[int, tuple[int, int]]]:
    """(id, (start, end) of the value) of the pairs between the block's two size fields."""
    at, end = 8, len(view) - 24
    for _ in range(MAX_SIGNING_PAIRS):
        if at + 12 > end:
            return
        size, kind = struct.unpack_from("<QI", view, at)
        if size < 4 or size > end - at - 8:
            raise MalformedError(f"pair of {size} bytes in the signing block", where=f"@{at}")
        yield kind, (at + 12, at + 8 + size)
        at += 8 + size
    raise LimitError(f"more than {MAX_SIGNING_PAIRS} pairs in the signing block")


def _prefixed(view: memoryview) -> Iterator[memoryview]:
    """The parts of a sequence in which each begins with its length (32 bits)."""
    at = 0
    for _ in range(MAX_CERTIFICATES):
        if at >= len(view):
            return
        if at + 4 > len(view):
            raise TruncatedError("length cut short")
        size = struct.unpack_from("<I", view, at)[0]
        if size > len(view) - at - 4:
            raise TruncatedError(f"part of {size} bytes, {len(view) - at - 4} left")
        yield view[at + 4 : at + 4 + size]
        at += 4 + size
    raise LimitError(f"more than {MAX_CERTIFICATES} parts in a signature")


def _take_prefixed(view: memoryview, count: int) -> list[memoryview]:
    parts = [part for _, part in zip(range(count), _prefixed(view), strict=False)]
    if len(parts) < count:
        raise TruncatedError("signer cut short")
    return parts


def _issuer_and_serial(data: bytes, certificate: Element) -> tuple[bytes, bytes]:
    fields = _certificate_fields(data, certificate)
    if len(fields) < 3:
        raise MalformedError("certificate without issuer", where=f"@{certificate.start}")
    return data[fields[2].start : fields[2].end], content(data, fields[0])


def _certificate_fields(data: bytes, certificate: Element) -> list[Element]:
    """TBSCertificate without the optional version: serial, algorithm, issuer, validity, subject, …."""
    parts = elements(data, certificate)
    fields = elements(data, parts[0]) if parts else []
    return fields[1:] if fields and fields[0].tag == 0xA0 else fields


def _signer(data: bytes, signer: Element) -> tuple[bytes, bytes]:
    parts = elements(data, signer)
    pair = elements(data, parts[1]) if len(parts) > 1 and parts[1].tag == SEQUENCE else []
    if len(pair) < 2 or pair[1].tag != INTEGER:
        raise MalformedError("signer without issuer and serial number", where=f"@{signer.start}")
    return data[pair[0].start : pair[0].end], content(data, pair[1])
