"""The evaluation of protection: the disguises are what they say, and one model goes all the way to the table."""

from __future__ import annotations

import base64
import gzip
from pathlib import Path

import pytest

from benchmarks.evaluation.disguises import DISGUISES, seed
from benchmarks.evaluation.models import Listed
from benchmarks.evaluation.protection import Case, entropy, load, save
from benchmarks.evaluation.protection_negatives import Negative, evaluate_negatives, from_folder, low_bits
from benchmarks.evaluation.protection_page import protection
from benchmarks.evaluation.protection_run import Results, measure
from benchmarks.evaluation.surgery import sealed_weights, stripped
from tests.builders import weighty

MODEL = weighty.tflite()
pytest.importorskip("cryptography", reason="the ciphers of the evaluation come from an optional package")


@pytest.fixture
def listed(tmp_path: Path) -> Listed:
    path = tmp_path / "net.tflite"
    path.write_bytes(MODEL)
    return Listed(path, "net.tflite", "tflite", "built", (), "", "")


def made(name: str) -> bytes | None:
    disguise = next(item for item in DISGUISES if item.name == name)
    return disguise.make(MODEL, seed("net", name))


def test_disguises_are_what_they_say() -> None:
    assert gzip.decompress(made("gzip") or b"") == MODEL
    assert base64.b64decode(made("Base64") or b"") == MODEL
    assert (made("reversed") or b"")[::-1] == MODEL
    assert (made("own header in front") or b"").endswith(MODEL)
    masked = made("XOR, 8 bytes") or b""
    key = bytes(one ^ other for one, other in zip(masked[:8], MODEL, strict=False))
    assert masked == bytes(byte ^ key[at % 8] for at, byte in enumerate(MODEL))
    sealed = made("AES-CTR, first KiB") or b""
    assert sealed[1024:] == MODEL[1024:]
    assert sealed[:1024] != MODEL[:1024]
    assert len(made("AES-CBC") or b"") % 16 == 0
    assert made("AES-CTR") == made("AES-CTR"), "every run makes the same files"


def test_surgery(listed: Listed) -> None:
    bare = stripped(listed, seed("net", "names"))
    assert bare is not None
    assert b"expanded_conv" not in bare
    assert len(bare) == len(MODEL)
    sealed = sealed_weights(listed, seed("net", "weights"))
    assert sealed is not None
    assert len(sealed[0]) == len(MODEL)
    assert b"expanded_conv" in sealed[0]


def test_one_model_all_the_way(listed: Listed, tmp_path: Path) -> None:
    results = measure([listed])
    assert not [(case.disguise, case.found) for case in results.named if not case.is_right]
    assert not [case.disguise for case in results.bare if case.called_encrypted and "AES" not in case.disguise]
    assert sum(case.is_right for case in results.bare) > len(results.bare) / 2
    assert len({case.disguise for case in results.named}) >= 25
    bare = {case.disguise: case.first for case in results.bare}
    assert bare["AES-GCM"] == "uniform bytes, purpose unknown"
    assert bare["XOR, 1 byte"] == "weak cipher"
    text = results.page()
    assert "| AES-CBC |" in text
    assert "entropy rule" in text
    save(results.named, tmp_path / "cases.json")
    assert load(tmp_path / "cases.json") == results.named


def test_a_wrong_answer_is_counted() -> None:
    right = Case("a", "tflite", "gzip", True, ("compressed",), ("compressed",), 7.995, 0.1)
    wrong = Case("b", "tflite", "gzip", True, ("compressed",), ("encrypted",), 7.5, 0.1)
    text = protection([right, wrong], [], [], [])
    assert "1 of 2 (50 %)" in text
    assert right.literature_says_encrypted
    assert wrong.called_encrypted
    assert Results((), (), (), ()).page() == ""


def test_negatives(listed: Listed, tmp_path: Path) -> None:
    packed = list(low_bits([listed]))
    assert {item.kind for item in packed} == {"4-bit weights", "2-bit weights", "sparse weights"}
    picture = Negative("res/a.png", "png", b"\x89PNG\r\n\x1a\n" + weighty.noise(40_000))
    results = list(evaluate_negatives([*packed, picture]))
    assert not any(item.wrong for item in results)
    assert entropy(picture.content) > 7.99
    assert results[-1].literature_wrong
    (tmp_path / "basis__t.basis").write_bytes(b"sB\x13\0" + weighty.noise(9000))
    assert [item.kind for item in from_folder(tmp_path)] == ["basis"]
