"""What a model is run on: the user's files, pictures and sounds of our own, or noise, in this order.

Each input of the network is a picture, a sound or neither. What is neither, and whatever else a network takes beside its
picture, is noise (numbers) or random in the range that it can take (indices, masks).
"""

from __future__ import annotations

import os
import resource
import sys
import tempfile
from collections.abc import Mapping, Sequence
from math import prod
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import msgspec
from msgspec import Struct

from nngauge.compress.samples.declared import normalisation
from nngauge.compress.samples.reading import Read, Wanted, files_in, plain
from nngauge.compress.samples.scenes import scene
from nngauge.compress.samples.sounds import pink, sound
from nngauge.compress.subject import Subject
from nngauge.compress.trial import Feeds
from nngauge.devices.process import finish
from nngauge.domain.compression import Inputs, InputSource
from nngauge.domain.graph import Dim, DType, Tensor
from nngauge.domain.task import Modality
from nngauge.errors import InputError, UnreadableError, UsageError
from nngauge.limits import MIB
from nngauge.measure.inputs import inputs_of

if TYPE_CHECKING:
    import numpy as np

    Array = np.ndarray[Any, np.dtype[Any]]

MOST_BYTES: Final = 128 * MIB
"""Of all inputs together; for larger ones there are fewer."""
_SIDE: Final = 224
"""Of a picture whose size the model leaves open."""
_LEAST_SIDE: Final = 8
_LEAST_SOUND: Final = 1000
"""Samples from which on a long thin input is a waveform."""
_FILES: Final = 10_000
_READ_SECONDS: Final = 300.0
_FLOATS: Final = {DType.FLOAT32: "float32", DType.FLOAT16: "float16", DType.FLOAT64: "float64"}
_WHOLE: Final = {DType.UINT8: "uint8", DType.INT8: "int8"}
BUNDLED: Final = "made by nngauge, not recorded"


class Range(Struct, frozen=True, kw_only=True):
    """How bytes of a picture become the numbers that a model takes: ``(byte − mean) / deviation``, for each channel."""

    means: tuple[float, ...]
    deviations: tuple[float, ...]
    says: str
    """For people, with where it is known from."""


_SYMMETRIC: Final = Range(means=(127.5,), deviations=(127.5,), says="−1…1")
_UNIT: Final = Range(means=(0.0,), deviations=(255.0,), says="0…1")
_BYTES: Final = Range(means=(0.0,), deviations=(1.0,), says="0…255")
_CENTRED: Final = Range(means=(127.5,), deviations=(1.0,), says="−127…127")
_IMAGENET: Final = Range(
    means=(123.675, 116.28, 103.53), deviations=(58.395, 57.12, 57.375), says="ImageNet's mean and deviation"
)
_GUESSES: Final[Mapping[str, tuple[Range, ...]]] = {
    "onnx": (_IMAGENET, _SYMMETRIC, _UNIT, _BYTES),
    "ncnn": (_CENTRED, _SYMMETRIC, _UNIT, _IMAGENET),
}
_USUAL: Final = (_SYMMETRIC, _UNIT, _BYTES)


class Layout(Struct, frozen=True, kw_only=True):
    """A picture among the inputs."""

    height: int
    width: int
    channels: int
    first: bool
    """Channels come before rows."""


class Raw(Struct, frozen=True, kw_only=True):
    """Inputs before they are brought into a range."""

    inputs: Inputs
    port: int
    """The input that gets them; the others are made up."""
    shape: tuple[int, ...]
    values: Array
    """Pictures as bytes (number × height × width × 3), otherwise what is fed, number first."""
    layout: Layout | None = None
    ranges: tuple[Range, ...] = ()
    """To choose from, the most likely first; one where the model declares it."""
    cpu_seconds: float = 0.0
    """Processor time of the process that read the user's files."""


