"""Fits how fast language models write and read, and says how far off it is with models and devices left out.

    python -m benchmarks.estimator.language_fit [--ship]

Needs torch 2.13.0 (CPU) and numpy. Rows: ``language_rows.csv.xz`` (see npu_rows.py) and ``language_other_rows.csv``; models:
``language_models.csv``, from their published configurations.
"""

from __future__ import annotations

import csv
import json
import math
import sys
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np

from benchmarks.estimator.npu_rows import HERE, read_language_rows

OUT: Final = Path(__file__).parents[2] / "src/nngauge/estimate/profiles/language.json"
RESULTS: Final = Path(__file__).parents[1] / "results/estimator-language.json"
BITS: Final = {
    "q4_0": (4.5, 6.5625), "q8_0": (8.5, 8.5), "w4a16": (4.0, 8.0), "w4": (4.0, 8.0), "mxfp4": (4.25, 8.5),
    "bf16": (16.0, 16.0), "8da4w": (4.5, 8.0),
}  # fmt: skip
"""Bits of a weight, scales included, in the layers and in the output layer."""
_GPT_OSS: Final = (2388e6, 637e6)
"""Active parameters of gpt-oss-20b's experts (4 bits) and of the rest of its layers (8 bits)."""
START: Final = {"decode": (17.0, 2.0, 3.0, 0.2), "prefill": (0.5, 0.05, 0.05, 0.01)}
"""ms of 10⁹ bytes (10⁹ products), 10⁸ cache elements, 30 layers, a token, before the fit."""
DEVICES: Final = {
    "Samsung Galaxy S25": ("galaxy-s25", "phone", ("sm8750-ac", "sm8750", "qcs8750")),
    "Samsung Galaxy S26": ("galaxy-s26", "phone", ("sm8850-ad", "sm8850")),
    "Snapdragon X Elite CRD": ("snapdragon-x-elite-crd", "pc", ("x1e78100", "qcs7181")),
    "Snapdragon X2 Elite CRD": ("snapdragon-x2-elite-crd", "pc", ("sc8480xp",)),
    "Dragonwing IQ-9075 EVK": ("dragonwing-iq-9075-evk", "board", ("qcs9075",)),
    "Arduino VENTUNO Q": ("arduino-ventuno-q", "board", ("qcs8275",)),
    "SA8255P ADP": ("sa8255p-adp", "board", ("sa8255p", "sa8650p", "sa8775p")),
    "SA8295P ADP": ("sa8295p-adp", "board", ("sa8295p",)),
    "OnePlus 12": ("oneplus-12", "phone 2024", ("sm8650",)),
    "Samsung Galaxy S24": ("galaxy-s24", "phone 2024", ("sm8650",)),
    "Samsung Galaxy S22": ("galaxy-s22", "phone 2022", ("sm8450",)),
    "Google Pixel 10": ("pixel-10", "pixel", ("tensor-g5",)),
    "iPhone 17 Pro": ("iphone-17-pro", "iphone", ("apple-a19-pro",)),
    "iPhone SE 3": ("iphone-se-3", "iphone", ("apple-a15",)),
}


class Row(NamedTuple):
    model: str
    precision: str
    device: str
    place: str
    """``runtime/unit``."""
    context: int
    decode: float
    prefill: float


def rows() -> list[Row]:
    """All rows of models whose configuration is known."""
    with (HERE / "language_other_rows.csv").open(encoding="utf-8") as text:
        found = [*read_language_rows(), *csv.DictReader(text)]
    return [
        Row(row["model"], row["precision"], row["device"], f"{row['runtime']}/{row['unit']}", int(row["context"]),
            float(row["decode"] or 0), float(row["prefill"] or 0))
        for row in found
        if row["model"] in MODELS and row["precision"] in BITS and float(row["decode"] or 0)
    ]  # fmt: skip


def models() -> dict[str, dict[str, str]]:
    """Their published configurations."""
    with (HERE / "language_models.csv").open(encoding="utf-8") as text:
        return {row["model"]: row for row in csv.DictReader(text)}


MODELS: Final = models()


