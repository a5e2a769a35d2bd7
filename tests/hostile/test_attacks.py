"""Every attack of ``attacks/`` is held: the right answer, all entries accounted for, in time and within memory."""

from __future__ import annotations

import pytest

from attacks import ATTACKS, FAMILIES
from attacks._api import Attack
from attacks.measure import measure

_PATIENCE = 3
"""Test machines are shared; the bound on time that a person sees is the one in attacks/README.md."""


@pytest.mark.parametrize("attack", [attack for attack in ATTACKS if not attack.is_slow], ids=lambda attack: attack.name)
def test_held(attack: Attack) -> None:
    done = measure(attack, patience=_PATIENCE)
    assert not done.complaint, f"{done.complaint} ({done.answer})"


def test_names_are_unique_and_families_explained() -> None:
    names = [attack.name for attack in ATTACKS]
    assert len(names) == len(set(names))
    for name, family in FAMILIES.items():
        assert len((family.__doc__ or "").split("\n\n")) >= 2, name
