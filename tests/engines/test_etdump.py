"""ETDump files built by their schema: runs, kernels and delegates are read, and nothing else is made of them."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from examples.builders.flat import flatbuffer
from nngauge.engines.official import Job, Output, Told, etdump, tool_named
from nngauge.errors import InputError, LimitError, MalformedError, TruncatedError


def event(
    name: str = "", began: int = 0, ended: int = 0, at: int = -1, number: int | None = None, delegate: str = ""
) -> dict[int, Any]:
    """One `Event` with a `ProfileEvent`."""
    fields: dict[int, Any] = {1: ("i", 0), 2: ("i", at), 6: ("Q", began), 7: ("Q", ended)}
    fields |= {0: name} if name else {}
    fields |= {3: ("i", number)} if number is not None else {}
    fields |= {4: delegate, 5: b"metadata"} if delegate else {}
    return {0: fields}


def run(shift: int = 0, name: str = "Execute") -> dict[int, Any]:
    """As ExecuTorch writes a run: a kernel within its call, a delegate with two events of its own, the whole."""
    found = [
        event("native_call_convolution.out", 1_000, 41_000 + shift, 0),
        event("OPERATOR_CALL", 900, 41_100 + shift, 0),
        event(began=50_000, ended=60_000, at=1, delegate="Fully Connected (NC, F32) GEMM"),
        event(began=60_000, ended=62_000, at=1, number=7),
        event("DELEGATE_CALL", 49_000, 63_000, 1),
        {1: {0: ("i", 1), 1: ("Q", 4096)}},  # an allocation
        {2: {1: ("i", 0), 5: "native_call_convolution.out"}},  # an output that was logged
        event("native_call_convolution.out", 70_000, 71_000, 2),
        event("Method::execute", 500, 100_500 + shift),
    ]
    return {0: name, 3: found}


def dump(*runs: dict[int, Any], sized: bool = True) -> bytes:
    """With its length in front, as the runtime writes it."""
    loading = {0: "Default", 3: [event("Method::init", 100, 1_100), event("Program::load_method", 50, 2_050)]}
    whole = flatbuffer({0: ("I", 0), 1: [loading, *runs]}, etdump.IDENTIFIER)
    return len(whole).to_bytes(4, "little") + whole if sized else whole


def told(data: bytes) -> Told:
    (one,) = tool_named("executor_runner").parse(Output(files={"out.etdump": data}))
    return one


@pytest.mark.parametrize("sized", [True, False])
def test_runs_are_samples_and_the_first_is_apart(sized: bool) -> None:
    one = told(dump(run(10_000), run(), run(2_000), sized=sized))
    assert one.samples is not None
    assert (one.samples.load_ns, one.samples.first_ns) == (2_000, 110_000)
    assert one.samples.wall_ns == (100_000, 102_000)
    assert one.summary is None


def test_operators_are_means_and_calls_are_not_counted_twice() -> None:
    one = told(dump(run(), run(2_000)))
    assert [(op.name, op.kind, op.nanoseconds, op.unit) for op in one.ops] == [
        ("convolution.out 0", "convolution.out", 41_000, "cpu"),
        ("Fully Connected (NC, F32) GEMM", "", 10_000, "delegate"),
        ("delegate event 7", "", 2_000, "delegate"),
        ("convolution.out 2", "convolution.out", 1_000, "cpu"),
    ]


def test_a_delegate_that_tells_one_name_twice() -> None:
    twice = run()
    twice[3].insert(2, event(began=45_000, ended=48_000, at=1, number=7))
    (found,) = [op for op in told(dump(twice, twice)).ops if op.name == "delegate event 7"]
    assert (found.calls, found.nanoseconds) == (2, 5_000)


def test_a_profile_leaves_out_what_is_cold_and_what_stands_apart() -> None:
    runs = [run(900_000), *(run(shift) for shift in (0, 0, 0, 0, 0, 0, 80_000))]
    found = {(op.name, op.unit): op.nanoseconds for op in etdump.operators(dump(*runs), cold=1)}
    assert found == {
        ("convolution.out 0", "cpu"): 40_000,
        ("Fully Connected (NC, F32) GEMM in 1", "delegate"): 10_000,
        ("delegate event 7 in 1", "delegate"): 2_000,
        ("convolution.out 2", "cpu"): 1_000,
    }
    twice = run()
    twice[3].insert(2, event(began=45_000, ended=48_000, at=1, number=7))
    both = {op.name: op.nanoseconds for op in etdump.operators(dump(twice, twice))}
    assert both["delegate event 7 in 1"] == 5_000, "two calls of a run are one operator"
    once = {op.name: op.nanoseconds for op in etdump.operators(dump(run(), twice, run()))}
    assert once["delegate event 7 in 1"] == pytest.approx(3_000), "what only some runs have is spread over all"
    with pytest.raises(TruncatedError):
        etdump.operators(dump(run()), cold=1)


def test_one_run_is_a_sample() -> None:
    one = told(dump(run()))
    assert one.samples is not None
    assert one.samples.wall_ns == (100_000,)


def test_it_is_asked_for_and_fetched() -> None:
    tool = tool_named("executor_runner")
    job = Job(model="/d/m.pte", folder="/d", profile=True)
    assert tool.command is not None
    assert "--etdump_path=/d/out.etdump" in tool.command("executor_runner", job)
    assert tool.results(job) == ("out.etdump",)
    assert tool.results(Job(model="/d/m.pte", folder="/d")) == ()


@pytest.mark.parametrize(
    ("data", "error"),
    [
        (b"", MalformedError),
        (b"ED00", MalformedError),
        (bytes(64), MalformedError),
        (dump(), TruncatedError),
        (dump({0: "Execute", 3: [event("Method::execute", 9, 3)]}), MalformedError),
        (dump({0: "Execute", 3: [event("Method::execute", 0, 2**63)]}), MalformedError),
    ],
)
def test_files_that_are_none(data: bytes, error: type[InputError]) -> None:
    with pytest.raises(error):
        told(data)


def test_every_cut_is_an_error() -> None:
    whole = dump(run(), run())
    for end in range(0, len(whole), 5):
        with pytest.raises(InputError):
            told(whole[:end])


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_changed_bytes_are_an_answer_or_an_error(data: st.DataObject) -> None:
    changed = bytearray(dump(run()))
    for _ in range(data.draw(st.integers(1, 4))):
        changed[data.draw(st.integers(0, len(changed) - 1))] = data.draw(st.integers(0, 255))
    try:
        told(bytes(changed))
    except InputError:
        return


def test_many_events_have_a_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(etdump, "MAX_NODES", 5)
    with pytest.raises(LimitError):
        told(dump(run()))
