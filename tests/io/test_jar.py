"""Signatures of JARs: what holds, and everything that must not."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import warnings
from pathlib import Path

import pytest

from nngauge.errors import InputError, MalformedError, UnsupportedError
from nngauge.io.jar import Signed, read_signed
from nngauge.io.source import ByteSource
from nngauge.limits import MAX_SIGNED_JAR

pytest.importorskip("cryptography", reason="signatures are verified with cryptography")
from cryptography.hazmat.primitives import hashes

from tests.builders.keys import block, jar, jar_parts, manifest, signature_file, signer

DATA = b'{"timestamp": 1}'
FILES = {"entry.json": DATA}


def read(data: bytes) -> Signed:
    return read_signed(ByteSource.of_bytes(data, "entry.jar"), "entry.json")


def signed(**changes: bytes | None) -> bytes:
    """A signed JAR with some entries replaced (None: left out), by the end of their names."""
    parts = jar_parts(FILES, signer())
    for end, data in changes.items():
        name = next(path for path in parts if path.replace(".", "_").endswith(end))
        if data is None:
            del parts[name]
        else:
            parts[name] = data
    return jar(parts)


@pytest.mark.parametrize("attributes", [True, False])
@pytest.mark.parametrize("kind", ["rsa", "ec"])
def test_what_was_signed_is_read(kind: str, attributes: bool) -> None:
    who = signer("repository", kind)
    assert read(jar(jar_parts(FILES, who, attributes=attributes))) == Signed(DATA, who.fingerprint)


def test_longer_digests_count_and_all_that_are_there_have_to_hold() -> None:
    told = manifest(FILES, "SHA-512", "sha512")
    text = signature_file(told, "SHA-384", "sha384")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        seal = block(text, signer(), kind=hashes.SHA512())
    assert read(signed(MF=told, SF=text, RSA=seal)).data == DATA
    both = manifest(FILES).rstrip() + b"\r\nSHA-512-Digest: AAAA\r\n\r\n"
    text = signature_file(both)
    with pytest.raises(MalformedError, match=r"entry\.json is not what was signed"):
        read(signed(MF=both, SF=text, RSA=block(text, signer())))


def test_long_names_go_on_in_the_next_line() -> None:
    long = {f"{'deep/' * 30}entry.json": DATA}
    source = ByteSource.of_bytes(jar(jar_parts(long, signer())), "entry.jar")
    assert read_signed(source, next(iter(long))).data == DATA


OTHER = b'{"timestamp": 2}'


@pytest.mark.parametrize(
    ("made", "says"),
    [
        (lambda: signed(entry_json=OTHER), "entry.json is not what was signed"),
        (lambda: signed(MF=manifest({"entry.json": OTHER}), entry_json=OTHER), "manifest is not what was signed"),
        (lambda: signed(SF=signature_file(manifest({"entry.json": OTHER}))), "signature is of something else"),
        (lambda: signed(RSA=None), "signed by nobody"),
        (lambda: signed(SF=None), "KEY.SF is there 0 times"),
        (lambda: signed(MF=None), "MANIFEST.MF is there 0 times"),
        (lambda: signed(entry_json=None), "entry.json is there 0 times"),
        (lambda: signed(MF=b"\xff\xfe"), "manifest is not what was signed"),
        (lambda: signed(RSA=b"no block"), "not a signed JAR"),
        (lambda: signed(RSA=b"\x30\x80"), "DER"),
        (lambda: b"no zip at all", "not a signed JAR"),
        (lambda: jar({"entry.json": DATA}), "signed by nobody"),
    ],
)
def test_what_was_not_signed_is_refused(made: object, says: str) -> None:
    with pytest.raises(InputError) as caught:
        read(made())  # type: ignore[operator]
    assert says in str(caught.value)
    assert caught.value.where == "entry.jar"


def test_a_signature_by_another_key_beside_the_right_certificate_is_refused() -> None:
    text = jar_parts(FILES, signer())["META-INF/KEY.SF"]
    size = 256  # bytes of a signature of RSA-2048, at the end of the block
    right = block(text, signer(), attributes=False)
    forged = right[:-size] + block(text, signer("stranger"), attributes=False)[-size:]
    assert read(signed(SF=text, RSA=right)).data == DATA
    with pytest.raises(MalformedError, match="not by the key of its certificate"):
        read(signed(SF=text, RSA=forged))


def test_two_signers_and_entries_that_are_there_twice_are_refused() -> None:
    parts = jar_parts(FILES, signer())
    with pytest.raises(MalformedError, match="signed by 2"):
        read(jar({**parts, "META-INF/OTHER.RSA": parts["META-INF/KEY.RSA"]}))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        twice = jar([*parts.items(), ("entry.json", OTHER)])
    with pytest.raises(MalformedError, match="is there 2 times"):
        read(twice)


def test_weak_digests_do_not_count() -> None:
    told = manifest(FILES, "SHA1", "sha1")
    text = signature_file(told)
    with pytest.raises(UnsupportedError, match=r"no digest of entry\.json"):
        read(signed(MF=told, SF=text, RSA=block(text, signer())))
    text = signature_file(manifest(FILES), "MD5", "md5")
    with pytest.raises(UnsupportedError, match="no digest of manifest"):
        read(signed(SF=text, RSA=block(text, signer())))


@pytest.mark.parametrize(
    "text", [b"Manifest-Version 1.0\r\n\r\n", b"A: 1\r\nA: 2\r\n\r\n", b"A: 1\r\n\r\nName: x\r\n\r\nName: x\r\n"]
)
def test_manifests_that_could_be_read_in_two_ways_are_refused(text: bytes) -> None:
    told = signature_file(text)
    with pytest.raises(MalformedError, match="a manifest with"):
        read(signed(MF=text, SF=told, RSA=block(told, signer())))


def test_any_broken_block_is_refused_with_an_error_of_ours() -> None:
    good = jar_parts(FILES, signer())["META-INF/KEY.RSA"]
    for at in range(0, len(good), 7):
        for broken in (good[:at], good[:at] + bytes([good[at] ^ 0x41]) + good[at + 1 :]):
            try:
                result = read(signed(RSA=broken))
            except InputError:
                continue
            assert result.data == DATA, "what still verifies is what was signed"


def test_a_huge_one_is_not_read() -> None:
    with pytest.raises(MalformedError, match="no index entry is so large"):
        read(bytes(MAX_SIGNED_JAR + 1))


@pytest.mark.parametrize("algorithm", ["RSA", "EC"])
@pytest.mark.parametrize("tool", ["jarsigner", "apksigner"])
def test_what_other_tools_sign_is_read(tmp_path: Path, tool: str, algorithm: str) -> None:
    if shutil.which(tool) is None or shutil.which("keytool") is None:
        pytest.skip(f"{tool} is not installed")
    store = ["-keystore", "k.p12", "-storepass", "password"]
    key = ["-alias", "a", "-keyalg", algorithm, "-keysize", "2048" if algorithm == "RSA" else "256", "-dname", "CN=a"]

    def call(*command: str) -> bytes:
        return subprocess.run(command, cwd=tmp_path, check=True, capture_output=True, timeout=120).stdout

    call("keytool", "-genkeypair", *store, *key)
    (tmp_path / "e.jar").write_bytes(jar(FILES))
    if tool == "jarsigner":
        call("jarsigner", *store, "e.jar", "a")
    else:
        versions = [f"--v{number}-signing-enabled={'true' if number == 1 else 'false'}" for number in range(1, 5)]
        source = ["--ks", "k.p12", "--ks-pass", "pass:password", "--min-sdk-version=23", "--max-sdk-version=24"]
        call("apksigner", "sign", *source, *versions, "e.jar")
    certificate = call("keytool", "-exportcert", *store, "-alias", "a")
    assert read((tmp_path / "e.jar").read_bytes()) == Signed(DATA, hashlib.sha256(certificate).hexdigest())
