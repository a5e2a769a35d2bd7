"""Which datasets of a Keras file belong to which layer.

The older layout has a group for each layer of the main model, with names of variables below; the newer one has a path of
layers by class, with numbered variables (`_save_state` in
https://github.com/keras-team/keras/blob/master/keras/src/saving/saving_lib.py).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from typing import Final

from msgspec import Struct

from nngauge.domain.graph import Tensor
from nngauge.formats._parts.hdf5_datasets import datasets
from nngauge.formats._parts.json_text import JsonObject
from nngauge.formats.vocabulary.keras import roles
from nngauge.io.binary import Buffer

_PARTS: Final = {
    "query": "query_", "key": "key_", "value": "value_", "attention_output": "attention_output_",
    "query_dense": "query_", "key_dense": "key_", "value_dense": "value_", "output_dense": "attention_output_",
    "forward_layer": "forward_", "backward_layer": "backward_",
}  # fmt: skip
"""Groups between a layer and its variables, and what they mean for the role."""
_OLD_NAMES: Final = {
    "W": "kernel", "b": "bias", "U": "recurrent_kernel", "running_mean": "moving_mean", "running_std": "moving_variance",
    "alphas": "alpha",
}  # fmt: skip
_DEPTH: Final = 16
"""Groups inside groups that are looked through for a layer's variables."""


class Place(Struct, frozen=True):
    """Where a layer stands: in which layer of the main model, under which name, on which path of classes."""

    top: str = ""
    name: str = ""
    path: str = ""


class Weights:
    """The variables of a file, found by the place of their layer."""

    def __init__(self, tensors: Sequence[Tensor]) -> None:
        self.tensors = tuple(tensors)
        self.unused = set(range(len(self.tensors)))
        self._by_name: dict[tuple[str, str], list[int]] = {}
        self._by_path: dict[str, list[int]] = {}
        for index, tensor in enumerate(self.tensors):
            self._register(index, tensor.name)

    def _register(self, index: int, name: str) -> None:
        parts = name.replace("\\", "/").replace("_layer_checkpoint_dependencies", "layers").split("/")[:_DEPTH]
        for end in range(1, len(parts)):
            self._by_path.setdefault("/".join(parts[:end]), []).append(index)
        old = parts[1:] if parts[0] == "model_weights" else parts
        for part in dict.fromkeys(old[:-1]):
            self._by_name.setdefault((old[0], part), []).append(index)

    def of(self, place: Place, kind: str, settings: JsonObject) -> dict[str, int]:
        """Index of each variable of a layer of class `kind`, by its role."""
        found = self._by_path.get(place.path) or self._by_name.get((place.top, place.name)) or []
        self.unused.difference_update(found)
        named = {role: index for index, role in self._roles(found, roles(kind, settings))}
        if kind.startswith("Depthwise") and "depthwise_kernel" in named:  # its name in Keras 2
            named["kernel"] = named.pop("depthwise_kernel")
        return named

    def _roles(self, found: Iterable[int], numbered: tuple[str, ...]) -> Iterable[tuple[int, str]]:
        for index in found:
            *groups, last = self.tensors[index].name.replace("\\", "/").split("/")
            name = last.partition(":")[0]
            if name.isdecimal() and len(name) < 4 and int(name) < len(numbered):
                name = numbered[int(name)]
            elif "_" in name and name.rpartition("_")[2] in ("W", "b", "U"):
                name = _OLD_NAMES[name.rpartition("_")[2]]
            yield index, self._prefix(groups) + name

    def _prefix(self, groups: list[str]) -> str:
        for group in reversed(groups):
            plain = group.removeprefix("_")
            if plain in _PARTS:
                return _PARTS[plain]
            if group.startswith(("forward_", "backward_")):
                return group.partition("_")[0] + "_"
        return ""


def class_path(name: str) -> str:
    """A class as the newer layout writes it in paths (`to_snake_case` of Keras)."""
    plain = re.sub(r"\W+", "", name[:256])
    plain = re.sub("(.)([A-Z][a-z]+)", r"\1_\2", plain)
    return re.sub("([a-z])([A-Z])", r"\1_\2", plain).lower()


def numbered_names() -> Callable[[str], str]:
    """Gives each layer of one model its own name: ``dense``, ``dense_1`` …"""
    used: dict[str, int] = {}

    def name_of(kind: str) -> str:
        plain = class_path(kind)
        count = used.get(plain)
        used[plain] = 0 if count is None else count + 1
        return plain if count is None else f"{plain}_{count + 1}"

    return name_of


def model_weights(buf: Buffer) -> list[Tensor] | None:
    """The weights of an HDF5 file, without the state of optimisers and random numbers; None when its layout is not read."""
    found = datasets(buf)
    if found is None:
        return None
    return [
        tensor
        for tensor in found
        if not tensor.name.startswith(("optimizer", "_optimizer")) and "seed_generator" not in tensor.name
    ]
