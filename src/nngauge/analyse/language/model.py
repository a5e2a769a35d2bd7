"""The facts of a language model from whatever tells them."""

from __future__ import annotations

from nngauge.analyse.language.config import from_config, from_genai
from nngauge.analyse.language.exported import from_bundle, from_ggml, from_names
from nngauge.analyse.language.gguf import from_gguf
from nngauge.domain.graph import Graph
from nngauge.domain.language import LanguageModel

_READERS = {
    "gguf": (from_gguf,),
    "ggml_legacy": (from_ggml,),
    "litertlm": (from_bundle,),
    "mediapipe_task": (from_bundle,),
    "tflite": (from_bundle,),
}
"""What to ask for models of a format; others are asked for configurations beside them and for the names of their tensors."""
_OTHERS = (from_config, from_genai, from_names)


def language_model(graph: Graph) -> LanguageModel | None:
    """Family, size, context, cache and tokenizer of a language model; None for a model of another kind.

    Reads no bytes: metadata, names and shapes are enough. Whatever a file claims beyond what a model can be is left out.
    """
    found = (read(graph) for read in _READERS.get(graph.format, _OTHERS))
    return next((model for model in found if model is not None), None)
