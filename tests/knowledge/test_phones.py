"""The tables of phones, chips and shares: whole, sourced, and found by every name that tables of figures use."""

from __future__ import annotations

import csv
import itertools
from pathlib import Path

import pytest

from nngauge.errors import InputError, LimitError, MalformedError, UnreadableError
from nngauge.knowledge import phones
from nngauge.knowledge.phones import Kind, Tier
from nngauge.knowledge.phones import key as normal
from nngauge.knowledge.phones.reading import read_shares

SHARED = Path(__file__).resolve().parents[3] / "shared"
NO_DEVICE = {"executed in android adb shell\n"}
"""What stands for a device in a table that names none."""


def test_every_name_is_of_one_thing() -> None:
    seen: dict[str, str] = {}
    for thing in (*phones.phones().values(), *phones.socs().values()):
        for name in {normal(one) for one in (thing.id, thing.name, *thing.aliases)}:
            assert name, thing.id
            assert seen.setdefault(name, thing.id) == thing.id, (name, thing.id, seen[name])


def test_every_fact_has_a_source_that_is_named() -> None:
    for thing in (*phones.phones().values(), *phones.socs().values()):
        assert thing.sources, thing.id
        assert set(thing.sources) <= set(phones.sources()), thing.id
    for source in phones.sources().values():
        assert source.where.startswith("https://"), source.id
        assert all((source.title, source.license, source.read)), source.id


def test_phones_point_to_chips_that_are_there_and_amounts_are_possible() -> None:
    for phone in phones.phones().values():
        assert set(phone.socs) <= set(phones.socs()), phone.id
        assert phone.year is None or 2010 <= phone.year <= 2026, phone.id
        assert all(512 <= size <= 32768 and size % 512 == 0 for size in phone.ram_mb), phone.id
        assert phone.battery_mah is None or 1000 <= phone.battery_mah <= 20_000, phone.id
    for soc in phones.socs().values():
        assert soc.cores is None or soc.cores <= 128, soc.id
        assert all(0 < cluster.count <= 64 for cluster in soc.clusters), soc.id
        assert all(cluster.ghz is None or 0.4 <= cluster.ghz <= 5 for cluster in soc.clusters), soc.id


def test_clusters_stand_fastest_first() -> None:
    for soc in phones.socs().values():
        same = [one for one in soc.clusters if one.ghz]
        for first, second in itertools.pairwise(same):
            if first.core == second.core:
                assert (first.ghz or 0) >= (second.ghz or 0), soc.id


@pytest.mark.parametrize(
    ("name", "device"),
    [
        ("pixel-4", "pixel-4"), ("Google Pixel 4", "pixel-4"), ("flame", "pixel-4"), ("PIXEL4", "pixel-4"), ("SM-G973F", "galaxy-s10"),
        ("Samsung Galaxy S24", "galaxy-s24"), ("galaxy s25", "galaxy-s25"), ("iPhone11,2", "iphone-xs"), ("Mi 8 SE", "mi-8-se"),
        ("M1805E2A", "mi-8-se"), ("SM-A037F", None), ("a03s", "galaxy-a03s"), ("Snapdragon X Elite CRD", "snapdragon-x-elite-crd"),
    ],
)  # fmt: skip
def test_phones_are_found_by_any_name(name: str, device: str | None) -> None:
    found = phones.find(name)
    assert (found.id if found else None) == device


@pytest.mark.parametrize(
    ("name", "soc"),
    [
        ("SM8150", "sm8150"),
        ("Snapdragon 855", "sm8150"),
        ("exynos 9820", "exynos-9820"),
        ("Google Tensor", "tensor-g1"),
        ("骁龙 865", "sm8250"),
    ],
)
def test_chips_are_found_by_any_name(name: str, soc: str) -> None:
    found = phones.find_soc(name)
    assert found is not None
    assert found.id == soc


def test_who_mistypes_is_told_what_is_spelled_alike() -> None:
    assert phones.find("pixle 4") is None
    assert "pixel-4" in phones.close("pixle 4")
    assert phones.close("zzzzzzzz") == ()


def test_chips_know_their_phones() -> None:
    assert "pixel-4" in [phone.id for phone in phones.phones_with("sm8150")]
    assert phones.year_of("sm8150") == 2019
    pixel = phones.find("pixel-4")
    assert pixel is not None
    soc = phones.chip(pixel)
    assert soc is not None
    assert [(cluster.count, cluster.core) for cluster in soc.clusters] == [
        (1, "cortex-a76"),
        (3, "cortex-a76"),
        (4, "cortex-a55"),
    ]


