"""Could a model be swapped? Signature of the package, comparisons of digests, writable places, downloads."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from msgspec import Struct

from nngauge.analyse.protection.code import ClassFacts, Url, near
from nngauge.analyse.protection.signals import RULE
from nngauge.domain.app import App, Platform
from nngauge.domain.evidence import Evidence, EvidenceKind
from nngauge.domain.location import Location
from nngauge.domain.protection import Answer, Check, IntegrityFinding
from nngauge.limits import EVIDENCE_PER_FACT


class CodeSeen(Struct, frozen=True, kw_only=True):
    """What was gathered from all code of an app."""

    classes: Sequence[ClassFacts] = ()
    urls: Sequence[Url] = ()
    digests: Mapping[str, Evidence] = {}
    """Base name of a model → where its digest stands in code."""
    native_digests: Sequence[Evidence] = ()
    """Functions that compute digests, in libraries that name models."""
    readable: bool = False
    """Some code could be read: without it there is no "no"."""


def package_findings(app: App, code: CodeSeen) -> tuple[IntegrityFinding, ...]:
    """What holds for all models of the app."""
    return (*_signature(app), *_writable(code), *_transport(code), *_download_manager(code))


def model_findings(name: str, role: str, code: CodeSeen) -> tuple[IntegrityFinding, ...]:
    """What holds for the model called `name` (a base name) in a package part of the given role."""
    return (*_digest(name, code), *_outside(role))


def _signature(app: App) -> Iterator[IntegrityFinding]:
    if app.platform is Platform.UNKNOWN:
        return
    if app.signers:
        says = "The package is signed, so a model inside it cannot be changed without signing the app anew."
        yield _finding(Check.SIGNED_PACKAGE, Answer.YES, says, [_signer(app)], good=True)
    else:
        says = "No signature was found: whether the store's signature covers the models cannot be told."
        yield _finding(Check.SIGNED_PACKAGE, Answer.UNKNOWN, says, [])


def _signer(app: App) -> Evidence:
    place = Location(path=app.parts[0].path if app.parts else app.package_id or "")
    return Evidence(
        kind=EvidenceKind.STRUCTURE, location=place, value=f"signer {app.signers[0][:16]}", rule=f"{RULE}#signature"
    )


def _outside(role: str) -> Iterator[IntegrityFinding]:
    if role == "obb":
        says = "It lies in an OBB file on external storage, which the package signature does not cover."
        yield _finding(Check.SIGNED_PACKAGE, Answer.NO, says, [], good=False)


def _digest(name: str, code: CodeSeen) -> Iterator[IntegrityFinding]:
    known = code.digests.get(name)
    if known is not None:
        yield _finding(Check.DIGEST, Answer.YES, "The code holds the digest of this very file.", [known], good=True)
        return
    naming = [item for item in code.classes if name in item.files]
    checking = [item for item in near(code.classes, name) if item.digests] if naming else []
    if checking:
        proof = [item.evidence(item.digests[0]) for item in checking]
        says = "A class that names it, or that this calls, computes digests; whether of this file was not followed."
        yield _finding(Check.DIGEST, Answer.UNKNOWN, says, proof)
    elif naming:
        proof = [item.evidence(item.files[name], EvidenceKind.STRING) for item in naming]
        says = "The classes that name it compute no digest and verify no signature."
        yield _finding(Check.DIGEST, Answer.NO, says, proof)
    else:
        says = "No code that names it was found." if code.readable else "The app's code could not be read."
        yield _finding(Check.DIGEST, Answer.UNKNOWN, says, [])


def _writable(code: CodeSeen) -> Iterator[IntegrityFinding]:
    """Classes that load or name models and ask for shared places."""
    loading = [item for item in code.classes if item.shared and (item.loads or item.files)]
    if loading:
        place = next(iter(loading[0].shared.values()))
        says = f"A class that loads or names models asks for {place}: a file there can be replaced before it is loaded."
        proof = [item.evidence(call) for item in loading for call in item.shared]
        checked = all(item.digests for item in loading)
        yield _finding(Check.WRITABLE, Answer.YES, says, proof, good=None if checked else False)
    elif code.readable and any(item.loads or item.files for item in code.classes):
        says = "The classes that load or name models use no place that others can write to."
        yield _finding(Check.WRITABLE, Answer.NO, says, [], good=True)


def _transport(code: CodeSeen) -> Iterator[IntegrityFinding]:
    open_urls = [url for url in code.urls if not url.secure]
    if open_urls:
        says = f"{len(open_urls)} address{'es' if len(open_urls) > 1 else ''} of models without TLS: whoever is on the way can swap them."
        yield _finding(Check.TRANSPORT, Answer.NO, says, [_url(url) for url in open_urls], good=False)
    elif code.urls:
        says = "Models are downloaded over TLS."
        yield _finding(Check.TRANSPORT, Answer.YES, says, [_url(url) for url in code.urls], good=True)


def _download_manager(code: CodeSeen) -> Iterator[IntegrityFinding]:
    """The system's download manager writes to shared storage unless told otherwise."""
    using = [item for item in code.classes if item.downloads and (item.loads or item.files)]
    if using:
        says = "Models are fetched with the system's download manager, which writes to external storage."
        yield _finding(
            Check.WRITABLE, Answer.YES, says, [item.evidence(item.downloads[0]) for item in using], good=False
        )


def _url(url: Url) -> Evidence:
    return Evidence(kind=EvidenceKind.STRING, location=url.location, value=url.text[:120], rule=f"{RULE}#url")


def _finding(
    check: Check, answer: Answer, says: str, evidence: Sequence[Evidence], *, good: bool | None = None
) -> IntegrityFinding:
    return IntegrityFinding(
        check=check, answer=answer, good=good, says=says, evidence=tuple(evidence[:EVIDENCE_PER_FACT])
    )
