"""Paths that are a model file or an app: what is neither is told with both reasons."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from nngauge.errors import UnsupportedError


@contextmanager
def no_app_either(no_model: UnsupportedError) -> Iterator[None]:
    """Around reading a path as an app that is no model for this reason. Raises `UnsupportedError` where it is neither."""
    from nngauge.errors import NotThisFormat, UnsupportedError

    try:
        yield
    except NotThisFormat:
        raise UnsupportedError(
            f"neither an app package nor a model: {no_model.what}", where=no_model.where, hint=no_model.hint
        ) from None
