"""``python -m attacks [NAME…]``: builds, scans, prints; exit code 1 when one got through. ``--write`` renews README.md."""

from __future__ import annotations

import sys
from pathlib import Path

from attacks import ATTACKS, FAMILIES
from attacks.measure import Measured, measure

_README = Path(__file__).with_name("README.md")


def main(arguments: list[str]) -> int:
    """Runs the named attacks, or all."""
    chosen = [name for name in arguments if not name.startswith("-")]
    results: dict[str, Measured] = {}
    for attack in ATTACKS:
        if chosen and attack.name not in chosen:
            continue
        done = results[attack.name] = measure(attack)
        state = "held" if not done.complaint else "FAILED"
        print(
            f"{state:6} {attack.name:28} {done.seconds:6.2f} s {done.grown:6.0f} MiB  {done.answer} {done.complaint}",
            flush=True,
        )
    if "--write" in arguments and not chosen:
        _README.write_text(page(results))
    return int(any(done.complaint for done in results.values()))


def page(results: dict[str, Measured]) -> str:
    """The README: each family's explanation and its table."""
    parts = [_INTRODUCTION]
    for name, family in FAMILIES.items():
        parts.append(f"## {name}\n\n{(family.__doc__ or '').strip()}\n")
        parts.append("| attack | seconds | memory grows by | answer | held |\n|---|---|---|---|---|")
        for attack in family.ATTACKS:
            done = results[attack.name]
            held = "yes" if not done.complaint else f"**no**: {done.complaint}"
            parts.append(f"| {attack.title} | {done.seconds:.2f} | {done.grown:.0f} MiB | {done.answer} | {held} |")
        parts.append("")
    return "\n".join(parts)


_INTRODUCTION = """\
# Attacks

Hostile packages and model files, built in code, with the answer that each must get. Written by `python -m attacks --write`; times and
memory are of one run on two shared cores and only tell the order of magnitude. "Memory grows by" is the peak resident
memory of the scanning process above what it needs before the scan (about 40 MiB); mapped files count.

An attack has *held* when the answer is the expected one, every entry is accounted for, and time and memory stay within
the bounds (10 s and 150 MiB, where a table does not say otherwise).
"""


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
