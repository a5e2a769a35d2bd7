"""Put what train_tfjs.mjs printed into the manifest: ``node train_tfjs.mjs | python record_tfjs.py`` (any Python 3.11)."""

from __future__ import annotations

import json
import sys

from ground_truth import ExportedModel, Port, record

FOLDER = "gestures_tfjs"


def _ports(ports: list[dict[str, object]]) -> tuple[Port, ...]:
    return tuple(Port(name=port["name"], shape=tuple(port["shape"]), dtype="float32") for port in ports)


if __name__ == "__main__":
    facts = json.loads(sys.stdin.readline())
    record(
        [
            ExportedModel(
                files=(f"{FOLDER}/model.json", f"{FOLDER}/group1-shard1of1.bin"),
                format="tfjs_layers_model",
                script="train_tfjs.mjs",
                packages=(f"@tensorflow/tfjs {facts['version']}",),
                task="motion classification (synthetic gestures, 4 classes)",
                facts_from="tf.LayersModel",
                parameters=facts["parameters"],
                inputs=_ports(facts["inputs"]),
                outputs=_ports(facts["outputs"]),
                extra={"layers": facts["layers"], "accuracy": facts["accuracy"]},
            )
        ]
    )
