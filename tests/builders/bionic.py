"""Libraries that were linked for Android, made to open under glibc: a stand-in for bionic's few functions that glibc lacks.

Types of bionic and glibc that the runtimes use agree on x86-64 (locks, conditions, times); the code that runs is the app's.
"""

from __future__ import annotations

import shutil
import struct
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from nngauge.io.elf import PT_DYNAMIC, read_elf

_LIBC = """
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
int *__errno_location(void);
int *__errno(void) { return __errno_location(); }
char __sF[3 * 152];
static FILE *real(void *file) {
    return (char *)file >= __sF && (char *)file < __sF + sizeof __sF ? stderr : file;
}
int nprintf(void *file, const char *format, ...) {
    va_list rest; va_start(rest, format); int size = vfprintf(real(file), format, rest); va_end(rest); return size;
}
int vnprintf(void *file, const char *format, va_list rest) { return vfprintf(real(file), format, rest); }
int nputs(const char *text, void *file) { return fputs(text, real(file)); }
int nputc(int c, void *file) { return fputc(c, real(file)); }
size_t nwrite(const void *from, size_t size, size_t count, void *file) { return fwrite(from, size, count, real(file)); }
int nflush(void *file) { return fflush(file ? real(file) : 0); }
int __android_log_print(int level, const char *tag, const char *format, ...) { return 0; }
int __android_log_write(int level, const char *tag, const char *text) { return 0; }
int __android_log_vprint(int level, const char *tag, const char *format, va_list rest) {
    fprintf(stderr, "%s: ", tag); vfprintf(stderr, format, rest); fputc('\\n', stderr); return 0;
}
int __system_property_get(const char *name, char *value) { *value = 0; return 0; }
void android_set_abort_message(const char *text) {}
void __libc_init(void **stack, void (*at_exit)(void), int (*start)(int, char **, char **), void *arrays) {
    int count = *(int *)stack;
    exit(start(count, (char **)(stack + 1), (char **)(stack + 2 + count)));
}
"""
_VERSIONS = {
    0x6FFFFFF0,
    0x6FFFFFFC,
    0x6FFFFFFD,
    0x6FFFFFFE,
    0x6FFFFFFF,
}  # DT_VERSYM, VERDEF and VERNEED with their counts
_IGNORED = 0x6000_0020
_STREAMS = (b"fprintf", b"fputs", b"fputc", b"fwrite", b"fflush")
"""Functions that are handed bionic's ``stderr``, an element of `__sF`: glibc's would end the process. Called n… in the copy."""


def stand_in(folder: Path) -> tuple[Path, ...]:
    """libc.so and its companions; the order to open them in."""
    words = compiler()
    made = []
    for name, text in (("libc.so", _LIBC), ("libm.so", ""), ("libdl.so", ""), ("liblog.so", "")):
        (folder / "stand_in.c").write_text(text)
        subprocess.run(
            [*words, "-w", "-O1", "-shared", "-fPIC", f"-Wl,-soname,{name}", "-Wl,--no-as-needed", "-lm", "-ldl", "-lpthread",
             str(folder / "stand_in.c"), "-o", str(folder / name)],
            check=True, timeout=120,
        )  # fmt: skip
        made.append(folder / name)
    return tuple(made)


def compiler() -> list[str]:
    """How to call a C compiler; skips the test when there is none."""
    if find_spec("ziglang"):
        return [sys.executable, "-m", "ziglang", "cc"]
    if shutil.which("cc"):
        return ["cc"]
    pytest.skip("no C compiler")


def unversioned(path: Path, target: Path) -> Path:
    """A copy whose symbols are looked for without bionic's version ``LIBC``, and its streams in the stand-in."""
    data = bytearray(path.read_bytes())
    dynamic = next(one for one in read_elf(memoryview(bytes(data))).segments if one.type == PT_DYNAMIC)
    for at in range(dynamic.offset, dynamic.offset + dynamic.size, 16):
        if struct.unpack_from("<Q", data, at)[0] in _VERSIONS:
            struct.pack_into("<Q", data, at, _IGNORED)
    for name in _STREAMS:
        data = data.replace(name + b"\0", b"n" + name[1:] + b"\0")
    target.write_bytes(data)
    return target
