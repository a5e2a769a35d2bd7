"""What a grade means for the owner of the model: one sentence on what is possible now, one on what would help."""

from __future__ import annotations

from typing import Final

from nngauge.domain.protection import Grade

_ATTACK: Final = {
    Grade.PLAIN: "Anybody who has the app can take the file out and run, study, retrain or resell the model with public tools.",
    Grade.RENAMED: "The name hides nothing: the content says what it is, and the file opens in public tools as it is.",
    Grade.COMPRESSED: "Unpacking it takes one command and no secret; what comes out opens in public tools.",
    Grade.ENCODED: "Decoding the text takes one command and no secret; what comes out opens in public tools.",
    Grade.PRIVATE: "The content is in the clear behind a header of its own: cutting or rearranging that header gives the model back.",
    Grade.STRIPPED: "The model runs and can be copied as it is; only understanding its layers takes longer without their names.",
    Grade.CODE: "The weights stand in the library as data: they can be cut out, or the library can be called as a whole.",
    Grade.VENDOR: "The file can be copied and run on the same accelerator; getting the original network back takes reverse engineering.",
    Grade.WEAK: "The mask leaves patterns from which it can be computed without knowing any key: minutes of work with public tools.",
    Grade.KEY_BESIDE: "Whoever finds the key that lies in the same package decrypts the model offline, without running the app.",
    Grade.ENCRYPTED_HEADER: "The weights are in the clear; rebuilding a header from the known format gives most of the model back.",
    Grade.ENCRYPTED_WEIGHTS: "The architecture is open to anybody; the weights need the key, or a memory dump while the model runs.",
    Grade.ENCRYPTED: "The file alone is of no use; the key, or a memory dump of the running app, is needed, and both are on the phone.",
    Grade.FETCHED: "It is not in the package, but whoever runs or imitates the app can ask the same server for it.",
    Grade.UNIFORM: "Nothing can be said: it may be encrypted or compressed data of any purpose.",
}
_REMEDY: Final = {
    Grade.PLAIN: "Encrypt it with a key that is not in the package (Android Keystore, a server after attestation; Core ML model "
    "encryption on iOS), or keep the valuable part on a server.",
    Grade.RENAMED: "Encrypt it instead of renaming it, with a key that is not in the package.",
    Grade.COMPRESSED: "Compression is no protection: encrypt after compressing, with a key that is not in the package.",
    Grade.ENCODED: "An encoding is no protection: encrypt it, with a key that is not in the package.",
    Grade.PRIVATE: "Encrypt the payload (AES-GCM); a private layout only delays those who look.",
    Grade.STRIPPED: "Keep the names away, and encrypt the weights as well if they are worth something.",
    Grade.CODE: "Strip the symbols and encrypt the weights inside the library; nothing else hides them.",
    Grade.VENDOR: "Bind it to the app with an encrypted container if copying it is a concern.",
    Grade.WEAK: "Use an authenticated cipher (AES-GCM, a fresh nonce for each file) instead, with a key that is not in the package.",
    Grade.KEY_BESIDE: "Take the key out of the package: wrap it with the Android Keystore, or hand it out after device attestation.",
    Grade.ENCRYPTED_HEADER: "Encrypt the whole file with an authenticated cipher; the weights are what is worth taking.",
    Grade.ENCRYPTED_WEIGHTS: "Encrypt the description of the network as well, and see that the key is not in the package.",
    Grade.ENCRYPTED: "See that the key comes from the Keystore or a server, decrypt in memory only, and authenticate (GCM).",
    Grade.FETCHED: "Ask for attestation before handing it out, and check its digest before loading it.",
    Grade.UNIFORM: "",
}


def attack(grade: Grade) -> str:
    """What somebody with a copy of the app could do."""
    return _ATTACK[grade]


def remedy(grade: Grade) -> str:
    """What would help; empty when there is nothing to say."""
    return _REMEDY[grade]
