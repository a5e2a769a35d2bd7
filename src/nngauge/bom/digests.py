"""SHA-256 of files that a scan does not hash, while their package is open: native libraries, sealed models."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator

from nngauge.domain.dossier import Dossier
from nngauge.domain.location import Location
from nngauge.domain.protection import Grade
from nngauge.errors import InputError
from nngauge.extract.locate import open_location
from nngauge.packages import Package


def file_digests(package: Package, dossier: Dossier) -> dict[str, str]:
    """By location, of what can be read; what cannot is left out."""
    found = {}
    for location in _unhashed(dossier):
        try:
            found[location.path] = hashlib.sha256(open_location(package, location).view()).hexdigest()
        except InputError:
            continue
    return found


def _unhashed(dossier: Dossier) -> Iterator[Location]:
    for library in dossier.scan.libraries:
        if library.technologies:
            yield library.location
    for model in dossier.audit.models if dossier.audit is not None else ():
        if not model.digest and model.protection.grade is not Grade.FETCHED:
            yield model.location
