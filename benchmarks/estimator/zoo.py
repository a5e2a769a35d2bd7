"""Makes the 102 networks of the QED table as .tflite files with random weights, from the packages that the authors used.

    python -O -m benchmarks.estimator.zoo FOLDER     # pip install tensorflow-cpu==2.15.1 tf2cv==0.0.18

All at 224×224 as in the table (its FLOPS are 2 × our MACs within 2 %); `-O` because two networks assert larger images.
"""

from __future__ import annotations

import csv
import sys
from pathlib import Path

from benchmarks.estimator.networks import SHARED


def whole_groups() -> None:
    """Grouped convolutions as one operation, as the measured files had them; the package takes them apart.

    Files in which they are taken apart are put together again by `networks.grouped`, at a hundred times the conversion time.
    """
    from tensorflow.keras import layers
    from tf2cv.models import common

    apart = common.Conv2d.__init__

    def init(self, in_channels, out_channels, kernel_size, strides=1, padding=0, dilation=1, groups=1, **more):
        whole = groups == 1 or groups == out_channels == in_channels
        apart(self, in_channels, out_channels, kernel_size, strides, padding, dilation, groups if whole else 1, **more)
        if not whole:
            self.conv = layers.Conv2D(
                out_channels, kernel_size, strides, "valid", dilation_rate=dilation, groups=groups,
                use_bias=more.get("use_bias", True), name="conv",
            )  # fmt: skip

    common.Conv2d.__init__ = init


def make(name: str, file: Path) -> None:
    """One network; takes 5 to 50 s."""
    import numpy as np
    import tensorflow as tf

    np.int = int  # type: ignore[attr-defined] - tf2cv was written for numpy < 1.24
    from tf2cv.model_provider import get_model

    size = {"in_size": (224, 224)} if name.startswith("efficientnet") else {}
    network = get_model(name, pretrained=False, data_format="channels_last", **size)
    traced = tf.function(lambda image: network(image, training=False)).get_concrete_function(
        tf.TensorSpec((1, 224, 224, 3), tf.float32)
    )
    file.write_bytes(tf.lite.TFLiteConverter.from_concrete_functions([traced], network).convert())
    tf.keras.backend.clear_session()


def main(folder: Path) -> None:
    """Makes those that are not there yet."""
    folder.mkdir(parents=True, exist_ok=True)
    with (SHARED / "latency" / "qed_tflite_cnn_e2e.csv").open() as table:
        names = [row["model"] for row in csv.DictReader(table)]
    whole_groups()
    for name in names:
        file = folder / f"{name}.tflite"
        if not file.exists():
            make(name, file)
            print(name, file.stat().st_size)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
