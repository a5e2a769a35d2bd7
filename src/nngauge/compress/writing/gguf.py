"""GGUF files with smaller weights, by the package ``gguf``: blocks of 32 weights in 8, 5 or 4 bits.

Only matrices whose rows are whole blocks change; vectors stay as they are, as in llama.cpp. What is in blocks already is
turned into floats first, so its error is kept and another is added: the answer says so.
"""

from __future__ import annotations

from collections.abc import Iterator
from importlib import import_module
from importlib.metadata import version
from typing import Any, Final

from nngauge.compress.writing._api import Done, Job, Recipe, Writer
from nngauge.engines.loaded import Refused

_TYPES: Final = {Recipe.FLOAT16: "F16", Recipe.Q8_0: "Q8_0", Recipe.Q5_0: "Q5_0", Recipe.Q4_0: "Q4_0"}
_FILE_TYPES: Final = {"F16": 1, "Q4_0": 2, "Q8_0": 7, "Q5_0": 8}
"""``general.file_type``: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md."""
_OWN: Final = frozenset({"general.architecture", "general.file_type", "general.quantization_version"})
"""Keys that the writer sets itself, and the head that it counts."""
_PLAIN: Final = frozenset({"F32", "F16", "BF16"})


def build(job: Job) -> Done:
    """Reads one tensor after the other."""
    gguf = import_module("gguf")
    reader = gguf.GGUFReader(job.files[0])
    wanted = getattr(gguf.GGMLQuantizationType, _TYPES[job.recipe])
    architecture = reader.get_field("general.architecture")
    if architecture is None:
        raise Refused("the file does not say its architecture")
    writer = gguf.GGUFWriter(job.output, architecture.contents())
    for name, values in _fields(reader):
        writer.add_key_value(name, *values)
    writer.add_file_type(_FILE_TYPES[wanted.name])
    writer.add_quantization_version(gguf.GGML_QUANT_VERSION)
    stored = [_stored(gguf, tensor, wanted) for tensor in reader.tensors]
    if not any(changed for _, _, _, changed in stored):
        raise Refused("no matrix would be smaller")
    for name, content, kind, _ in stored:
        writer.add_tensor(name, content, raw_shape=content.shape, raw_dtype=kind)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    changed = sum(1 for *_, one in stored if one)
    again = sum(1 for tensor in reader.tensors if tensor.tensor_type.name not in _PLAIN)
    notes = (f"{again} tensors were in blocks already: their error is kept and another is added",) if again else ()
    return Done(tools={"gguf": version("gguf")}, changes=(f"{changed} of {len(stored)} tensors",), notes=notes)


def _fields(reader: Any) -> Iterator[tuple[str, tuple[Any, ...]]]:
    """Everything the file says about itself, but what the writer says anew."""
    for name, field in reader.fields.items():
        if name.startswith("GGUF.") or name in _OWN:
            continue
        kind = field.types[0]
        yield name, (field.contents(), kind, field.types[-1] if kind.name == "ARRAY" else None)


def _stored(gguf: Any, tensor: Any, wanted: Any) -> tuple[str, Any, Any, bool]:
    """Name, bytes, type and whether they changed."""
    block, size = gguf.GGML_QUANT_SIZES[wanted]
    old_block, old_size = gguf.GGML_QUANT_SIZES[tensor.tensor_type]
    smaller = size / block < old_size / old_block
    if len(tensor.shape) < 2 or int(tensor.shape[0]) % block or not smaller:
        return tensor.name, tensor.data, tensor.tensor_type, False
    floats = gguf.quants.dequantize(tensor.data, tensor.tensor_type)
    return tensor.name, gguf.quants.quantize(floats, wanted), wanted, True


WRITER = Writer(
    name="gguf",
    title="gguf",
    formats=frozenset({"gguf"}),
    target="gguf",
    suffix=".gguf",
    recipes=frozenset(_TYPES),
    needs=("gguf", "numpy"),
    install='pip install "nngauge[gguf]"',
    build=build,
    references=("https://github.com/ggml-org/ggml/blob/master/docs/gguf.md",),
    limitations=("No k-quants (q4_k_m and the like): only llama.cpp's own llama-quantize writes them.",),
)
