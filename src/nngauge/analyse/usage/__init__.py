"""Used or merely bundled: is there a path from what the system starts to the runtime, and to each model?

What it can and cannot see is in docs/used-or-bundled.md. Heavier than a scan (all code is read again), so it is asked for.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from nngauge.analyse.usage.code import AppCode
from nngauge.analyse.usage.models import model_verdicts
from nngauge.analyse.usage.owners import Owners, missing_components
from nngauge.analyse.usage.read import app_code
from nngauge.analyse.usage.search import Search
from nngauge.analyse.usage.targets import find_targets
from nngauge.analyse.usage.verdicts import technology_verdict, unknown
from nngauge.detect.ruleset import Rule
from nngauge.domain.library import Library
from nngauge.domain.model import Model
from nngauge.domain.usage import Obstacle, UsageVerdict
from nngauge.errors import InputError

__all__ = ["AppCode", "app_code", "usage"]


def usage(
    code: AppCode, rules: Iterable[Rule], libraries: Sequence[Library] = (), models: Sequence[Model] = ()
) -> tuple[UsageVerdict, ...]:
    """One verdict for each of `rules` (the technologies found in the app, in order), then one for each model.

    `libraries` are those of the scan, with the technologies found in them.
    """
    wanted = tuple(rules)
    try:
        targets = find_targets(code, wanted, libraries)
        search = Search(code, targets, Owners(code, targets.types))
    except InputError as error:
        subjects = [(rule.id, False) for rule in wanted] + [(str(item.parts[0].location), True) for item in models]
        return tuple(unknown(name, Obstacle.CODE_UNREAD, error.what, model=model) for name, model in subjects)
    _run(search)
    found = [technology_verdict(search, rule.id, rule.category) for rule in wanted]
    return (*found, *model_verdicts(search, models))


def _run(search: Search) -> None:
    try:
        search.run()
    except InputError as error:
        search.obstacles[Obstacle.CODE_UNREAD] = f"the code could not be followed to its end: {error.what}"
    missing = missing_components(search.code, search.owners)
    if missing and not search.code.obstacles:
        search.obstacles[Obstacle.CODE_MISSING] = missing
    if not search.arrivals:
        search.obstacles[Obstacle.CODE_MISSING] = "the package holds nothing that the system could start"
