"""The map of bytes: everything once, and areas as large as the bytes that they stand for."""

from __future__ import annotations

import math

from hypothesis import example, given
from hypothesis import strategies as st
from msgspec.structs import replace

from nngauge.domain.library import Library
from nngauge.domain.model import ModelFile
from nngauge.domain.outcome import Coverage, Treatment
from nngauge.page.bytes_map import Area, BytesMap, bytes_map
from tests.builders import facts

sizes = st.lists(st.integers(min_value=1, max_value=10**10), min_size=1, max_size=40)


@example([1, 10**10], (1000, 340))
@given(sizes, st.sampled_from([(1000, 340), (400, 460), (10, 10)]))
def test_tiles_fill_the_map_and_do_not_overlap(found: list[int], room: tuple[int, int]) -> None:
    areas = tuple(
        Area(title=str(at), meaning="", colour="c1", size=size) for at, size in enumerate(sorted(found, reverse=True))
    )
    where = BytesMap(areas=areas, total=sum(found))
    tiles = where.tiles(*room)
    whole = room[0] * room[1]
    assert math.isclose(sum(tile.width * tile.height for tile in tiles), whole, rel_tol=1e-6)
    for tile in tiles:
        assert math.isclose(tile.width * tile.height, whole * tile.size / where.total, rel_tol=1e-5, abs_tol=1e-6)
        assert tile.x >= -1e-6
        assert tile.y >= -1e-6
        assert tile.x + tile.width <= room[0] * (1 + 1e-6)
        assert tile.y + tile.height <= room[1] * (1 + 1e-6)
    for at, one in enumerate(tiles):
        for other in tiles[at + 1 :]:
            wide = min(one.x + one.width, other.x + other.width) - max(one.x, other.x)
            high = min(one.y + one.height, other.y + other.height) - max(one.y, other.y)
            assert min(wide, high) <= 1e-6 * max(room)


def test_every_byte_once() -> None:
    where = bytes_map(
        facts.scan(
            coverage=(
                Coverage(treatment=Treatment.OPENED, kind="zip", entries=1, size=999_999),
                Coverage(treatment=Treatment.PARSED, kind="tflite", entries=1, size=4096),
                Coverage(treatment=Treatment.SCANNED, kind="elf", entries=2, size=1000),
                Coverage(treatment=Treatment.SCANNED, kind="dex", entries=1, size=300),
                Coverage(treatment=Treatment.HEAD_ONLY, kind="png", entries=9, size=70),
                Coverage(treatment=Treatment.SCANNED, kind="data", entries=1, size=5),
            ),
            libraries=(
                Library(location=facts.place("a.apk!lib/a/liba.so"), size=600, technologies=("tflite",)),
                Library(location=facts.place("a.apk!lib/a/libb.so"), size=400),
            ),
        )
    )
    assert {area.title: area.size for area in where.areas} == {
        "Models": 4096, "Libraries with AI": 600, "Other native code": 400, "App code": 300, "Media": 70, "Everything else": 5,
    }  # fmt: skip
    assert where.total == 5471
    assert where.ai == 4696


def test_a_model_inside_a_library_is_part_of_the_library() -> None:
    model = facts.model(parts=(ModelFile(location=facts.place("a.apk!lib/a/liba.so", 64, 99), sha256="", size=99),))
    where = bytes_map(
        facts.scan(
            models=(model,),
            coverage=(Coverage(treatment=Treatment.SCANNED, kind="elf", entries=1, size=1000),),
            libraries=(Library(location=facts.place("a.apk!lib/a/liba.so"), size=1000, technologies=("tflite",)),),
        )
    )
    assert [(area.title, area.size) for area in where.areas] == [("Libraries with AI", 1000)]


def test_hidden_models_are_drawn_as_what_they_are() -> None:
    hidden = replace(facts.audit().models[0], digest="", size=800)
    scan = facts.scan(models=(), coverage=(Coverage(treatment=Treatment.SCANNED, kind="data", entries=2, size=1000),))
    where = bytes_map(scan, [hidden])
    assert [(area.title, area.size) for area in where.areas] == [("Hidden models", 800), ("Everything else", 200)]


def test_labels_are_names_of_files_as_far_as_they_fit() -> None:
    area = Area(
        title="Models", meaning="", colour="c1", size=100, files=(("assets/a/very_long_name.tflite", 90), ("x", 10))
    )
    first, second = BytesMap(areas=(area,), total=100).tiles(200, 50)
    assert first.label() == "very_long_name.tflite"
    assert second.label() == ""
