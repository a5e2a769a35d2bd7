"""Architectures by the names that GGUF and Hugging Face give them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from nngauge.domain.language import Role

FAMILIES: Final[Mapping[str, str]] = {
    "llama": "Llama", "llama4": "Llama 4", "mllama": "Llama 3.2 Vision", "mistral": "Mistral", "mixtral": "Mixtral",
    "qwen": "Qwen", "qwen2": "Qwen2", "qwen2moe": "Qwen2 MoE", "qwen2_moe": "Qwen2 MoE", "qwen2vl": "Qwen2-VL", "qwen3": "Qwen3",
    "qwen2_vl": "Qwen2-VL", "qwen2_5_vl": "Qwen2.5-VL", "qwen3moe": "Qwen3 MoE", "qwen3_moe": "Qwen3 MoE", "gemma": "Gemma",
    "gemma2": "Gemma 2", "gemma3": "Gemma 3", "gemma3_text": "Gemma 3", "gemma3n": "Gemma 3n", "gemma4": "Gemma 4", "phi": "Phi",
    "phi2": "Phi-2", "phi3": "Phi-3", "phi3small": "Phi-3 small", "phimoe": "Phi-3.5 MoE", "deepseek": "DeepSeek",
    "deepseek2": "DeepSeek V2/V3", "deepseek_v2": "DeepSeek V2", "deepseek_v3": "DeepSeek V3", "gpt2": "GPT-2", "gptneox": "GPT-NeoX",
    "gpt_neox": "GPT-NeoX", "gptj": "GPT-J", "gpt-oss": "GPT-OSS", "gpt_oss": "GPT-OSS", "falcon": "Falcon", "mpt": "MPT",
    "bloom": "BLOOM", "starcoder": "StarCoder", "starcoder2": "StarCoder2", "stablelm": "StableLM", "baichuan": "Baichuan",
    "internlm2": "InternLM2", "minicpm": "MiniCPM", "minicpm3": "MiniCPM3", "command-r": "Command R", "cohere": "Command R",
    "cohere2": "Command R7B", "olmo": "OLMo", "olmo2": "OLMo 2", "granite": "Granite", "smollm3": "SmolLM3", "lfm2": "LFM2",
    "chatglm": "ChatGLM", "glm4": "GLM-4", "exaone": "EXAONE", "exaone4": "EXAONE 4", "openelm": "OpenELM", "hunyuan-dense": "Hunyuan",
    "bitnet": "BitNet", "mamba": "Mamba", "mamba2": "Mamba 2", "rwkv6": "RWKV 6", "rwkv7": "RWKV 7", "jamba": "Jamba", "t5": "T5",
    "t5encoder": "T5 encoder", "bart": "BART", "bert": "BERT", "nomic-bert": "Nomic BERT", "roberta": "RoBERTa",
    "xlm-roberta": "XLM-RoBERTa", "distilbert": "DistilBERT", "modernbert": "ModernBERT", "modern-bert": "ModernBERT",
    "albert": "ALBERT", "electra": "ELECTRA", "mobilebert": "MobileBERT", "whisper": "Whisper", "clip": "CLIP projector",
    "mmproj": "Multimodal projector",
}  # fmt: skip
"""Names for people; an architecture that is not here goes by its own."""

_ROLES: Final[Mapping[Role, frozenset[str]]] = {
    Role.ENCODER: frozenset({
        "bert", "nomic-bert", "nomic-bert-moe", "neo-bert", "jina-bert-v2", "jina-bert-v3", "roberta", "xlm-roberta", "distilbert",
        "modernbert", "modern-bert", "albert", "electra", "mobilebert", "t5encoder", "eurobert", "gemma-embedding", "deberta",
        "deberta-v2", "mpnet", "nomic_bert", "camembert",
    }),
    Role.ENCODER_DECODER: frozenset({"t5", "mt5", "bart", "mbart", "marian", "m2m_100", "pegasus", "t5gemma"}),
    Role.SPEECH: frozenset({"whisper", "moonshine", "speech_to_text"}),
    Role.RECURRENT: frozenset({"mamba", "mamba2", "rwkv", "rwkv5", "rwkv6", "rwkv7", "arwkv7", "rwkv6qwen2", "falcon_mamba"}),
    Role.PROJECTOR: frozenset({"clip", "mmproj"}),
}  # fmt: skip

WINDOW_PERIODS: Final[Mapping[str, int]] = {
    "gemma2": 2, "gemma3": 6, "gemma3_text": 6, "gemma3n": 5, "gemma3n_text": 5, "gpt-oss": 2, "gpt_oss": 2, "cohere2": 4,
}  # fmt: skip
"""Every n-th layer sees everything, the others a window, where the file leaves that to the program (llama.cpp's
`set_swa_pattern` defaults in src/models)."""


def role_of(architecture: str) -> Role:
    """By the name; what is not known to be something else writes text."""
    return next((role for role, names in _ROLES.items() if architecture in names), Role.DECODER)


def family_name(architecture: str) -> str:
    """For people."""
    return FAMILIES.get(architecture, architecture)
