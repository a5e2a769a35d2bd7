"""What models are for: the verdicts of `nngauge.analyse.task` against labelled models of public repositories.

``python -m benchmarks.evaluation.tasks --models DIR`` prints the tables, ``--page docs/tasks.md`` writes them into that
page. DIR holds the files under ``owner+name/path``. ``tasks.csv`` lists them: labels come from the repositories' own
documentation and paths and were given before any rule was written; so was the division, by the first bit of the SHA-256
of the repository's name. The rules were written with the development part in view and the hold-out part closed.
"""

from __future__ import annotations

import argparse
import csv
import math
import re
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Final

from nngauge.analyse.task.verdict import LEAST, TEMPERATURE, gather, judge, probabilities, scores
from nngauge.api import open_model
from nngauge.domain.graph import Graph
from nngauge.domain.location import Location
from nngauge.domain.task import UNKNOWN
from nngauge.errors import NngaugeError

LIST: Final = Path(__file__).parent / "tasks.csv"
_FOLDERS: Final = 2
"""Folders of a repository's path that stay around a file's name, as many as apps keep."""
_FOLDS: Final = 5
_TEMPERATURES: Final = (0.4, 0.5, 0.55, 0.6, 0.65, 0.7, 0.75, 0.8, 0.85, 0.9, 1.0, 1.1, 1.3)


@dataclass(frozen=True, slots=True)
class Labelled:
    """One model with what its repository says that it does."""

    split: str
    """``dev`` or ``hold-out``."""
    task: str
    repository: str
    path: str
    sha256: str
    source: str
    """Where the label comes from."""
    beside: tuple[str, ...]
    """Names of other files in its folder."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What the classifier makes of one model."""

    model: Labelled
    format: str
    named: Mapping[str, float]
    """Scores with all evidence."""
    bare: Mapping[str, float]
    """Scores without names of any kind."""
    keyword: str
    """The baseline's answer: the first keyword of a task in the file's name."""
    seconds: float = 0.0
    """Processor time of one verdict, the best of three."""


@dataclass(frozen=True, slots=True)
class Answer:
    """One verdict with its probability, and the truth."""

    truth: str
    task: str
    probability: float

    @property
    def right(self) -> bool:
        """An unknown that should be unknown is right."""
        return self.truth == self.task


def load(path: Path = LIST) -> tuple[Labelled, ...]:
    """All rows of the list."""
    with path.open(newline="") as file:
        return tuple(
            Labelled(
                row["split"],
                row["task"],
                row["repository"],
                row["path"],
                row["sha256"],
                row["source"],
                tuple(row["beside"].split()),
            )
            for row in csv.DictReader(file)
        )


def evaluate(models: Sequence[Labelled], folder: Path) -> Iterator[Outcome]:
    """The models whose files are there and have the listed digest."""
    for model in models:
        path = folder / model.repository.replace("/", "+") / model.path
        if not path.is_file() or sha256(path.read_bytes()).hexdigest() != model.sha256:
            continue
        try:
            with open_model(path) as extracted:
                graph, form = extracted.graph, extracted.format.name
                place = "/".join(model.path.split("/")[-1 - _FOLDERS :])
                named = scores(tuple(gather(graph, place, model.beside)))
                seconds = min(_timed(graph, place, model.beside) for _ in range(3))
                bare = scores(tuple(gather(graph, None)))
        except NngaugeError as error:
            print(f"{path}: {error}")
            continue
        yield Outcome(model, form, named, bare, keyword(model.path), seconds)


def _timed(graph: Graph, place: str, beside: Sequence[str]) -> float:
    started = time.process_time()
    judge(tuple(gather(graph, place, beside)), Location(path=place))
    return time.process_time() - started


