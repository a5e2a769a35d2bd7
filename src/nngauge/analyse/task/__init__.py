"""What a model is for: modality and task, from its structure, its metadata and the names around it."""

from nngauge.analyse.task.line import task_line
from nngauge.analyse.task.verdict import classify

__all__ = ["classify", "task_line"]
