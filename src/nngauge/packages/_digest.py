"""The identity of a package that was not read as a whole.

The central directory of a zip names every entry with its place, size and CRC-32, and the signing block of an APK holds
SHA-256 digests over all other bytes (https://source.android.com/docs/security/features/apksigning/v2). So a digest of
both, from the start of the signing block to the end of the file, tells signed packages apart as well as one of all bytes
does; unsigned ones with the strength of their CRC-32s, which is enough for everything but fraud. It is marked, because it
is not the SHA-256 of the file: ``partial-`` and 64 hexadecimal digits.
"""

from __future__ import annotations

import hashlib
from contextlib import suppress
from typing import Final

from msgspec.structs import replace

from nngauge.errors import LimitError, MalformedError
from nngauge.io.zip_signing import find_signing_block
from nngauge.packages._api import Container, Package
from nngauge.packages._assembly import with_digests
from nngauge.packages._zip import archive_of

PARTIAL: Final = "partial-"
"""What an identity begins with that is no SHA-256 of the package."""


def with_identity(package: Package, container: Container) -> Package:
    """The package with its partial identity, when its `container` is a zip with a directory; else, with all digests.

    Without a directory everything has to be read anyway. Raises what reading raises.
    """
    identity = partial_identity(container)
    if identity is None:
        return with_digests(package)
    return replace(package, app=replace(package.app, sha256=identity))


def partial_identity(container: Container) -> str | None:
    """See above; None for everything but zips with a directory. Also of local packages, to recognise them."""
    archive = archive_of(container)
    if archive is None or archive.directory is None:
        return None
    source = archive.source
    start = archive.directory.start
    with suppress(LimitError, MalformedError):  # a damaged block is left out here and reported by who reads signers
        found = find_signing_block(archive)
        start = min(start, found[0]) if found else start
    state = hashlib.sha256(f"{source.size}\n{start}\n".encode())
    for piece in source.chunks(start):
        state.update(piece)
    return PARTIAL + state.hexdigest()
