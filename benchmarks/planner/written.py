"""Files that were really written: uniform bits beside planned ones of nearly the same size.

``python benchmarks/planner/written.py OUT.jsonl MODEL…`` needs the extra `compress`. Budgets are what uniform 4 bits (depthwise 8)
take as a file, and a tenth and a third more. Every figure is of the written file, run by LiteRT on inputs that were held out.
"""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path

from nngauge.api import open_model
from nngauge.cli.compress import subject_at
from nngauge.compress.patching import weights_of
from nngauge.compress.planned_file import Target, write_planned
from nngauge.compress.planning import Desk, Search, planned_bits
from nngauge.compress.ready import Wanted, ready
from nngauge.compress.versions import Versions
from nngauge.domain.planning import Rounding
from nngauge.domain.written import Written

SHARES = (1.0, 1.1, 1.33)
"""Budgets, in sizes of the file with uniform 4 bits."""
ANY = 1 << 40


def main() -> None:
    with Path(sys.argv[1]).open("a") as out:
        for path in sys.argv[2:]:
            rows(Path(path), lambda row: print(json.dumps(row), file=out, flush=True))


def rows(path: Path, put) -> None:  # type: ignore[no-untyped-def]
    """All files of one model."""
    subject = subject_at(path)
    weights = weights_of(subject)
    search = Search(rounding=Rounding.STORED, wanted=Wanted(seconds=600))
    with ready(subject, search.wanted, 300) as at_hand, tempfile.TemporaryDirectory() as folder:
        desk = Desk(Versions(subject, weights), at_hand, search)
        groups = desk.groups()

        def written(label: str, bits: dict[str, int], budget: int) -> int:
            target = Target(source=path, output=Path(folder) / f"{label}.tflite", opener=open_model, force=True)
            found = write_planned(desk, groups, bits, budget, target)
            if not isinstance(found, Written) or found.likeness is None or found.likeness.agreement is None:
                put({"model": path.name, "label": label, "failed": str(found)})
                return 0
            like = found.likeness.agreement
            put({
                "model": path.name, "label": label, "float": found.before.file, "file": found.after.file, "budget": budget,
                "sqnr": like.sqnr, "share": like.share, "low": like.low, "high": like.high, "held_out": len(desk.held),
                "cpu_seconds": at_hand.trial.cpu_seconds,
            })  # fmt: skip
            return found.after.file

        for bits in (16, 8, 4):
            size = written(f"uniform {bits}", desk.uniform(bits), ANY)
        for share in SHARES:
            budget = int(size * share)
            found = planned_bits(desk, groups, budget, search.rounds)
            if found is not None:
                written(f"planned {share:g}", found[0], budget)


if __name__ == "__main__":
    main()
