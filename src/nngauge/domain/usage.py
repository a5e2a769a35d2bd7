"""Whether the AI in an app is used: is there a path from code that the system starts to the runtime or the model?"""

from __future__ import annotations

from enum import StrEnum

from msgspec import Struct

from nngauge.domain.evidence import Confidence, Evidence


class Use(StrEnum):
    """The verdict."""

    USED = "used"
    """A path leads there."""
    BUNDLED = "bundled"
    """All code was readable and no path leads there: the app carries it and does not use it."""
    UNKNOWN = "unknown"
    """It cannot be told from the package; `UsageVerdict.obstacle` says why."""


class Caller(StrEnum):
    """Whose code makes the call."""

    APP = "app"
    """The app's own code calls it."""
    SDK = "sdk"
    """Code of a library that the app's code leads to; `UsageVerdict.via` names it."""
    START_UP = "start-up"
    """Only a component that a library put into the manifest leads there (a content provider that initialises it)."""


class Obstacle(StrEnum):
    """Why a verdict is unknown."""

    NO_CODE = "no code"
    """The package holds no Dalvik code."""
    CODE_MISSING = "code missing"
    """Classes that the manifest names are not in the package: packed, encrypted, or in a part that was not given."""
    CODE_UNREAD = "code unread"
    """Code is damaged, or there is more than a bound allows."""
    DYNAMIC_CODE = "dynamic code"
    """The app's own code loads more code while it runs."""
    REFLECTION = "reflection"
    """The app's own code finds classes by names that are not in it."""
    NATIVE = "native code"
    """What happens is decided inside a native library."""
    SCRIPT = "other language"
    """The app's logic is Dart, JavaScript, C# or the like, and does not tell."""
    NO_API = "nothing to look for"
    """Neither classes nor libraries of it are known that a call could lead to."""
    NAME_BUILT = "name built at run time"
    """The file's name may be put together while the app runs."""


class Step(Struct, frozen=True, kw_only=True):
    """One station of a call chain."""

    method: str
    """``com.example.MainActivity.onCreate``, a component, or a library."""
    how: str
    """How the chain gets here: ``started by the system``, ``calls``, ``creates``, ``callback``, ``loads`` …"""


class UsageVerdict(Struct, frozen=True, kw_only=True):
    """Is one technology or one model of an app used?"""

    subject: str
    """Rule id, or location of the model's lead file."""
    model: bool = False
    """The subject is a model."""
    use: Use
    confidence: Confidence
    caller: Caller | None = None
    """None unless used."""
    via: str = ""
    """The library between the app and the technology, by its package; empty when the app itself calls it."""
    obstacle: Obstacle | None = None
    """None unless unknown."""
    reason: str
    """One sentence."""
    chain: tuple[Step, ...] = ()
    """The shortest path found, from what the system starts to the call; also where it is a path that does not count."""
    evidence: tuple[Evidence, ...] = ()
