"""Fits how fast language models write and read, and says how far off it is with models and devices left out.

    python -m benchmarks.estimator.language_fit [--ship]

Needs numpy and scipy. Rows: ``language_rows.csv.xz`` (see npu_rows.py) and ``language_other_rows.csv``; models:
``language_models.csv``, from their published configurations.
"""

from __future__ import annotations

import csv
import json
import math
import sys
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt
from scipy import optimize

from benchmarks.estimator.language_chips import logarithms, processors, range_of
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
Numbers = npt.NDArray[np.float64]
SCALE: Final = 0.1
"""Errors of logarithms beyond this count linearly."""
RIDGES: Final = {"place": 0.1, "device": 1.0, "both": 2.0, "slope": 5.0, "all": 5 / 3}
SLOPES: Final = np.array([[-0.5, -0.5, 0.0], [-0.5, -0.5, -0.5]])
"""Memory, speed; a layer's own time has nothing to do with the memory."""
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


GIVEN: Final = 0.25
"""There is a law for chips without rows where the median error of left-out devices is at most this. None for GPUs: nothing
public tells how fast those of the boards are, so that only the memory stands for them."""
_KIN: Final = {"Samsung Galaxy S26": "Samsung Galaxy S25", "SA8255P ADP": "Dragonwing IQ-9075 EVK"}
"""Devices that are much like another: left out together."""


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
    """ms of a token = bytes × a + cache × b + layers × c + d, each for a runtime and unit, with powers of what is known of chips.

    Logarithms of a, b and c are a sum: of the runtime and unit, of the chip's figures × slopes, of the device, of both. The slopes
    start at -½ and -½ (half the time waits for memory, half for the unit) and are held there as the devices' terms are held at 0.
    """

    def __init__(self, places: Sequence[str], target: str) -> None:
        self.places, self.target, self.devices = list(places), target, list(DEVICES)
        devices, count = len(self.devices), len(self.places)
        self.shapes = {
            "place": (count, 4), "device": (devices, 3), "both": (devices, count, 3), "slope": (count, 2, 3), "all": (2, 3),
        }  # fmt: skip
        self.figures = np.array([[logarithms(device, place) for place in self.places] for device in self.devices])
        self.found = {name: np.zeros(shape) for name, shape in self.shapes.items()}

    def slopes(self) -> Numbers:
        """Of each place: memory and speed × bytes (products), cache, layers."""
        return SLOPES + self.found["slope"] + self.found["all"]

    def coefficients(self, device: Any, place: Any) -> Numbers:
        """Logarithms of those of bytes, cache, layers and the token itself."""
        found = self.found
        logs: Numbers = np.log(START[self.target]) + found["place"][place]
        known = np.einsum("nj,njk->nk", self.figures[device, place], self.slopes()[place])
        logs[:, :3] += known + found["device"][device] + found["both"][device, place]
        return logs

    def _indices(self, rows_: Sequence[Row]) -> tuple[Any, Any, Numbers]:
        numbers = [amounts(row) for row in rows_]
        kinds = [(a, b, c, 1.0) if self.target == "decode" else (d, e, c, 1.0) for a, b, c, d, e in numbers]
        device = np.array([self.devices.index(row.device) for row in rows_])
        place = np.array([self.places.index(row.place) for row in rows_])
        return device, place, np.array(kinds)

    def fit(self, rows_: Sequence[Row]) -> None:
        device, place, kinds = self._indices(rows_)
        truth = np.array([math.log(1000 / speed(row, self.target)) for row in rows_])
        counts = Counter((row.model, row.place) for row in rows_)
        weights = np.array([counts[row.model, row.place] ** -0.5 for row in rows_])

        def loss(flat: Numbers) -> tuple[float, Numbers]:
            self._unpack(flat)
            terms = np.exp(self.coefficients(device, place)) * kinds
            whole = terms.sum(1)
            errors = (np.log(whole) - truth) / SCALE
            roots = np.sqrt(1 + errors**2)
            each = (weights * errors / roots / SCALE)[:, None] * terms / whole[:, None]
            gradients = self._gradients(device, place, each)
            value = (weights * (roots - 1)).sum()
            for name, ridge in RIDGES.items():
                value += ridge * (self.found[name] ** 2).sum()
                gradients[name] += 2 * ridge * self.found[name]
            return float(value), np.concatenate([gradients[name].ravel() for name in self.shapes])

        size = sum(math.prod(shape) for shape in self.shapes.values())
        options = {"maxiter": 150, "maxcor": 20}
        best = optimize.minimize(loss, np.zeros(size), jac=True, method="L-BFGS-B", options=options)
        self._unpack(best.x)

    def _gradients(self, device: Any, place: Any, each: Numbers) -> dict[str, Numbers]:
        found = {name: np.zeros(shape) for name, shape in self.shapes.items()}
        three = each[:, :3]
        slopes = self.figures[device, place][:, :, None] * three[:, None, :]
        np.add.at(found["place"], place, each)
        np.add.at(found["device"], device, three)
        np.add.at(found["both"], (device, place), three)
        np.add.at(found["slope"], place, slopes)
        found["all"] += slopes.sum(0)
        return found

    def _unpack(self, flat: Numbers) -> None:
        at = 0
        for name, shape in self.shapes.items():
            self.found[name] = flat[at : at + math.prod(shape)].reshape(shape)
            at += math.prod(shape)

    def predict(self, rows_: Sequence[Row]) -> Numbers:
        """Tokens per second."""
        device, place, kinds = self._indices(rows_)
        speeds: Numbers = 1000 / (np.exp(self.coefficients(device, place)) * kinds).sum(1)
        return speeds


