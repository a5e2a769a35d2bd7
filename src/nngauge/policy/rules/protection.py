"""Models that anybody can take, and ways to swap them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from nngauge.domain.attribution import Likeness, Owner
from nngauge.domain.dossier import ModelDossier
from nngauge.domain.finding import Severity
from nngauge.domain.protection import AuditedModel, Check, Grade, IntegrityFinding
from nngauge.policy._api import Hit, Options, Rule, Size, Subject, Unevaluated, lead, listed, owner

_NO_AUDIT: Final = Unevaluated("the app was not audited")
_OPEN: Final = (Grade.PLAIN, Grade.RENAMED, Grade.COMPRESSED, Grade.ENCODED, Grade.PRIVATE)
"""Nothing secret is needed to read these."""
_PUBLISHED: Final = frozenset({Likeness.FILE, Likeness.WEIGHTS})
_MASVS: Final = "https://mas.owasp.org/MASVS/"


class Unprotected(Options, frozen=True, kw_only=True):
    """Options of ``unprotected-model``."""

    grades: tuple[Grade, ...] = _OPEN
    """Which grades of `nngauge audit` are not good enough."""
    owners: tuple[Owner, ...] = (Owner.APP, Owner.UNKNOWN)
    """Whose models the rule is about: ``app``, ``sdk``, ``system``, ``unknown``."""
    published: bool = False
    """Also models that anybody can download from where they were published."""
    at_least: Size = Size(0)
    """Smaller models are not worth it."""


def _unprotected(subject: Subject, options: Unprotected) -> Iterator[Hit | Unevaluated]:
    unasked = 0
    for one in subject.models:
        if one.protection is None:
            unasked += 1
        elif _worth(one, options) and one.protection.protection.grade in options.grades:
            protection = one.protection.protection
            yield Hit(
                says=f"{one.model.name} ({one.model.title}) is {_WORDS[protection.grade]}.",
                location=lead(one),
                subject=one.model.digest,
                remedy=protection.remedy,
                risk="Encryption costs time at every start, and a key that the app can read can be found: it raises the effort.",
            )
    if unasked:
        yield Unevaluated(f"{unasked} of {len(subject.models)} models were not audited")


_WORDS: Final = {
    Grade.PLAIN: "shipped in the clear: public tools open the file as it is",
    Grade.RENAMED: "shipped in the clear behind another file name",
    Grade.COMPRESSED: "only compressed, which needs no secret to undo",
    Grade.ENCODED: "only written as text, which needs no secret to undo",
    Grade.PRIVATE: "in a private container, its content in the clear",
} | {
    grade: f"of the grade “{grade}”" for grade in Grade if grade not in _OPEN
}  # fmt: skip


def _worth(one: ModelDossier, options: Unprotected) -> bool:
    known = one.model.known
    if not options.published and known is not None and known.likeness in _PUBLISHED:
        return False
    return owner(one) in options.owners and one.model.size >= options.at_least


def _keys(subject: Subject, _: Options) -> Iterator[Hit | Unevaluated]:
    yield from _graded(subject, Grade.KEY_BESIDE, "encrypted, and what looks like its key is in the same package")


def _weak(subject: Subject, _: Options) -> Iterator[Hit | Unevaluated]:
    yield from _graded(subject, Grade.WEAK, "masked in a way that leaves patterns")


def _graded(subject: Subject, grade: Grade, words: str) -> Iterator[Hit | Unevaluated]:
    audit = subject.dossier.audit
    if audit is None:
        yield _NO_AUDIT
        return
    for item in audit.models:
        if grade in item.protection.grades:
            why = "; ".join(signal.says for signal in item.protection.signals[:2])
            yield Hit(
                says=f"{item.name} is {words}" + (f": {why}." if why else "."),
                location=item.location,
                subject=item.digest,
                remedy=item.protection.remedy,
                risk="A new key needs a new release, or a way to hand it out.",
            )


def _swapped(subject: Subject, _: Options) -> Iterator[Hit | Unevaluated]:
    yield from _weaknesses(
        subject,
        (Check.WRITABLE, Check.SIGNED_PACKAGE),
        "Keep models in the app's private storage and compare a digest before loading them.",
        "A comparison reads the file once more at each start.",
    )


def _transport(subject: Subject, _: Options) -> Iterator[Hit | Unevaluated]:
    yield from _weaknesses(subject, (Check.TRANSPORT,), "Download over TLS, and compare a digest.", "")


def _weaknesses(subject: Subject, checks: tuple[Check, ...], remedy: str, risk: str) -> Iterator[Hit | Unevaluated]:
    audit = subject.dossier.audit
    if audit is None:
        yield _NO_AUDIT
        return
    for finding in audit.integrity:
        if finding.check in checks and finding.good is False:
            place = finding.evidence[0].location if finding.evidence else None
            yield Hit(says=finding.says, location=place, subject=str(finding.check), remedy=remedy, risk=risk)
    for says, items in _of_models(audit.models, checks).items():
        names = listed(item.name for item in items)
        yield Hit(
            says=f"{names}: {says}", location=items[0].location, subject=items[0].digest, remedy=remedy, risk=risk
        )


def _of_models(models: tuple[AuditedModel, ...], checks: tuple[Check, ...]) -> dict[str, list[AuditedModel]]:
    """Weaknesses of single models, equal ones together."""
    found: dict[str, list[AuditedModel]] = {}
    for item in models:
        weak: list[IntegrityFinding] = [one for one in item.integrity if one.check in checks and one.good is False]
        for one in weak:
            found.setdefault(one.says, []).append(item)
    return found


UNPROTECTED_MODEL: Final = Rule(
    id="unprotected-model",
    title="Models of the app's own are not shipped in the clear",
    broken="The app's own models in the clear",
    why="Whoever has the app has the model: it can be copied into another app, studied for inputs that fool it, or mined "
    "for its training data. In the study of 2019 most models could be taken without effort; that has not changed.",
    fix="Decide per model whether it is worth protecting. If it is: encrypt it with a key that does not lie in the package "
    "(Android Keystore with a key from the server, Core ML model encryption), or keep it on a server. Exempt the others "
    "with a reason.",
    severity=Severity.WARNING,
    options=Unprotected,
    check=_unprotected,
    sources=(
        "https://doi.org/10.1145/3308558.3313591",
        "https://developer.apple.com/documentation/coreml/encrypting-a-model-in-your-app",
        _MASVS,
    ),
    tags=("security",),
)
KEY_BESIDE_MODEL: Final = Rule(
    id="key-beside-model",
    title="No key lies beside the model that it opens",
    broken="A key beside the model that it opens",
    why="Encryption with the key in the same package protects from nobody who looks, and costs time at every start.",
    fix="Fetch the key after a check of the device, keep it in the Android Keystore or the Secure Enclave, and never in "
    "assets, resources or code. Treat the old key as public.",
    severity=Severity.ERROR,
    check=_keys,
    sources=("https://developer.android.com/privacy-and-security/keystore", _MASVS),
    tags=("security",),
)
WEAK_CIPHER: Final = Rule(
    id="weak-cipher",
    title="Models are not masked with ciphers that leave patterns",
    broken="Models masked with ciphers that leave patterns",
    why="A repeating XOR or a block cipher without chaining shows the structure of the weights, and gives the key away to "
    "whoever knows how a model file begins.",
    fix="Use an authenticated cipher (AES-GCM, ChaCha20-Poly1305) with a fresh nonce for each file.",
    severity=Severity.WARNING,
    check=_weak,
    sources=("https://developer.android.com/privacy-and-security/cryptography", _MASVS),
    tags=("security",),
)
REPLACEABLE_MODEL: Final = Rule(
    id="replaceable-model",
    title="Nobody else can replace a model before it is loaded",
    broken="Models that others could replace",
    why="A model decides what the app sees and says. One that lies on shared storage, in an expansion file or where the "
    "download manager writes can be swapped by another app or by the user, and parsers of models have had memory errors.",
    fix="Keep models in the package or the app's private storage, and compare a digest or signature before loading.",
    severity=Severity.WARNING,
    check=_swapped,
    sources=("https://developer.android.com/training/data-storage", _MASVS),
    tags=("security",),
)
OPEN_DOWNLOAD: Final = Rule(
    id="open-download",
    title="Models are downloaded over TLS",
    broken="Models downloaded without TLS",
    why="Whoever is on the way of a plain download can hand the app another model.",
    fix="Use https, and compare a digest that comes with the app.",
    severity=Severity.WARNING,
    check=_transport,
    sources=("https://developer.android.com/privacy-and-security/security-config", _MASVS),
    tags=("security",),
)
