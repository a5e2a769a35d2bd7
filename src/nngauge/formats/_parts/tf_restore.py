"""Which key of the checkpoint each variable is restored from, as the graph's own restoring nodes say it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from nngauge.formats._parts.tf_inline import Flat
from nngauge.formats._parts.tf_nodes import RawNode, split_value

_ASSIGNS: Final = frozenset({"Assign", "AssignVariableOp"})
_MAX_COPIES: Final = 4
"""Identities between reading a checkpoint and assigning to a variable; there is one."""


def restored_keys(flat: Flat) -> dict[str, str]:
    """Keys in the checkpoint by the variable's value."""
    by_name = {node.name: node for node in flat.nodes}
    found = {}
    for node in flat.nodes:
        if node.op in _ASSIGNS and len(node.inputs) == 2:
            key = _key(flat, by_name, node.inputs[1])
            if key:
                found[flat.root(node.inputs[0])] = key
    return found


def _key(flat: Flat, by_name: Mapping[str, RawNode], value: str) -> str:
    """What the value is called in the checkpoint; empty when it does not come from one."""
    for _ in range(_MAX_COPIES):
        name, port = split_value(flat.root(value))
        source = by_name.get(name)
        if source is None or len(source.inputs) < 1:
            return ""
        if source.op == "RestoreV2" and len(source.inputs) > 1:
            names = by_name.get(flat.root(source.inputs[1]))
            texts = names.attributes.get("value") if names is not None else None
            return str(texts[port]) if isinstance(texts, tuple) and port < len(texts) else ""
        value = source.inputs[0]
    return ""
