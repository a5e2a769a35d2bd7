"""Converters to other formats, each in a process of its own."""

from __future__ import annotations

from nngauge.compress.writing._api import Writer

EXPORTERS: tuple[Writer, ...] = ()
