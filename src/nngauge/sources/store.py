"""Apps in object stores: Amazon S3 and what speaks like it, Google Cloud Storage, Azure Blob Storage.

A locator is a prefix or one object: ``s3://bucket/prefix/``, ``gs://bucket/prefix/``, ``az://container/prefix/`` (the
account in ``AZURE_STORAGE_ACCOUNT_NAME``). Credentials come from the environment, under the names that the clouds' own
tools use; without any, requests are anonymous, as public buckets want them.
"""

from __future__ import annotations

import itertools
import os
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final, TypeVar
from urllib.parse import urlsplit

from nngauge.domain.study import Item
from nngauge.errors import (
    AccessError,
    InputError,
    MalformedError,
    TransientError,
    UnreadableError,
    UnsupportedError,
    UsageError,
)
from nngauge.io.remote import BusyError, RemoteStore, pause
from nngauge.io.source import ByteSource
from nngauge.limits import KIB, REMOTE_ATTEMPTS, REMOTE_SECONDS, REMOTE_TAIL
from nngauge.packages import PACKAGES
from nngauge.sources._api import Source
from nngauge.sources._far import Far, opened

if TYPE_CHECKING:
    from obstore import GetOptions, GetResult
    from obstore.store import ObjectStore

T = TypeVar("T")

_CREDENTIALS: Final = {
    "s3": (
        "AWS_ACCESS_KEY_ID", "AWS_WEB_IDENTITY_TOKEN_FILE", "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
        "AWS_CONTAINER_CREDENTIALS_FULL_URI",
    ),
    "gs": ("GOOGLE_SERVICE_ACCOUNT", "GOOGLE_SERVICE_ACCOUNT_KEY", "GOOGLE_APPLICATION_CREDENTIALS", "GOOGLE_BEARER_TOKEN"),
    "az": ("AZURE_STORAGE_ACCOUNT_KEY", "AZURE_STORAGE_SAS_KEY", "AZURE_STORAGE_TOKEN", "AZURE_STORAGE_CLIENT_ID"),
}  # fmt: skip
"""Environment variables of which one is enough to sign requests, by scheme (as the object_store library reads them)."""
_MACHINE_ROLE: Final = "NNGAUGE_CLOUD_ROLE"
"""Set to anything: credentials are those of the machine. Asking for them unasked would make laptops wait for a time-out."""
_SUFFIXES: Final = tuple(sorted({suffix for form in PACKAGES for suffix in form.suffixes}))
_PIECE: Final = 256 * KIB


def _items(locator: str, _settings: Mapping[str, str]) -> Iterator[Item]:
    """The objects below a prefix that are packages by their ending or have none; or the one object named."""
    scheme, bucket, key = _parts(locator)
    store = _bucket(scheme, bucket)
    if key.lower().endswith(_SUFFIXES):
        yield _item(f"{scheme}://{bucket}", _patient(lambda: _called(lambda: store.head(key), locator)))
        return
    for batch in _listed(store, key, locator):
        for meta in batch:
            name = str(meta["path"]).rpartition("/")[2]
            if meta["size"] and (name.lower().endswith(_SUFFIXES) or "." not in name):
                yield _item(f"{scheme}://{bucket}", meta)


def _listed(store: ObjectStore, prefix: str, locator: str) -> Iterator[Any]:
    listing = iter(store.list(prefix or None, chunk_size=1000))
    while True:
        # Pages cannot be asked for twice: the library itself tries each again before it gives up.
        batch = _settled(lambda: next(listing, None), locator)
        if batch is None:
            return
        yield batch


def _item(root: str, meta: Mapping[str, Any]) -> Item:
    return Item(
        locator=f"{root}/{meta['path']}", size=meta["size"], stamp=meta["e_tag"] or meta["last_modified"].isoformat()
    )


@contextmanager
def _open(item: Item, settings: Mapping[str, str]) -> Iterator[Far]:
    source, store = open_object(item.locator)
    with opened(source, store, settings, item.size) as far:
        yield far


def open_object(locator: str, *, sleep: Callable[[float], None] = time.sleep) -> tuple[ByteSource, RemoteStore]:
    """The bytes of one object, the last ones fetched already; closing the source closes everything.

    Raises `TransientError` when another attempt may do better, else other kinds of `InputError`.
    """
    scheme, bucket, key = _parts(locator)
    file = StoredObject(_bucket(scheme, bucket, retries=0), key, locator)
    meta = _patient(lambda: _called(lambda: file.bucket.head(key), locator), sleep)
    file.size, file.etag = int(meta["size"]), meta["e_tag"]
    store = RemoteStore(file, sleep=sleep)
    source = ByteSource(store, file.size, file.name)
    try:
        source.prepare([(max(0, file.size - REMOTE_TAIL), REMOTE_TAIL)])
    except InputError:
        source.close()
        raise
    return source, store


class StoredObject:
    """One object; see `nngauge.io.remote.Remote`."""

    def __init__(self, bucket: ObjectStore, key: str, name: str) -> None:
        self.bucket = bucket
        self.name = name
        self.size = 0
        self.etag: str | None = None
        self._key = key

    def fetch(self, offset: int, count: int) -> Iterator[bytes | memoryview]:
        """See `nngauge.io.remote.Remote.fetch`."""
        import obstore

        options: GetOptions = {"range": (offset, offset + count)}
        if self.etag is not None:
            options["if_match"] = self.etag
        answer: GetResult = _called(lambda: obstore.get(self.bucket, self._key, options=options), self.name)
        if answer.range != (offset, offset + count) or answer.meta["size"] != self.size:
            raise MalformedError("the store answered with another range than asked for", where=self.name)
        if answer.meta["e_tag"] != self.etag:
            raise TransientError("the object changed while it was read", where=self.name)
        pieces = iter(answer.stream(_PIECE))
        while (piece := _called(lambda: next(pieces, None), self.name)) is not None:
            yield memoryview(piece)

    def close(self) -> None:
        """Connections are the library's business."""


