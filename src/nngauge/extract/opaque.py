"""Files that might be protected models: what their bytes and names say.

This is triage, not a verdict on protection. A file is reported as opaque when nothing else explains it: a model-like
name or place, or plain XOR over a known magic, or bytes that are statistically indistinguishable from noise.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from typing import Final

from msgspec import Struct

SAMPLE_BYTES: Final = 65_536
MIN_BYTES: Final = 4_096
"""Below this size entropy and chi-square say little, and no model hides."""
NOISE_ENTROPY: Final = 7.95
"""Bits per byte of a 64 KiB sample. Uniform noise gives 7.997 ± 0.0005; raw deflate about 7.99; float weights 6.5–7.6."""
HIDDEN_ENTROPY: Final = 6.0
"""Below this a file is text-like, sparse or a table: nothing that weights, packed or masked, look like."""
CHI_SQUARE_99: Final = 310.5
"""99th percentile of chi-square with 255 degrees of freedom: encrypted data stays below, compressed data rarely does."""

_MODEL_WORDS: Final = re.compile(
    r"(?:^|[/._-])(?:models?|mdl|nets?|network|weights?|nn|dnn|cnn|rnn|lstm|onnx|tflite|ncnn|mnn|snpe|dlc|caffe|face|facedet|"
    r"landmarks?|detector|detect|segment(?:ation)?|recogni[sz](?:er|e|tion)|classif(?:y|ier)|embedding|encoder|decoder|"
    r"asr|tts|ocr|llm|infer(?:ence)?|algo|algorithm)(?:[/._\-\d]|$)",
    re.IGNORECASE,
)


class Noise(Struct, frozen=True):
    """Byte statistics of a sample."""

    entropy: float
    """Bits per byte, 0 to 8."""
    chi_square: float
    """Against the uniform distribution, 255 degrees of freedom, per 64 KiB."""

    @property
    def encrypted_like(self) -> bool:
        """Indistinguishable from uniform noise: encryption, or a very good compressor."""
        return self.entropy >= NOISE_ENTROPY and self.chi_square <= CHI_SQUARE_99


def measure_noise(sample: bytes) -> Noise:
    """Entropy and chi-square of `sample`."""
    total = len(sample)
    if not total:
        return Noise(0.0, 0.0)
    counts = Counter(sample).values()
    entropy = -sum(count / total * math.log2(count / total) for count in counts)
    expected = total / 256
    chi_square = sum((count - expected) ** 2 / expected for count in counts) + (256 - len(counts)) * expected
    return Noise(entropy, chi_square)


def model_like_name(path: str) -> bool:
    """Does the path speak of models? A hint for reporting what could not be read, never for claiming a model."""
    return _MODEL_WORDS.search(path) is not None
