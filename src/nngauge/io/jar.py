"""Signed JARs: is what is inside what the holder of a key has signed?

Three steps, each of which has to hold (JAR File Specification, "Signed JAR File"): the PKCS #7 block signs the signature
file, the signature file names the digest of the manifest, the manifest names the digest of the file. Certificates are not
traced to an authority: who uses this knows by its fingerprint whose key it has to be.

https://docs.oracle.com/en/java/javase/17/docs/specs/jar/jar.html#signed-jar-file, RFC 5652 (PKCS #7, CMS).
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import re
from typing import TYPE_CHECKING, Final

from msgspec import Struct

from nngauge.errors import InputError, MalformedError, NotThisFormat, UnsupportedError
from nngauge.io.certificates import digest, v1_certificates
from nngauge.io.der import INTEGER, OCTETS, OID, SEQUENCE, SET, Element, content, element, elements, encoded
from nngauge.io.source import ByteSource
from nngauge.io.zip import ZipArchive, read_zip
from nngauge.limits import MAX_SIGNED_JAR

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.hashes import HashAlgorithm

_MANIFEST: Final = "META-INF/MANIFEST.MF"
_BLOCK: Final = re.compile(r"META-INF/[^/]+\.(?:RSA|EC|DSA)", re.IGNORECASE)
_DIGESTS: Final = {"SHA-256": "sha256", "SHA-384": "sha384", "SHA-512": "sha512"}
"""As manifests call them → as hashlib does. MD5 and SHA-1 can be forged and do not count."""
_DIGEST_OIDS: Final = {
    bytes.fromhex("608648016503040201"): "sha256",
    bytes.fromhex("608648016503040202"): "sha384",
    bytes.fromhex("608648016503040203"): "sha512",
}
_SIGNATURE_OIDS: Final = {
    bytes.fromhex("2a864886f70d01010b"): "sha256",  # RSA, PKCS #1 v1.5 (RFC 8017)
    bytes.fromhex("2a864886f70d01010c"): "sha384",
    bytes.fromhex("2a864886f70d01010d"): "sha512",
    bytes.fromhex("2a8648ce3d040302"): "sha256",  # ECDSA (RFC 5758)
    bytes.fromhex("2a8648ce3d040303"): "sha384",
    bytes.fromhex("2a8648ce3d040304"): "sha512",
}
_PLAIN_KEYS: Final = {bytes.fromhex("2a864886f70d010101"), bytes.fromhex("2a8648ce3d0201")}
"""RSA or ECDSA without a digest in the name: that of the digest algorithm counts."""
_MESSAGE_DIGEST: Final = bytes.fromhex("2a864886f70d010904")


class Signed(Struct, frozen=True):
    """A file of a signed JAR."""

    data: bytes
    fingerprint: str
    """SHA-256 of the signer's certificate, hex, lower case."""


def read_signed(source: ByteSource, name: str) -> Signed:
    """The file `name` of a JAR that exactly one key has signed.

    Raises `MalformedError` when it is not signed, or not by the key whose certificate is inside; `UnsupportedError` for
    algorithms that are too weak or unknown and without the `cryptography` library; other kinds of `InputError`.
    """
    where = source.name
    if source.size > MAX_SIGNED_JAR:
        raise MalformedError(f"{source.size} bytes, no index entry is so large", where=where)
    try:
        archive = read_zip(source)
        blocks = [entry.name for entry in archive.entries if _BLOCK.fullmatch(entry.name)]
        if len(blocks) != 1:
            raise MalformedError(f"signed by {len(blocks) or 'nobody'}, one key has to be", where=where)
        block = _file(archive, blocks[0])
        signature_file = _file(archive, blocks[0].rpartition(".")[0] + ".SF")
        certificate = _verified(block, signature_file)
        manifest = _file(archive, _MANIFEST)
        _compare(_sections(signature_file)[""], "-Digest-Manifest", manifest, "manifest")
        data = _file(archive, name)
        _compare(_sections(manifest).get(name, {}), "-Digest", data, name)
    except NotThisFormat as error:
        raise MalformedError(f"not a signed JAR: {error.what}", where=where) from None
    except InputError as error:
        raise type(error)(error.what, where=where, hint=error.hint) from None
    return Signed(data, digest(certificate))


def _file(archive: ZipArchive, name: str) -> bytes:
    """The one entry of this name. With two of them, readers might see different ones."""
    found = [entry for entry in archive.entries if entry.name == name]
    if len(found) != 1:
        raise MalformedError(f"{name} is there {len(found)} times")
    return archive.read(found[0], MAX_SIGNED_JAR)


# --- manifests --------------------------------------------------------------------------------------------------------


def _sections(text: bytes) -> dict[str, dict[str, str]]:
    """Attributes by the name of their section; "" is the main one. Long lines go on after a line break and a space."""
    joined = re.sub(rb"\r\n|\r|\n", b"\n", text).replace(b"\n ", b"").decode("utf-8", "replace")
    sections: dict[str, dict[str, str]] = {}
    for number, part in enumerate(re.split(r"\n\n+", joined.rstrip("\n"))):
        fields: dict[str, str] = {}
        for line in part.strip("\n").split("\n"):
            key, colon, value = line.partition(": ")
            if not colon or key in fields:
                raise MalformedError("a manifest with a line that is no attribute, or one twice")
            fields[key] = value
        title = fields.get("Name", "") if number else ""
        if title in sections:
            raise MalformedError("a manifest with two sections of one name")
        sections[title] = fields
    return sections


