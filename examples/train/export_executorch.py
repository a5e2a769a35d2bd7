"""ExecuTorch: the shape classifier as .pte, once with portable kernels and once delegated to XNNPACK.

Run: ``python export_executorch.py`` in an environment made from requirements-torch.txt (about 30 seconds of CPU).
"""

from __future__ import annotations

import torch
from executorch.backends.xnnpack.partition.xnnpack_partitioner import XnnpackPartitioner
from executorch.exir import to_edge_transform_and_lower
from executorch.runtime import Runtime
from ground_truth import MODELS, ExportedModel, Port, record
from shapes_network import SIDE, ShapeClassifier, parameter_count, trained_classifier
from synthetic import SHAPES


def export(model: ShapeClassifier, accuracy: float, backend: str) -> ExportedModel:
    """Lower for `backend` (portable or xnnpack), then let ExecuTorch's own runtime load and describe the file."""
    name = f"shapes_executorch/shapes_classifier_{backend}.pte"
    exported = torch.export.export(model, (torch.zeros(1, 3, SIDE, SIDE),))
    partitioner = [XnnpackPartitioner()] if backend == "xnnpack" else []
    program = to_edge_transform_and_lower(exported, partitioner=partitioner).to_executorch()
    (MODELS / name).parent.mkdir(parents=True, exist_ok=True)
    (MODELS / name).write_bytes(program.buffer)
    plan = program.executorch_program.execution_plan[0]
    method = Runtime.get().load_program(MODELS / name).load_method("forward")
    result = method.execute([torch.full((1, 3, SIDE, SIDE), 0.5)])[0]
    return ExportedModel(
        files=(name,),
        format="executorch_pte",
        script="export_executorch.py",
        packages=("executorch", "torch"),
        task=f"image classification (synthetic shapes, {len(SHAPES)} classes)",
        facts_from="torch.nn.Module.parameters, executorch.exir program, executorch.runtime",
        parameters=parameter_count(model),
        ops=sum(len(chain.instructions) for chain in plan.chains),
        inputs=(Port(name="", shape=(1, 3, SIDE, SIDE), dtype="float32"),),
        outputs=(Port(name="", shape=tuple(result.shape), dtype="float32"),),
        extra={
            "method": plan.name,
            "operators": " ".join(f"{op.name}.{op.overload}" for op in plan.operators),
            "delegates": " ".join(delegate.id for delegate in plan.delegates),
            "accuracy": accuracy,
        },
    )


if __name__ == "__main__":
    torch.set_num_threads(1)
    classifier, measured = trained_classifier()
    record([export(classifier, measured, backend) for backend in ("portable", "xnnpack")])
