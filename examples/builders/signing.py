"""A real APK signature (scheme v2) by a public example key, so that the example apps have a signer.

The key is no secret and protects nothing: it is derived from a sentence, as Android's debug key is known to everybody.
Scheme: https://source.android.com/docs/security/features/apksigning/v2 ; certificate: RFC 5280; signature: RFC 8017.
"""

from __future__ import annotations

import hashlib
import math
import struct
from functools import cache

SENTENCE = b"nngauge example apps: this key is public"
P_STEP, Q_STEP = 1470, 452
"""How far the next primes lie above the two numbers that the sentence gives (found once, checked by the signature)."""
EXPONENT = 65537
V2_BLOCK_ID = 0x7109871A
RSA_PKCS1_SHA256 = 0x0103
CHUNK = 1 << 20
SHA256_INFO = bytes.fromhex("3031300d060960864801650304020105000420")
"""DigestInfo of SHA-256 without the digest (RFC 8017, section 9.2, note 1)."""
ALGORITHM = bytes.fromhex("300d06092a864886f70d01010b0500")  # sha256WithRSAEncryption
KEY_ALGORITHM = bytes.fromhex("300d06092a864886f70d0101010500")  # rsaEncryption


OWNER = "nngauge example apps"


def sign(apk: bytes, owner: str = OWNER) -> bytes:
    """The APK with a signing block between its entries and its central directory; `owner` is who the certificate names."""
    end = apk.rindex(b"PK\x05\x06")
    (directory,) = struct.unpack_from("<I", apk, end + 16)
    digest = _content_digest(apk[:directory], apk[directory:end], apk[end:])
    block = _signing_block(digest, certificate(owner))
    tail = bytearray(apk[end:])
    struct.pack_into("<I", tail, 16, directory + len(block))
    return apk[:directory] + block + apk[directory:end] + tail


@cache
def certificate(owner: str = OWNER) -> bytes:
    """The signer's self-signed certificate, DER."""
    name = _der(0x30, _der(0x31, _der(0x30, bytes.fromhex("0603550403") + _der(0x0C, owner.encode()))))
    validity = _der(0x30, _der(0x17, b"260101000000Z") + _der(0x17, b"490101000000Z"))
    version = bytes.fromhex("a003020102")
    body = _der(0x30, version + _number(1) + ALGORITHM + name + validity + name + _public_key())
    return _der(0x30, body + ALGORITHM + _der(0x03, b"\0" + _rsa(body)))


def prime_start(label: bytes) -> int:
    """A 1024-bit odd number whose two top bits are set, so that the product of two has 2048 bits."""
    stream = b"".join(hashlib.sha512(SENTENCE + label + bytes([part])).digest() for part in range(2))
    return int.from_bytes(stream, "big") | 3 << 1022 | 1


@cache
def _primes() -> tuple[int, int]:
    return prime_start(b"p") + P_STEP, prime_start(b"q") + Q_STEP


@cache
def _exponents() -> tuple[int, int, int]:
    """The private exponent modulo each prime less one, and the inverse of the second prime (RFC 8017, section 3.2)."""
    p, q = _primes()
    return pow(EXPONENT, -1, p - 1), pow(EXPONENT, -1, q - 1), pow(q, -1, p)


def _rsa(message: bytes) -> bytes:
    """RSASSA-PKCS1-v1_5 with SHA-256, by the Chinese remainder theorem: four times as fast, and hundreds are signed."""
    info = SHA256_INFO + hashlib.sha256(message).digest()
    number = int.from_bytes(b"\0\1" + b"\xff" * (256 - 3 - len(info)) + b"\0" + info, "big")
    (p, q), (for_p, for_q, inverse) = _primes(), _exponents()
    part = pow(number, for_q, q)
    return (part + q * ((pow(number, for_p, p) - part) * inverse % p)).to_bytes(256, "big")


def _public_key() -> bytes:
    return _der(0x30, KEY_ALGORITHM + _der(0x03, b"\0" + _der(0x30, _number(math.prod(_primes())) + _number(EXPONENT))))


def _der(tag: int, content: bytes) -> bytes:
    size = len(content)
    if size < 0x80:
        return bytes([tag, size]) + content
    raw = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes([tag, 0x80 | len(raw)]) + raw + content


def _number(value: int) -> bytes:
    return _der(0x02, value.to_bytes(value.bit_length() // 8 + 1, "big"))


def _content_digest(*sections: bytes) -> bytes:
    chunks = [section[at : at + CHUNK] for section in sections for at in range(0, len(section), CHUNK)]
    digests = b"".join(hashlib.sha256(b"\xa5" + struct.pack("<I", len(chunk)) + chunk).digest() for chunk in chunks)
    return hashlib.sha256(b"\x5a" + struct.pack("<I", len(chunks)) + digests).digest()


def _signing_block(digest: bytes, signed_by: bytes) -> bytes:
    algorithm = struct.pack("<I", RSA_PKCS1_SHA256)
    digests, certificates = _sized(_sized(algorithm + _sized(digest))), _sized(_sized(signed_by))
    signed = digests + certificates + _sized(b"")
    signer = _sized(signed) + _sized(_sized(algorithm + _sized(_rsa(signed)))) + _sized(_public_key())
    value = _sized(_sized(signer))
    pair = struct.pack("<QI", len(value) + 4, V2_BLOCK_ID) + value
    size = struct.pack("<Q", len(pair) + 24)
    return size + pair + size + b"APK Sig Block 42"


def _sized(content: bytes) -> bytes:
    return struct.pack("<I", len(content)) + content
