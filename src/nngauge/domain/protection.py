"""How well a model is protected: grades with the signals behind them, what they leave open, and what is checked."""

from __future__ import annotations

from enum import StrEnum

from msgspec import Struct

from nngauge.domain.app import App
from nngauge.domain.attribution import Attribution
from nngauge.domain.evidence import Confidence, Evidence
from nngauge.domain.location import Location
from nngauge.domain.outcome import Failure


class Grade(StrEnum):
    """In which way a model is kept from being read. A model may have several; they are never merged.

    The order is the effort it takes to get at the model, least first.
    """

    PLAIN = "plain"
    """Public tools open the file as it is."""
    RENAMED = "renamed file"
    """Plain content behind a name that does not tell the format."""
    COMPRESSED = "compressed"
    """Inside a compressed stream or archive; no secret is needed to unpack it."""
    ENCODED = "encoded"
    """Written as text (Base64, hexadecimal); no secret is needed to decode it."""
    PRIVATE = "private container"
    """No known format at the start of the file, but the content is there in the clear."""
    STRIPPED = "names stripped"
    """Readable, but the names of layers and tensors say nothing."""
    CODE = "compiled into code"
    """The model is part of a native library, as data or as generated functions."""
    VENDOR = "vendor-compiled"
    """Translated for one accelerator; the original network cannot simply be read back."""
    WEAK = "weak cipher"
    """Masked in a way that leaves patterns: repeating XOR, a block cipher without chaining."""
    KEY_BESIDE = "key material beside it"
    """Encrypted, but what looks like the key is in the same package."""
    ENCRYPTED_HEADER = "encrypted header"
    """Only the beginning is uniform noise; the weights are not."""
    ENCRYPTED_WEIGHTS = "encrypted weights"
    """The network can be read, its weights are uniform noise."""
    ENCRYPTED = "encrypted"
    """Uniform noise, and something else that says this is a model."""
    FETCHED = "fetched at run time"
    """Not in the package at all."""
    UNIFORM = "uniform bytes, purpose unknown"
    """Noise of which nothing says what it is: no claim about a model."""


class SignalKind(StrEnum):
    """What kind of observation a signal is; two signals of different kinds are independent."""

    STRUCTURE = "structure"
    """A parser accepted or refused it; a magic is there or not."""
    STATISTICS = "statistics"
    """Entropy, chi-square, coincidences, repeated blocks."""
    NAME = "name"
    """What the path says."""
    SIZE = "size"
    """Its size against those of block ciphers."""
    SIBLING = "sibling"
    """Other files of the app: equal beginnings, plain descriptions of an encrypted neighbour."""
    CODE = "code"
    """Calls and strings in the app's code."""
    WRAPPER = "wrapper"
    """A known product or container format."""
    KEY = "key"
    """Something with the shape of a key."""


class Signal(Struct, frozen=True, kw_only=True):
    """One observation that speaks for a grade."""

    kind: SignalKind
    says: str
    """One clause for people."""
    evidence: Evidence


class Cipher(Struct, frozen=True, kw_only=True):
    """What could be told about the masking. Keys themselves are never kept."""

    name: str
    """``XOR``, ``substitution``, ``block cipher without chaining``, or as the code asks for it (``AES``)."""
    mode: str | None = None
    """``ECB``, ``CBC``, ``GCM`` …, where something tells."""
    key_bytes: int | None = None
    """Length of the key, in bytes."""


class Protection(Struct, frozen=True, kw_only=True):
    """The grades of one model file, and what they mean."""

    grades: tuple[Grade, ...]
    """The one that counts first: at least one."""
    confidence: Confidence
    """How sure the first grade is."""
    signals: tuple[Signal, ...]
    attack: str
    """What somebody with a copy of the app could do, in one sentence."""
    remedy: str
    """What would help, in one sentence; empty when nothing needs to."""
    cipher: Cipher | None = None
    reveals: str | None = None
    """Title of the format that was found behind the disguise, where it was."""

    @property
    def grade(self) -> Grade:
        """The first grade."""
        return self.grades[0]


class Check(StrEnum):
    """A question about integrity."""

    DIGEST = "digest compared"
    """Is the model's digest or signature compared before it is loaded?"""
    SIGNED_PACKAGE = "covered by the package signature"
    """Would a changed model break the signature of the package?"""
    WRITABLE = "loaded from a writable place"
    """Could another app or the user replace the file that is loaded?"""
    TRANSPORT = "download protected"
    """Does a model that is downloaded travel over TLS?"""


class Answer(StrEnum):
    """An answer; ``unknown`` is one."""

    YES = "yes"
    NO = "no"
    UNKNOWN = "unknown"


class IntegrityFinding(Struct, frozen=True, kw_only=True):
    """One answer about whether a model could be swapped, with its reasons."""

    check: Check
    answer: Answer
    good: bool | None
    """True when the answer is reassuring, False when it is a weakness, None when it is neither."""
    says: str
    """One sentence for people."""
    models: tuple[str, ...] = ()
    """Locations of the models it is about; empty: of all."""
    evidence: tuple[Evidence, ...] = ()


class AuditedModel(Struct, frozen=True, kw_only=True):
    """One model, or one file that may be one, and how well it is protected."""

    name: str
    title: str
    """Title of the format; empty when nothing could be read."""
    location: Location
    """The first of its places."""
    places: int
    size: int
    digest: str
    """sha256 as in `Model.digest`; empty for files that are not validated models."""
    protection: Protection
    owner: Attribution | None = None
    """Whose it is, where that was asked."""
    integrity: tuple[IntegrityFinding, ...] = ()


class Audit(Struct, frozen=True, kw_only=True):
    """How well the models of one app are protected."""

    path: str
    app: App
    models: tuple[AuditedModel, ...]
    """The least protected first."""
    unknown: tuple[AuditedModel, ...]
    """Files of uniform bytes of which nothing says what they are."""
    integrity: tuple[IntegrityFinding, ...]
    """Findings about the app as a whole."""
    summary: tuple[str, ...]
    """What a reader should take away, one sentence each."""
    failures: tuple[Failure, ...]

    @property
    def complete(self) -> bool:
        """True when nothing failed."""
        return not self.failures
