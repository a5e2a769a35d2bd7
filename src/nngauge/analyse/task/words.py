"""What names say: of the file and its folders, of inputs, outputs and layers, of metadata, and of what lies around.

Texts are cut into words (``faceDetect_v2`` → face, detect) and looked up, alone and joined with the next one, so that
the cost is the length of the text, which is bounded.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from typing import Final

from nngauge.analyse.task.clues import Clue
from nngauge.analyse.task.lexicon import BEGINNINGS, LEXICON
from nngauge.domain.evidence import EvidenceKind
from nngauge.domain.graph import Graph

_MOST_CHARACTERS: Final = 600
"""Of one source; names of real models and ports take less than half of it."""
_MOST_WORDS: Final = 80
_MOST_HITS: Final = 6
_MOST_NAMES: Final = 12
_FEWEST_NODES: Final = 4
_PACKAGES: Final = (".apk", ".aab", ".ipa", ".xapk", ".apks", ".apkm", ".aar", ".obb", ".zip")
"""What a package is called says nothing about the models in it."""
_CAMEL: Final = re.compile(r"(?<=[a-z])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
_WORD: Final = re.compile(r"[a-z]+|\d+")
_FACTS: Final = (
    "name",
    "model_description",
    "description",
    "general.name",
    "class",
    "associated_files",
    "author",
    "task",
    "title",
    "short_description",
)
"""Keys of `Graph.metadata` that hold words for people."""


def word_clues(path: str, graph: Graph, words: Sequence[str]) -> Iterator[Clue]:
    """Clues from the model's own path, its metadata, its ports and layers, and from `words` around it."""
    folders, name = _inside(path)
    yield from _clues("file-name", name, 1.0, EvidenceKind.FILE_NAME)
    yield from _clues("folder", folders, 0.6, EvidenceKind.FILE_NAME)
    yield from _clues("metadata", _metadata(graph), 0.9, EvidenceKind.STRING)
    if not _is_fragment(graph):
        yield from _clues("port-name", _ports(graph), 0.7, EvidenceKind.STRING)
        yield from _clues("layer-name", _layers(graph), 0.35, EvidenceKind.STRING)
    if words:
        yield from _clues("around", " ".join(words[:32]), 0.2, EvidenceKind.STRING)


def _inside(path: str) -> tuple[str, str]:
    """Folders, as one text, and name inside the package; the bundle around it (``hand.task!model.tflite``) is a folder."""
    around, _, entry = path.rpartition("!")
    folders, _, name = entry.rpartition("/")
    bundle = around.rpartition("!")[2].rpartition("/")[2]
    if bundle.lower().endswith(_PACKAGES):
        bundle = ""
    return " ".join((bundle, *folders.split("/")[-3:])), name


def _is_fragment(graph: Graph) -> bool:
    """A few operations cut out of a network carry the names of the whole, but do not do its task."""
    return 0 < len(graph.nodes) < _FEWEST_NODES and not graph.subgraphs


def _metadata(graph: Graph) -> str:
    found = graph.metadata
    return " ".join([value[:240] for key in _FACTS if (value := found.get(key)) is not None]) if found else ""


def _ports(graph: Graph) -> str:
    places = (*graph.inputs[:_MOST_NAMES], *graph.outputs[:_MOST_NAMES])
    total = len(graph.tensors)
    return " ".join([graph.tensors[place].name[:80] for place in places if 0 <= place < total])


def _layers(graph: Graph) -> str:
    """A few operations of the beginning, the middle and the end: their scopes name the architecture."""
    nodes = graph.nodes
    if not nodes:
        return graph.name[:80]
    middle = len(nodes) // 2
    chosen = (*nodes[:3], *nodes[middle : middle + 3], *nodes[-6:])
    names = [node.name[:60] for node in chosen if node.name]
    if not names:
        names = [_made(graph, node.outputs)[:60] for node in chosen]
    return " ".join((graph.name[:80], *names))


def _made(graph: Graph, outputs: Sequence[int]) -> str:
    place = outputs[0] if outputs else -1
    return graph.tensors[place].name if 0 <= place < len(graph.tensors) else ""


def words_of(text: str) -> list[str]:
    """Words of a text in lower case, numbers among them, bounded."""
    spread = _CAMEL.sub(" ", text[:_MOST_CHARACTERS])
    return _WORD.findall(spread.lower())[:_MOST_WORDS]


def _clues(rule: str, text: str, weight: float, kind: EvidenceKind) -> Iterator[Clue]:
    for hits, (word, votes) in enumerate(islice(_hits(words_of(text)), _MOST_HITS)):
        share = weight / (1 + 0.35 * hits)  # the second word of one name is no independent witness
        yield Clue(rule, f"{_TITLES[rule]} “{word}”", {task: vote * share for task, vote in votes.items()}, kind)


WORD_RULES: Final = frozenset({"file-name", "folder", "metadata", "port-name", "layer-name", "around"})
"""Rules of this file."""
_TITLES: Final[Mapping[str, str]] = {
    "file-name": "file name has",
    "folder": "folder name has",
    "metadata": "metadata says",
    "port-name": "input or output is called",
    "layer-name": "layers are called",
    "around": "beside it:",
}


def _hits(words: Sequence[str]) -> Iterator[tuple[str, Mapping[str, float]]]:
    """Known words, each once; two or three joined before one alone."""
    seen: set[str] = set()
    at, last = 0, len(words)
    while at < last:
        if words[at] not in BEGINNINGS:
            at += 1
            continue
        for length in (3, 2, 1):
            joined = "".join(words[at : at + length])
            votes = LEXICON.get(joined)
            if votes is not None and at + length <= last:
                if joined not in seen:
                    seen.add(joined)
                    yield " ".join(words[at : at + length]), votes
                at += length
                break
        else:
            at += 1
