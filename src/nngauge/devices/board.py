"""Facts and state of a Linux machine that is no phone: a board over ssh, or this one."""

from __future__ import annotations

import re
from typing import Final

from nngauge.devices import linux, script
from nngauge.devices.remote import Ask
from nngauge.domain.measurement import Device, State

_IDENTITY: Final = "/sys/class/dmi/id"


def look(name: str, kind: str, ask: Ask) -> Device:
    """What it is."""
    files = (*linux.CORE_FILES, *linux.BATTERY_FILES)
    told = script.read_sections(
        ask(
            script.sections(
                (
                    ("machine", "uname -m"),
                    ("kernel", "uname -sr"),
                    ("release", "grep ^PRETTY_NAME= /etc/os-release"),
                    ("board", "tr -d '\\0' < /proc/device-tree/model; echo"),
                    ("maker", f"cat {_IDENTITY}/sys_vendor"),
                    ("product", f"cat {_IDENTITY}/product_name"),
                    ("chip", "cat /sys/devices/soc0/soc_id /sys/devices/soc0/machine | head -n 1"),
                    ("cpuinfo", "cat /proc/cpuinfo"),
                    ("meminfo", "cat /proc/meminfo"),
                    ("cores", linux.listing(files)),
                )
            )
        )
    )
    cpuinfo, machine = told.get("cpuinfo", ""), told.get("machine", "")
    texts = linux.read_listing(told.get("cores", ""), files)
    release = re.search(r'PRETTY_NAME="?([^"\n]{1,80})', told.get("release", ""))
    return Device(
        id=name,
        kind=kind,
        maker=told.get("maker", "").strip()[:80],
        model=(told.get("board", "").strip() or told.get("product", "").strip())[:80],
        soc=told.get("chip", "").strip()[:80] or linux.processor(cpuinfo),
        abi=linux.abi(machine),
        system=", ".join(part for part in (release[1] if release else "", told.get("kernel", "").strip()[:80]) if part),
        clusters=linux.clusters(texts, cpuinfo),
        memory_bytes=linux.memory(told.get("meminfo", ""), "MemTotal"),
        battery_mah=linux.capacity_mah(texts),
        emulated=linux.emulated(machine, cpuinfo),
    )


def glance(ask: Ask) -> State:
    """How it is now."""
    parts = (("files", linux.listing(linux.STATE_FILES)), ("meminfo", "grep MemAvailable /proc/meminfo"))
    told = script.read_sections(ask(script.sections(parts)))
    texts = linux.read_listing(told.get("files", ""), linux.STATE_FILES)
    charge, powered = linux.battery(texts)
    return State(
        at=linux.uptime_ns(texts) or 0,
        hz=linux.clocks(texts),
        celsius=linux.temperatures(texts),
        battery=charge,
        charging=powered,
        load=linux.load(texts),
        free_bytes=linux.memory(told.get("meminfo", ""), "MemAvailable"),
    )
