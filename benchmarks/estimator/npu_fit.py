"""Fits the profile of neural processors and says how far off it is with networks and devices left out.

    python -m benchmarks.estimator.npu_fit folds|families|devices|ship

Needs torch 2.13.0 (CPU) and numpy. ``folds`` leaves networks out (a sixteenth of the models at a time), ``families`` whole families of architectures, ``devices`` leaves one
device after the other out, ``ship`` fits to everything and writes the profile with the errors of the other two.
"""

from __future__ import annotations

import json
import math
import sys
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np

from benchmarks.estimator.npu_model import PRECISIONS, RUNTIMES, START, Physical
from benchmarks.estimator.npu_residuals import Residuals
from benchmarks.estimator.npu_rows import Row, read_networks, read_rows, read_totals
from nngauge.estimate.npu_cost import Speeds, coordinates
from nngauge.estimate.npu_work import WORKS

OUT: Final = Path(__file__).parents[2] / "src/nngauge/estimate/profiles/npu.json"
RESULTS: Final = Path(__file__).parents[1] / "results/estimator-npu.json"
REFERENCE: Final = "Samsung Galaxy S25"
FOLDS: Final = 16
REACH: Final = 3.0
"""Generations over which the weight of a device of the same kind falls to 1/e."""
ITERATIONS: Final = 60
SUBSET: Final = (
    "Samsung Galaxy S22 5G", "Samsung Galaxy S24", "Samsung Galaxy S25", "Samsung Galaxy S26", "Snapdragon 7 Gen 4 QRD",
    "Snapdragon X Elite CRD", "Dragonwing IQ-9075 EVK",
)  # fmt: skip
"""Devices of the folds: the phones and two others, which keeps the fits within minutes."""
DEVICES: Final[Mapping[str, tuple[str, tuple[str, ...], int, str]]] = {
    "Samsung Galaxy S22 5G": ("galaxy-s22", ("sm8450", "qcs8450"), 69, "flagship"),
    "Samsung Galaxy S24": ("galaxy-s24", ("sm8650",), 75, "flagship"),
    "Samsung Galaxy S25": ("galaxy-s25", ("sm8750-ac", "sm8750", "qcs8750"), 79, "flagship"),
    "Samsung Galaxy S26": ("galaxy-s26", ("sm8850-ad", "sm8850"), 81, "flagship"),
    "Snapdragon 8 Elite Gen 6 QRD": ("snapdragon-8-elite-gen-6-qrd", ("sm8950",), 85, "flagship"),
    "Snapdragon 8 Elite Extreme Gen 6 QRD": ("snapdragon-8-elite-extreme-gen-6-qrd", ("sm8975",), 85, "flagship"),
    "Snapdragon 7 Gen 4 QRD": ("snapdragon-7-gen-4-qrd", ("sm7750", "qcs7790"), 73, "middle"),
    "Dragonwing Q-6690 MTP": ("dragonwing-q-6690-mtp", ("qcm6690",), 73, "middle"),
    "Dragonwing RB3 Gen 2 Vision Kit": (
        "dragonwing-rb3-gen-2-vision-kit",
        ("qcs6490", "qcm6490", "sm7325"),
        68,
        "middle",
    ),
    "QCS8550 (Proxy)": ("qcs8550-proxy", ("qcs8550", "sm8550"), 73, "flagship"),
    "Dragonwing IQ-9075 EVK": ("dragonwing-iq-9075-evk", ("qcs9075",), 73, "embedded"),
    "Arduino VENTUNO Q": ("arduino-ventuno-q", ("qcs8275",), 75, "embedded"),
    "Snapdragon X Elite CRD": ("snapdragon-x-elite-crd", ("x1e78100", "qcs7181"), 73, "pc"),
    "Snapdragon X2 Elite CRD": ("snapdragon-x2-elite-crd", ("sc8480xp",), 81, "pc"),
    "SA7255P ADP": ("sa7255p-adp", ("sa7255p",), 75, "embedded"),
    "SA8255P ADP": ("sa8255p-adp", ("sa8255p", "sa8650p", "sa8775p"), 73, "embedded"),
    "SA8295P ADP": ("sa8295p-adp", ("sa8295p",), 68, "embedded"),
}
FAMILIES: Final = (
    "resnet resnext wideresnet fcn_resnet50 pspnet cavaface regnet dla102x densenet121",
    "yolo fastsam lpdm deepbox",
    "whisper distil_whisper opus_mt",
    "bert_base albert distil_bert electra mobile_bert minilm",
    "swin",
    "vit beit siglip2 openai_clip depth_anything video_mae segformer levit mobile_vit efficientformer efficientvit",
    "efficientnet mobilenet mnasnet05 posenet yamnet mobile_facenet repvit nasnet",
    "convnext",
    "quicksrnet esrgan real_esrgan srgan dncnn nafnet unet u2net",
    "detr conditional_detr",
    "inception googlenet squeezenet shufflenet",
    "hrnet",
)
"""Beginnings of names of networks that are alike; one that is in no line is a family of its own."""
DOUBTFUL: Final = frozenset({"yolov3/Yolo-v3", "yolov5/Yolo-v5", "yolov6/Yolo-v6"})
"""Rebuilt networks whose parameters or input size are not the catalogue's."""