def _compare(fields: dict[str, str], suffix: str, data: bytes, what: str) -> None:
    """Raises when `fields` promise no digest of `data`, or another one."""
    promised = [(_DIGESTS[name], fields[name + suffix]) for name in _DIGESTS if name + suffix in fields]
    if not promised:
        raise UnsupportedError(f"no digest of {what} that can be trusted (SHA-256 or longer)")
    for kind, text in promised:
        try:
            wanted = base64.b64decode(text, validate=True)
        except binascii.Error:
            raise MalformedError(f"the digest of {what} is not base64") from None
        if not hmac.compare_digest(wanted, hashlib.new(kind, data).digest()):
            raise MalformedError(f"{what} is not what was signed")


# --- PKCS #7 ----------------------------------------------------------------------------------------------------------


class _Signer(Struct, frozen=True):
    digest: str
    """Name of the digest over the signed bytes, and over the attributes where there are any."""
    hashed: str
    """Name of the digest that the signature is over."""
    attributes: bytes
    """DER of the signed attributes as they are signed; empty without any."""
    message: bytes
    """Digest of the signed bytes, by the attributes."""
    signature: bytes


def _verified(block: bytes, signed: bytes) -> bytes:
    """DER of the certificate whose key has signed `signed`."""
    certificates = v1_certificates(block)
    if len(certificates) != 1:
        raise MalformedError(f"{len(certificates)} signers, there has to be one")
    signer = _signer(block)
    told = signed
    if signer.attributes:
        if not hmac.compare_digest(signer.message, hashlib.new(signer.digest, signed).digest()):
            raise MalformedError("the signature is of something else")
        told = signer.attributes
    _check(certificates[0], signer.signature, told, signer.hashed)
    return certificates[0]


def _signer(data: bytes) -> _Signer:
    """The one SignerInfo (RFC 5652, section 5.3)."""
    outer = elements(data, element(data, 0, len(data)))
    parts = elements(data, element(data, outer[1].body, outer[1].end))
    infos = elements(data, parts[-1])
    if len(infos) != 1:
        raise MalformedError(f"{len(infos)} signers, there has to be one")
    fields = elements(data, infos[0])
    kinds = [field.tag for field in fields]
    attributes: Element | None = None
    if len(kinds) > 3 and kinds[3] == 0xA0:
        attributes = fields.pop(3)
    if [field.tag for field in fields[:5]] != [INTEGER, SEQUENCE, SEQUENCE, SEQUENCE, OCTETS]:
        raise MalformedError("the signer's entry has another form than RFC 5652 says")
    kind = _DIGEST_OIDS.get(_algorithm(data, fields[2]))
    method = _algorithm(data, fields[3])
    hashed = kind if method in _PLAIN_KEYS else _SIGNATURE_OIDS.get(method)
    if kind is None or hashed is None:
        raise UnsupportedError("signed with an algorithm that is too weak or unknown")
    signature = content(data, fields[4])
    if attributes is None:
        return _Signer(kind, hashed, b"", b"", signature)
    # Signed is the set itself, without the implicit tag that it has here (section 5.4).
    return _Signer(kind, hashed, b"\x31" + encoded(data, attributes)[1:], _message_digest(data, attributes), signature)


def _algorithm(data: bytes, item: Element) -> bytes:
    parts = elements(data, item)
    if not parts or parts[0].tag != OID:
        raise MalformedError("an algorithm without a name")
    return content(data, parts[0])


def _message_digest(data: bytes, attributes: Element) -> bytes:
    found = []
    for item in elements(data, attributes):
        pair = elements(data, item)
        if len(pair) == 2 and content(data, pair[0]) == _MESSAGE_DIGEST and pair[1].tag == SET:
            found += [content(data, value) for value in elements(data, pair[1]) if value.tag == OCTETS]
    if len(found) != 1:
        raise MalformedError("the signed attributes do not name the digest of what is signed")
    return found[0]


def _check(certificate: bytes, signature: bytes, told: bytes, kind: str) -> None:
    """Raises when the key of `certificate` has not made `signature` over `told`."""
    try:
        from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
        from cryptography.hazmat.primitives import hashes
        from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
        from cryptography.x509 import load_der_x509_certificate
    except ImportError:
        raise UnsupportedError(
            "the cryptography library is not installed", hint="pip install 'nngauge[sources]'"
        ) from None
    digests: dict[str, HashAlgorithm] = {
        "sha256": hashes.SHA256(), "sha384": hashes.SHA384(), "sha512": hashes.SHA512(),
    }  # fmt: skip
    try:
        key = load_der_x509_certificate(certificate).public_key()
        if isinstance(key, rsa.RSAPublicKey):
            key.verify(signature, told, padding.PKCS1v15(), digests[kind])
        elif isinstance(key, ec.EllipticCurvePublicKey):
            key.verify(signature, told, ec.ECDSA(digests[kind]))
        else:
            raise UnsupportedError("signed with a key that is neither RSA nor ECDSA")
    except InvalidSignature:
        raise MalformedError("the signature is not by the key of its certificate") from None
    except (ValueError, UnsupportedAlgorithm) as error:
        raise UnsupportedError(f"the certificate cannot be read ({type(error).__name__})") from None
