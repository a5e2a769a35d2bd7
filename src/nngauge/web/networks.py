"""Cost and structure of models, from the prepared tables back to what pages are made from."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Final

from nngauge.domain.network import FamilyShare, LanguageFacts, Network
from nngauge.web.listing import among
from nngauge.web.view import Desk

_COLUMNS: Final = (
    "digest", "plugin", "reason", "macs", "macs_formula", "parameters", "parameters_formula", "weight_bytes", "peak_bytes",
    "peak_formula", "read_bytes", "written_bytes", "lower_bound", "scheme", "precision", "sparsity", "near_zero", "clustered",
    "structure", "layers", "trunk", "known", "likeness", "weights_left_out", "lm_role", "lm_family", "lm_architecture",
    "lm_context", "lm_layers", "lm_embedding", "lm_vocabulary", "lm_bits_per_weight", "lm_cache_bytes", "analysed",
)  # fmt: skip


def networks_of(desk: Desk, digests: Sequence[str]) -> list[Network]:
    """Of those models that were analysed. Weights are left out."""
    if not digests:
        return []
    numbers = {int(digest[:16], 16) for digest in digests}
    columns = ", ".join(f'"{name}"' for name in _COLUMNS)
    rows = desk.rows(
        f"SELECT number, {columns} FROM model_entry WHERE analysed AND {among('model_entry', 'number', numbers)}"
    )
    families = _families(desk, numbers) if "weights" in desk.state.prepared.progress.done else {}
    return [_network(dict(zip(_COLUMNS, row[1:], strict=True)), tuple(families.get(row[0], ()))) for row in rows]


def _families(desk: Desk, numbers: Iterable[int]) -> dict[int, list[FamilyShare]]:
    found: dict[int, list[FamilyShare]] = {}
    for number, family, layers, macs, parameters in desk.rows(
        f"SELECT number, family, layers, macs, parameters FROM layer_family "
        f"WHERE {among('layer_family', 'number', numbers)}"
    ):
        found.setdefault(number, []).append(FamilyShare(family=family, layers=layers, macs=macs, parameters=parameters))
    return found


def _network(row: dict[str, Any], families: tuple[FamilyShare, ...]) -> Network:
    parameters = row["parameters"]
    return Network(
        digest=row["digest"],
        plugin=row["plugin"] or "",
        reason=row["reason"],
        macs=_amount(row["macs"], row["macs_formula"]),
        parameters=_amount(None if parameters is None else int(parameters), row["parameters_formula"]),
        weight_bytes=row["weight_bytes"],
        peak_bytes=_amount(row["peak_bytes"], row["peak_formula"]),
        read_bytes=row["read_bytes"],
        written_bytes=row["written_bytes"],
        lower_bound=bool(row["lower_bound"]),
        scheme=row["scheme"],
        precision=row["precision"],
        sparsity=row["sparsity"],
        near_zero=row["near_zero"],
        clustered=row["clustered"],
        structure=row["structure"] or "",
        layers=row["layers"] or "",
        trunk=row["trunk"] or "",
        known=row["known"],
        likeness=row["likeness"],
        language=_language(row),
        families=families,
        weights_left_out=row["weights_left_out"] or 0,
    )


def _amount(number: int | None, formula: str | None) -> int | str | None:
    return formula if number is None else number


def _language(row: dict[str, Any]) -> LanguageFacts | None:
    if row["lm_role"] is None:
        return None
    return LanguageFacts(
        role=row["lm_role"],
        family=row["lm_family"] or "",
        architecture=row["lm_architecture"] or "",
        context=row["lm_context"],
        layers=row["lm_layers"],
        embedding=row["lm_embedding"],
        vocabulary=row["lm_vocabulary"],
        bits_per_weight=row["lm_bits_per_weight"],
        cache_bytes=row["lm_cache_bytes"],
    )
