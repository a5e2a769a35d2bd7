"""Language models, whatever they are packed in."""

from nngauge.analyse.language.model import language_model

__all__ = ["language_model"]
