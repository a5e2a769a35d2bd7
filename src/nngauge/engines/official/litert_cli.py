"""The ``litert`` command: runs ``benchmark_model`` here, on phones over adb or in Google's device cloud.

https://pypi.org/project/litert-cli/. What it prints is what that program printed.
"""

from __future__ import annotations

from nngauge.engines.official._api import Job, Tool
from nngauge.engines.official.benchmark_model import parse_cli


def command(binary: str, job: Job) -> tuple[str, ...]:
    """A delegate is ``gpu`` or ``npu``; it chooses its own number of threads."""
    return (
        binary, "benchmark", job.model, "--desktop", f"--{job.delegate or 'cpu'}", "--num-runs", str(job.runs),
        "--warmup-runs", str(job.warmup),
    )  # fmt: skip


TOOL = Tool(
    name="litert",
    title="LiteRT command line",
    binaries=("litert",),
    formats=frozenset({"tflite"}),
    install="pip install litert-cli",
    parse=parse_cli,
    command=command,
    version_words=("--version",),
    on_device=False,
    references=("https://pypi.org/project/litert-cli/", "https://ai.google.dev/edge/litert"),
    limitations=(
        "tells averages and percentiles, no samples",
        "fetches the program it runs; with --ddp or --gcp it sends the model to Google's cloud",
    ),
)
