"""What is said of written files, and that nothing is lost: no file is written over, none is left half done."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest
from msgspec.structs import replace

from nngauge.api import open_model
from nngauge.compress import building
from nngauge.compress.building import Plan, build
from nngauge.compress.ready import Wanted
from nngauge.compress.trial import Outputs
from nngauge.compress.verify import at_hand, compared, look
from nngauge.compress.writing import Done, Job, Limits, Recipe, Writer, missing, write, writer_for
from nngauge.domain.compression import Inputs, InputSource, Refusal
from nngauge.domain.written import Likeness, Written
from nngauge.engines import Trouble
from nngauge.errors import InputError, UsageError

np = pytest.importorskip("numpy")

MODEL = Path(__file__).parents[2] / "examples" / "models" / "digits_tflite" / "digits_float32.tflite"
INPUTS = Inputs(source=InputSource.NOISE, count=2)


def outputs(*arrays: object, names: tuple[str, ...] = ("a",)) -> Outputs:
    """Answers of a model with one output to each of the inputs."""
    return Outputs(
        names=names, arrays=tuple((np.asarray(one, np.float32),) for one in arrays), engine="test", version="1",
        cpu_seconds=0.0, run_seconds=0.0,
    )  # fmt: skip


def test_equal_answers() -> None:
    found = compared(outputs([[1, 2]]), outputs([[1, 2]]), INPUTS)
    assert isinstance(found, Likeness)
    assert found.identical
    assert (found.max_difference, found.extent, found.sqnr) == (0.0, 2.0, None)


def test_noise_is_in_decibels() -> None:
    found = compared(outputs([[10, 0]]), outputs([[10, 1]]), INPUTS)
    assert isinstance(found, Likeness)
    assert found.sqnr == pytest.approx(20.0)
    assert found.max_difference == 1.0
    assert not found.identical


def test_outputs_are_paired_by_name() -> None:
    one = outputs([1, 1], [9, 9], names=("a", "b"))
    two = outputs([9, 9], [1, 1], names=("b", "a"))
    found = compared(one, two, INPUTS)
    assert isinstance(found, Likeness)
    assert found.identical


def test_outputs_of_other_names_are_paired_by_order() -> None:
    found = compared(outputs([[1, 2]]), outputs([1, 2], names=("z",)), INPUTS)
    assert isinstance(found, Likeness)
    assert found.identical


@pytest.mark.parametrize("other", [outputs([1, 2, 3]), outputs([1, 2], [1, 2], names=("a", "b"))])
def test_outputs_that_cannot_be_paired(other: Outputs) -> None:
    found = compared(outputs([1, 2]), other, INPUTS)
    assert isinstance(found, Refusal)
    assert "cannot be paired" in found.explanation


def test_new_infinities_are_refused() -> None:
    found = compared(outputs([1, 2]), outputs([1, np.nan]), INPUTS)
    assert isinstance(found, Refusal)
    assert found.reason == "not finite"


def test_figures() -> None:
    found = look(MODEL, open_model)
    assert found.figures.file == MODEL.stat().st_size
    assert found.figures.deflated < found.figures.file
    assert isinstance(found.figures.macs, int)
    assert found.figures.weights["float32"] > 0
    assert len(found.subject.digest) == 64


def plan(
    output: Path, make: Callable[[Job], Done] | None = None, recipe: Recipe = Recipe.MODERNISE, **more: object
) -> Plan:
    writer = writer_for("tflite", Recipe.MODERNISE)
    assert writer is not None
    if make is not None:
        writer = replace(writer, build=make, needs=())
    return Plan(writer=writer, recipe=recipe, output=output, wanted=Wanted(inputs=4), **more)


def plan_parts(folder: Path) -> dict[str, object]:
    """A plan's fields, to change one."""
    made = plan(folder / "o.tflite")
    return {name: getattr(made, name) for name in made.__struct_fields__}


@pytest.fixture
def made_here(monkeypatch: pytest.MonkeyPatch) -> None:
    """Writers of these tests run in this process: a child would not know them."""

    def here(writer: Writer, job: Job, limits: Limits | None = None, *, python: str = "") -> Done:
        del limits, python
        return writer.build(job)

    monkeypatch.setattr(building, "write", here)


def copy(job: Job) -> Done:
    shutil.copy(job.files[0], job.output)
    return Done()


def garbage(job: Job) -> Done:
    Path(job.output).write_bytes(b"TFL3" * 100)
    return Done()


def nothing(job: Job) -> Done:
    del job
    return Done(trouble=Trouble(kind="failed", reason="ValueError: no such thing"))


@pytest.mark.usefixtures("made_here")
def test_nothing_is_written_over(tmp_path: Path) -> None:
    output = tmp_path / "there.tflite"
    output.write_bytes(b"precious")
    with pytest.raises(UsageError, match="is there already"):
        build(MODEL, plan(output, copy), open_model)
    assert output.read_bytes() == b"precious"
    made = build(MODEL, plan(output, copy, force=True), open_model)
    assert isinstance(made, Written)
    assert output.read_bytes() == MODEL.read_bytes()
    assert made.files == ("there.tflite",)


