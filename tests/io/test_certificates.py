from __future__ import annotations

import contextlib
import hashlib
import struct
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nngauge.errors import InputError, LimitError, MalformedError, NotThisFormat, TruncatedError, UnsupportedError
from nngauge.io.certificates import common_name, digest, v1_certificates, v2_certificates
from tests.builders import zips
from tests.builders.corpus import corpus_files
from tests.builders.mutations import damaged
from tests.builders.signatures import certificate, der, name, pkcs7, scheme_value, signing_block

ROOT = certificate(1, name("Root"))
LEAF = certificate(2, name("Example Developer"), issuer=name("Root"))
OTHER = certificate(3, name("Other"), version=False)
V2, V3, V31, PADDING = 0x7109871A, 0xF05368C0, 0x1B93AD61, 0x42726577


def test_v1_takes_the_signer_out_of_its_chain() -> None:
    assert v1_certificates(pkcs7([ROOT, LEAF], [(name("Root"), 2)])) == (LEAF,)
    assert v1_certificates(pkcs7([ROOT, OTHER], [(name("Other"), 3), (name("Root"), 1)])) == (OTHER, ROOT)


def test_v1_falls_back_to_the_first_certificate() -> None:
    assert v1_certificates(pkcs7([ROOT, LEAF], [(name("Nobody"), 9)])) == (ROOT,)


def test_identity_and_name() -> None:
    assert digest(LEAF) == hashlib.sha256(LEAF).hexdigest()
    assert common_name(LEAF) == "Example Developer"
    assert common_name(OTHER) == "Other"
    assert common_name(certificate(1, name("日本", 0x1E, "utf-16-be"))) == "日本"
    assert common_name(certificate(1, name(None))) is None
    assert common_name(b"junk") is None


def test_signing_block_prefers_v3() -> None:
    block = signing_block({PADDING: bytes(50), V2: scheme_value([[ROOT]]), V3: scheme_value([[LEAF, ROOT], [OTHER]])})
    assert v2_certificates(memoryview(block)) == (LEAF, OTHER)
    assert v2_certificates(signing_block({V2: scheme_value([[ROOT]]), V31: scheme_value([[OTHER]])})) == (ROOT,)
    assert v2_certificates(signing_block({V31: scheme_value([[OTHER]])})) == (OTHER,)
    assert v2_certificates(signing_block({PADDING: b""})) == ()


def test_of_equal_ids_the_first_counts() -> None:
    """Android takes the first: a second signer behind it would be believed by nobody but us."""
    block = zips.signing_block([(V2, scheme_value([[ROOT]])), (V2, scheme_value([[OTHER]]))])
    assert v2_certificates(block) == (ROOT,)


def test_pairs_without_end_are_refused() -> None:
    with pytest.raises(LimitError):
        v2_certificates(zips.signing_block([(number, b"") for number in range(2000)]))


@pytest.mark.parametrize(
    ("data", "error"),
    [
        (b"", NotThisFormat),
        (b"PK\3\4", NotThisFormat),
        (der(0x30, der(6, b"\x2a"), der(0xA0)), NotThisFormat),
        (b"\x30\x80\0\0", UnsupportedError),
        (b"\x30\x82\xff\xff", TruncatedError),
        (b"\x30\x87" + bytes(10), MalformedError),
        (pkcs7([], [(name("Root"), 1)]), MalformedError),
        (pkcs7([der(0x30)], []), MalformedError),
        (pkcs7([ROOT] * 65, []), LimitError),
    ],
)
def test_v1_refuses(data: bytes, error: type[Exception]) -> None:
    with pytest.raises(error):
        v1_certificates(data)


@pytest.mark.parametrize(
    ("data", "error"),
    [
        (b"", NotThisFormat),
        (bytes(64), NotThisFormat),
        (signing_block({V2: scheme_value([[]])}), MalformedError),
        (signing_block({V2: b"\xff\xff\xff\xff"}), TruncatedError),
        (signing_block({V2: b""}), TruncatedError),
        (signing_block({V2: scheme_value([[ROOT]] * 65)}), LimitError),
        (struct.pack("<QQI", 0, 1 << 40, V2) + bytes(40) + b"APK Sig Block 42", MalformedError),
    ],
)
def test_v2_refuses(data: bytes, error: type[Exception]) -> None:
    with pytest.raises(error):
        v2_certificates(data)


def read_anything(data: bytes) -> None:
    for read in (v1_certificates, v2_certificates):
        with contextlib.suppress(InputError, NotThisFormat):
            read(data)
    common_name(data)


@settings(max_examples=400, deadline=2000)
@given(damaged(pkcs7([ROOT, LEAF], [(name("Root"), 2)]), signing_block({V2: scheme_value([[ROOT]])}), LEAF))
def test_damaged_signatures_raise_only_declared_errors(data: bytes) -> None:
    read_anything(data)


@settings(max_examples=200)
@given(st.sampled_from([b"", b"\x30\x40"]), st.binary(max_size=200), st.sampled_from([b"", b"APK Sig Block 42"]))
def test_any_bytes_raise_only_declared_errors(head: bytes, data: bytes, tail: bytes) -> None:
    read_anything(head + data + tail)


def test_agrees_with_cryptography() -> None:
    x509 = pytest.importorskip("cryptography.x509", reason="cryptography is not installed")
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.hazmat.primitives.serialization import pkcs7 as real

    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "Jörg")])
    when = datetime(2024, 1, 1, tzinfo=UTC)
    builder = x509.CertificateBuilder(subject, subject, key.public_key(), 77, when, when.replace(year=2034))
    cert = builder.sign(key, hashes.SHA256())
    options = [real.PKCS7Options.DetachedSignature, real.PKCS7Options.Binary]
    block = (
        real.PKCS7SignatureBuilder()
        .set_data(b"manifest")
        .add_signer(cert, key, hashes.SHA256())
        .sign(serialization.Encoding.DER, options)
    )
    (found,) = v1_certificates(block)
    assert found == cert.public_bytes(serialization.Encoding.DER)
    assert digest(found) == cert.fingerprint(hashes.SHA256()).hex()
    assert common_name(found) == "Jörg"


def test_agrees_with_androguard() -> None:
    apk = pytest.importorskip("androguard.core.apk", reason="androguard is not installed")
    for path in corpus_files("*/package/apks/*.apk", magic=b"PK"):
        data, other = path.read_bytes(), apk.APK(str(path))
        magic = data.rindex(b"APK Sig Block 42")
        size = int.from_bytes(data[magic - 8 : magic], "little")
        block = data[magic + 16 - size - 8 : magic + 16]
        assert set(v2_certificates(block)) == {*other.get_certificates_der_v3()} or set(v2_certificates(block)) == {
            *other.get_certificates_der_v2()
        }
        for entry in other.get_signature_names():
            assert v1_certificates(other.get_file(entry)) == (other.get_certificate_der(entry),)
