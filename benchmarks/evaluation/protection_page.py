"""The tables about protection for ``docs/evaluation.md``: confusion, names that say nothing, negatives, real cases."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from benchmarks.evaluation.protection import LITERATURE, NOTHING, Case
from benchmarks.evaluation.protection_negatives import NegativeResult, by_kind
from benchmarks.evaluation.protection_real import RealCase
from benchmarks.evaluation.tables import share, table
from nngauge.domain.protection import Grade

_SHORT = {Grade.UNIFORM: "noise?", Grade.KEY_BESIDE: "key beside", Grade.PRIVATE: "private", Grade.STRIPPED: "stripped"}
_SEALING = ("AES", "weights encrypted")
"""Disguises that really encrypt: where the entropy threshold is right to say so."""


def protection(
    named: Sequence[Case], bare: Sequence[Case], negatives: Sequence[NegativeResult], real: Sequence[RealCase]
) -> str:
    """The section; empty without cases."""
    if not named:
        return ""
    parts = [
        "## How well is it protected",
        _intro(named, bare),
        _confusion(named),
        _summary(named, "under their own names"),
        *(
            ("### Under names that say nothing", _confusion(bare), _summary(bare, "under names that say nothing"))
            if bare
            else ()
        ),
        *(("### Dense files that are no models", _negatives(negatives)) if negatives else ()),
        *(("### Protected models found in public repositories", _real(real)) if real else ()),
    ]
    return "\n\n".join(part for part in parts if part)


def _intro(named: Sequence[Case], bare: Sequence[Case]) -> str:
    models = len({case.model for case in named})
    formats = len({case.label for case in named})
    return (
        f"Every disguise applied to each of {models} real models of {formats} kinds of files (4 KiB and larger), planted in an app and "
        f"audited: {len(named)} apps with the model's own name and {len(bare)} with a name that says nothing. Rows are what was done, "
        "columns the first grade that `nngauge audit` gave. *right* counts the grades that are right for the row; the last two columns "
        f'compare who says "encrypted": entropy of the file above {LITERATURE} bits per byte, the rule of the literature (ModelXRay, '
        "USENIX Security 2021), and this audit. Written by `python -m benchmarks.evaluation`."
    )


def _confusion(cases: Sequence[Case]) -> str:
    columns = [str(grade) for grade in Grade if any(case.first == grade for case in cases)]
    columns += [NOTHING] if any(case.first == NOTHING for case in cases) else []
    head = [
        "disguise",
        *(_SHORT.get(Grade(name), name) if name != NOTHING else name for name in columns),
        "right",
        "entropy rule",
        "audit",
    ]
    rows = []
    for disguise in dict.fromkeys(case.disguise for case in cases):
        same = [case for case in cases if case.disguise == disguise]
        counts = Counter(case.first for case in same)
        rows.append([
            disguise, *(counts[name] or "" for name in columns), share(sum(case.is_right for case in same), len(same)),
            f"{sum(case.literature_says_encrypted for case in same)} encrypted", f"{sum(case.called_encrypted for case in same)} encrypted",
        ])  # fmt: skip
    return table(head, rows)


def _summary(cases: Sequence[Case], how: str) -> str:
    sealed = [case for case in cases if case.disguise.startswith(_SEALING) and "ECB" not in case.disguise]
    others = [case for case in cases if not case.disguise.startswith(_SEALING)]
    seconds = sorted(case.seconds for case in cases)
    lines = [
        f"Right {how}: {share(sum(case.is_right for case in cases), len(cases))}.",
        f"Called encrypted though they are not: {_both(others)}.",
        f"Encrypted, and called so: {_both(sealed)}.",
        f"Seconds per app: median {seconds[len(seconds) // 2]:.2f}, slowest {seconds[-1]:.2f}.",
    ]
    return " ".join(lines)


def _both(cases: Sequence[Case]) -> str:
    audit, rule = (sum(case.called_encrypted for case in cases), sum(case.literature_says_encrypted for case in cases))
    return f"audit {share(audit, len(cases))}, entropy rule {share(rule, len(cases))}"


def _negatives(results: Sequence[NegativeResult]) -> str:
    rows = [
        [kind, files, wrong, literature, said]
        for kind, (files, wrong, literature, said) in by_kind(results).items()
    ]  # fmt: skip
    total = len(results)
    wrong = sum(item.wrong for item in results)
    literature = sum(item.literature_wrong for item in results)
    text = (
        f"{total} real files, each under its own name and as `assets/models/net.bin`. Called encrypted: audit {share(wrong, total)}, "
        f"entropy rule {share(literature, total)}. *listed* counts files of which the audit said anything under their own name."
    )
    return text + "\n\n" + table(["kind", "files", "audit: encrypted", "entropy rule: encrypted", "listed"], rows)


def _real(cases: Sequence[RealCase]) -> str:
    rows = [
        [case.where, case.name, case.truth, " · ".join(case.found) or NOTHING, "yes" if case.is_right else "no"]
        for case in cases
    ]
    return table(["from", "file", "what is known", "audit", "right"], rows)
