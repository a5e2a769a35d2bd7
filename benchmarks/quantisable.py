"""Which share of TFLite files can be stored in 8 bits: by the quantiser of today as they are, after `nngauge.compress.modernise`,
and by the whole recipe ``int8-weights``.

``python -m benchmarks.quantisable FOLDER…`` looks at every distinct ``.tflite`` file below the folders. A file counts when at
least half of its weights (constants of two dimensions and more) are floats, and there are at least 256 of them. It is made
smaller when most of these floats are whole numbers afterwards. The quantiser runs in this process: only for files that you
trust. Needs ``ai-edge-quantizer``.
"""

from __future__ import annotations

import argparse
import hashlib
import logging
import tempfile
from collections import Counter
from collections.abc import Iterator
from math import prod
from pathlib import Path

from nngauge.compress.modernise import modernise, read
from nngauge.compress.writing import Job, Recipe
from nngauge.compress.writing.child import carry_out
from nngauge.compress.writing.tflite import WRITER
from nngauge.engines.loaded import Refused

LEAST_WEIGHTS = 256
MOST_BYTES = 32 << 20
FLOATS = (0, 1)
WHOLE = (9, 17, 3, 7)


def weights(content: bytes) -> tuple[int, int]:
    """Elements of weights: floats, whole numbers."""
    model, seen, found = read(content), set[int](), Counter[bool]()
    for graph in model.subgraphs or ():
        for tensor in graph.tensors or ():
            data = model.buffers[tensor.buffer].data
            if data is None or not len(data) or tensor.shape is None or len(tensor.shape) < 2 or tensor.buffer in seen:
                continue
            seen.add(int(tensor.buffer))
            if tensor.type in (*FLOATS, *WHOLE):
                found[tensor.type in FLOATS] += prod(map(int, tensor.shape))
    return found[True], found[False]


def outcome(content: bytes, floats: int) -> str:
    """How the quantiser left it: smaller, the same, or its words."""
    from ai_edge_quantizer import quantizer, recipe

    try:
        tool = quantizer.Quantizer(bytearray(content), recipe.weight_only_wi8_afp32())
        made = tool.quantize(enable_progress_bar=False, enable_progress_report=False).quantized_model
    except Exception as error:  # noqa: BLE001 - whatever it raises is its answer
        return f"{type(error).__name__}: {error}"[:120]
    return "smaller" if weights(bytes(made))[0] <= floats / 2 else "unchanged"


def built(content: bytes, floats: int) -> str:
    """The same for our recipe."""
    with tempfile.TemporaryDirectory() as folder:
        source, target = Path(folder) / "in.tflite", Path(folder) / "out.tflite"
        source.write_bytes(content)
        done = carry_out(WRITER, Job(files=(str(source),), output=str(target), recipe=Recipe.INT8_WEIGHTS))
        if done.trouble is not None:
            return done.trouble.reason[:120]
        return "smaller" if weights(target.read_bytes())[0] <= floats / 2 else "unchanged"


def rows(folders: list[Path]) -> Iterator[tuple[Path, str, str, str, tuple[str, ...]]]:
    """Each float file with its outcomes, as it is, after the pre-pass and by the recipe, and what the pre-pass did."""
    seen: set[str] = set()
    for path in sorted(file for folder in folders for file in folder.rglob("*.tflite")):
        content = path.read_bytes()
        digest = hashlib.sha256(content).hexdigest()
        if digest in seen or len(content) > MOST_BYTES:
            continue
        seen.add(digest)
        try:
            floats, whole = weights(content)
        except (Refused, ValueError, TypeError, IndexError, OverflowError, MemoryError) as error:
            print(f"unreadable: {path.name}: {type(error).__name__}")
            continue
        except Exception as error:  # noqa: BLE001 - struct.error and the like: damaged
            print(f"damaged: {path.name}: {type(error).__name__}")
            continue
        if floats < LEAST_WEIGHTS or floats < whole:
            continue
        made = modernise(content)
        yield path, outcome(content, floats), outcome(made.content, floats), built(content, floats), made.changes


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, nargs="+")
    logging.disable(logging.CRITICAL)
    before, after, recipe, did, total = Counter[str](), Counter[str](), Counter[str](), Counter[str](), 0
    for path, first, second, third, changes in rows(parser.parse_args().folder):
        total += 1
        before[first] += 1
        after[second] += 1
        recipe[third] += 1
        did.update(change.split(" ", 1)[1].removesuffix("s") for change in changes)
        if third != "smaller":
            print(f"left: {path.name}: as it is {first}; after the pre-pass {second}; by the recipe {third}")
    print(f"\n{total} files with float weights")
    for title, found in (("as they are", before), ("after the pre-pass", after), ("by the recipe", recipe)):
        print(f"{title}: {found['smaller']} smaller ({100 * found['smaller'] / max(1, total):.1f} %)")
        for word, count in found.most_common():
            print(f"    {count:3} {word}")
    print("what the pre-pass did, in files:", dict(did))


if __name__ == "__main__":
    main()
