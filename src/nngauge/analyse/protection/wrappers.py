"""Products and containers that are known to seal models, by what they leave in the file or beside it.

Facts, with their sources: litert_crypto's envelope (https://github.com/cornpip/litert_crypto, format version 2: magic, key
id, label, 12 bytes of nonce, AES-256-GCM); Core ML (https://developer.apple.com/documentation/coreml/encrypting-a-model-in-your-app:
``.mlmodelkey`` is the developer's own file and must not be shipped; the compiled model holds ``encryptionInfo``); OpenSSL's
``Salted__`` (https://docs.openssl.org/master/man1/openssl-enc/); age (https://age-encryption.org/v1); Fernet tokens
(https://github.com/fernet/spec); Duix
(https://github.com/ykk648/Duix-Mobile-reverse: ncnn networks and weights behind ``gjdigits`` and a length); Rockchip's ``CYPTRKNN``; Android's EncryptedFile (Tink streaming AES-GCM-HKDF,
https://developers.google.com/tink/streaming-aead/aes_gcm_hkdf_streaming).
"""

from __future__ import annotations

from typing import Final

from msgspec import Struct

from nngauge.domain.protection import Cipher


class Wrapper(Struct, frozen=True, kw_only=True):
    """One product."""

    title: str
    magic: bytes = b""
    cipher: Cipher | None = None
    smallest: int = 32


_WRAPPERS: Final = (
    Wrapper(title="litert_crypto", magic=b"LRTC\x02", cipher=Cipher(name="AES", mode="GCM", key_bytes=32)),
    Wrapper(title="litert_crypto (version 1)", magic=b"LRTC\x01", cipher=Cipher(name="AES", mode="CTR", key_bytes=32)),
    Wrapper(title="OpenSSL enc", magic=b"Salted__", cipher=None),
    Wrapper(title="age", magic=b"age-encryption.org/v1\n", cipher=Cipher(name="ChaCha20-Poly1305", key_bytes=32)),
    Wrapper(title="Rockchip encrypted RKNN", magic=b"CYPTRKNN", cipher=None),
    Wrapper(title="Duix digital human", magic=b"gjdigits", cipher=Cipher(name="AES", mode="CBC", key_bytes=16)),
    Wrapper(title="Fernet", magic=b"gAAAAA", cipher=Cipher(name="AES", mode="CBC", key_bytes=16), smallest=100),
)
CORE_ML_FOLDER: Final = ".mlmodelc/encryptionInfo"
"""Part of the path of the files that only encrypted compiled Core ML models have."""


def wrapper_of(head: bytes) -> Wrapper | None:
    """The product whose magic begins the file."""
    return next((item for item in _WRAPPERS if head.startswith(item.magic) and len(head) >= item.smallest), None)
