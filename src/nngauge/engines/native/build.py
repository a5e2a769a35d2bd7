"""Builds the runner for every target with ``ziglang``, byte for byte the same: ``python build.py [FOLDER]``.

No NDK is needed for Android: the program is compiled against musl's headers, whose declarations and types agree with
bionic's for the few functions it calls, and linked against empty libraries that export their names (docs/native-runner.md).
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Final, NamedTuple

HERE: Final = Path(__file__).resolve().parent
ZIG: Final = "0.17.0"
"""The version that the prebuilt programs were made with: another compiles other bytes."""
FLAGS: Final = (
    "-std=c11", "-O2", "-g0", "-D_GNU_SOURCE", "-Wall", "-Wextra", "-Wpedantic", "-Wconversion", "-Wno-sign-conversion",
    "-Werror", "-fPIE", "-fno-stack-protector", "-fno-sanitize=undefined", "-fvisibility=hidden", "-ffunction-sections",
)  # fmt: skip
LINK: Final = (
    "-pie",
    "-s",
    "-Wl,--gc-sections",
    "-Wl,--build-id=none",
    "-Wl,-z,max-page-size=16384",
    "-Wl,-z,relro",
    "-Wl,-z,now",
)
PORTABLE: Final = (
    "main.c", "request.c", "json.c", "reply.c", "text.c", "timing.c", "matching.c", "sha256.c", "litert.c", "tflite.c", "ort.c",
)  # fmt: skip
_LIBC: Final = (
    "_exit", "__libc_init", "calloc", "clock_gettime", "close", "dup", "dup2", "free", "getrusage", "lseek", "malloc", "memchr", "memcmp",
    "memcpy", "memmove", "memset", "open", "qsort", "read", "realloc", "snprintf", "strchr", "strcmp", "strlen", "strstr", "strtoll",
    "unlink", "vsnprintf", "write",
)  # fmt: skip
_LIBDL: Final = ("dlerror", "dlopen", "dlsym")


class Target(NamedTuple):
    """One program."""

    name: str
    """File under ``prebuilt/``."""
    triple: str
    """As zig writes it; the number is the oldest glibc it runs with."""
    android: bool = False


TARGETS: Final = (
    Target("runner-aarch64-linux-gnu", "aarch64-linux-gnu.2.17"),
    Target("runner-x86_64-linux-gnu", "x86_64-linux-gnu.2.17"),
    Target("runner-aarch64-android", "aarch64-linux-musl", android=True),
    Target("runner-x86_64-android", "x86_64-linux-musl", android=True),
)


def build(target: Target, folder: Path, extra: tuple[str, ...] = ()) -> Path:
    """Builds one program into `folder`. Raises `subprocess.CalledProcessError` with the compiler's words."""
    program = folder / target.name
    with tempfile.TemporaryDirectory() as work:
        sources = [*PORTABLE, *(["android.c"] if target.android else [])]
        for name in ("runner.h", *sources):
            shutil.copy(HERE / name, work)
        objects = [name.replace(".c", ".o") for name in sources]
        for source, made in zip(sources, objects, strict=True):
            _zig(work, "-target", target.triple, *FLAGS, *extra, "-c", source, "-o", made)
        _zig(work, "-target", target.triple, *LINK, *extra, *objects, *_libraries(target, work), "-o", "runner")
        shutil.copy(Path(work) / "runner", program)
    program.chmod(0o755)
    return program


def _libraries(target: Target, work: str) -> list[str]:
    if not target.android:
        return ["-ldl"]
    for library, names in (("libc.so", _LIBC), ("libdl.so", _LIBDL)):
        (Path(work) / "stub.c").write_text("".join(f"void {name}(void) {{}}\n" for name in names), encoding="ascii")
        _zig(
            work, "-target", target.triple, "-w", "-fno-builtin", "-fPIC", "-nostdlib", "-shared", f"-Wl,-soname,{library}",
            "stub.c", "-o", library,
        )  # fmt: skip
    return ["-nostdlib", "-Wl,--no-as-needed", "-Wl,-dynamic-linker,/system/bin/linker64", "libc.so", "libdl.so"]


def _zig(work: str, *words: str) -> None:
    """Runs zig's C compiler in a folder whose name must not show in what it makes."""
    command = [sys.executable, "-m", "ziglang", "cc", *words]
    try:
        subprocess.run(  # noqa: S603 - the compiler of the installed package, with this file's own words
            command, cwd=work, check=True, capture_output=True, env={**os.environ, "SOURCE_DATE_EPOCH": "0"}
        )
    except subprocess.CalledProcessError as error:
        error.add_note(error.stderr.decode(errors="replace")[-3000:])
        raise


def manifest(folder: Path) -> dict[str, object]:
    """What was built from what: digests of sources and programs, and how."""
    return {
        "zig": ZIG,
        "compile": " ".join(FLAGS),
        "link": " ".join(LINK),
        "sources": {name: _digest(HERE / name) for name in sorted(("android.c", "runner.h", *PORTABLE))},
        "programs": {
            target.name: {
                "triple": target.triple,
                "size": (folder / target.name).stat().st_size,
                "sha256": _digest(folder / target.name),
            }
            for target in TARGETS
        },
    }


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def main() -> None:
    """Builds all of them and writes ``MANIFEST.json`` beside them."""
    if importlib.metadata.version("ziglang") != ZIG:
        sys.exit(f"needs ziglang=={ZIG}")
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else HERE / "prebuilt"
    folder.mkdir(parents=True, exist_ok=True)
    for target in TARGETS:
        build(target, folder)
    (folder / "MANIFEST.json").write_text(json.dumps(manifest(folder), indent=1) + "\n", encoding="ascii")


if __name__ == "__main__":
    main()
