"""Official benchmark programs: started where the user has them, their output read. A file each."""

from __future__ import annotations

from typing import Final

from nngauge.engines.official._api import Job, Output, Summary, Told, Tool
from nngauge.engines.official._reading import MOST
from nngauge.engines.official.benchmark_model import TOOL as _BENCHMARK_MODEL
from nngauge.engines.official.benchncnn import TOOL as _BENCHNCNN
from nngauge.engines.official.executor_runner import TOOL as _EXECUTOR_RUNNER
from nngauge.engines.official.litert_cli import TOOL as _LITERT_CLI
from nngauge.engines.official.litert_python import TOOL as _LITERT_PYTHON
from nngauge.engines.official.llama_bench import TOOL as _LLAMA_BENCH
from nngauge.engines.official.mlperf import TOOL as _MLPERF
from nngauge.engines.official.onnxruntime_perf_test import TOOL as _PERF_TEST
from nngauge.engines.official.qai_hub import TOOL as _QAI_HUB
from nngauge.errors import UsageError

__all__ = ["MOST", "TOOLS", "Job", "Output", "Summary", "Told", "Tool", "tool_named", "tools_for"]

TOOLS: Final[tuple[Tool, ...]] = (
    _BENCHMARK_MODEL, _LITERT_PYTHON, _LITERT_CLI, _PERF_TEST, _BENCHNCNN, _LLAMA_BENCH, _EXECUTOR_RUNNER, _QAI_HUB, _MLPERF,
)  # fmt: skip


def tool_named(name: str, tools: tuple[Tool, ...] = TOOLS) -> Tool:
    """The program of this name. Raises `UsageError` with the names there are."""
    for tool in tools:
        if tool.name == name:
            return tool
    raise UsageError(f"there is no tool {name!r}", hint=f"there are {', '.join(one.name for one in tools)}")


def tools_for(format: str, tools: tuple[Tool, ...] = TOOLS) -> tuple[Tool, ...]:  # noqa: A002 - the noun
    """The programs that run a format."""
    return tuple(tool for tool in tools if format in tool.formats)
