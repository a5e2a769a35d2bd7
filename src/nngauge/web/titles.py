"""Names for people of what facts call by ids."""

from __future__ import annotations

from functools import cache

from nngauge.domain.task import TASKS
from nngauge.knowledge.sdks import Sdk, load_sdks


@cache
def tasks() -> dict[str, str]:
    """Titles of tasks by id."""
    return {task.id: task.title for task in TASKS}


@cache
def sdks() -> dict[str, Sdk]:
    """Components of the knowledge base by id."""
    return {sdk.id: sdk for sdk in load_sdks()}


def sdk_title(name: str) -> str:
    """The title of a component; its id where the knowledge base has none."""
    found = sdks().get(name)
    return found.title if found else name