KEYS: Final[Mapping[str, Callable[[Row], str]]] = {
    "model": lambda row: row.model,
    "device": lambda row: row.device,
    "kin": lambda row: _KIN.get(row.device, row.device),
}
"""What is left out at a time."""


def speed(row: Row, target: str) -> float:
    return row.decode if target == "decode" else row.prefill


def left_out(found: Sequence[Row], target: str, key: Callable[[Row], str]) -> tuple[Numbers, Numbers]:
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


def summary(truth: Numbers, guesses: Numbers, plain: Numbers) -> dict[str, float | None]:
    errors = np.abs(guesses / truth - 1)
    logs = np.abs(np.log(guesses / truth))
    return {
        "rows": len(truth), "median": float(np.median(errors)), "mean": float(errors.mean()),
        "within25": float((errors <= 0.25).mean()), "baseline": _middle(np.abs(plain / truth - 1)),
        "width90": float(np.exp(np.quantile(logs, 0.9))),
    }  # fmt: skip


def _middle(errors: Numbers) -> float | None:
    """None where nothing could be told without the device."""
    known = errors[np.isfinite(errors)]
    return float(np.median(known)) if len(known) else None


def _coverage(found: Sequence[Row], logs: Numbers, key: Callable[[Row], str]) -> float:
    """Share of rows inside intervals whose width comes from the other models (or devices) in the same place."""
    inside = []
    for index, row in enumerate(found):
        others = [logs[n] for n, other in enumerate(found) if other.place == row.place and key(other) != key(row)]
        inside.append(logs[index] <= np.quantile(others, 0.9) if len(others) >= 10 else False)
    return float(np.mean(inside))


def law_widths(found: Sequence[Row], logs: Numbers) -> tuple[dict[str, float], float]:
    """Place → factor that holds 90 % of its rows and of all; and the share of rows that those of the other devices held."""
    places = np.array([row.place for row in found])
    devices = np.array([row.device for row in found])

    def width(place: str, known: Any) -> float:
        here = logs[known & (places == place)]
        return max(float(np.quantile(logs[known], 0.9)), float(np.quantile(here, 0.9)) if len(here) else 0.0)

    held = [logs[at] <= width(places[at], devices != devices[at]) for at in range(len(found))]
    every = np.ones(len(found), dtype=bool)
    return {place: math.exp(width(place, every)) for place in sorted(set(places.tolist()))}, float(np.mean(held))


def evaluate(target: str) -> dict[str, Any]:
    found = [row for row in rows() if speed(row, target)]
    truth = np.array([speed(row, target) for row in found])
    result: dict[str, Any] = {}
    for name, key in KEYS.items():
        guesses, plain = left_out(found, target, key)
        logs = np.abs(np.log(guesses / truth))
        result[name] = {**summary(truth, guesses, plain), "coverage": _coverage(found, logs, key), "places": {}}
        for place in sorted({row.place for row in found}):
            where = [index for index, row in enumerate(found) if row.place == place]
            result[name]["places"][place] = summary(truth[where], guesses[where], plain[where])
        if name == "device":
            result["law"] = _law_figures(found, truth, guesses, result["device"]["places"])
            result["devices"] = _by_device(found, truth, guesses)
        print(target, name, {k: v for k, v in result[name].items() if k != "places"})
        for place, numbers in result[name]["places"].items():
            print("   ", place, {k: v and round(v, 3) for k, v in numbers.items()})
    print("    laws", result["law"])
    return result


