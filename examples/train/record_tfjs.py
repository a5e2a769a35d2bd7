"""Put what train_tfjs.mjs printed into the manifest: ``node train_tfjs.mjs | python record_tfjs.py`` (any Python 3.11)."""

from __future__ import annotations

import json
import sys

from ground_truth import ExportedModel, Port, record

FOLDER = "gestures_tfjs"

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
                facts_from="tf.LayersModel.countParams",
                parameters=facts["parameters"],
                inputs=(Port(name="conv1d_Conv1D1_input", shape=(-1, 32, 3), dtype="float32"),),
                outputs=(Port(name="dense_Dense1", shape=(-1, 4), dtype="float32"),),
                extra={"layers": facts["layers"], "accuracy": facts["accuracy"]},
            )
        ]
    )
