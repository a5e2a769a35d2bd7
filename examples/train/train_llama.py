"""A character-level language model of llama's architecture, trained for a minute and written as GGUF.

The tensors carry llama.cpp's own names and shapes, the quantisation is the gguf package's, so that llama.cpp loads it.
Run: ``python train_llama.py`` in an environment made from requirements-torch.txt (about a minute of CPU).
"""

from __future__ import annotations

from collections import Counter

import gguf
import numpy as np
import torch
from ground_truth import MODELS, ExportedModel, record
from synthetic import STORY
from torch import nn

SEED = 20261121
WIDTH, HEADS, KV_HEADS, LAYERS, INNER, CONTEXT = 64, 4, 2, 2, 160, 128
HEAD = WIDTH // HEADS
SPECIAL = ("<unk>", "<s>", "</s>")
LETTERS = tuple(sorted(set(STORY)))
FIRST_LETTER = len(SPECIAL) + 256
VOCABULARY = FIRST_LETTER + len(LETTERS)
EPSILON = 1e-5
ROPE_BASE = 10000.0


class Block(nn.Module):
    """One decoder layer; the attribute names are llama.cpp's tensor names."""

    def __init__(self) -> None:
        super().__init__()
        self.attn_norm, self.ffn_norm = nn.RMSNorm(WIDTH, EPSILON), nn.RMSNorm(WIDTH, EPSILON)
        self.attn_q = nn.Linear(WIDTH, WIDTH, bias=False)
        self.attn_k = nn.Linear(WIDTH, KV_HEADS * HEAD, bias=False)
        self.attn_v = nn.Linear(WIDTH, KV_HEADS * HEAD, bias=False)
        self.attn_output = nn.Linear(WIDTH, WIDTH, bias=False)
        self.ffn_gate, self.ffn_up = nn.Linear(WIDTH, INNER, bias=False), nn.Linear(WIDTH, INNER, bias=False)
        self.ffn_down = nn.Linear(INNER, WIDTH, bias=False)

    def forward(self, hidden: torch.Tensor) -> torch.Tensor:
        normal = self.attn_norm(hidden)
        query, key, value = (self._heads(line(normal)) for line in (self.attn_q, self.attn_k, self.attn_v))
        mixed = nn.functional.scaled_dot_product_attention(
            _rotate(query), _rotate(key), value, is_causal=True, enable_gqa=True
        )
        hidden = hidden + self.attn_output(mixed.transpose(1, 2).flatten(2))
        normal = self.ffn_norm(hidden)
        return hidden + self.ffn_down(nn.functional.silu(self.ffn_gate(normal)) * self.ffn_up(normal))

    @staticmethod
    def _heads(flat: torch.Tensor) -> torch.Tensor:
        return flat.unflatten(2, (-1, HEAD)).transpose(1, 2)


class Llama(nn.Module):
    """Token ids (N, T) to logits (N, T, vocabulary)."""

    def __init__(self) -> None:
        super().__init__()
        self.token_embd = nn.Embedding(VOCABULARY, WIDTH)
        self.blk = nn.ModuleList(Block() for _ in range(LAYERS))
        self.output_norm = nn.RMSNorm(WIDTH, EPSILON)
        self.output = nn.Linear(WIDTH, VOCABULARY, bias=False)

    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        hidden = self.token_embd(tokens)
        for block in self.blk:
            hidden = block(hidden)
        return self.output(self.output_norm(hidden))


def _rotate(heads: torch.Tensor) -> torch.Tensor:
    """Rotary positions over adjacent pairs, which is the order that llama.cpp's llama architecture uses."""
    rates = ROPE_BASE ** (-torch.arange(0, HEAD, 2) / HEAD)
    angles = torch.arange(heads.shape[2])[:, None] * rates
    even, odd = heads[..., 0::2], heads[..., 1::2]
    turned = (even * angles.cos() - odd * angles.sin(), even * angles.sin() + odd * angles.cos())
    return torch.stack(turned, dim=-1).flatten(-2)


