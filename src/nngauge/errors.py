"""Every exception nngauge raises on purpose.

::

    NngaugeError
    ├── UsageError            the command or call was wrong             exit code 2
    ├── InputError            something from outside is not as it should be
    │   ├── UnreadableError   the operating system would not hand over the bytes
    │   │   ├── AccessError      credentials are missing, wrong or not enough
    │   │   └── TransientError   a network, server or device would not, and may do so later
    │   ├── MalformedError    the structure contradicts its specification
    │   │   └── TruncatedError   the bytes end before the structure does
    │   ├── UnsupportedError  well-formed, but a variant nngauge does not read
    │   └── LimitError        a bound in `nngauge.limits` was met
    ├── NotThisFormat         a parser's answer to "is this yours?": no
    ├── RuleError             a detection rule file breaks its schema
    ├── StoreError            the store of a study cannot be written or lost facts
    └── EngineError           the cluster that was to do the work is not there, or does not fit

Parsers raise these and nothing else; one function per stage turns them into a stored `Failure`.
"""

from __future__ import annotations


class NngaugeError(Exception):
    """Base of all deliberate errors.

    `what` went wrong, `where` (a path or an offset), `hint`: what to do next.
    """

    def __init__(self, what: str, *, where: str = "", hint: str = "") -> None:
        super().__init__(what)
        self.what = what
        self.where = where
        self.hint = hint

    def __str__(self) -> str:
        text = f"{self.where}: {self.what}" if self.where else self.what
        return f"{text} ({self.hint})" if self.hint else text

    def __reduce__(self) -> tuple[object, ...]:
        # Errors cross process borders; keyword-only arguments need help there.
        return (_rebuild, (type(self), self.what, self.where, self.hint))


def _rebuild(kind: type[NngaugeError], what: str, where: str, hint: str) -> NngaugeError:
    return kind(what, where=where, hint=hint)


class UsageError(NngaugeError):
    """The command line or the call was wrong; nothing was attempted."""


class InputError(NngaugeError):
    """Something that arrived from outside is not as it should be."""


class UnreadableError(InputError):
    """The operating system would not hand over the bytes."""


class AccessError(UnreadableError):
    """Credentials are missing, wrong or not enough; `study retry --error AccessError` when they are right."""


class TransientError(UnreadableError):
    """A network, server or device did not hand over the bytes; the same request may succeed later."""


class MalformedError(InputError):
    """The structure contradicts its specification."""


class TruncatedError(MalformedError):
    """The bytes end before the structure does."""


class UnsupportedError(InputError):
    """Well-formed, but a variant that nngauge does not read."""


class LimitError(InputError):
    """A bound in `nngauge.limits` was met; reading on would not be safe."""


class NotThisFormat(NngaugeError):
    """The bytes do not belong to the format that was asked; not a failure."""


class RuleError(NngaugeError):
    """A detection rule file breaks its schema or its own examples."""


class StoreError(NngaugeError):
    """The store of a study cannot be written, or has lost facts; nothing that was stored before is touched."""


class EngineError(NngaugeError):
    """The cluster that was to do the work cannot be reached, or its nodes have other versions; no result was lost."""
