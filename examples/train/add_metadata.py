"""TFLite metadata: the digits model with normalisation parameters and its label file packed into the .tflite.

The writer appends the label file as a zip, so that the result is a FlatBuffer and a zip archive at once.
Run: ``python add_metadata.py`` after train_keras.py, in an environment made from requirements-metadata.txt.
"""

from __future__ import annotations

from ground_truth import MODELS, ExportedModel, Port, record
from tflite_support import metadata
from tflite_support.metadata_writers import image_classifier, writer_utils

SOURCE = "digits_tflite/digits_float32.tflite"
TARGET = "digits_tflite/digits_float32_metadata.tflite"
LABELS = "digits_tflite/labels.txt"
PARAMETERS = 6586
"""As Keras counted them for the source; the metadata writer does not touch the graph."""

if __name__ == "__main__":
    source = writer_utils.load_file(str(MODELS / SOURCE))
    writer = image_classifier.MetadataWriter.create_for_inference(source, [0.0], [255.0], [str(MODELS / LABELS)])
    (MODELS / TARGET).write_bytes(writer.populate())
    shown = metadata.MetadataDisplayer.with_model_file(str(MODELS / TARGET))
    record(
        [
            ExportedModel(
                files=(TARGET,),
                format="tflite",
                script="add_metadata.py",
                packages=("tflite-support",),
                task="image classification (handwritten digits, 10 classes)",
                facts_from="keras.Model.count_params, tflite_support.MetadataDisplayer",
                parameters=PARAMETERS,
                inputs=(Port(name="serving_default_image:0", shape=(1, 8, 8, 1), dtype="float32"),),
                extra={"packed_files": " ".join(shown.get_packed_associated_file_list())},
            )
        ]
    )
