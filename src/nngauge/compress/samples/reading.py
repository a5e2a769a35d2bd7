"""``python -m nngauge.compress.samples.reading``: turns a user's files into numbers, in a process that has limits.

One `Wanted` on standard input, one `Read` on standard output. Pictures are whatever Pillow opens, sounds are WAV files,
``.npy`` files are taken as they are. A file that cannot be read is a line in the answer.
"""

from __future__ import annotations

import os
import resource
import sys
import wave
from collections.abc import Iterator
from math import prod
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import msgspec
from msgspec import Struct

from nngauge.compress.samples.sounds import RATE

if TYPE_CHECKING:
    import numpy as np

    Array = np.ndarray[Any, np.dtype[Any]]

_MEMORY: Final = 4 << 30
_PIXELS: Final = 64_000_000
"""Of a picture; larger ones are not decoded."""
_SOUND: Final = 1 << 28
"""Bytes of a WAV file."""
NAMED: Final = 20
"""Files that could not be read and are named."""


class Wanted(Struct, frozen=True, kw_only=True):
    """What to read."""

    files: tuple[bytes, ...]
    """Paths, as the file system has them: not all are text."""
    most: int
    """Files that are enough."""
    height: int = 0
    """Of pictures; 0: pictures are not wanted."""
    width: int = 0
    samples: int = 0
    """Of sounds; 0: sounds are not wanted."""
    shape: tuple[int, ...] = ()
    """Of arrays."""
    dtype: str = "float32"
    """Of arrays."""
    target: str
    """File for all of them, one after the other: pictures as RGB bytes, sounds as float32, arrays in `dtype`."""


class Read(Struct, frozen=True, kw_only=True):
    """What was read. All entries are of one kind, that of the first file that could be read."""

    kind: str = ""
    """picture, sound, array; empty where nothing could be read."""
    count: int = 0
    unreadable: tuple[str, ...] = ()
    unreadable_count: int = 0


def main() -> None:
    """One request, one answer."""
    if sys.platform != "darwin":
        resource.setrlimit(resource.RLIMIT_AS, (_MEMORY, _MEMORY))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    answer = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    answer.write(msgspec.json.encode(read(msgspec.json.decode(sys.stdin.buffer.read(), type=Wanted))) + b"\n")
    answer.close()
    os._exit(0)


def read(wanted: Wanted) -> Read:
    """Reads files in their order until there are enough."""
    kind, count = "", 0
    refused: list[str] = []
    with Path(wanted.target).open("wb") as target:
        for file in map(Path, map(os.fsdecode, wanted.files)):
            if count >= wanted.most:
                break
            try:
                found, numbers = _numbers(file, wanted, kind)
            except MemoryError:
                refused.append(plain(f"{file.name}: needs too much memory"))
            except Exception as error:  # noqa: BLE001 - decoders raise anything; whatever it is, the file cannot be read
                refused.append(plain(f"{file.name}: {' '.join(str(error).split())[:120] or type(error).__name__}"))
            else:
                kind = found
                target.write(numbers.tobytes())
                count += 1
    return Read(kind=kind, count=count, unreadable=tuple(refused[:NAMED]), unreadable_count=len(refused))


def plain(name: str) -> str:
    """A name of the file system as text: what is none in it is shown as a question mark."""
    return name.encode(errors="replace").decode()


def _numbers(path: Path, wanted: Wanted, before: str) -> tuple[str, Array]:
    """Kind and numbers of a file; `before`: the kind of those before it, if there were any."""
    kind = {".npy": "array", ".wav": "sound", ".wave": "sound"}.get(path.suffix.lower(), "picture")
    if before not in ("", kind):
        raise ValueError(f"a {kind} among {before}s")
    if kind == "array":
        return kind, _array(path, wanted)
    if kind == "sound":
        if not wanted.samples:
            raise ValueError("the model does not take sounds")
        return kind, _sound(path, wanted.samples)
    if not wanted.height:
        raise ValueError("the model does not take pictures")
    return kind, _picture(path, wanted.height, wanted.width)


def _array(path: Path, wanted: Wanted) -> Array:
    import numpy as np

    found: Array = np.load(path, allow_pickle=False, mmap_mode="r")
    if found.size != prod(wanted.shape):
        raise ValueError(f"{found.size} numbers, the model takes {prod(wanted.shape)}")
    if not np.can_cast(found.dtype, wanted.dtype, "same_kind"):
        raise ValueError(f"numbers are {found.dtype}, the model takes {wanted.dtype}")
    taken: Array = np.asarray(found, wanted.dtype)
    return taken


def _picture(path: Path, height: int, width: int) -> Array:
    import numpy as np

    try:
        from PIL import Image, ImageOps
    except ImportError:
        raise ValueError('pictures need Pillow: pip install "nngauge[compress]"') from None
    Image.MAX_IMAGE_PIXELS = _PIXELS
    with Image.open(path) as image:
        if image.width * image.height > _PIXELS:
            raise ValueError(f"more than {_PIXELS:,} pixels")
        image.draft("RGB", (2 * width, 2 * height))
        upright = ImageOps.exif_transpose(image)
        return np.asarray(upright.convert("RGB").resize((width, height), Image.Resampling.BILINEAR), np.uint8)


def _sound(path: Path, samples: int) -> Array:
    import numpy as np

    if path.stat().st_size > _SOUND:
        raise ValueError("larger than 256 MiB")
    with wave.open(str(path)) as file:
        channels, width, rate = file.getnchannels(), file.getsampwidth(), file.getframerate()
        raw = file.readframes(file.getnframes())
    codes = {1: ("u1", 128, 128), 2: ("<i2", 0, 32768), 4: ("<i4", 0, 2**31)}
    if width not in codes or not channels or not rate:
        raise ValueError(f"samples of {width} bytes")
    code, zero, scale = codes[width]
    mono = (np.frombuffer(raw, code).reshape(-1, channels).mean(axis=1) - zero) / scale
    if not len(mono):
        raise ValueError("no samples")
    wanted = np.arange(samples) * (rate / RATE)
    found: Array = np.interp(wanted, np.arange(len(mono)), mono, right=0.0).astype(np.float32)
    return found


def files_in(folder: Path, most: int) -> Iterator[str]:
    """Files below a folder, in the order of their names, hidden ones left out; or the file itself."""
    if folder.is_file():
        yield str(folder)
        return
    found = 0
    for root, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(names):
            if not name.startswith(".") and found < most:
                found += 1
                yield str(Path(root) / name)


if __name__ == "__main__":
    main()
