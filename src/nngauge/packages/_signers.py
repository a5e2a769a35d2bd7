"""Whose signature is on an Android package: read, not verified.

https://source.android.com/docs/security/features/apksigning
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

from nngauge.domain.location import Location
from nngauge.domain.outcome import Failure
from nngauge.errors import InputError, NotThisFormat
from nngauge.io.certificates import digest, v1_certificates, v2_certificates
from nngauge.io.zip import ZipArchive
from nngauge.io.zip_signing import find_signing_block
from nngauge.limits import MAX_APP_DOCUMENT, MAX_CERTIFICATES
from nngauge.packages._api import Container, Entry
from nngauge.packages._failures import failure, read_small
from nngauge.packages._zip import archive_of

_V1_BLOCK: Final = re.compile(r"META-INF/[^/]+\.(?:RSA|DSA|EC)", re.IGNORECASE)


def read_signers(container: Container, location: Location) -> tuple[tuple[str, ...], tuple[Failure, ...]]:
    """SHA-256 of the certificates of the newest scheme that is there: the signing block, else META-INF (v1).

    Empty for unsigned packages; an unreadable block is a failure, and the older scheme is taken.
    """
    failures: list[Failure] = []
    archive = archive_of(container)
    certificates: tuple[bytes, ...] = ()
    if archive is not None:
        try:
            certificates = _block_certificates(archive)
        except (InputError, NotThisFormat) as error:
            failures.append(failure(location, error))
    if not certificates:
        certificates = _v1(container.entries, location, failures)
    return tuple(digest(certificate) for certificate in certificates), tuple(failures)


def _block_certificates(archive: ZipArchive) -> tuple[bytes, ...]:
    found = find_signing_block(archive)
    return v2_certificates(archive.source.view(*found)) if found else ()


def _v1(entries: Iterable[Entry], location: Location, failures: list[Failure]) -> tuple[bytes, ...]:
    certificates: dict[bytes, None] = {}
    blocks = [entry for entry in entries if _V1_BLOCK.fullmatch(entry.path)][:MAX_CERTIFICATES]
    for entry in blocks:
        where = location.inside(entry.path)
        try:
            found = v1_certificates(read_small(entry, MAX_APP_DOCUMENT, str(where)))
        except (InputError, NotThisFormat) as error:
            failures.append(failure(where, error))
            continue
        certificates.update(dict.fromkeys(found))
    return tuple(certificates)
