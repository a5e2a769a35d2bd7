"""Attacks on scanners of app packages and readers of models, one family a file: what each does, what other tools do, what nngauge must do.

``python -m attacks`` builds every attack, scans it in a process of its own, and prints time, memory and the answer.
The same attacks run in the test suite (``tests/hostile/test_attacks.py``).
"""

from __future__ import annotations

from attacks import archives, binaries, bombs, crowds, folders, liars, magics, networks, texts, tricks
from attacks._api import Attack

FAMILIES = {
    "bombs": bombs,
    "tricks": tricks,
    "crowds": crowds,
    "magics": magics,
    "liars": liars,
    "binaries": binaries,
    "texts": texts,
    "archives": archives,
    "folders": folders,
    "networks": networks,
}

ATTACKS: tuple[Attack, ...] = tuple(attack for family in FAMILIES.values() for attack in family.ATTACKS)