Vector = np.ndarray[Any, Any]


def training_rows() -> list[Row]:
    """Rows of networks that were rebuilt, in the three precisions; copies of one network in many languages are one network."""
    networks = read_networks()
    rows = (_known_as(row, networks) for row in read_rows())
    return [
        row
        for row in rows
        if row.network in networks
        and row.network not in DOUBTFUL
        and row.precision in PRECISIONS
        and row.device in DEVICES
    ]


def _known_as(row: Row, networks: Mapping[str, Any]) -> Row:
    if row.model.startswith("opus_mt") and row.network not in networks:
        return row._replace(network="opus_mt_de_en/" + row.network.split("/")[1], model="opus_mt")
    if row.model.startswith("opus_mt"):
        return row._replace(model="opus_mt")
    return row._replace(network=row.network.replace("_quantized/", "/"), model=row.model.removesuffix("_quantized"))


def speeds_of(state: Mapping[str, Vector], devices: Sequence[str], precision: str, device: str) -> Speeds:
    """A device's coefficients in the product's words."""
    number, place = PRECISIONS.index(precision), list(devices).index(device)
    shift = state["group"][number] + state["device"][place] + state["device_precision"][place, number]
    kind = state["kind"]
    return Speeds(
        products=tuple((START[0] * np.exp(kind[0] + state["kind_precision"][number, 0] + shift[0])).tolist()),
        weights=float(START[1] * np.exp(shift[1])),
        elements=tuple((START[2] * np.exp(kind[1] + state["kind_precision"][number, 1] + shift[2])).tolist()),
        calls=tuple((START[3] * np.exp(kind[2] + shift[3])).tolist()),
    )


def _places(
    state: Mapping[str, Vector], devices: Sequence[str], names: Sequence[str]
) -> dict[tuple[str, str], tuple[float, ...]]:
    networks = read_networks()
    return {
        (name, precision): coordinates(networks[name], speeds_of(state, devices, precision, REFERENCE))
        for precision in PRECISIONS
        for name in names
    }


def macs_only(train: Sequence[Row], test: Sequence[Row]) -> Vector:
    """MACs × a constant of each place."""
    totals = read_totals()
    constants = defaultdict(list)
    for row in train:
        constants[row.device, row.precision, row.runtime].append(row.log_ms - math.log(totals[row.network]["macs"]))
    overall = np.median([value for values in constants.values() for value in values])
    return np.array(
        [
            math.log(totals[row.network]["macs"])
            + np.median(constants.get((row.device, row.precision, row.runtime), [overall]))
            for row in test
        ]
    )


def family_of(model: str) -> str:
    """The first word of its line in `FAMILIES`."""
    for line in FAMILIES:
        if any(model.startswith(word) for word in line.split()):
            return line.split()[0]
    return model


def folds(group: Callable[[str], str] = str, count: int = FOLDS) -> dict[str, Any]:
    """Every model (or family) left out once, together with the `count`-th part of all models (families)."""
    rows = [row for row in training_rows() if row.device in SUBSET]
    names, devices = sorted({row.network for row in rows}), sorted(SUBSET)
    models = sorted({group(row.model) for row in rows})
    order = np.random.default_rng(3).permutation(len(models))
    fold = {models[index]: place % count for place, index in enumerate(order)}
    found: list[dict[str, Any]] = []
    for number in range(count):
        train = [row for row in rows if fold[group(row.model)] != number]
        test = [row for row in rows if fold[group(row.model)] == number]
        physical = Physical(read_networks(), names, devices)
        physical.fit(train, ITERATIONS)
        residuals = Residuals(train, physical.predict(train), _places(physical.state(), devices, names), devices)
        plain = macs_only(train, test)
        for row, log, base in zip(test, physical.predict(test), plain, strict=True):
            shift, near = residuals.shift(row, {row.device: 1.0})
            found.append(
                {**row._asdict(), "log": float(log + shift), "physical": float(log), "near": near, "macs": float(base)}
            )
        print(number, len(test), np.median([abs(math.exp(f["log"] - f["log_ms"]) - 1) for f in found]), flush=True)
    return {"rows": found}


