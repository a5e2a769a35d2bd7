"""A whole session over a bench without engines: what is asked for, what becomes of replies, what is compared and doubted."""

from __future__ import annotations

import hashlib
import random
import struct
from collections.abc import Mapping
from pathlib import Path

import msgspec
import pytest
from msgspec.structs import replace

from nngauge.domain.energy import Energy, EnergyRefusal, Obstacle
from nngauge.domain.graph import DType, Graph, Tensor
from nngauge.domain.measurement import Configuration, Device, Doubt, OpTime, Session, State
from nngauge.engines import Reply, Request, Trouble, Written
from nngauge.errors import TransientError
from nngauge.measure.protocol import Plan
from nngauge.measure.session import Subject, measure
from tests.measure.sessions import PHONE, state

FLOATS = Tensor(name="image", dtype=DType.FLOAT32, shape=(1, 4))
GRAPH = Graph(format="tflite", tensors=(FLOATS,), inputs=(0,))


class Bench:
    """Adds up its inputs and takes 10 ms for it."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.requests = folder, list[tuple[Configuration, Request]]()
        self.chance, self.placed = random.Random(3), list[str]()
        self.trouble: dict[str, Trouble] = {}
        self.constant = False

    @property
    def device(self) -> Device:
        return PHONE

    def state(self) -> State | None:
        return state(at=len(self.requests))

    def place(self, file: Path) -> str:
        target = self.folder / hashlib.sha256(file.read_bytes()).hexdigest()
        target.write_bytes(file.read_bytes())
        self.placed.append(str(target))
        return str(target)

    def scratch(self, name: str) -> str:
        return str(self.folder / name)

    def library(self, configuration: Configuration) -> str:
        return "11" * 32 if configuration.engine == "litert" else ""

    def fetch(self, remote: str, target: Path) -> None:
        target.write_bytes(Path(remote).read_bytes())

    def launch(self, configuration: Configuration, request: Request) -> Reply:
        self.requests.append((configuration, request))
        if configuration.engine in self.trouble:
            return Reply(engine=configuration.engine, version="1", trouble=self.trouble[configuration.engine])
        if request.profile:
            return Reply(engine="x", version="1", ops=(OpTime(name="conv", nanoseconds=9e6),))
        sums = [
            struct.pack("<f", 1.0 if self.constant else sum(struct.unpack("<4f", Path(sets[at].path).read_bytes())))
            for sets in request.feeds.values()
            for at in range(2)
        ]
        Path(request.outputs).write_bytes(b"".join(sums))
        times = tuple(round(1e7 * self.chance.gauss(1, 0.004)) for _ in range(30))
        return Reply(
            engine=configuration.engine, version="1.2", load_ns=7, first_ns=8, warmup_ns=(9,), wall_ns=times, cpu_ns=times,
            interrupted=(0,) * 30, digests=tuple(hashlib.sha256(item).hexdigest() for item in sums),
            outputs=(Written(name="sum", dtype="float32", shape=(1,), size=4),),
        )  # fmt: skip


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


@pytest.fixture
def subject(tmp_path: Path) -> Subject:
    (tmp_path / "m.tflite").write_bytes(b"model")
    return Subject(
        digest="ab" * 32, name="m.tflite", format="tflite", files=(tmp_path / "m.tflite",), graph=GRAPH, macs=1000
    )


LITERT = Configuration(engine="litert")


def trusted(bench: Bench, factor: float = 1.0) -> object:
    def reference(_: Subject, request: Request) -> tuple[Reply, bytes]:
        reply = bench.launch(replace(LITERT, engine="trusted"), replace(request, outputs=bench.scratch("trusted.out")))
        (value,) = struct.unpack_from("<f", (bench.folder / "trusted.out").read_bytes())
        return reply, struct.pack("<f", value * factor)

    return reference


def test_a_session_is_measurements_with_their_conditions(bench: Bench, subject: Subject) -> None:
    found = measure(
        [subject], [LITERT, replace(LITERT, threads=4)], bench, Plan(), reference=trusted(bench), profile=True
    )  # type: ignore[arg-type]
    one, other = found.measurements
    assert not found.refusals
    assert (one.model, one.format, one.engine_version, one.configuration) == ("ab" * 32, "tflite", "1.2", LITERT)
    assert other.configuration.threads == 4
    assert one.library == "11" * 32
    assert sum(configuration.engine == "trusted" for configuration, _ in bench.requests) == 1, "once for both"
    assert [launch.block for launch in one.launches] == [0, 1, 2, 3, 4, 5]
    first = one.launches[0]
    assert (first.load_ns, first.first_ns, first.warmup_ns, len(first.wall_ns)) == (7, 8, (9,), 30)
    assert first.before is not None
    assert first.after is not None
    assert first.before.at < first.after.at
    assert one.launches[-1].ops == (OpTime(name="conv", nanoseconds=9e6),)
    assert one.output is not None
    assert (one.output.varies, one.output.reference, one.output.difference) == (True, "trusted 1.2", 0)
    assert one.doubts == ()
    assert "input image: random from 0 to 1" in one.notes
    assert msgspec.json.decode(msgspec.json.encode(found), type=Session) == found


def test_energy_is_asked_for_after_the_times_and_only_of_what_ran(bench: Bench, subject: Subject) -> None:
    bench.trouble["ncnn"] = Trouble(kind="unsupported", reason="no")
    asked: dict[str, tuple[Configuration, Request]] = {}

    def metered(loops: Mapping[str, tuple[Configuration, Request]]) -> Mapping[str, Energy | EnergyRefusal]:
        assert len(bench.requests) == 7, "not before all launches"
        asked.update(loops)
        return {name: EnergyRefusal(kind=Obstacle.NO_METER, reason="none here") for name in loops}

    found = measure([subject], [LITERT, Configuration(engine="ncnn")], bench, Plan(), metered=metered)
    (energy,) = found.energies
    assert [configuration for configuration, _ in asked.values()] == [LITERT]
    assert (energy.name, energy.configuration, energy.energy) == ("m.tflite", LITERT, None)
    assert energy.refusal is not None
    assert msgspec.json.decode(msgspec.json.encode(found), type=Session) == found


def test_a_device_that_is_lost_takes_nothing_that_was_measured_with_it(bench: Bench, subject: Subject) -> None:
    def unplugged_after(count: int) -> Bench:
        other = Bench(bench.folder)
        launched = other.launch

        def launch(configuration: Configuration, request: Request) -> Reply:
            if len(other.requests) >= count:
                other.requests.append((configuration, request))
                raise TransientError("device offline", hint="plug it in again")
            return launched(configuration, request)

        other.launch = launch  # type: ignore[method-assign]
        return other

    both = [LITERT, replace(LITERT, threads=4)]
    late = unplugged_after(9)
    found = measure([subject], both, late, Plan(), profile=True, metered=lambda _: {})
    assert sorted(len(one.launches) for one in found.measurements) == [4, 5]
    assert all(one.summary is not None and one.doubts for one in found.measurements)
    assert [(one.kind, one.reason, one.hint) for one in found.refusals] == [
        ("device", "device offline", "plug it in again")
    ] * 2
    assert (len(late.requests), found.energies) == (10, ()), "nobody waits for it twice"
    profiled = measure([subject], [LITERT], unplugged_after(6), Plan(), profile=True)
    assert (len(profiled.measurements[0].launches), profiled.measurements[0].launches[-1].ops) == (6, ())
    with pytest.raises(TransientError, match="offline"):
        measure([subject], both, unplugged_after(0), Plan())


def test_requests_hold_two_input_sets_and_the_configuration(bench: Bench, subject: Subject) -> None:
    measure([subject], [Configuration(engine="litert", threads=2, delegate="gpu", batch=1)], bench, Plan())
    _, request = bench.requests[0]
    one, other = request.feeds["image"]
    assert Path(one.path).read_bytes() != Path(other.path).read_bytes()
    assert (request.threads, request.delegate, request.format, len(request.files)) == (2, "gpu", "tflite", 1)
    assert all(later == request for _, later in bench.requests)
    assert len(bench.placed) == 3, "what is there is placed again"


def test_what_an_engine_refuses_is_a_result(bench: Bench, subject: Subject) -> None:
    bench.trouble["litert"] = Trouble(kind="unsupported", reason="no Conv17", hint="use another")
    found = measure([subject], [LITERT, Configuration(engine="ncnn")], bench, Plan())
    assert [item.configuration.engine for item in found.measurements] == ["ncnn"]
    (refusal,) = found.refusals
    assert (refusal.name, refusal.kind, refusal.reason, refusal.hint) == (
        "m.tflite",
        "unsupported",
        "no Conv17",
        "use another",
    )
    assert sum(configuration.engine == "litert" for configuration, _ in bench.requests) == 1


def test_inputs_that_cannot_be_made_are_a_result(bench: Bench, subject: Subject) -> None:
    text = replace(
        subject, graph=Graph(format="tflite", tensors=(Tensor(name="t", dtype=DType.STRING, shape=(1,)),), inputs=(0,))
    )
    found = measure([text], [LITERT], bench, Plan())
    assert not found.measurements
    assert "cannot be made up" in found.refusals[0].reason


def test_outputs_that_differ_or_do_not_vary_are_doubted(bench: Bench, subject: Subject) -> None:
    found = measure([subject], [LITERT], bench, Plan(), reference=trusted(bench, 1.5))  # type: ignore[arg-type]
    assert Doubt.DIFFERENT in found.measurements[0].doubts
    bench.constant = True
    found = measure([subject], [LITERT], bench, Plan())
    assert {Doubt.CONSTANT, Doubt.UNCHECKED} <= set(found.measurements[0].doubts)


def test_an_emulated_device_gives_no_times_to_believe(
    bench: Bench, subject: Subject, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Bench, "device", replace(PHONE, emulated=True))
    found = measure([subject], [LITERT], bench, Plan())
    (one,) = found.measurements
    assert one.doubts == (Doubt.EMULATED, Doubt.UNCHECKED)
    assert all(launch.wall_ns == launch.cpu_ns == () and not launch.first_ns for launch in one.launches)
    assert one.output is not None
