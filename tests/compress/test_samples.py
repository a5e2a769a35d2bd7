"""The ladder of inputs: the user's files, our own pictures and sounds, noise; and how they become what a model takes."""

from __future__ import annotations

import os
import struct
import wave
import zlib
from pathlib import Path

import msgspec
import pytest

from nngauge.domain.compression import InputSource
from nngauge.domain.graph import Dim, DType, Graph, Tensor
from nngauge.domain.task import Modality, TaskVerdict
from nngauge.errors import UsageError

np = pytest.importorskip("numpy")

from nngauge.api import open_model  # noqa: E402
from nngauge.compress import samples  # noqa: E402
from nngauge.compress.samples.declared import normalisation  # noqa: E402
from nngauge.compress.samples.reading import Wanted, files_in, read  # noqa: E402
from nngauge.compress.samples.scenes import scene  # noqa: E402
from nngauge.compress.samples.sounds import pink, sound  # noqa: E402
from nngauge.compress.subject import File, Subject, subject_of  # noqa: E402

MODELS = Path(__file__).parents[2] / "examples" / "models"


def subject(
    *ports: tuple[str, DType, tuple[Dim, ...]],
    modality: Modality = Modality.IMAGE,
    task: str = "x",
    form: str = "tflite",
) -> Subject:
    tensors = tuple(Tensor(name, dtype, shape) for name, dtype, shape in ports)
    graph = Graph(format=form, tensors=tensors, inputs=tuple(range(len(tensors))))
    verdict = TaskVerdict(task=task, modality=modality, probability=1.0)
    return Subject(name="m", format=form, graph=graph, files=(File(name="m", content=b""),), task=verdict)


def png(path: Path, colour: tuple[int, int, int]) -> None:
    """Four by four pixels of one colour."""
    rows = b"".join(b"\0" + bytes(colour) * 4 for _ in range(4))
    body = b"\x89PNG\r\n\x1a\n"
    for name, data in (
        (b"IHDR", struct.pack(">IIBBBBB", 4, 4, 8, 2, 0, 0, 0)),
        (b"IDAT", zlib.compress(rows)),
        (b"IEND", b""),
    ):
        body += struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
    path.write_bytes(body)


def test_pictures_are_the_same_every_time_and_differ_from_each_other() -> None:
    for about in ("", "faces", "digits"):
        pictures = [scene(at, 48, 64, about) for at in range(20)]
        assert all(one.shape == (48, 64, 3) and one.dtype == np.uint8 for one in pictures)
        assert np.array_equal(pictures[7], scene(7, 48, 64, about))
        assert len({one.tobytes() for one in pictures}) == 20
        assert all(one.std() > 5 for one in pictures)
    assert scene(3, 8, 500).shape == (8, 500, 3)


def test_sounds_are_the_same_every_time_and_stay_in_range() -> None:
    waves = [sound(at, 4000) for at in range(10)]
    assert all(one.dtype == np.float32 and 0.05 < np.abs(one).max() <= 1 for one in waves)
    assert np.array_equal(waves[3], sound(3, 4000))
    assert len({one.tobytes() for one in waves}) == 10


def test_noise_falls_as_one_over_f() -> None:
    rows = np.stack([pink(at, (1, 256)) for at in range(60)]).reshape(60, 256)
    power = (np.abs(np.fft.rfft(rows - rows.mean(axis=1, keepdims=True))) ** 2).mean(axis=0)
    slope = np.polyfit(np.log(np.arange(2, 100)), np.log(power[2:100]), 1)[0]
    assert -2.4 < slope < -1.6  # amplitude 1/f is power 1/f²
    assert (rows.min(), rows.max()) == (0, 1)


@pytest.mark.parametrize(
    ("shape", "fed"),
    [
        ((1, 32, 48, 3), (1, 32, 48, 3)),
        ((1, 3, 32, 48), (1, 3, 32, 48)),
        ((3, 32, 48), (3, 32, 48)),
        ((None, 28, 28, 1), (1, 28, 28, 1)),
        ((1, None, None, 3), (1, 224, 224, 3)),
    ],
)
def test_pictures_come_in_the_models_layout(shape: tuple[Dim, ...], fed: tuple[int, ...]) -> None:
    model = subject(("in", DType.FLOAT32, shape))
    raw = samples.gather(model, 4)
    assert raw.inputs.source is InputSource.BUNDLED
    (port,) = samples.feeds(model, raw)
    assert (port.shape, port.count) == (fed, 4)
    values = np.frombuffer(port.content, np.float32)
    assert -1 <= values.min() < -0.2
    assert 0.2 < values.max() <= 1


