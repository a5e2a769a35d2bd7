"""The page about one app: verdict, bytes, technologies, models, protection, what to do, and what could not be read."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from nngauge.domain.acceleration import Acceleration, Outcome
from nngauge.domain.app import App
from nngauge.domain.detection import Category, Detection
from nngauge.domain.dossier import Dossier, ModelDossier
from nngauge.domain.evidence import Evidence
from nngauge.domain.finding import Finding, Severity
from nngauge.domain.protection import Audit, AuditedModel, Grade, IntegrityFinding
from nngauge.domain.scan import Depth, Scan
from nngauge.domain.technology import Technology
from nngauge.domain.usage import UsageVerdict
from nngauge.page.app_tables import ROWS, tables
from nngauge.page.bytes_map import BytesMap, bytes_map
from nngauge.page.environment import Frame, Link, percent, render
from nngauge.page.model_card import ModelCard, model_card
from nngauge.units import format_bytes, format_count
from nngauge.words.amounts import plural

_CARDS: Final = 120
"""Models with a card; the others are rows of a table."""
_LAYERS: Final = 1_000
"""Rows of one model's table of layers."""
_ALL_LAYERS: Final = 6_000
_ALL_PICTURES: Final = 6_000_000
"""Characters of all pictures. With these bounds no page is larger than about 15 MB, and usual ones have 0.2 to 2 MB."""
_PROOFS: Final = 4
"""Pieces of evidence of one answer of the verdict."""
_CATEGORIES: Final = (
    (Category.RUNTIME, "Runtimes"),
    (Category.SDK, "SDKs with AI inside"),
    (Category.ACCELERATOR, "Delegates and accelerators"),
    (Category.CLASSICAL, "Classical machine learning"),
    (Category.WRAPPER, "Wrappers and bindings"),
    (Category.SYSTEM, "Of the system and Play services"),
    (Category.CLOUD, "Cloud services"),
)
_SEVERITIES: Final = tuple(Severity)
_OPEN: Final = frozenset({Grade.PLAIN, Grade.RENAMED, Grade.COMPRESSED, Grade.ENCODED, Grade.PRIVATE, Grade.STRIPPED})
"""Whoever has the package has the model."""
_NO_FILE: Final = frozenset({Grade.CODE, Grade.FETCHED})
"""Grades of what is no file of its own."""


class Answer(Struct, frozen=True):
    """One answer of the verdict."""

    title: str
    yes: bool
    says: str
    proofs: tuple[Evidence, ...]
    seen: int
    """Facts that it rests on, also those without a line in `proofs`."""


class Advice(Struct, frozen=True):
    """One rule that is broken, with all places where it is."""

    rule: str
    title: str
    """What would hold if the rule were kept; the id of a rule that is not known here."""
    severity: Severity
    findings: tuple[Finding, ...]
    gain: int
    """Bytes that the remedies would save; 0 where that is not known."""
    remedy: str
    """Empty where it is not the same for all findings."""
    risk: str


class TechnologyRow(Struct, frozen=True):
    """One technology with all its traces."""

    technology: Technology
    detections: tuple[Detection, ...]
    use: UsageVerdict | None


class AcceleratorRow(Struct, frozen=True):
    """One accelerator with its verdict in each ABI."""

    title: str
    items: tuple[Acceleration, ...]


