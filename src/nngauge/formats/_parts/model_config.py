"""JSON configurations that lie beside weights, flattened into metadata: ``config.hidden_size`` → ``"2048"``.

Files: https://huggingface.co/docs/transformers/main_classes/configuration. Long texts are left out; chat templates are kept
as length and digest.
"""

from __future__ import annotations

import hashlib
import posixpath
from collections.abc import Collection, Iterator
from typing import Final

from nngauge.errors import InputError
from nngauge.formats._parts.json_text import read_object
from nngauge.io.binary import Buffer

_PREFIXES: Final = {
    "config.json": "config", "tokenizer_config.json": "tokenizer_config", "genai_config.json": "genai_config",
    "adapter_config.json": "adapter_config",
}  # fmt: skip
_TEMPLATE_FILE: Final = "chat_template.jinja"
_MAX_FILE: Final = 4 << 20
"""Configurations take kilobytes; tokenizer settings with all added tokens some hundred."""
_MAX_ENTRIES: Final = 2000
_MAX_LISTED: Final = 512
"""Items of a list: one for each layer."""
_MAX_TEXT: Final = 200
_MAX_DEPTH: Final = 6
_TEMPLATE_KEY: Final = "chat_template"


def beside(lead: str, paths: Collection[str]) -> tuple[str, ...]:
    """Those files in the folder of `lead` that describe a model's weights."""
    folder = posixpath.dirname(lead)
    names = (posixpath.join(folder, name) for name in (*_PREFIXES, _TEMPLATE_FILE))
    present = set(paths)
    return tuple(name for name in names if name in present)


def read_config(path: str, buf: Buffer) -> dict[str, str]:
    """The entries of one file that `beside` named; what cannot be read is said and never fatal."""
    name = posixpath.basename(path)
    if name == _TEMPLATE_FILE:
        return {_TEMPLATE_KEY: digest(bytes(buf[:_MAX_FILE]))}
    prefix = _PREFIXES.get(name)
    if prefix is None:
        return {}
    try:
        found = read_object(buf, 0, min(len(buf), _MAX_FILE))
    except InputError as error:
        return {f"unreadable:{name}": str(error)[:_MAX_TEXT]}
    entries: dict[str, str] = {}
    for key, value in _flat(prefix, found, 0):
        entries[key] = value
        if len(entries) >= _MAX_ENTRIES:
            break
    return entries


def digest(content: bytes) -> str:
    """Length and SHA-256 of a text that is not kept."""
    return f"{len(content)} bytes, sha256 {hashlib.sha256(content).hexdigest()}"


def _flat(key: str, value: object, depth: int) -> Iterator[tuple[str, str]]:
    if isinstance(value, dict):
        if depth < _MAX_DEPTH:
            for name, item in value.items():
                if name != "added_tokens_decoder":  # thousands of tokens, none of them a fact of the model
                    yield from _flat(f"{key}.{name[:80]}", item, depth + 1)
    elif key.endswith("." + _TEMPLATE_KEY):
        yield key, digest(str(value).encode("utf-8", "surrogatepass"))
    elif isinstance(value, list):
        if len(value) <= _MAX_LISTED and all(isinstance(item, str | int | float) for item in value):
            yield key, "[" + ", ".join(str(item)[:_MAX_TEXT] for item in value) + "]"
    elif value is not None and len(text := str(value)) <= _MAX_TEXT:
        yield key, text
