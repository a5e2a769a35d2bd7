"""Everything about protection in one run: disguises on real models, dense files that are no models, real protected ones."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Final

from benchmarks.evaluation import protection_page
from benchmarks.evaluation.models import Listed
from benchmarks.evaluation.protection import Case, evaluate
from benchmarks.evaluation.protection_negatives import (
    NegativeResult,
    compressed,
    evaluate_negatives,
    from_folder,
    from_packages,
    low_bits,
)
from benchmarks.evaluation.protection_real import RealCase, evaluate_real

_BARE_EVERY: Final = 2
"""Every second model of those tried is tried under a name that says nothing as well."""
_LOW_BITS: Final = 18
_COMPRESSED: Final = 12
_DENSE_ENOUGH: Final = ("android-resources", "dex", "android-xml")


@dataclass(frozen=True, slots=True)
class Results:
    """All results of one run."""

    named: tuple[Case, ...]
    bare: tuple[Case, ...]
    negatives: tuple[NegativeResult, ...]
    real: tuple[RealCase, ...]

    def page(self) -> str:
        """The section for ``docs/evaluation.md``."""
        return protection_page.protection(self.named, self.bare, self.negatives, self.real)


def measure(
    models: Sequence[Listed], packages: Path | None = None, others: Path | None = None, protected: Path | None = None,
    *, every: int = 1,
) -> Results:  # fmt: skip
    """Runs everything whose material is at hand; `every` takes only every n-th model.

    `packages`: folder with real apps. `others`: dense files named ``<kind>__<name>``. `protected`: folder below which the
    files of ``protection_real.toml`` are looked for.
    """
    chosen = [listed for listed in models if not listed.no_model][::every]
    found = (
        list(from_packages(sorted(path for path in packages.iterdir() if path.suffix != ".tsv"))) if packages else []
    )
    dense = [item for item in found if item.kind in _DENSE_ENOUGH][:_COMPRESSED]
    negatives = [
        *found,
        *(from_folder(others) if others else ()),
        *islice(low_bits(chosen), _LOW_BITS),
        *compressed(dense),
    ]
    return Results(
        named=tuple(evaluate(chosen, named=True)),
        bare=tuple(evaluate(chosen[::_BARE_EVERY], named=False)),
        negatives=tuple(evaluate_negatives(negatives)),
        real=tuple(evaluate_real(protected)) if protected else (),
    )
