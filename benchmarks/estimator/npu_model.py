"""The cost model of neural processors, as it is fitted: torch only here, the product evaluates the same formula without it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np

from benchmarks.estimator.npu_rows import Row
from nngauge.estimate.npu_work import WORKS, Item

PRECISIONS: Final = ("float", "w8a8", "w8a16")
RUNTIMES: Final = ("qnn_dlc", "onnx", "tflite")
START: Final = (0.15, 0.02, 0.02, 0.003, 0.05)
"""ms of 10⁹ MACs, of 10⁶ weights, of 10⁶ elements, of a layer, of a call, before the fit."""
SHARPNESS: Final = 3.0
"""A layer takes (products³ + weights³ + elements³)^⅓ + call: nearly the slowest of the three."""
PENALTY: Final = 0.15
NOISE: Final = 0.15


class Physical:
    """Work × coefficients, fitted to logarithms with a robust loss and ridges towards what precisions and devices share."""

    def __init__(self, networks: Mapping[str, Sequence[Item]], names: Sequence[str], devices: Sequence[str]) -> None:
        import torch

        self.torch: Any = torch
        torch.set_num_threads(1)
        self.names, self.devices = list(names), list(devices)
        self.row = {name: index for index, name in enumerate(names)}
        table = [
            (index, WORKS.index(item.work), item.macs / 1e9, item.weights / 1e6, item.elements / 1e6, item.times)
            for index, name in enumerate(names)
            for item in networks[name]
        ]
        numbers = np.array(table)
        self.network = torch.tensor(numbers[:, 0]).long()
        self.work = torch.tensor(numbers[:, 1]).long()
        self.amounts = torch.tensor(numbers[:, 2:5])
        self.times = torch.tensor(numbers[:, 5])
        kinds, count, places = len(WORKS), len(PRECISIONS), len(self.devices)
        self.parameters: dict[str, Any] = {
            name: torch.zeros(*shape, dtype=torch.double, requires_grad=True)
            for name, shape in {
                "kind": (3, kinds), "kind_precision": (count, 2, kinds), "group": (count, 4), "device": (places, 4),
                "device_precision": (places, count, 4), "call": (places,), "runtime": (len(RUNTIMES),),
                "runtime_precision": (len(RUNTIMES), count), "start": (len(RUNTIMES), count),
            }.items()
        }  # fmt: skip

    def _logs(self, combos: Sequence[tuple[str, str, str]]) -> Any:
        """Logarithms of ms: places × networks."""
        torch, found = self.torch, self.parameters
        precision = torch.tensor([PRECISIONS.index(combo[0]) for combo in combos])
        device = torch.tensor([self.devices.index(combo[1]) for combo in combos])
        runtime = torch.tensor([RUNTIMES.index(combo[2]) for combo in combos])
        shift = found["group"][precision] + found["device"][device] + found["device_precision"][device, precision]
        products = found["kind"][0] + found["kind_precision"][precision, 0] + shift[:, 0:1]
        moves = found["kind"][1] + found["kind_precision"][precision, 1] + shift[:, 2:3]
        calls = found["kind"][2] + shift[:, 3:4] + found["runtime"][runtime][:, None]
        parts = (
            START[0] * self.amounts[:, 0] * torch.exp(products)[:, self.work],
            START[1] * self.amounts[:, 1] * torch.exp(shift[:, 1:2]),
            START[2] * self.amounts[:, 2] * torch.exp(moves)[:, self.work],
        )
        slowest = (sum(part**SHARPNESS for part in parts) + 1e-18) ** (1 / SHARPNESS)
        each = (slowest + START[3] * torch.exp(calls)[:, self.work]) * self.times
        total = torch.zeros(len(combos), len(self.names), dtype=torch.double)
        total.index_add_(1, self.network, each)
        total = total + START[4] * torch.exp(found["call"][device] + found["start"][runtime, precision])[:, None]
        return torch.log(total) + found["runtime_precision"][runtime, precision][:, None]

    def _places(self, rows: Sequence[Row]) -> tuple[list[tuple[str, str, str]], Any]:
        combos = sorted({(row.precision, row.device, row.runtime) for row in rows})
        index = {combo: number for number, combo in enumerate(combos)}
        pairs = [[index[row.precision, row.device, row.runtime], self.row[row.network]] for row in rows]
        return combos, self.torch.tensor(pairs)

    def fit(self, rows: Sequence[Row], iterations: int = 120) -> None:
        """From where it stands: a second fit to other rows is quick."""
        torch, found = self.torch, self.parameters
        combos, pairs = self._places(rows)
        truth = torch.tensor([row.log_ms for row in rows], dtype=torch.double)
        counts = Counter((row.network, row.precision) for row in rows)
        weights = torch.tensor([counts[row.network, row.precision] ** -0.7 for row in rows], dtype=torch.double)
        ridges = {
            "kind": 0.15,
            "kind_precision": 2.0,
            "group": 0.1,
            "device": 1.0,
            "device_precision": 3.0,
            "call": 0.5,
            "start": 0.5,
        }
        optimiser = torch.optim.LBFGS(
            list(found.values()), max_iter=iterations, history_size=20, line_search_fn="strong_wolfe"
        )

        def loss() -> Any:
            optimiser.zero_grad()
            errors = self._logs(combos)[pairs[:, 0], pairs[:, 1]] - truth
            value = (weights * (torch.sqrt(1 + (errors / NOISE) ** 2) - 1)).sum()
            for name, tensor in found.items():
                value = value + PENALTY * ridges.get(name, 2.0) * (tensor**2).sum()
            value.backward()
            return value

        optimiser.step(loss)

    def predict(self, rows: Sequence[Row]) -> np.ndarray[Any, Any]:
        """Logarithms of ms."""
        combos, pairs = self._places(rows)
        with self.torch.no_grad():
            found: np.ndarray[Any, Any] = self._logs(combos)[pairs[:, 0], pairs[:, 1]].numpy()
        return found

    def state(self) -> dict[str, np.ndarray[Any, Any]]:
        """All coefficients."""
        return {name: tensor.detach().numpy().copy() for name, tensor in self.parameters.items()}

    def load(self, state: Mapping[str, np.ndarray[Any, Any]]) -> None:
        """Coefficients of another fit."""
        with self.torch.no_grad():
            for name, value in state.items():
                self.parameters[name].copy_(self.torch.tensor(value))