def app_page(
    dossier: Dossier,
    findings: Sequence[Finding] | None = None,
    *,
    unchecked: Sequence[str] = (),
    frame: Frame | None = None,
    template: str = "app.html",
    more: Mapping[str, object] | None = None,
) -> str:
    """The page as HTML; without a `frame` one file that works from disk.

    `findings` are what a policy says of the app; None: nobody asked, and the section is left out. `unchecked` says what
    the policy could not find out. Title, links and provenance are added to a `frame`. `template`: one that extends the usual
    one, which needs `more`.
    """
    scan = dossier.scan
    cards, rest = _cards(dossier.models)
    technologies = _technologies(scan)
    accelerators = _accelerators(scan.accelerations)
    hidden = _hidden(dossier.audit)
    advice = None if findings is None else _advice(findings)
    unread = len(scan.failures) + len(scan.candidates) + len(scan.anomalies)
    links = [
        Link("Verdict", "#verdict"),
        *([Link("To improve", "#improve", str(len(findings)))] if findings is not None else []),
        Link("Bytes", "#bytes"),
        Link("Technologies", "#technologies", str(len(scan.technologies))),
        *([Link("Accelerators", "#accelerators", str(len(accelerators)))] if accelerators else []),
        Link("Models", "#models", str(len(dossier.models))),
        *([Link("Protection", "#protection")] if dossier.audit is not None else []),
        Link("Not read", "#unread", str(unread)),
    ]
    around = frame or Frame(title="")
    where = bytes_map(scan, [item for item in hidden if item.protection.grade not in _NO_FILE])
    return render(
        template,
        frame=replace(
            around, title=f"{app_name(scan)}: the AI inside", links=[*around.links, *links],
            provenance=[*around.provenance, *_provenance(scan)],
        ),
        scan=scan, app=scan.app, name=app_name(scan), answers=_answers(scan), figures=_figures(dossier, where),
        technologies=technologies, accelerators=accelerators, cards=cards, rest=rest, audit=dossier.audit, hidden=hidden,
        integrity=_integrity(dossier.audit), advice=advice, gain=_gain(findings or ()), unchecked=unchecked, where=where,
        uses={item.subject: item for item in scan.usage if item.model}, rows=ROWS,
        models_only=scan.provenance.configuration == Depth.MODELS, tables=tables(dossier, where, rest),
        **(more or {}),
    )  # fmt: skip


def app_name(scan: Scan) -> str:
    """The app's label, else its id, else the name of the file."""
    return scan.app.label or scan.app.package_id or scan.path.rpartition("/")[2] or "App"


# --- verdict ------------------------------------------------------------------------------------------------------------


def _answers(scan: Scan) -> list[Answer]:
    verdict = scan.verdict
    because = {line.partition(": ")[0]: line.partition(": ")[2] for line in verdict.because}
    named = {
        title: [
            item for item in scan.technologies if not item.dead and item.title in because.get(title, "").split(", ")
        ]
        for title in ("runtime present", "model elsewhere")
    }
    models = {model.digest: model for model in scan.models}.values()
    runtimes, elsewhere = named["runtime present"], named["model elsewhere"]
    return [
        Answer(
            "Runtime present", verdict.runtime_present,
            because.get("runtime present", "No code that runs learned models is in this package."),
            _first_proofs(scan, runtimes), len(runtimes),
        ),
        Answer(
            "Model present", verdict.model_present,
            because.get("model present", "No file of this package validates as a model."),
            tuple(proof for model in list(models)[:_PROOFS] for proof in model.evidence[:1]), len(models),
        ),
        Answer(
            "Model elsewhere", verdict.model_elsewhere,
            because.get("model elsewhere", "Nothing asks for a model of the system, the store, a download or the cloud."),
            _first_proofs(scan, elsewhere), len(elsewhere),
        ),
    ]  # fmt: skip


def _first_proofs(scan: Scan, technologies: Sequence[Technology]) -> tuple[Evidence, ...]:
    """One trace of each technology."""
    proofs = []
    for item in technologies[:_PROOFS]:
        detections = (proof for found in scan.detections if found.technology == item.id for proof in found.evidence)
        proof = next(detections, None) or next(iter(item.evidence), None)
        if proof is not None:
            proofs.append(proof)
    return tuple(proofs)


def _figures(dossier: Dossier, where: BytesMap) -> list[tuple[str, str]]:
    """The app in five numbers."""
    models = dossier.models
    size = sum(item.model.size for item in models)
    parameters = sum(item.model.parameters or 0 for item in models)
    audited = [item.protection for item in models if item.protection is not None]
    taken = sum(item.protection.grade in _OPEN for item in audited)
    return [
        ("Models", f"{len(models):,}"),
        ("Bytes of models", format_bytes(size) if models else ""),
        ("Parameters", format_count(parameters) if parameters else ""),
        ("Share of the content that is AI", percent(where.ai / where.total) if where.total else ""),
        ("Models anyone can take out", f"{taken} of {len(audited)}" if audited else ""),
    ]


# --- technologies -------------------------------------------------------------------------------------------------------


