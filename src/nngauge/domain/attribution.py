"""Whose a model or library is, and which published model it is (or was made from)."""

from __future__ import annotations

from enum import StrEnum

from msgspec import Struct

from nngauge.domain.evidence import Confidence, Evidence


class Owner(StrEnum):
    """Who put a file into an app."""

    APP = "app"
    """The app's own developers: written, trained or chosen by them."""
    SDK = "sdk"
    """A component by somebody else that the app includes as a whole."""
    SYSTEM = "system"
    """The operating system, its toolchain or the store."""
    UNKNOWN = "unknown"


class SdkKind(StrEnum):
    """What a component is for."""

    ML = "ml"
    """Ready-made on-device AI features (ML Kit)."""
    RUNTIME = "runtime"
    """Executes models that somebody else brings."""
    IDENTITY = "identity"
    """Face verification, liveness, identity documents."""
    CARD = "card"
    """Payment cards."""
    DOCUMENT = "document"
    """Scanning of documents and codes, OCR."""
    KEYBOARD = "keyboard"
    AR = "ar"
    """Augmented reality, beauty filters, effects."""
    CAMERA = "camera"
    """Imaging libraries of camera and phone makers."""
    SPEECH = "speech"
    """Recognition, synthesis, wake words, noise suppression."""
    CALLS = "calls"
    """Voice and video calls."""
    ADS = "ads"
    ANALYTICS = "analytics"
    FRAUD = "fraud"
    """Device fingerprints, anti-fraud, app hardening."""
    GAME = "game"
    """Game engines."""
    FRAMEWORK = "framework"
    """Flutter, React Native and the like, and their plug-ins."""
    BROWSER = "browser"
    """Web engines."""
    MAPS = "maps"
    MEDIA = "media"
    """Players, codecs, image libraries."""
    STORAGE = "storage"
    """Databases, key-value stores."""
    TOOLCHAIN = "toolchain"
    """What compilers add to every binary's surroundings."""
    OTHER = "other"


class Attribution(Struct, frozen=True, kw_only=True):
    """Whose one model, library or technology is. UNKNOWN has no evidence and says what would have told."""

    owner: Owner
    sdk: str | None = None
    """Id in the knowledge base, or a technology's id where the knowledge base has none."""
    title: str = ""
    vendor: str = ""
    kind: SdkKind | None = None
    confidence: Confidence
    because: str
    """One sentence. A rule of thumb says that it is one."""
    evidence: tuple[Evidence, ...] = ()


class Likeness(StrEnum):
    """In which way a model is a published one, from strongest to weakest."""

    FILE = "same file"
    """The same bytes."""
    WEIGHTS = "same weights"
    """Written anew: renamed, stripped, converted or quantised."""
    DERIVED = "derived"
    """Some of its weights are the published model's, or all of them were trained on from there."""
    ARCHITECTURE = "same architecture"
    """The same layers with other weights."""
    TRUNK = "same trunk"
    """The same layers but the last."""


class KnownModel(Struct, frozen=True, kw_only=True):
    """A published model that a model of the app is, or was made from."""

    id: str
    title: str
    source: str
    """Where it was published."""
    license: str = ""
    task: str = ""
    architecture: str = ""
    sdk: str | None = None
    """The component that brings it, when it comes with one and nowhere else."""
    likeness: Likeness
    renamed: bool = False
    """It goes by another file name here."""
    same: float | None = None
    """Share of the compared weights that are the same, 0 to 1; None when none were compared."""
    tensors: int = 0
    """Weight tensors compared."""
    confidence: Confidence
    evidence: tuple[Evidence, ...] = ()

    @property
    def sentence(self) -> str:
        """``MobileNet V1 1.0 224 (TensorFlow), same weights, renamed``."""
        words = [self.title, self.likeness.value]
        if self.likeness is Likeness.DERIVED and self.same:
            words[1] = f"derived, {self.same:.0%} of its weights"
        if self.renamed and self.likeness in {Likeness.FILE, Likeness.WEIGHTS}:
            words.append("renamed")
        return ", ".join(words)