def _by_device(found: Sequence[Row], truth: Numbers, guesses: Numbers) -> dict[str, dict[str, float]]:
    """Estimate ÷ measured in the middle, by place and device that was left out."""
    groups: dict[tuple[str, str], list[float]] = defaultdict(list)
    for row, ratio in zip(found, guesses / truth, strict=True):
        groups[row.place, row.device].append(float(ratio))
    result: dict[str, dict[str, float]] = defaultdict(dict)
    for (place, device), ratios in sorted(groups.items()):
        result[place][device] = float(np.median(ratios))
    return result


def _law_figures(found: Sequence[Row], truth: Numbers, guesses: Numbers, places: Mapping[str, Any]) -> dict[str, Any]:
    """Where a law is given, the width of its intervals, and how far off the rows of left-out devices are there."""
    given = [place for place, one in places.items() if one["median"] <= GIVEN and not place.endswith("/gpu")]
    where = [index for index, row in enumerate(found) if row.place in given]
    logs = np.abs(np.log(guesses / truth))[where]
    widths, coverage = law_widths([found[index] for index in where], logs)
    errors = np.abs(guesses / truth - 1)[where]
    return {
        "places": widths, "coverage": coverage, "rows": len(where), "median": float(np.median(errors)),
        "within25": float((errors <= 0.25).mean()),
    }  # fmt: skip


def ship(results: Mapping[str, Any]) -> None:
    """Writes the profile: coefficients of every device and place that has rows, laws for other chips, widths of the intervals."""
    places: dict[str, Any] = {}
    laws: dict[str, Any] = {}
    for target in START:
        found = [row for row in rows() if speed(row, target)]
        names = sorted({row.place for row in found})
        fit = Fit(names, target)
        fit.fit(found)
        for device, place in sorted({(row.device, row.place) for row in found}):
            logs = fit.coefficients(np.array([fit.devices.index(device)]), np.array([names.index(place)]))
            identity, kind, chips = DEVICES[device]
            entry = places.setdefault(f"{identity}|{place}", {
                "device": identity, "kind": kind, "chips": chips, "runtime": place.split("/")[0], "unit": place.split("/")[1],
            })  # fmt: skip
            entry[target] = [round(number, 6) for number in np.exp(logs[0]).tolist()]
        for place, width in results[target]["law"]["places"].items():
            law = laws.setdefault(place, _law(place, {row.device for row in found if row.place == place}))
            law["terms"][target] = _terms(fit, place, results[target]["device"]["places"][place]["median"], width)
    known = rows()
    document = {
        "id": "language@2",
        "source": "qai-hub-models 0.65.0 (BSD-3-Clause); react-native-executorch and ExecuTorch documents",
        "models": len({row.model for row in known}), "rows": len(known), "places": list(places.values()),
        "errors": {target: _errors(results[target]) for target in START},
        "coverage": {target: results[target]["model"]["coverage"] for target in START},
        "laws": list(laws.values()), "law_coverage": {target: results[target]["law"]["coverage"] for target in START},
        "processors": processors(),
    }  # fmt: skip
    OUT.write_text(json.dumps(document, separators=(",", ":")) + "\n", "utf-8")
    RESULTS.write_text(json.dumps(results, indent=1) + "\n", "utf-8")


def _errors(result: Mapping[str, Any]) -> dict[str, dict[str, float]]:
    return {
        place: {"model": m["median"], "width": m["width90"], "device": d["median"], "other": d["width90"], "baseline": m["baseline"]}
        for place, m in result["model"]["places"].items()
        for d in [result["device"]["places"][place]]
    }  # fmt: skip


def _law(place: str, devices: Iterable[str]) -> dict[str, Any]:
    runtime, unit = place.split("/")
    memory, fastest = range_of(devices, unit)
    return {"runtime": runtime, "unit": unit, "memory": memory, "speed": fastest, "terms": {}}


def _terms(fit: Fit, place: str, error: float, width: float) -> dict[str, Any]:
    at = fit.places.index(place)
    start = np.array(START[fit.target]) * np.exp(fit.found["place"][at])
    memory, fastest = fit.slopes()[at]
    lists = {"start": start, "memory": memory, "speed": fastest}
    return {
        **{name: [round(one, 6) for one in each.tolist()] for name, each in lists.items()},
        "error": error,
        "width": width,
    }


if __name__ == "__main__":
    found_results = {target: evaluate(target) for target in START}
    if "--ship" in sys.argv:
        ship(found_results)