@pytest.mark.usefixtures("made_here")
def test_what_appears_meanwhile_is_not_written_over(tmp_path: Path) -> None:
    output = tmp_path / "there.tflite"

    def slow(job: Job) -> Done:
        output.write_bytes(b"precious")
        return copy(job)

    with pytest.raises(UsageError, match="is there already"):
        build(MODEL, plan(output, slow), open_model)
    assert output.read_bytes() == b"precious"
    assert [path.name for path in tmp_path.iterdir()] == ["there.tflite"]


@pytest.mark.parametrize("force", [False, True])
def test_model_itself_is_never_written(tmp_path: Path, force: bool) -> None:
    source = tmp_path / "model.tflite"
    shutil.copy(MODEL, source)
    (tmp_path / "link.tflite").symlink_to(source)
    for name in ("model.tflite", "link.tflite"):
        with pytest.raises(UsageError, match="the model itself"):
            build(source, plan(tmp_path / name, force=force), open_model)


@pytest.mark.usefixtures("made_here")
@pytest.mark.parametrize(("make", "words"), [(garbage, "cannot be read"), (nothing, "ValueError: no such thing")])
def test_failures_leave_nothing(tmp_path: Path, make: Callable[[Job], Done], words: str) -> None:
    made = build(MODEL, plan(tmp_path / "new.tflite", make), open_model)
    assert isinstance(made, Refusal)
    assert words in made.explanation
    assert not list(tmp_path.iterdir())


@pytest.mark.usefixtures("made_here")
def test_other_answers_are_not_modern(tmp_path: Path) -> None:
    """A pre-pass that changed a weight would be caught."""
    pytest.importorskip("ai_edge_litert")

    def wrong(job: Job) -> Done:
        content = bytearray(Path(job.files[0]).read_bytes())
        with open_model(Path(job.files[0])) as extracted:
            spans = [tensor.data for tensor in extracted.graph.tensors if tensor.data is not None]
        largest = max(spans, key=lambda span: span.size)
        content[largest.offset : largest.offset + largest.size] = np.ones(largest.size // 4, np.float32).tobytes()
        Path(job.output).write_bytes(content)
        return Done()

    made = build(MODEL, plan(tmp_path / "new.tflite", wrong), open_model)
    assert isinstance(made, Refusal)
    assert "answers differently" in made.explanation
    assert not list(tmp_path.iterdir())


def test_missing_tool_says_what_to_type(tmp_path: Path) -> None:
    writer = Writer(
        name="none", title="No such tool", formats=frozenset({"tflite"}), target="tflite", suffix=".tflite",
        recipes=frozenset({Recipe.CONVERT}), needs=("no_such_package_here",), install="pip install none", build=copy,
    )  # fmt: skip
    assert missing(writer) == ("no_such_package_here",)
    made = build(MODEL, Plan(writer=writer, recipe=Recipe.CONVERT, output=tmp_path / "o.tflite"), open_model)
    assert isinstance(made, Refusal)
    assert (made.reason, made.hint) == ("missing", "pip install none")


def test_limits_hold(tmp_path: Path) -> None:
    """A tool that does not end is ended."""
    writer = writer_for("tflite", Recipe.MODERNISE)
    assert writer is not None
    if missing(writer):
        pytest.skip(f"needs {writer.install}")
    job = Job(files=(str(MODEL),), output=str(tmp_path / "o"), recipe=Recipe.MODERNISE)
    late = write(writer, job, Limits(seconds=0.05))
    assert late.trouble is not None
    assert late.trouble.kind == "timeout"
    small = write(writer, job, Limits(memory=64 << 20))
    assert small.trouble is not None
    assert small.trouble.kind in {"memory", "crashed", "missing", "failed"}


def test_plans_that_cannot_be_followed(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no such folder"):
        build(MODEL, plan(tmp_path / "not" / "there.tflite"), open_model)
    with pytest.raises(UsageError, match=r"folder|read"):
        build(MODEL, Plan(**{**plan_parts(tmp_path), "wanted": Wanted(folder=tmp_path / "no-inputs")}), open_model)
    with pytest.raises(UsageError, match="does not read onnx"):
        build(MODEL.parents[1] / "shapes_onnx" / "shapes_classifier.onnx", plan(tmp_path / "o.tflite"), open_model)
    with pytest.raises(InputError):
        build(tmp_path / "absent.tflite", plan(tmp_path / "o.tflite"), open_model)


def test_errors_of_the_caller_pass_through() -> None:
    """What goes wrong while the original is at hand is not taken for the original's failure."""
    subject = look(MODEL, open_model).subject
    with pytest.raises(ZeroDivisionError), at_hand(subject, Wanted(inputs=2)):
        raise ZeroDivisionError


def test_agreement_is_told(tmp_path: Path) -> None:
    """Digits are classified: the share of equal answers has an interval, or the reason why it is not told."""
    made = build(MODEL, plan(tmp_path / "new.tflite"), open_model)
    if isinstance(made, Refusal):
        pytest.skip(made.hint)
    assert made.likeness is not None
    assert made.likeness.inputs.count == 4
    assert made.likeness.agreement is not None
    assert made.likeness.answers is not None
    assert made.likeness.agreement.matched is not None or made.likeness.answers.withheld


def test_written_is_json(tmp_path: Path) -> None:
    made = build(MODEL, plan(tmp_path / "new.tflite"), open_model)
    if isinstance(made, Refusal):
        assert made.reason == "missing"
        pytest.skip(made.hint)
    again = msgspec.json.decode(msgspec.json.encode(made), type=Written)
    assert again == made