def devices_left_out() -> dict[str, Any]:
    """Every device left out once: its factors are means of those of its kind, near generations counting more."""
    rows = training_rows()
    names, devices = sorted({row.network for row in rows}), list(DEVICES)
    whole = Physical(read_networks(), names, devices)
    if not HERE_STATE.is_file():
        whole.fit(rows, 120)
        np.savez_compressed(HERE_STATE, **whole.state())
    state = dict(np.load(HERE_STATE))
    found: list[dict[str, Any]] = []
    for number, device in enumerate(devices):
        train, test = [row for row in rows if row.device != device], [row for row in rows if row.device == device]
        physical = Physical(read_networks(), names, devices)
        start = {name: value.copy() for name, value in state.items()}
        for name in ("device", "device_precision", "call"):
            start[name][number] = 0
        physical.load(start)
        physical.fit(train, 15)
        guess = physical.state()
        mates = weights_of_mates(device)
        for name in ("device", "device_precision", "call"):
            guess[name][number] = sum(weight * guess[name][devices.index(mate)] for mate, weight in mates.items())
        physical.load(guess)
        places = _places(guess, devices, names) if device != REFERENCE else _places(state, devices, names)
        residuals = Residuals(train, physical.predict(train), places, devices)
        for row, log, base in zip(test, physical.predict(test), macs_only(train, test), strict=True):
            shift, near = residuals.shift(row, mates)
            found.append({**row._asdict(), "log": float(log + shift), "near": near, "macs": float(base)})
        errors = [abs(math.exp(f["log"] - f["log_ms"]) - 1) for f in found if f["device"] == device]
        print(device, {m: round(w, 2) for m, w in mates.items()}, len(test), np.median(errors), flush=True)
    return {"rows": found}


HERE_STATE: Final = Path(__file__).parents[2] / "out/npu_state.npz"
"""Coefficients of the fit to everything; not kept in the repository."""


def weights_of_mates(device: str) -> dict[str, float]:
    """Other devices of its kind, those of near generations counting more; they sum to 1."""
    _, _, mine, kind = DEVICES[device]
    found = {
        other: math.exp(-abs(entry[2] - mine) / REACH)
        for other, entry in DEVICES.items()
        if other != device and entry[3] == kind
    }
    return {other: weight / sum(found.values()) for other, weight in found.items()}


def _balances() -> list[dict[str, Any]]:
    """Integers against floats, for every network of the catalogue, rebuilt or not."""
    floats = {(row.network, row.device, row.runtime): row.log_ms for row in read_rows() if row.precision == "float"}
    pairs = defaultdict(list)
    for row in read_rows():
        before = floats.get((row.network, row.device, row.runtime))
        if row.precision in ("w8a8", "w8a16") and before is not None and row.device in DEVICES:
            pairs[DEVICES[row.device][0], row.runtime, row.precision].append(before - row.log_ms)
    return [
        {"device": key[0], "runtime": key[1], "precision": key[2], "cases": len(logs), "slower": sum(log < 0 for log in logs),
         "gain": round(math.exp(float(np.median(logs))), 3)}
        for key, logs in sorted(pairs.items())
    ]  # fmt: skip


CLASSES: Final = (0.5, 0.2, 0.0)
"""Classes of interval widths begin at these quantiles of the similarities."""


def widths(rows: Sequence[Mapping[str, Any]]) -> list[dict[str, float]]:
    """Quantiles of the absolute errors of left-out networks, for each class of similarity."""
    near = [row["near"] for row in rows]
    lows = [float(np.quantile(near, share)) if share else 0.0 for share in CLASSES]
    found = []
    for low, high in zip(lows, [math.inf, *lows], strict=False):
        errors = [abs(row["log"] - row["log_ms"]) for row in rows if low <= row["near"] < high]
        found.append({"similarity": low, "factor": math.exp(float(np.quantile(errors, 0.9)))})
    return found