def amounts(row: Row) -> tuple[float, float, float, float, float]:
    """10⁹ bytes read for a token, 10⁸ elements of its cache, layers ÷ 30, 10⁹ products, 10⁸ products with the cache."""
    found = MODELS[row.model]
    number = {name: int(value) if value else 0 for name, value in found.items() if name != "model"}
    layers, width, heads = number["layers"], number["embedding"], number["heads"]
    keys = number["kv_heads"] * number["head_width"]
    plain = layers * (2 * width * heads * number["head_width"] + 2 * width * keys + 3 * width * number["feed_forward"])
    blocks = number["blocks_m"] * 1e6 or plain
    head = width * number["vocabulary"]
    bits, head_bits = BITS[row.precision]
    size = (blocks * bits + head * head_bits) / 8
    if row.precision == "mxfp4":
        size = (_GPT_OSS[0] * bits + (_GPT_OSS[1] + head) * head_bits) / 8
    whole = number["attention_layers"] or layers
    tokens = whole * row.context + number["window_layers"] * min(row.context, number["window"])
    return (
        size / 1e9,
        2 * keys * tokens / 1e8,
        layers / 30,
        blocks / 1e9,
        heads * number["head_width"] * whole * row.context / 1e8,
    )


class Fit:
    """ms of a token = bytes × a + cache × b + layers × c + d, each for a runtime and unit, scaled for classes and devices."""

    def __init__(self, places: Sequence[str], target: str) -> None:
        import torch

        torch.set_num_threads(1)
        self.torch: Any = torch
        self.places, self.target = list(places), target
        self.devices = list(DEVICES)
        self.classes = sorted({entry[1] for entry in DEVICES.values()})
        self.class_of = torch.tensor([self.classes.index(DEVICES[device][1]) for device in self.devices])
        shapes = {"place": (len(places), 4), "class": (len(self.classes), len(places), 3), "device": (len(self.devices), 3),
                  "both": (len(self.devices), len(places), 3)}  # fmt: skip
        self.parameters: dict[str, Any] = {
            name: torch.zeros(*shape, dtype=torch.double, requires_grad=True) for name, shape in shapes.items()
        }

    def coefficients(self, device: Any, place: Any) -> Any:
        """Of bytes, cache, layers and the token itself."""
        torch, found = self.torch, self.parameters
        shift = found["class"][self.class_of[device], place] + found["device"][device] + found["both"][device, place]
        whole = torch.cat([shift, torch.zeros(len(device), 1, dtype=torch.double)], 1)
        return torch.tensor(START[self.target], dtype=torch.double) * torch.exp(found["place"][place] + whole)

    def _logs(self, found: Sequence[Row]) -> Any:
        torch = self.torch
        numbers = [amounts(row) for row in found]
        kinds = [(a, b, c, 1.0) if self.target == "decode" else (d, e, c, 1.0) for a, b, c, d, e in numbers]
        device = torch.tensor([self.devices.index(row.device) for row in found])
        place = torch.tensor([self.places.index(row.place) for row in found])
        return torch.log((self.coefficients(device, place) * torch.tensor(kinds, dtype=torch.double)).sum(1))

    def fit(self, found: Sequence[Row]) -> None:
        torch = self.torch
        truth = torch.tensor([math.log(1000 / speed(row, self.target)) for row in found], dtype=torch.double)
        counts = Counter((row.model, row.place) for row in found)
        weights = torch.tensor([counts[row.model, row.place] ** -0.5 for row in found], dtype=torch.double)
        ridges = {"place": 0.1, "class": 1.0, "device": 1.0, "both": 2.0}
        optimiser = torch.optim.LBFGS(
            list(self.parameters.values()), max_iter=150, history_size=20, line_search_fn="strong_wolfe"
        )

        def loss() -> Any:
            optimiser.zero_grad()
            errors = self._logs(found) - truth
            value = (weights * (torch.sqrt(1 + (errors / 0.1) ** 2) - 1)).sum()
            for name, ridge in ridges.items():
                value = value + ridge * (self.parameters[name] ** 2).sum()
            value.backward()
            return value

        optimiser.step(loss)

    def predict(self, found: Sequence[Row]) -> np.ndarray[Any, Any]:
        """Tokens per second."""
        with self.torch.no_grad():
            speeds: np.ndarray[Any, Any] = 1000 / np.exp(self._logs(found).numpy())
        return speeds


def speed(row: Row, target: str) -> float:
    return row.decode if target == "decode" else row.prefill


