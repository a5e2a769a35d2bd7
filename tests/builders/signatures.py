"""Writes signatures without their mathematics: DER certificates, PKCS #7 blocks, APK Signing Blocks."""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence


def der(tag: int, *parts: bytes) -> bytes:
    body = b"".join(parts)
    if len(body) < 0x80:
        return bytes([tag, len(body)]) + body
    size = len(body).to_bytes((len(body).bit_length() + 7) // 8, "big")
    return bytes([tag, 0x80 | len(size)]) + size + body


def name(common: str | None, tag: int = 0x0C, coding: str = "utf-8") -> bytes:
    country = der(0x31, der(0x30, der(6, bytes.fromhex("550406")), der(0x13, b"DE")))
    if common is None:
        return der(0x30, country)
    return der(0x30, country, der(0x31, der(0x30, der(6, bytes.fromhex("550403")), der(tag, common.encode(coding)))))


def certificate(serial: int, subject: bytes, *, issuer: bytes | None = None, version: bool = True) -> bytes:
    algorithm = der(0x30, der(6, bytes.fromhex("2a864886f70d01010b")), der(5))
    fields = [der(0xA0, der(2, b"\2"))] if version else []
    fields += [der(2, bytes([serial])), algorithm, issuer or subject, der(0x30), subject, der(0x30, bytes(200))]
    return der(0x30, der(0x30, *fields), algorithm, der(3, bytes(20)))


def pkcs7(certificates: Sequence[bytes], signers: Sequence[tuple[bytes, int]]) -> bytes:
    """Signed data with the given certificates; signers are (issuer name, serial number)."""
    infos = [der(0x30, der(2, b"\1"), der(0x30, issuer, der(2, bytes([serial])))) for issuer, serial in signers]
    data = der(
        0x30, der(2, b"\1"), der(0x31), der(0x30), der(0xA0, *certificates) if certificates else b"", der(0x31, *infos)
    )
    return der(0x30, der(6, bytes.fromhex("2a864886f70d010702")), der(0xA0, data))


def prefixed(*parts: bytes) -> bytes:
    return b"".join(struct.pack("<I", len(part)) + part for part in parts)


def scheme_value(chains: Sequence[Sequence[bytes]]) -> bytes:
    """The value of a v2 or v3 pair: one signer per chain of certificates."""
    signers = [prefixed(prefixed(prefixed(b"digest"), prefixed(*chain), b""), b"", b"key") for chain in chains]
    return prefixed(prefixed(*signers))


def signing_block(pairs: Mapping[int, bytes]) -> bytes:
    body = b"".join(struct.pack("<QI", 4 + len(value), kind) + value for kind, value in pairs.items())
    size = struct.pack("<Q", len(body) + 24)
    return size + body + size + b"APK Sig Block 42"
