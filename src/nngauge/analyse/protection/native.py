"""What native code and scripts say about model files: names in them, decryption in them, models generated into them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from typing import Final

from msgspec import Struct

from nngauge.analyse.protection.signals import RULE
from nngauge.domain.evidence import Evidence, EvidenceKind
from nngauge.domain.location import Location
from nngauge.errors import InputError, NotThisFormat
from nngauge.io.elf import read_elf

_SBOX: Final = bytes.fromhex("637c777bf26b6fc53001672bfed7ab76")
_INVERSE_SBOX: Final = bytes.fromhex("52096ad53036a538bf40a39e81f3d7fb")
_DECRYPT_TABLE: Final = bytes.fromhex("50a7f45153657e41c3a4171a965e273a")
_DECRYPT_TABLE_LE: Final = bytes.fromhex("51f4a7507e4165531a17a4c33a275e96")
"""FIPS 197: the S-box, its inverse, and the first words of the decryption table that software implementations unroll."""
_CONSTANTS: Final = (
    (_INVERSE_SBOX, "inverse S-box of AES"),
    (_DECRYPT_TABLE, "decryption table of AES"),
    (_DECRYPT_TABLE_LE, "decryption table of AES"),
    (_SBOX, "S-box of AES"),
    (b"expand 32-byte k", "constant of ChaCha20 and Salsa20"),
)
_SYMBOLS: Final = re.compile(
    r"(?:AES_(?:set_decrypt_key|decrypt|cbc_encrypt|ctr128_encrypt|CBC_|CTR_|ECB_)|EVP_(?:Decrypt|aes_|AEAD_CTX_open)"
    r"|mbedtls_(?:aes|gcm|cipher|ccm|chacha20)_|wc_Aes|crypto_(?:secretbox|aead|stream)_|aes_(?:decrypt|cbc|ctr|ecb)|_?CCCrypt"
    r"|\w{0,60}[dD]ecrypt_?\w{0,20}[mM]odel|\w{0,60}[mM]odel_?\w{0,20}[dD]ecrypt)"
)
"""OpenSSL and BoringSSL, Mbed TLS, wolfSSL, libsodium, tiny-AES, CommonCrypto, and functions that say what they do."""
_DIGESTS: Final = re.compile(
    r"(?:SHA256|EVP_Digest(?:Final|Verify)|mbedtls_sha256|RSA_verify|ED25519_verify|_?CC_SHA256)"
)
_GENERATED: Final = (
    ("__tvm_main__", "Apache TVM"),
    ("__tvm_ffi_main", "Apache TVM"),
    ("__tvm_dev_mblob", "Apache TVM"),
    ("__tvm_module_ctx", "Apache TVM"),
    ("tvmgen_default_run", "Apache TVM"),
    ("iree_hal_executable_library_query", "IREE"),
    ("xla_cpu_aot", "XLA ahead of time"),
    ("mace_lib_model", "MACE"),
    ("ei_run_classifier", "Edge Impulse"),
    ("ai_network_create", "ST X-CUBE-AI"),
    ("hybridcls_", "CustomDLCoder"),
)  # fmt: skip
"""Exported functions of compilers that turn a model into code."""
_MODEL_DATA: Final = re.compile(
    r"\w{0,60}(?:model_data|model_tflite|_tflite|_param_bin|_net_bin|ncnn_bin|model_bin|_onnx|g_model)(?:_len|_size)?"
)
_MACE: Final = re.compile(r"_ZN4mace.{0,80}(?:LoadModelData|CreateNet|LoadNetDef)")
_MACH_O: Final = (b"\xcf\xfa\xed\xfe", b"\xca\xfe\xba\xbe", b"\xce\xfa\xed\xfe")
_MACH_SYMBOLS: Final = (b"_CCCryptorCreate", b"_CCCrypt\0", b"_CC_SHA256\0")
_LONGEST_SYMBOL: Final = 120


class NativeFacts(Struct, frozen=True, kw_only=True):
    """What one native library (or script) has to do with models."""

    location: Location
    files: Mapping[str, int]
    """Base name of a file of the app → offset of its name."""
    crypto: tuple[Evidence, ...]
    digests: tuple[Evidence, ...]
    generated: tuple[Evidence, ...]
    """Models that are functions or data of the library."""

    def mention(self, name: str) -> Evidence:
        """Where it names the file `name`, one of `files`."""
        place = self.location.at(self.files[name], len(name))
        return Evidence(kind=EvidenceKind.STRING, location=place, value=name, rule=f"{RULE}#mention")


def native_facts(content: bytes, location: Location, files: Mapping[str, int]) -> NativeFacts:
    """Facts about one binary or script; `files`: base names that were found in it, and where."""
    symbols = list(_symbols(content))
    everything = [name for name, _ in symbols]
    binary = bool(symbols) or content.startswith((b"\x7fELF", *_MACH_O))
    return NativeFacts(
        location=location,
        files=files,
        crypto=tuple(_crypto(content, everything, location, binary=binary)),
        digests=tuple(_first(_DIGESTS, everything, location)),
        generated=tuple(_generated([name for name, defined in symbols if defined], location)),
    )


def _symbols(content: bytes) -> Iterator[tuple[str, bool]]:
    """Dynamic symbols of usual length, and whether they are defined here."""
    if content.startswith(_MACH_O):
        yield from ((name.rstrip(b"\0").decode(), False) for name in _MACH_SYMBOLS if name in content)
    try:
        for name, defined in read_elf(content).dynamic_names():
            if len(name) <= _LONGEST_SYMBOL:
                yield name, defined
    except (InputError, NotThisFormat):
        return


def _crypto(content: bytes, symbols: Sequence[str], location: Location, *, binary: bool) -> Iterator[Evidence]:
    yield from _first(_SYMBOLS, symbols, location)
    for value, title in _CONSTANTS if binary else ():
        at = content.find(value)
        if at >= 0:
            place = location.at(at, len(value))
            yield Evidence(kind=EvidenceKind.STRUCTURE, location=place, value=title, rule=f"{RULE}#native-crypto")
            return


def _first(pattern: re.Pattern[str], symbols: Sequence[str], location: Location) -> Iterator[Evidence]:
    name = next((name for name in symbols if pattern.match(name)), None)
    if name is not None:
        yield Evidence(kind=EvidenceKind.IMPORT, location=location, value=name, rule=f"{RULE}#native-crypto")


def _generated(defined: Sequence[str], location: Location) -> Iterator[Evidence]:
    """At most one function of a model compiler, and one array of model data."""
    known = ((name, title) for name in defined for start, title in _GENERATED if name.startswith(start))
    for name, title in islice(known, 1):
        yield _code(location, f"{title}: {name}")
    for name in islice((name for name in defined if _MACE.match(name)), 1):
        yield _code(location, f"MACE: {name}")
    for name in islice((name for name in defined if _MODEL_DATA.fullmatch(name)), 1):
        yield _code(location, f"data: {name}")


def _code(location: Location, value: str) -> Evidence:
    return Evidence(kind=EvidenceKind.EXPORT, location=location, value=value, rule=f"{RULE}#compiled-in")