def _parts(locator: str) -> tuple[str, str, str]:
    """Scheme, bucket and key or prefix. Raises `UsageError`."""
    try:
        parts = urlsplit(locator)
        bucket = parts.hostname or ""
    except ValueError:
        raise UsageError("not an address of an object store", hint=SOURCE.example) from None
    if parts.username or parts.password:
        raise UsageError(
            "the address holds a secret", hint="credentials come from the environment: " + ", ".join(SOURCE.secrets)
        )
    # Keys may hold ? and #, which stand for nothing here.
    root, _, key = locator.removeprefix(f"{parts.scheme}://").partition("/")
    if parts.scheme not in _CREDENTIALS or not bucket:
        raise UsageError("not an address of an object store", where=locator, hint=SOURCE.example)
    return parts.scheme, root, key


def _bucket(scheme: str, name: str, *, retries: int = REMOTE_ATTEMPTS - 1) -> ObjectStore:
    """The store; `retries` are the library's own, for pages of listings. Ranges are tried again by `nngauge.io.remote`."""
    try:
        from obstore.exceptions import BaseError
        from obstore.store import AzureStore, GCSStore, S3Store
    except ImportError as error:
        raise UnsupportedError("obstore is not installed", hint="pip install 'nngauge[cloud]'") from error
    anonymous = not any(os.environ.get(variable) for variable in (*_CREDENTIALS[scheme], _MACHINE_ROLE))
    wanted: dict[str, Any] = {
        "client_options": {
            "timeout": timedelta(seconds=4 * REMOTE_SECONDS), "connect_timeout": timedelta(seconds=10),
            "allow_http": os.environ.get("AWS_ALLOW_HTTP", "").lower() == "true",
        },
        "retry_config": {"max_retries": retries, "retry_timeout": timedelta(seconds=REMOTE_SECONDS)},
    }  # fmt: skip
    if anonymous:
        wanted["skip_signature"] = True
    kinds: dict[str, Any] = {"s3": S3Store, "gs": GCSStore, "az": AzureStore}
    try:
        store: ObjectStore = kinds[scheme](name, **wanted)
    except BaseError:
        raise UsageError(
            "the store cannot be used with the settings in the environment",
            where=f"{scheme}://{name}",
            hint=_HINTS[scheme],
        ) from None
    return store


_HINTS: Final = {
    "s3": "AWS_REGION, AWS_ENDPOINT_URL, AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY",
    "gs": "GOOGLE_APPLICATION_CREDENTIALS",
    "az": "AZURE_STORAGE_ACCOUNT_NAME, AZURE_STORAGE_ACCOUNT_KEY",
}


def _called(action: Callable[[], T], where: str) -> T:
    """What `action` gives; the library's errors as ours. Their texts may hold signed addresses and are not quoted."""
    from obstore import exceptions

    try:
        return action()
    except (FileNotFoundError, exceptions.NotFoundError):
        raise UnreadableError("the store has no such object or bucket", where=where) from None
    except (exceptions.PermissionDeniedError, exceptions.UnauthenticatedError):
        hint = _HINTS.get(where.partition(":")[0], "")
        raise AccessError("the store refuses", where=where, hint=f"credentials: {hint}") from None
    except exceptions.PreconditionError:
        raise TransientError("the object changed while it was read", where=where) from None
    except (exceptions.InvalidPathError, exceptions.NotSupportedError) as error:
        raise UnsupportedError(f"the store cannot do that ({type(error).__name__})", where=where) from None
    except (exceptions.BaseError, OSError) as error:
        raise BusyError(f"the store does not answer as it should ({type(error).__name__})", where=where) from None


def _settled(action: Callable[[], T], where: str) -> T:
    try:
        return _called(action, where)
    except BusyError as error:
        raise TransientError(error.what, where=where, hint="try again later") from None


def _patient(action: Callable[[], T], sleep: Callable[[float], None] = time.sleep) -> T:
    for attempt in itertools.count(1):
        try:
            return action()
        except BusyError as error:
            pause(error, attempt, sleep)
    raise AssertionError  # pragma: no cover - count() does not end


SOURCE = Source(
    direct=True,
    name="store",
    title="Object store",
    example="s3://bucket/prefix/, gs://bucket/prefix/, az://container/prefix/",
    claims=lambda locator: locator.startswith(("s3://", "gs://", "az://")),
    items=_items,
    open=_open,
    references=(
        "https://docs.rs/object_store/latest/object_store/",
        "https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetObject.html",
    ),
    limitations=(
        "Objects count as packages by their ending, or when their name has none; folders of split APKs are not joined.",
        "Profiles of the clouds' command-line tools are not read, only the environment.",
    ),
    secrets=(
        "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "GOOGLE_SERVICE_ACCOUNT_KEY",
        "GOOGLE_APPLICATION_CREDENTIALS", "AZURE_STORAGE_ACCOUNT_KEY", "AZURE_STORAGE_SAS_KEY", "AZURE_STORAGE_TOKEN",
    ),
)  # fmt: skip
