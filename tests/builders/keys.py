"""Keys, certificates and signed JARs, made with `cryptography`: another implementation than the one under test."""

from __future__ import annotations

import base64
import hashlib
import io
import ssl
import zipfile
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, pkcs7
from cryptography.x509.oid import NameOID


@dataclass(frozen=True)
class Signer:
    """A key and its own certificate."""

    key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey
    certificate: x509.Certificate

    @property
    def fingerprint(self) -> str:
        return hashlib.sha256(self.certificate.public_bytes(Encoding.DER)).hexdigest()

    @property
    def suffix(self) -> str:
        return "RSA" if isinstance(self.key, rsa.RSAPrivateKey) else "EC"


@cache
def signer(name: str = "repository", kind: str = "rsa") -> Signer:
    key = rsa.generate_private_key(65537, 2048) if kind == "rsa" else ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    names = x509.SubjectAlternativeName([x509.DNSName("localhost"), x509.IPAddress(ip_address("127.0.0.1"))])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=30))
        .add_extension(names, critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    return Signer(key, certificate)


def server_context(folder: Path) -> tuple[ssl.SSLContext, Path]:
    """TLS for a server on localhost, and the file that a client has to trust."""
    who = signer("localhost")
    trust, secret = folder / "trust.pem", folder / "key.pem"
    trust.write_bytes(who.certificate.public_bytes(Encoding.PEM))
    secret.write_bytes(who.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(trust, secret)
    return context, trust


def digest(data: bytes, kind: str = "sha256") -> str:
    return base64.b64encode(hashlib.new(kind, data).digest()).decode()


def folded(line: str) -> str:
    """A line of a manifest: no more than 72 bytes, the rest on lines that begin with a space."""
    parts = [line[:72], *(f" {line[at : at + 71]}" for at in range(72, len(line), 71))]
    return "\r\n".join(parts) + "\r\n"


def manifest(sections: dict[str, bytes], name: str = "SHA-256", kind: str = "sha256") -> bytes:
    text = "Manifest-Version: 1.0\r\n\r\n"
    for path, data in sections.items():
        text += folded(f"Name: {path}") + folded(f"{name}-Digest: {digest(data, kind)}") + "\r\n"
    return text.encode()


def signature_file(told: bytes, name: str = "SHA-256", kind: str = "sha256") -> bytes:
    return f"Signature-Version: 1.0\r\n{name}-Digest-Manifest: {digest(told, kind)}\r\n\r\n".encode()


def block(signed: bytes, who: Signer, *, attributes: bool = True, kind: hashes.HashAlgorithm | None = None) -> bytes:
    options = [pkcs7.PKCS7Options.DetachedSignature, pkcs7.PKCS7Options.Binary]
    if not attributes:
        options.append(pkcs7.PKCS7Options.NoAttributes)
    builder = pkcs7.PKCS7SignatureBuilder().set_data(signed)
    return builder.add_signer(who.certificate, who.key, kind or hashes.SHA256()).sign(Encoding.DER, options)  # type: ignore[arg-type]


def jar_parts(files: dict[str, bytes], who: Signer, *, attributes: bool = True) -> dict[str, bytes]:
    """Entries of a signed JAR, to be tampered with."""
    told = manifest(files)
    signed = signature_file(told)
    return {
        "META-INF/MANIFEST.MF": told,
        "META-INF/KEY.SF": signed,
        f"META-INF/KEY.{who.suffix}": block(signed, who, attributes=attributes),
        **files,
    }


def jar(parts: dict[str, bytes] | list[tuple[str, bytes]]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for path, data in parts.items() if isinstance(parts, dict) else parts:
            archive.writestr(path, data)
    return out.getvalue()
