"""What an engine's module offers the process that runs it: ``version()`` and ``load(request) -> Loaded``.

``version()`` also imports the library: it is called first, so that the time and memory of loading a model are the model's.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

from nngauge.domain.measurement import OpTime, Stage

if TYPE_CHECKING:
    import numpy as np

    Array = np.ndarray[Any, np.dtype[Any]]


class Refused(Exception):
    """The engine does not run this model; its words."""

    def __init__(self, reason: str, kind: str = "unsupported", hint: str = "") -> None:
        super().__init__(reason)
        self.kind, self.hint = kind, hint


class Loaded(Protocol):
    """A model that is ready to run."""

    def feed(self, arrays: Mapping[str, Array]) -> None:
        """Sets the inputs. Raises `Refused` where they do not fit."""

    def run(self) -> object:
        """One inference, and nothing else: no copies of inputs or outputs."""

    def outputs(self) -> Sequence[tuple[str, Array]]:
        """Name and numbers of each output of the last inference; copies."""

    def profile(self, runs: int) -> Sequence[OpTime]:
        """Time of each operator, over so many runs; empty where the engine has no profile."""

    def delegated(self) -> Mapping[str, int]:
        """Operators by where they run; empty where the engine does not tell."""


@runtime_checkable
class InStages(Protocol):
    """A model whose inference has parts that the engine times itself."""

    def stages(self) -> Sequence[Stage]:
        """Samples of each part, of the inferences since `forget`."""

    def forget(self) -> None:
        """Drops the samples there are: they were the warm-up."""


def matched(wanted: Sequence[str], arrays: Mapping[str, Array]) -> list[Array]:
    """The array for each wanted input: by name, and what is left over in order.

    Names differ between a file and an engine that renames inputs as it loads. Raises `Refused` when the numbers differ.
    """
    rest = [array for name, array in arrays.items() if name not in wanted]
    if sum(name in arrays for name in wanted) + len(rest) != len(wanted):
        raise Refused(f"the engine wants {len(wanted)} inputs, there are {len(arrays)}")
    return [arrays[name] if name in arrays else rest.pop(0) for name in wanted]


def no_delegate(name: str, there: Sequence[str]) -> Refused:
    """The answer to a delegate that this engine does not have here."""
    return Refused(f"no delegate {name!r} here", hint=f"there are {', '.join(there) or 'none'}")


def op_times(spent: Mapping[tuple[str, str, str], Sequence[float]]) -> list[OpTime]:
    """Operators by name, kind and unit, from the nanoseconds of each run.

    The mean of the middle half: other work that gets in between lengthens a run by any amount, and clocks of whole
    microseconds make the median of short operators 0.
    """
    return [
        OpTime(name=name, kind=kind, nanoseconds=_middle_mean(times), unit=unit)
        for (name, kind, unit), times in spent.items()
    ]


def _middle_mean(times: Sequence[float]) -> float:
    ordered = sorted(times)
    cut = len(ordered) // 4
    middle = ordered[cut : len(ordered) - cut]
    return sum(middle) / len(middle) if middle else 0.0


def not_fed() -> object:
    """Stands for `Loaded.run` where that can only be made once the inputs are set."""
    raise Refused("inputs were not set")