def left_out(
    found: Sequence[Row], target: str, key: Callable[[Row], str]
) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    """Predictions for each row with everything of its kind left out, and those of parameters × a constant."""
    places = sorted({row.place for row in found})
    guesses, plain = np.zeros(len(found)), np.zeros(len(found))
    for name in sorted({key(row) for row in found}):
        outside = [index for index, row in enumerate(found) if key(row) == name]
        inside = [row for row in found if key(row) != name]
        fit = Fit(places, target)
        fit.fit(inside)
        guesses[outside] = fit.predict([found[index] for index in outside])
        for index in outside:
            row = found[index]
            products = [speed(other, target) * amounts(other)[3] for other in inside if other.place == row.place]
            plain[index] = np.median(products) / amounts(row)[3] if products else np.nan
    return guesses, plain


def summary(
    truth: np.ndarray[Any, Any], guesses: np.ndarray[Any, Any], plain: np.ndarray[Any, Any]
) -> dict[str, float]:
    errors = np.abs(guesses / truth - 1)
    logs = np.abs(np.log(guesses / truth))
    return {
        "rows": len(truth), "median": float(np.median(errors)), "mean": float(errors.mean()),
        "within25": float((errors <= 0.25).mean()), "baseline": float(np.nanmedian(np.abs(plain / truth - 1))),
        "width90": float(np.exp(np.quantile(logs, 0.9))),
    }  # fmt: skip


def _coverage(found: Sequence[Row], logs: np.ndarray[Any, Any], key: Callable[[Row], str]) -> float:
    """Share of rows inside intervals whose width comes from the other models (or devices) in the same place."""
    inside = []
    for index, row in enumerate(found):
        others = [logs[n] for n, other in enumerate(found) if other.place == row.place and key(other) != key(row)]
        inside.append(logs[index] <= np.quantile(others, 0.9) if len(others) >= 10 else False)
    return float(np.mean(inside))


def evaluate(target: str) -> dict[str, Any]:
    found = [row for row in rows() if speed(row, target)]
    truth = np.array([speed(row, target) for row in found])
    keys: Mapping[str, Callable[[Row], str]] = {"model": lambda row: row.model, "device": lambda row: row.device}
    result: dict[str, Any] = {}
    for name, key in keys.items():
        guesses, plain = left_out(found, target, key)
        logs = np.abs(np.log(guesses / truth))
        result[name] = {**summary(truth, guesses, plain), "coverage": _coverage(found, logs, key), "places": {}}
        for place in sorted({row.place for row in found}):
            where = [index for index, row in enumerate(found) if row.place == place]
            result[name]["places"][place] = summary(truth[where], guesses[where], plain[where])
        print(target, name, {k: v for k, v in result[name].items() if k != "places"})
        for place, numbers in result[name]["places"].items():
            print("   ", place, {k: round(v, 3) for k, v in numbers.items()})
    return result


def ship(results: Mapping[str, Any]) -> None:
    """Writes the profile: coefficients of every device and place that has rows, and widths of the intervals."""
    places: dict[str, Any] = {}
    for target in START:
        found = [row for row in rows() if speed(row, target)]
        names = sorted({row.place for row in found})
        fit = Fit(names, target)
        fit.fit(found)
        for device, place in sorted({(row.device, row.place) for row in found}):
            torch = fit.torch
            with torch.no_grad():
                numbers = fit.coefficients(
                    torch.tensor([fit.devices.index(device)]), torch.tensor([names.index(place)])
                )[0].tolist()
            identity, kind, chips = DEVICES[device]
            entry = places.setdefault(f"{identity}|{place}", {
                "device": identity, "kind": kind, "chips": chips, "runtime": place.split("/")[0], "unit": place.split("/")[1],
            })  # fmt: skip
            entry[target] = [round(number, 6) for number in numbers]
    errors = {
        target: {
            place: {"model": m["median"], "width": m["width90"], "device": d["median"], "other": d["width90"], "baseline": m["baseline"]}
            for place, m in results[target]["model"]["places"].items()
            for d in [results[target]["device"]["places"][place]]
        }
        for target in START
    }  # fmt: skip
    known = rows()
    document = {
        "id": "language@1",
        "source": "qai-hub-models 0.65.0 (BSD-3-Clause); react-native-executorch and ExecuTorch documents",
        "models": len({row.model for row in known}), "rows": len(known), "places": list(places.values()), "errors": errors,
        "coverage": {target: results[target]["model"]["coverage"] for target in START},
    }  # fmt: skip
    OUT.write_text(json.dumps(document, separators=(",", ":")) + "\n", "utf-8")
    RESULTS.write_text(json.dumps(results, indent=1) + "\n", "utf-8")


if __name__ == "__main__":
    found_results = {target: evaluate(target) for target in START}
    if "--ship" in sys.argv:
        ship(found_results)