def _technologies(scan: Scan) -> list[tuple[str, list[TechnologyRow]]]:
    """By category, in the order of the scan."""
    detections: dict[str, list[Detection]] = {}
    for item in scan.detections:
        detections.setdefault(item.technology, []).append(item)
    uses = {item.subject: item for item in scan.usage if not item.model}
    rows = [
        TechnologyRow(item, tuple(detections.get(item.id, ())), uses.get(item.id)) for item in scan.technologies[:ROWS]
    ]
    groups = [(title, [row for row in rows if row.technology.category is category]) for category, title in _CATEGORIES]
    return [(title, found) for title, found in groups if found]


def _accelerators(items: Sequence[Acceleration]) -> list[AcceleratorRow]:
    """One row each, those that will not work first."""
    groups: dict[str, list[Acceleration]] = {}
    for item in items[:ROWS]:
        groups.setdefault(item.accelerator, []).append(item)
    rows = [AcceleratorRow(found[0].title, tuple(found)) for found in groups.values()]
    return sorted(rows, key=lambda row: all(item.outcome is not Outcome.MISSING for item in row.items))


# --- models -------------------------------------------------------------------------------------------------------------


def _cards(models: Sequence[ModelDossier]) -> tuple[list[ModelCard], Sequence[ModelDossier]]:
    """Cards of the largest models, as far as the page has room for what they show; and the others."""
    cards: list[ModelCard] = []
    layers, room = _ALL_LAYERS, _ALL_PICTURES
    for number, item in enumerate(models[:_CARDS], 1):
        card = model_card(item, f"model-{number}", most_layers=min(_LAYERS, layers), room=room)
        layers -= len(card.layers)
        room -= len(card.picture)
        cards.append(card)
    return cards, models[_CARDS:]


# --- protection ---------------------------------------------------------------------------------------------------------


def _hidden(audit: Audit | None) -> list[AuditedModel]:
    """What the audit found besides the models that can be read."""
    return [item for item in audit.models if not item.digest] if audit is not None else []


def _integrity(audit: Audit | None) -> list[IntegrityFinding]:
    """About the app as a whole, then about models; equal answers together."""
    if audit is None:
        return []
    groups: dict[tuple[str, str], list[tuple[str, IntegrityFinding]]] = {}
    for item in audit.models:
        for finding in item.integrity:
            groups.setdefault((finding.check, finding.says), []).append((item.name, finding))
    found = list(audit.integrity)
    for same in groups.values():
        names = list(dict.fromkeys(name for name, _ in same))
        more = f" and {plural(len(names) - 2, 'other')}" if len(names) > 2 else ""
        found.append(replace(same[0][1], says=f"{', '.join(names[:2])}{more}: {same[0][1].says}"))
    return found


# --- findings, provenance -----------------------------------------------------------------------------------------------


def _advice(findings: Sequence[Finding]) -> list[Advice]:
    """By rule: what matters most first, then what gains most."""
    from nngauge.policy import RULE

    groups: dict[str, list[Finding]] = {}
    for item in findings:
        groups.setdefault(item.rule, []).append(item)
    found = []
    for rule, items in groups.items():
        items.sort(key=lambda item: (_SEVERITIES.index(item.severity), -(item.gain_bytes or 0)))
        remedies, risks = {item.remedy for item in items}, {item.risk for item in items}
        found.append(
            Advice(
                rule, RULE[rule].broken if rule in RULE else rule, items[0].severity, tuple(items), _gain(items),
                items[0].remedy if len(remedies) == 1 else "", items[0].risk if len(risks) == 1 else "",
            )
        )  # fmt: skip
    return sorted(found, key=lambda item: (_SEVERITIES.index(item.severity), -item.gain))


def _gain(findings: Sequence[Finding]) -> int:
    """Bytes that all remedies together would save at most: of several about one file, the largest."""
    best: dict[str, int] = {}
    for item in findings:
        key = item.location.path if item.location else item.rule
        best[key] = max(best.get(key, 0), item.gain_bytes or 0)
    return sum(best.values())


def _provenance(scan: Scan) -> Iterator[tuple[str, str]]:
    told = scan.provenance
    yield "Made by", told.tool
    yield "Rules", told.rules
    yield "Plug-ins", told.plugins
    yield "Depth", told.configuration
    yield "Package", scan.path.rpartition("/")[2]
    yield from _identity_of(scan.app)


def _identity_of(app: App) -> Iterator[tuple[str, str]]:
    if app.sha256:
        yield "SHA-256", app.sha256
