"""``python -m nngauge.compress.writing.child WRITER``: one `Job` comes on standard input, one `Done` goes to standard output.

What tools print goes to standard error. What they refuse is part of the answer; when one crashes there is none, and whoever
started this process sees how it ended.
"""

from __future__ import annotations

import os
import resource
import sys
import time

import msgspec
from msgspec.structs import replace

from nngauge.compress.writing._api import Done, Job, Writer
from nngauge.engines import Trouble
from nngauge.engines.loaded import Refused

_TOLD = 500
"""Characters of a tool's words that are kept."""


def main() -> None:
    """One job."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    answer = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    job = msgspec.json.decode(sys.stdin.buffer.read(), type=Job)
    done = carry_out(_writer(sys.argv[1]), job)
    answer.write(msgspec.json.encode(replace(done, cpu_seconds=round(time.process_time(), 3))) + b"\n")
    answer.close()
    sys.stderr.flush()
    os._exit(0)  # libraries crash in their destructors; the answer is out, and nothing is left to save


def carry_out(writer: Writer, job: Job) -> Done:
    """Runs a writer in this process; whatever it raises is its answer."""
    try:
        return writer.build(job)
    except ImportError as error:
        return _trouble("missing", _line(error), writer.install)
    except Refused as error:
        return _trouble(error.kind, _line(error), error.hint)
    except MemoryError:
        return _trouble("memory", "not enough memory")
    except (Exception, SystemExit) as error:  # noqa: BLE001 - tools raise anything; whatever it is, it is their answer
        return _trouble("failed", f"{type(error).__name__}: {_line(error)}")


def _trouble(kind: str, reason: str, hint: str = "") -> Done:
    return Done(trouble=Trouble(kind=kind, reason=reason, hint=hint))


def _line(error: BaseException) -> str:
    return " ".join(str(error).split())[:_TOLD]


def _writer(name: str) -> Writer:
    from nngauge.compress.export import EXPORTERS
    from nngauge.compress.shrink import SHRINKERS
    from nngauge.compress.writing import WRITERS

    return next(writer for writer in (*WRITERS, *EXPORTERS, *SHRINKERS) if writer.name == name)


if __name__ == "__main__":
    main()