def train() -> tuple[Llama, float]:
    """The model and its last training loss in nats per character."""
    torch.manual_seed(SEED)
    model = Llama()
    text = torch.tensor([FIRST_LETTER + LETTERS.index(letter) for letter in STORY * 3])
    optimizer = torch.optim.AdamW(model.parameters(), 3e-3)
    loss = torch.zeros(())
    for _ in range(300):
        starts = torch.randint(0, len(text) - CONTEXT // 2 - 1, (8,))
        rows = torch.stack([text[start : start + CONTEXT // 2 + 1] for start in starts])
        loss = nn.functional.cross_entropy(model(rows[:, :-1]).flatten(0, 1), rows[:, 1:].flatten())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return model.eval(), round(float(loss), 4)


def write(model: Llama, loss: float, file_type: gguf.LlamaFileType, kind: gguf.GGMLQuantizationType) -> ExportedModel:
    """One GGUF file: norms in float32, every matrix in `kind`."""
    name = f"story_gguf/story_llama_{kind.name.lower()}.gguf"
    (MODELS / name).parent.mkdir(parents=True, exist_ok=True)
    writer = gguf.GGUFWriter(MODELS / name, "llama")
    _describe(writer, file_type)
    for key, value in model.state_dict().items():
        array = value.numpy()
        stored = array if array.ndim == 1 else gguf.quants.quantize(array, kind)
        writer.add_tensor(key, stored, raw_dtype=gguf.GGMLQuantizationType.F32 if array.ndim == 1 else kind)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return _facts(name, model, loss)


def _describe(writer: gguf.GGUFWriter, file_type: gguf.LlamaFileType) -> None:
    writer.add_name("Story, an example model")
    writer.add_license("Apache-2.0")
    writer.add_file_type(file_type)
    writer.add_quantization_version(gguf.GGML_QUANT_VERSION)
    writer.add_vocab_size(VOCABULARY)
    writer.add_context_length(CONTEXT)
    writer.add_embedding_length(WIDTH)
    writer.add_block_count(LAYERS)
    writer.add_feed_forward_length(INNER)
    writer.add_head_count(HEADS)
    writer.add_head_count_kv(KV_HEADS)
    writer.add_layer_norm_rms_eps(EPSILON)
    writer.add_rope_dimension_count(HEAD)
    writer.add_rope_freq_base(ROPE_BASE)
    _describe_tokens(writer)


def _describe_tokens(writer: gguf.GGUFWriter) -> None:
    letters = [letter.replace(" ", "\u2581") for letter in LETTERS]
    kinds = gguf.TokenType
    writer.add_tokenizer_model("llama")
    writer.add_token_list([*SPECIAL, *(f"<0x{byte:02X}>" for byte in range(256)), *letters])
    writer.add_token_scores([0.0] * VOCABULARY)
    writer.add_token_types(
        [kinds.UNKNOWN, kinds.CONTROL, kinds.CONTROL, *[kinds.BYTE] * 256, *[kinds.NORMAL] * len(LETTERS)]
    )
    writer.add_unk_token_id(0)
    writer.add_bos_token_id(1)
    writer.add_eos_token_id(2)


def _facts(name: str, model: Llama, loss: float) -> ExportedModel:
    reader = gguf.GGUFReader(MODELS / name)
    kinds = Counter(tensor.tensor_type.name for tensor in reader.tensors)
    assert sum(int(np.prod(tensor.shape)) for tensor in reader.tensors) == sum(p.numel() for p in model.parameters())
    return ExportedModel(
        files=(name,),
        format="gguf",
        script="train_llama.py",
        packages=("gguf", "torch"),
        task="text generation (characters)",
        facts_from="torch.nn.Module.parameters, gguf.GGUFReader",
        parameters=sum(parameter.numel() for parameter in model.parameters()),
        extra={
            "architecture": "llama",
            "tensors": len(reader.tensors),
            "tensor_types": " ".join(f"{kind}:{count}" for kind, count in sorted(kinds.items())),
            "metadata_keys": sum(not key.startswith("GGUF.") for key in reader.fields),
            "context_length": CONTEXT,
            "layers": LAYERS,
            "vocabulary": VOCABULARY,
            "training_loss": loss,
        },
    )


if __name__ == "__main__":
    torch.set_num_threads(1)
    trained, final = train()
    types, files = gguf.GGMLQuantizationType, gguf.LlamaFileType
    record(
        [
            write(trained, final, files.MOSTLY_F16, types.F16),
            write(trained, final, files.MOSTLY_Q8_0, types.Q8_0),
            write(trained, final, files.MOSTLY_Q4_0, types.Q4_0),
        ]
    )
