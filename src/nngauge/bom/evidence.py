"""Grades of confidence and kinds of evidence in the words that formats ask for."""

from __future__ import annotations

from typing import Final

from nngauge.domain.evidence import Confidence, EvidenceKind

CONFIDENCE: Final = {Confidence.CERTAIN: "1.0", Confidence.LIKELY: "0.8", Confidence.POSSIBLE: "0.3"}
"""CycloneDX asks for a number from 0 to 1. These three stand for the three grades and are no measured probabilities."""
_TECHNIQUES: Final = {
    EvidenceKind.FILE_NAME: "filename",
    EvidenceKind.MANIFEST: "manifest-analysis",
    EvidenceKind.PLIST: "manifest-analysis",
    EvidenceKind.BUILD_ID: "hash-comparison",
}


def technique(kind: EvidenceKind, of: str) -> str:
    """The technique of CycloneDX's identity evidence that `kind` amounts to."""
    return "hash-comparison" if of == "hash" else _TECHNIQUES.get(kind, "binary-analysis")