def coverage(rows: Sequence[Mapping[str, Any]], precision: str = "") -> float:
    """Share of rows inside intervals whose widths come from the other models, tried with ten groups of models."""
    models = sorted({row["model"] for row in rows})
    inside = []
    for group in range(10):
        mine = {model for place, model in enumerate(models) if place % 10 == group}
        table = widths([row for row in rows if row["model"] not in mine])
        for row in rows:
            if row["model"] in mine and precision in ("", row["precision"]):
                factor = next(entry["factor"] for entry in table if row["near"] >= entry["similarity"])
                inside.append(abs(row["log"] - row["log_ms"]) <= math.log(factor))
    return float(np.mean(inside))


def median_error(rows: Sequence[Mapping[str, Any]], name: str = "log") -> float:
    """Of |estimate ÷ truth − 1|."""
    return float(np.median([abs(math.exp(row[name] - row["log_ms"]) - 1) for row in rows]))


def _device_entry(state: Mapping[str, Vector], device: str, rows: Sequence[Row]) -> dict[str, Any]:
    devices, totals = list(DEVICES), read_totals()
    place, base = devices.index(device), devices.index(REFERENCE)
    factors, constants = {}, {}
    for number, precision in enumerate(PRECISIONS):
        shift = [state["device"][index] + state["device_precision"][index, number] for index in (place, base)]
        ratio = np.exp(shift[0] - shift[1])
        factors[precision] = dict(
            zip(("products", "weights", "elements", "calls"), ratio.round(5).tolist(), strict=True)
        )
        each = [
            row.log_ms - math.log(totals[row.network]["macs"] / 1e9)
            for row in rows
            if (row.device, row.precision) == (device, precision)
        ]
        if each:
            constants[precision] = round(math.exp(float(np.median(each))), 5)
    identity, chips, hexagon, kind = DEVICES[device]
    call = round(START[4] * float(np.exp(state["call"][place])), 5)
    return {
        "id": identity,
        "name": device,
        "chips": chips,
        "hexagon": hexagon,
        "kind": kind,
        "factors": factors,
        "call": call,
        "constants": constants,
    }


def ship(left: Mapping[str, Any], away: Mapping[str, Any], families: Mapping[str, Any]) -> None:
    """Writes the profile. Errors of unseen devices are those of flagships: the product tells nothing of other kinds."""
    rows = training_rows()
    names, devices = sorted({row.network for row in rows}), list(DEVICES)
    state = dict(np.load(HERE_STATE))
    physical = Physical(read_networks(), names, devices)
    physical.load(state)
    places = _places(state, devices, names)
    residuals = Residuals(rows, physical.predict(rows), places, devices)
    totals = read_totals()
    away = {"rows": [row for row in away["rows"] if DEVICES[row["device"]][3] == "flagship"]}
    factors = [abs(row["log"] - row["log_ms"]) for row in away["rows"]]
    table = widths(left["rows"])
    known = {
        "id": "hexagon@2",
        "source": "qai-hub-models 0.65.0, Qualcomm, BSD-3-Clause",
        "rows": len(rows),
        "networks": len(names),
        "speeds": {precision: _speeds(state, devices, precision) for precision in PRECISIONS},
        "devices": [_device_entry(state, device, rows) for device in devices],
        "runtimes": {
            runtime: {
                "calls": round(float(np.exp(state["runtime"][place])), 5),
                "start": {
                    precision: round(float(np.exp(state["start"][place, number])), 5)
                    for number, precision in enumerate(PRECISIONS)
                },
                "whole": {
                    precision: round(float(np.exp(state["runtime_precision"][place, number])), 5)
                    for number, precision in enumerate(PRECISIONS)
                },
            }
            for place, runtime in enumerate(RUNTIMES)
        },
        "lengths": [round(float(length), 4) for length in residuals.lengths],
        "cross": {
            one: {two: round(float(residuals.cross[i, j]), 4) for j, two in enumerate(PRECISIONS)}
            for i, one in enumerate(PRECISIONS)
        },
        "points": [
            [
                key[0],
                key[1],
                [round(value, 3) for value in places[key]],
                round(float(residuals.weights[number]), 4),
                [round(float(value), 4) for value in residuals.runtimes[number]],
                [round(float(value), 4) for value in residuals.devices[number]],
            ]
            for number, key in enumerate(residuals.keys)
        ],
        "widths": [{name: round(value, 4) for name, value in entry.items()} for entry in table],
        "other_device": round(max(math.exp(float(np.quantile(factors, 0.9))) / table[1]["factor"], 1.25), 3),
        "errors": {
            precision: {
                "model": round(median_error([row for row in left["rows"] if row["precision"] == precision]), 4),
                "family": round(median_error([row for row in families["rows"] if row["precision"] == precision]), 4),
                "device": round(median_error([row for row in away["rows"] if row["precision"] == precision]), 4),
                "macs": round(median_error([row for row in left["rows"] if row["precision"] == precision], "macs"), 4),
                "coverage": round(coverage(left["rows"], precision), 4),
            }
            for precision in PRECISIONS
        },
        "largest": [
            min(totals[name]["macs"] for name in names) / 1e9,
            max(totals[name]["macs"] for name in names) / 1e9,
        ],
        "balances": _balances(),
    }
    OUT.write_text(json.dumps(known, separators=(",", ":")) + "\n", "utf-8")