def test_channels_first_is_the_same_picture() -> None:
    one, other = (subject(("in", DType.FLOAT32, shape)) for shape in ((1, 16, 16, 3), (1, 3, 16, 16)))
    last, first = (samples.feeds(model, samples.gather(model, 2))[0] for model in (one, other))
    left = np.frombuffer(last.content, np.float32).reshape(2, 16, 16, 3)
    right = np.frombuffer(first.content, np.float32).reshape(2, 3, 16, 16)
    assert np.array_equal(left.transpose(0, 3, 1, 2), right)


@pytest.mark.parametrize(("dtype", "least"), [(DType.UINT8, 0), (DType.INT8, -128)])
def test_integer_ports_get_their_whole_range(dtype: DType, least: int) -> None:
    model = subject(("in", dtype, (1, 16, 16, 3)))
    (port,) = samples.feeds(model, samples.gather(model, 8))
    values = np.frombuffer(port.content, port.dtype)
    assert str(values.dtype) == dtype.value
    assert least <= values.min() < least + 60
    assert values.max() > least + 200


def test_sounds_go_to_long_thin_inputs_of_audio_models_only() -> None:
    wave_ = subject(("in", DType.FLOAT32, (1, 15600)), modality=Modality.AUDIO)
    assert "sounds" in samples.gather(wave_, 2).inputs.name
    assert (
        samples.gather(subject(("in", DType.FLOAT32, (1, 15600)), modality=Modality.SENSOR), 2).inputs.source
        is InputSource.NOISE
    )
    spectrum = subject(("in", DType.FLOAT32, (1, 49, 40, 1)), modality=Modality.AUDIO)
    assert samples.gather(spectrum, 2).inputs.source is InputSource.NOISE
    short = subject(("in", DType.INT16, (1, 16000)), modality=Modality.AUDIO)
    (port,) = samples.feeds(short, samples.gather(short, 3))
    assert np.abs(np.frombuffer(port.content, np.int16)).max() > 3000


def test_other_inputs_are_made_up() -> None:
    model = subject(
        ("picture", DType.FLOAT32, (1, 16, 16, 3)), ("mask", DType.BOOL, (1, 4)), ("scale", DType.FLOAT32, (1, 2))
    )
    raw = samples.gather(model, 3)
    ports = samples.feeds(model, raw)
    assert [(port.dtype, port.count) for port in ports] == [("float32", 3), ("bool", 3), ("float32", 3)]
    tokens = subject(("ids", DType.INT32, (1, None)), modality=Modality.TEXT)
    found = samples.gather(tokens, 3)
    assert (found.inputs.source, found.shape) == (InputSource.NOISE, (1, 16))


def test_shapes_can_be_given_and_must_exist() -> None:
    model = subject(("in", DType.FLOAT32, (1, None, None, 3)))
    assert samples.gather(model, 1, shapes={"in": (1, 64, 32, 3)}).shape == (1, 64, 32, 3)
    with pytest.raises(UsageError, match="no input 'out'"):
        samples.gather(model, 1, shapes={"out": (1,)})
    graph = Graph(format="tflite", tensors=(Tensor("in", DType.FLOAT32),), inputs=(0,))
    unknown = Subject(name="m", format="tflite", files=(File(name="m", content=b""),), graph=graph)
    with pytest.raises(UsageError, match="shape of input 'in' is not known"):
        samples.gather(unknown, 1)


def test_texts_and_missing_inputs_are_refused() -> None:
    with pytest.raises(UsageError, match="cannot be made up"):
        samples.gather(subject(("in", DType.STRING, (1,)), modality=Modality.TEXT), 1)
    with pytest.raises(UsageError, match="no input"):
        samples.gather(subject(), 1)


def test_large_inputs_are_fewer() -> None:
    model = subject(("in", DType.FLOAT32, (1, 2048, 2048, 3)))
    assert samples.gather(model, 100).inputs.count == samples.MOST_BYTES // (4 * 2048 * 2048 * 3)


def test_users_pictures_come_first_and_bad_files_are_named(tmp_path: Path) -> None:
    pytest.importorskip("PIL", reason="Pillow reads pictures")
    for at, colour in enumerate(((255, 0, 0), (0, 255, 0), (0, 0, 255))):
        png(tmp_path / f"{at}.png", colour)
    (tmp_path / "broken.jpg").write_bytes(b"\xff\xd8\xff\xe0 nothing")
    (tmp_path / "notes.txt").write_text("hello")
    (tmp_path / "tone.wav").write_bytes(b"RIFF")
    (tmp_path / ".hidden.png").write_bytes(b"")
    model = subject(("in", DType.FLOAT32, (1, 8, 8, 3)))
    raw = samples.gather(model, 10, tmp_path)
    assert (raw.inputs.source, raw.inputs.count, raw.inputs.unreadable_count) == (InputSource.USER, 3, 3)
    assert [line.split(":")[0] for line in raw.inputs.unreadable] == ["broken.jpg", "notes.txt", "tone.wav"]
    (port,) = samples.feeds(model, raw)
    first = np.frombuffer(port.content, np.float32).reshape(3, 8, 8, 3)[0]
    assert np.allclose(first, (1, -1, -1))