KEYWORDS: Final[Mapping[str, str]] = {
    "nsfw": "content-moderation", "liveness": "face-liveness", "spoof": "face-liveness", "landmark": "face-landmarks",
    "facemesh": "face-landmarks", "iris": "face-landmarks", "facenet": "face-recognition",
    "arcface": "face-recognition", "face_recognition": "face-recognition", "age": "face-attributes",
    "gender": "face-attributes", "emotion": "face-attributes", "expression": "face-attributes",
    "gaze": "gaze-estimation", "headpose": "gaze-estimation", "pose": "pose-estimation", "movenet": "pose-estimation",
    "palm": "hand-tracking", "hand": "hand-tracking", "gesture": "gesture-recognition", "sign": "gesture-recognition",
    "selfie": "portrait-segmentation", "hair": "portrait-segmentation", "matting": "portrait-segmentation",
    "depth": "depth-estimation", "midas": "depth-estimation", "objectron": "3d-object-detection",
    "esrgan": "super-resolution", "super_resolution": "super-resolution", "scale": "super-resolution",
    "srcnn": "super-resolution", "denoise": "image-enhancement", "color": "image-enhancement",
    "style": "style-transfer", "cartoon": "style-transfer", "anime": "style-transfer", "gan": "image-generation",
    "diffusion": "image-generation", "rife": "frame-interpolation", "interp": "frame-interpolation",
    "dbnet": "text-detection", "ocr": "text-recognition", "crnn": "text-recognition",
    "traineddata": "text-recognition", "mnist": "handwriting-recognition", "digit": "handwriting-recognition",
    "barcode": "barcode-detection", "qr": "barcode-detection", "document": "document-scanning",
    "embed": "image-embedding", "clip": "image-embedding", "whisper": "speech-recognition",
    "asr": "speech-recognition", "kws": "keyword-spotting", "keyword": "keyword-spotting", "wake": "keyword-spotting",
    "vad": "voice-activity-detection", "speaker": "speaker-recognition", "tts": "speech-synthesis",
    "yamnet": "sound-recognition", "sound": "sound-recognition", "audio": "sound-recognition",
    "noise": "noise-suppression", "dtln": "noise-suppression", "pitch": "music-analysis", "music": "music-analysis",
    "llama": "language-model", "gpt": "language-model", "llm": "language-model", "qwen": "language-model",
    "text_class": "text-classification", "sentiment": "text-classification", "spam": "text-classification",
    "translat": "translation", "bert": "question-answering", "reply": "smart-reply", "tokenizer": "text-processing",
    "activity": "activity-recognition", "har": "activity-recognition", "ecg": "biosignal-analysis",
    "anomaly": "anomaly-detection", "recommend": "recommendation", "face": "face-detection",
    "yolo": "object-detection", "ssd": "object-detection", "detect": "object-detection",
    "deeplab": "image-segmentation", "seg": "image-segmentation", "unet": "image-segmentation",
    "mobilenet": "image-classification", "resnet": "image-classification", "squeezenet": "image-classification",
    "inception": "image-classification", "efficientnet": "image-classification", "classif": "image-classification",
    "label": "image-classification",
}  # fmt: skip
"""The baseline: what a person would search file names for, the specific before the general; first hit wins."""


def keyword(path: str) -> str:
    """The task of the first keyword in the file's name, `UNKNOWN` without one."""
    name = re.sub(r"[\s-]", "_", path.rpartition("/")[2].lower())
    return next((task for word, task in KEYWORDS.items() if word in name), UNKNOWN)


# --- answers ----------------------------------------------------------------------------------------------------------


def answer(truth: str, total: Mapping[str, float], temperature: float = TEMPERATURE) -> Answer:
    """The verdict as `judge` gives it."""
    chances = probabilities(total, temperature)
    best = max(chances, key=lambda task: chances[task])
    task = best if chances[best] >= LEAST else UNKNOWN
    return Answer(truth, task, chances[task])


def evidence(outcomes: Sequence[Outcome]) -> tuple[tuple[str, Mapping[str, float]], ...]:
    """Truth and scores of each model twice, with its names and without: apps have both sorts."""
    return tuple((item.model.task, total) for item in outcomes for total in (item.named, item.bare))


def fit(rows: Sequence[tuple[str, Mapping[str, float]]]) -> float:
    """The temperature of least log loss."""
    return min(_TEMPERATURES, key=lambda temperature: sum(_loss(truth, total, temperature) for truth, total in rows))


def _loss(truth: str, total: Mapping[str, float], temperature: float) -> float:
    return -math.log(max(1e-6, probabilities({truth: 0.0, **total}, temperature)[truth]))


def out_of_fold(outcomes: Sequence[Outcome], *, names: bool) -> tuple[Answer, ...]:
    """Verdicts whose temperature was fitted on the models of other repositories (five folds)."""
    found: list[Answer] = []
    for fold in range(_FOLDS):
        rest = [item for item in outcomes if _fold(item) != fold]
        temperature = fit(evidence(rest))
        found += [
            answer(item.model.task, item.named if names else item.bare, temperature)
            for item in outcomes
            if _fold(item) == fold
        ]
    return tuple(found)


def _fold(item: Outcome) -> int:
    return sha256(item.model.repository.encode()).digest()[1] % _FOLDS


def coverage_at(answers: Sequence[Answer], precision: float) -> tuple[int, float | None]:
    """`(answers given, threshold)`: as many as can be given, most probable first, with at least this precision."""
    ordered = sorted((item for item in answers if item.task != UNKNOWN), key=lambda item: -item.probability)
    best, threshold, right = 0, None, 0
    for count, item in enumerate(ordered, 1):
        right += item.right
        following = ordered[count].probability if count < len(ordered) else -1.0
        if right / count >= precision and following < item.probability:
            best, threshold = count, item.probability
    return best, threshold


def main() -> None:
    """Reads the options, evaluates, prints or writes."""
    from benchmarks.evaluation import tasks_core, tasks_page

    parser = argparse.ArgumentParser(prog="python -m benchmarks.evaluation.tasks", description=__doc__)
    parser.add_argument(
        "--models", type=Path, required=True, help="folder with the files of tasks.csv, as owner+name/path"
    )
    parser.add_argument("--page", type=Path, help="page whose generated parts are written")
    parser.add_argument("--apps", type=Path, help="“apps and usages.xlsx” of MobileDL, for the core-feature heuristic")
    options = parser.parse_args()
    listed = load()
    outcomes = tuple(evaluate(listed, options.models))
    text = tasks_page.tables(outcomes, len(listed), tasks_core.load(options.apps) if options.apps else ())
    if options.page:
        options.page.write_text(tasks_page.filled(options.page.read_text(), text))
    print(text)


if __name__ == "__main__":
    main()