def gather(
    subject: Subject, count: int, folder: Path | None = None, shapes: Mapping[str, Sequence[int]] | None = None
) -> Raw:
    """At most `count` inputs for the model's first picture or sound, or else its first input.

    Raises `UsageError` for a folder without a readable file and for inputs that cannot be made up, and
    `UnreadableError` where reading files did not end as it should.
    """
    if not subject.graph.inputs:
        raise UsageError("the model declares no input", where=subject.name)
    port, layout, shape = _chosen(subject, shapes or {})
    tensor = subject.graph.tensors[subject.graph.inputs[port]]
    count = max(1, min(count, MOST_BYTES // max(1, 4 * prod(shape))))
    heard = _is_sound(subject, tensor, shape)
    if folder is not None:
        return _of_user(subject, port, tensor, shape, layout, count, folder, heard=heard)
    if layout is not None:
        import numpy as np

        about = _about(subject)
        pictures = np.stack([scene(at, layout.height, layout.width, about) for at in range(count)])
        found = Inputs(
            source=InputSource.BUNDLED, count=count, name=f"pictures{f' of {about}' * bool(about)} {BUNDLED}"
        )
        return _pictures(subject, port, tensor, shape, layout, pictures, found)
    if heard:
        import numpy as np

        sounds = np.stack([sound(at, prod(shape)) for at in range(count)])
        found = Inputs(source=InputSource.BUNDLED, count=count, name=f"sounds {BUNDLED}", prepared="16 kHz, −1…1")
        return Raw(inputs=found, port=port, shape=shape, values=_waves(sounds, tensor, shape))
    return _noise(subject, port, tensor, shape, count)


def feeds(subject: Subject, raw: Raw, chosen: Range | None = None) -> tuple[Feeds, ...]:
    """The bytes for each input of the model, pictures brought into the `chosen` range (the first, if None)."""
    found = []
    for at, index in enumerate(subject.graph.inputs):
        tensor = subject.graph.tensors[index]
        if at != raw.port:
            found.append(_made_up(subject, at, tensor, len(raw.values)))
            continue
        values = raw.values
        if raw.layout is not None and raw.inputs.source is not InputSource.NOISE and raw.ranges:
            values = _arranged(raw, tensor, chosen or raw.ranges[0])
        found.append(Feeds(name=tensor.name, dtype=str(values.dtype), shape=raw.shape, content=values.tobytes()))
    return tuple(found)


def _about(subject: Subject) -> str:
    task = subject.task.task if subject.task is not None else ""
    if task.startswith("face-") or task == "gaze-estimation":
        return "faces"
    return "digits" if task == "handwriting-recognition" else ""


def _chosen(subject: Subject, shapes: Mapping[str, Sequence[int]]) -> tuple[int, Layout | None, tuple[int, ...]]:
    """The input that gets pictures or sounds: the first picture, else the largest."""
    ports = [subject.graph.tensors[index] for index in subject.graph.inputs]
    for name in shapes:
        if name not in {port.name for port in ports}:
            names = ", ".join(port.name for port in ports)
            raise UsageError(f"the model has no input {name!r}", hint=f"it has {names}")
    modality = subject.task.modality if subject.task is not None else Modality.UNKNOWN
    for at, port in enumerate(ports):
        layout = _layout(port, shapes.get(port.name))
        if layout is not None and modality in (Modality.IMAGE, Modality.UNKNOWN):
            return at, layout, _closed(port, shapes.get(port.name), layout)
    sizes = [prod(_closed(port, shapes.get(port.name), None)) for port in ports]
    at = sizes.index(max(sizes))
    return at, None, _closed(ports[at], shapes.get(ports[at].name), None)


def _layout(port: Tensor, given: Sequence[int] | None) -> Layout | None:
    shape: Sequence[Dim] = given or port.shape or ()
    if len(shape) not in (3, 4) or (port.dtype not in _FLOATS and port.dtype not in _WHOLE):
        return None
    if len(shape) == 4 and isinstance(shape[0], int) and shape[0] > 1:
        return None
    rows = shape[-3:]
    for first in (False, True):
        channels = rows[0 if first else 2]
        sides = [side if isinstance(side, int) and side > 0 else _SIDE for side in (rows[1:] if first else rows[:2])]
        if channels in (1, 3) and min(sides) >= _LEAST_SIDE:
            return Layout(height=sides[0], width=sides[1], channels=int(channels), first=first)
    return None


def _closed(port: Tensor, given: Sequence[int] | None, layout: Layout | None) -> tuple[int, ...]:
    """The shape with its open dimensions filled in: 1 in front, a usual side of a picture, 16 elsewhere."""
    if given is not None:
        return tuple(given)
    if port.shape is None:
        raise UsageError(f"the shape of input {port.name!r} is not known", hint=f"--input {port.name}=1x224x224x3")
    if layout is not None:
        inner = (layout.height, layout.width)
        whole = (layout.channels, *inner) if layout.first else (*inner, layout.channels)
        return (1,) * (len(port.shape) - 3) + whole
    return tuple(dim if isinstance(dim, int) and dim > 0 else (16 if at else 1) for at, dim in enumerate(port.shape))


def _is_sound(subject: Subject, tensor: Tensor, shape: tuple[int, ...]) -> bool:
    modality = subject.task.modality if subject.task is not None else Modality.UNKNOWN
    thin = sum(dim > 1 for dim in shape) == 1 and prod(shape) >= _LEAST_SOUND
    return modality is Modality.AUDIO and thin and tensor.dtype in {*_FLOATS, DType.INT16}


def _of_user(
    subject: Subject, port: int, tensor: Tensor, shape: tuple[int, ...], layout: Layout | None, count: int,
    folder: Path, *, heard: bool,
) -> Raw:  # fmt: skip
    import numpy as np

    if not folder.exists():
        raise UsageError("there is no such folder or file", where=str(folder))
    dtype = {**_FLOATS, **_WHOLE, DType.INT16: "int16", DType.INT32: "int32", DType.INT64: "int64"}.get(
        tensor.dtype, "float32"
    )
    wanted = Wanted(
        files=tuple(map(os.fsencode, files_in(folder, _FILES))), most=count, height=layout.height if layout else 0,
        width=layout.width if layout else 0, samples=prod(shape) if heard else 0, shape=shape, dtype=dtype, target="",
    )  # fmt: skip
    told, content, spent = _contents(wanted, folder)
    inputs = Inputs(
        source=InputSource.USER, count=told.count, name=plain(folder.name), unreadable=told.unreadable,
        unreadable_count=told.unreadable_count,
    )  # fmt: skip
    if told.kind == "picture" and layout is not None:
        pictures = np.frombuffer(content, np.uint8).reshape(-1, layout.height, layout.width, 3)
        found = _pictures(subject, port, tensor, shape, layout, pictures, inputs)
        return msgspec.structs.replace(found, cpu_seconds=spent)
    if told.kind == "sound":
        sounds = np.frombuffer(content, np.float32).reshape(told.count, -1)
        inputs = msgspec.structs.replace(inputs, prepared="16 kHz, −1…1")
        return Raw(inputs=inputs, port=port, shape=shape, values=_waves(sounds, tensor, shape))
    arrays = np.frombuffer(content, dtype).reshape(told.count, *shape)
    inputs = msgspec.structs.replace(inputs, prepared="as they are in the .npy files")
    return Raw(inputs=inputs, port=port, shape=shape, values=arrays)


def _contents(wanted: Wanted, folder: Path) -> tuple[Read, bytes, float]:
    """What was read of the user's files, its numbers, and the processor time. Raises `UsageError` where none is of use."""
    with tempfile.TemporaryDirectory(prefix="nngauge-") as scratch:
        target = Path(scratch) / "read"
        before = _children_seconds()
        told = _read(msgspec.structs.replace(wanted, target=str(target)))
        spent = _children_seconds() - before
        if not told.count:
            first = f": {told.unreadable[0]}" if told.unreadable else ""
            raise UsageError(
                f"none of {len(wanted.files)} files can be used{first}", where=str(folder),
                hint="pictures, WAV files for models of sounds, or .npy files in the input's shape",
            )  # fmt: skip
        return told, target.read_bytes(), spent


def _children_seconds() -> float:
    """Processor time of processes that have ended."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def _read(wanted: Wanted) -> Read:
    """In a process of its own: decoders of pictures have a long history of holes."""
    words = (sys.executable, "-m", "nngauge.compress.samples.reading")
    ran = finish(words, given=msgspec.json.encode(wanted), seconds=_READ_SECONDS, most=1 << 20, where="reading inputs")
    lines = ran.out.strip().splitlines()
    try:
        if ran.timed_out or not lines:
            raise UnreadableError(
                "reading the inputs took too long" if ran.timed_out else f"reading the inputs ended with status {ran.code}",
                hint="give a smaller folder, or leave out damaged files",
            )  # fmt: skip
        return msgspec.json.decode(lines[-1], type=Read)
    except msgspec.DecodeError:
        raise UnreadableError("the process that reads inputs gave no answer") from None


def _pictures(
    subject: Subject, port: int, tensor: Tensor, shape: tuple[int, ...], layout: Layout, pictures: Array, inputs: Inputs
) -> Raw:
    ranges: tuple[Range, ...]
    if tensor.dtype in _WHOLE:
        ranges = (msgspec.structs.replace(_BYTES, says=f"the whole range of {tensor.dtype}"),)
    else:
        told = normalisation(subject.files[0].content, port) if subject.format == "tflite" else None
        if told is not None:
            says = f"{_span(told)}, as the metadata says"
            ranges = (Range(means=told[0], deviations=told[1], says=says),)
        else:
            ranges = _GUESSES.get(subject.format, _USUAL)
    return Raw(inputs=inputs, port=port, shape=shape, values=pictures, layout=layout, ranges=ranges)


def _span(told: tuple[tuple[float, ...], tuple[float, ...]]) -> str:
    mean, deviation = told[0][0], told[1][0]
    return f"{(0 - mean) / deviation:.3g}…{(255 - mean) / deviation:.3g}".replace("-", "−")


def _arranged(raw: Raw, tensor: Tensor, chosen: Range) -> Array:
    """Pictures in the model's layout, range and element type."""
    import numpy as np

    layout = raw.layout
    if layout is None:
        return raw.values
    pixels = raw.values
    if layout.channels == 1:
        grey = pixels.astype(np.float32) @ np.array([0.299, 0.587, 0.114], np.float32)
        pixels = np.rint(grey).astype(np.uint8)[..., None]
    if tensor.dtype in _WHOLE:
        found = pixels if tensor.dtype is DType.UINT8 else (pixels.astype(np.int16) - 128).astype(np.int8)
    else:
        means, deviations = (np.array(one, np.float32) for one in (chosen.means, chosen.deviations))
        if layout.channels == 1:
            means, deviations = means[:1], deviations[:1]
        found = ((pixels.astype(np.float32) - means) / deviations).astype(_FLOATS[tensor.dtype])
    if layout.first:
        found = found.transpose(0, 3, 1, 2)
    return np.ascontiguousarray(found).reshape(len(pixels), *raw.shape)


def _waves(sounds: Array, tensor: Tensor, shape: tuple[int, ...]) -> Array:
    import numpy as np

    if tensor.dtype is DType.INT16:
        sounds = np.clip(np.rint(sounds * 32767), -32768, 32767).astype(np.int16)
    else:
        sounds = sounds.astype(_FLOATS[tensor.dtype])
    return sounds.reshape(len(sounds), *shape)


def _noise(subject: Subject, port: int, tensor: Tensor, shape: tuple[int, ...], count: int) -> Raw:
    import numpy as np

    inputs = Inputs(source=InputSource.NOISE, count=count, name="", prepared="")
    if tensor.dtype in _FLOATS:
        values = (2 * np.stack([pink(at, shape) for at in range(count)]) - 1).astype(_FLOATS[tensor.dtype])
        inputs = msgspec.structs.replace(inputs, prepared="−1…1")
    elif tensor.dtype in _WHOLE:
        least = 0 if tensor.dtype is DType.UINT8 else -128
        whole = np.rint(np.stack([pink(at, shape) for at in range(count)]) * 255).astype(np.int16) + least
        values = whole.astype(_WHOLE[tensor.dtype])
        inputs = msgspec.structs.replace(inputs, prepared=f"the whole range of {tensor.dtype}")
    else:
        made = _random(subject, port, shape, count)
        values = np.frombuffer(made.content, made.dtype).reshape(count, *shape)
        inputs = msgspec.structs.replace(inputs, name="random numbers in the range that the input can take")
    return Raw(inputs=inputs, port=port, shape=shape, values=values)


def _made_up(subject: Subject, port: int, tensor: Tensor, count: int) -> Feeds:
    """An input beside the one that gets pictures."""
    import numpy as np

    shape = _closed(tensor, None, None)
    if tensor.dtype in _FLOATS:
        values = np.stack([pink(7919 * (port + 1) + at, shape) for at in range(count)]).astype(_FLOATS[tensor.dtype])
        return Feeds(name=tensor.name, dtype=str(values.dtype), shape=shape, content=values.tobytes())
    return _random(subject, port, shape, count)


def _random(subject: Subject, port: int, shape: tuple[int, ...], count: int) -> Feeds:
    """Seeded numbers in the range that the input can take, as `nngauge measure` makes them up."""
    name = subject.graph.tensors[subject.graph.inputs[port]].name
    try:
        sets = [inputs_of(subject.graph, seed=seed, shapes={name: shape})[port] for seed in range(count)]
    except InputError as error:
        raise UsageError(error.what, where=error.where, hint=error.hint) from None
    dtype = "bool" if sets[0].dtype is DType.BOOL else sets[0].dtype.value
    return Feeds(name=name, dtype=dtype, shape=shape, content=b"".join(item.content for item in sets))