def test_there_are_phones_of_every_tier_for_every_year() -> None:
    found = {
        (phone.year, soc.tier)
        for phone in phones.phones().values()
        if phone.kind is Kind.PHONE and (soc := phones.chip(phone))
    }
    assert {(year, tier) for year in range(2018, 2025) for tier in Tier} <= found


# --- tables of figures --------------------------------------------------------------------------------------------------


def _names(table: str, column: str) -> list[str]:
    path = SHARED / "latency" / table
    if not path.exists():
        pytest.skip(f"no shared tables: {path}")
    with path.open(encoding="utf-8") as file:
        return sorted({row[column] for row in csv.DictReader(file)})


@pytest.mark.parametrize(
    ("table", "column"),
    [
        ("qai_hub_models_v0.46.1.csv", "device"), ("qai_hub_llm_v0.46.1.csv", "device"), ("ncnn_benchmark_readme.csv", "device"),
        ("mnn_2019_2020.csv", "device"), ("paddle_lite_v2.11.csv", "soc"), ("tnn_v0.3.csv", "device"), ("mlperf_mobile.csv", "system"),
        ("tengine_readme.csv", "device"),
    ],
)  # fmt: skip
def test_every_device_of_a_table_of_times_is_known(table: str, column: str) -> None:
    missing = []
    for name in _names(table, column):
        head = name.split("(")[0].split(",")[0]
        if name not in NO_DEVICE and not any(
            look(part) for part in (name, head, name.rpartition("/")[2]) for look in (phones.find, phones.find_soc)
        ):
            missing.append(name)
    assert not missing


def test_every_phone_of_the_qed_tables_is_known() -> None:
    path = SHARED / "latency" / "qed_tflite_cnn_e2e.csv"
    if not path.exists():
        pytest.skip(f"no shared tables: {path}")
    header = path.open(encoding="utf-8").readline().strip().split(",")
    for name in {column.split("|")[0] for column in header if "|" in column}:
        assert phones.find(name) is not None, name


def test_every_chip_of_the_power_curves_is_known() -> None:
    folder = SHARED / "power"
    if not folder.exists():
        pytest.skip(f"no shared tables: {folder}")
    for path in (folder / "wattson").glob("*.csv"):
        assert phones.find_soc(path.name.split("__")[0].replace("_", " ")) is not None, path.name
    with (folder / "pixel_power_profiles.csv").open(encoding="utf-8") as file:
        codes = {row["device_codename"] for row in csv.DictReader(file)}
    assert {code for code in codes if phones.find(code) is None} <= {
        "marlin",
        "sailfish",
    }  # Pixel and Pixel XL, of 2016


# --- shares -------------------------------------------------------------------------------------------------------------


def test_the_table_of_shares_says_that_it_is_assumed() -> None:
    shares = phones.read_shares()
    assert shares.assumed
    assert shares.total == pytest.approx(1, abs=1e-4)
    assert "assumption" in shares.title
    assert "https://" in shares.title


def test_a_table_of_ones_own_takes_its_place(tmp_path: Path) -> None:
    path = tmp_path / "ours.csv"
    path.write_text("# Counted by our app in May.\nplatform,year,tier,share\nandroid,2023,low,0.7\nios,2022,high,0.2\n")
    shares = read_shares(path)
    assert (shares.title, shares.assumed, shares.total) == ("Counted by our app in May.", False, pytest.approx(0.9))


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("", MalformedError), ("a,b\n1,2\n", MalformedError), ("platform,year,tier,share\n", MalformedError),
        ("platform,year,tier,share\nandroid,2023,low,0.7\nandroid,2022,low,0.7\n", MalformedError),
        ("platform,year,tier,share\nandroid,2023,low,nan\n", MalformedError),
        ("platform,year,tier,share\nandroid,2023,low,-1\n", MalformedError),
        ("platform,year,tier,share\nandroid,2023,cheap,0.5\n", MalformedError),
        ("platform,year,tier,share\nandroid,2023,low\n", MalformedError),
        ("platform,year,tier,share\nandroid,soon,low,0.5\n", MalformedError),
        ('platform,year,tier,share\nandroid,2023,"low,0.5\n', MalformedError),
        ("platform,year,tier,share\n" + "android,2023,low,0.00001\n" * 20_001, LimitError),
    ],
)  # fmt: skip
def test_a_table_that_is_none_is_refused(text: str, error: type[InputError], tmp_path: Path) -> None:
    path = tmp_path / "shares.csv"
    path.write_text(text)
    with pytest.raises(error):
        read_shares(path)


def test_bytes_that_are_no_text_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "shares.csv"
    path.write_bytes(b"\xff\xfe\x00platform")
    with pytest.raises(MalformedError):
        read_shares(path)
    with pytest.raises(UnreadableError):
        read_shares(tmp_path / "absent.csv")