def _speeds(state: Mapping[str, Vector], devices: Sequence[str], precision: str) -> dict[str, Any]:
    found = speeds_of(state, devices, precision, REFERENCE)
    return {
        "products": [round(value, 7) for value in found.products],
        "weights": round(found.weights, 7),
        "elements": [round(value, 7) for value in found.elements],
        "calls": [round(value, 7) for value in found.calls],
    }


def report(left: Mapping[str, Any], away: Mapping[str, Any], families: Mapping[str, Any]) -> dict[str, Any]:
    """The figures of docs/estimates-npu-llm.md."""

    def by(rows: Sequence[Mapping[str, Any]], name: str) -> dict[str, Any]:
        values = sorted({row[name] for row in rows})
        return {value: _figures([row for row in rows if row[name] == value]) for value in values}

    return {
        "models left out": {
            "all": _figures(left["rows"]),
            **{name: by(left["rows"], name) for name in ("precision", "runtime", "device")},
        },
        "families left out": {
            "all": _figures(families["rows"]),
            "precision": by(families["rows"], "precision"),
        },
        "devices left out": {
            "flagships": _figures([row for row in away["rows"] if DEVICES[row["device"]][3] == "flagship"]),
            "all": _figures(away["rows"]),
            "precision": by(away["rows"], "precision"),
            "device": by(away["rows"], "device"),
        },
        "coverage": coverage(left["rows"]),
        "works": [work.value for work in WORKS],
        "integers": _balances(),
    }


def _figures(rows: Sequence[Mapping[str, Any]]) -> dict[str, float]:
    errors = [abs(math.exp(row["log"] - row["log_ms"]) - 1) for row in rows]
    return {
        "rows": len(rows),
        "networks": len({row["network"] for row in rows}),
        "median": round(float(np.median(errors)), 4),
        "p75": round(float(np.quantile(errors, 0.75)), 4),
        "macs": round(median_error(rows, "macs"), 4),
        "spearman": round(_spearman([row["log"] for row in rows], [row["log_ms"] for row in rows]), 4),
    }


def _spearman(first: Sequence[float], second: Sequence[float]) -> float:
    ranks = [np.argsort(np.argsort(values)) for values in (first, second)]
    return float(np.corrcoef(ranks[0], ranks[1])[0, 1])


def _stored(name: str) -> Path:
    return Path(__file__).parents[2] / f"out/npu_{name}.json"


def main(step: str) -> None:
    """One step; the next finds what it left in out/."""
    HERE_STATE.parent.mkdir(exist_ok=True)
    if step == "folds":
        _stored("folds").write_text(json.dumps(folds()), "utf-8")
    elif step == "families":
        _stored("families").write_text(json.dumps(folds(family_of, 8)), "utf-8")
    elif step == "devices":
        _stored("devices").write_text(json.dumps(devices_left_out()), "utf-8")
    else:
        left, away, families = (
            json.loads(_stored(name).read_text("utf-8")) for name in ("folds", "devices", "families")
        )
        ship(left, away, families)
        RESULTS.write_text(json.dumps(report(left, away, families), indent=1) + "\n", "utf-8")


if __name__ == "__main__":
    main(sys.argv[1])