def test_a_folder_without_a_usable_file_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("hello")
    with pytest.raises(UsageError, match=r"none of 1 files can be used: notes\.txt"):
        samples.gather(subject(("in", DType.FLOAT32, (1, 8, 8, 3))), 3, tmp_path)
    with pytest.raises(UsageError, match="no such folder"):
        samples.gather(subject(("in", DType.FLOAT32, (1, 8, 8, 3))), 3, tmp_path / "gone")


def test_wav_files_are_read_at_sixteen_kilohertz(tmp_path: Path) -> None:
    with wave.open(str(tmp_path / "tone.wav"), "wb") as file:
        file.setparams((2, 2, 8000, 0, "NONE", ""))
        tone = (np.sin(np.arange(8000) / 8000 * 2 * np.pi * 100) * 16384).astype("<i2")
        file.writeframes(np.stack([tone, tone], axis=1).tobytes())
    model = subject(("in", DType.FLOAT32, (1, 16000)), modality=Modality.AUDIO)
    (port,) = samples.feeds(model, samples.gather(model, 3, tmp_path))
    found = np.frombuffer(port.content, np.float32)
    assert port.count == 1
    wanted = np.sin(np.arange(16000) / 16000 * 2 * np.pi * 100) * 0.5
    assert np.abs(found - wanted)[:15990].max() < 0.01


def test_arrays_are_taken_as_they_are_and_never_unpickled(tmp_path: Path) -> None:
    good = np.arange(64, dtype=np.float32).reshape(8, 8)
    np.save(tmp_path / "a.npy", good)
    np.save(tmp_path / "b.npy", np.zeros(5, np.float32))
    np.save(tmp_path / "c.npy", np.array([{"a": 1}], dtype=object), allow_pickle=True)
    model = subject(("in", DType.FLOAT32, (1, 8, 8, 1)))
    raw = samples.gather(model, 5, tmp_path)
    assert (raw.inputs.count, raw.inputs.unreadable_count) == (1, 2)
    (port,) = samples.feeds(model, raw)
    assert np.array_equal(np.frombuffer(port.content, np.float32), good.ravel())


def test_pictures_beyond_all_bounds_are_not_decoded(tmp_path: Path) -> None:
    pytest.importorskip("PIL", reason="Pillow reads pictures")
    body = b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + b"IHDR" + struct.pack(">IIBBBBB", 60000, 60000, 8, 2, 0, 0, 0)
    (tmp_path / "bomb.png").write_bytes(body + struct.pack(">I", zlib.crc32(body[12:])))
    wanted = Wanted(
        files=(os.fsencode(tmp_path / "bomb.png"),), most=1, height=8, width=8, target=str(tmp_path / "out")
    )
    found = read(wanted)
    assert (found.count, found.unreadable_count) == (0, 1)


def test_files_are_found_in_order_and_bounded(tmp_path: Path) -> None:
    for name in ("b.png", "a.png", "c.png"):
        (tmp_path / name).write_bytes(b"")
    assert [Path(one).name for one in files_in(tmp_path, 2)] == ["a.png", "b.png"]
    assert list(files_in(tmp_path / "a.png", 2)) == [str(tmp_path / "a.png")]


def test_names_that_are_no_text_are_read_and_told(tmp_path: Path) -> None:
    pytest.importorskip("PIL", reason="Pillow is not installed")
    from PIL import Image

    bad = os.fsencode(tmp_path) + b"/a\xff"
    try:
        Path(os.fsdecode(bad)).mkdir()
    except OSError:
        pytest.skip("this file system wants text")
    folder = Path(os.fsdecode(bad))
    Image.new("RGB", (8, 8)).save(folder / "good.png")
    (folder / os.fsdecode(b"b\xfe.png")).write_bytes(b"no picture")
    with open_model(MODELS / "digits_tflite" / "digits_float32.tflite") as extracted:
        raw = samples.gather(subject_of(extracted), 4, folder)
    assert (raw.inputs.count, raw.inputs.name, raw.inputs.unreadable_count) == (1, "a?", 1)
    assert raw.inputs.unreadable[0].startswith("b?.png: ")
    assert msgspec.json.encode(raw.inputs)


def test_the_range_is_what_the_metadata_says() -> None:
    path = MODELS / "digits_tflite" / "digits_float32_metadata.tflite"
    told = normalisation(path.read_bytes())
    plain = normalisation((MODELS / "digits_tflite" / "digits_float32.tflite").read_bytes())
    assert plain is None
    with open_model(path) as extracted:
        raw = samples.gather(subject_of(extracted), 2)
    assert told == ((0.0,), (255.0,))
    assert [one.says for one in raw.ranges] == ["0…1, as the metadata says"]
    assert normalisation(b"TFL3" * 8) is None
    assert normalisation(b"") is None
