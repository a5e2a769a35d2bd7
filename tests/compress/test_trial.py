"""Versions run in one process of their own: bytes are put in and taken back, and whatever happens to the process is an answer."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from nngauge.api import open_model
from nngauge.engines import Engine
from nngauge.engines.local import Limits

np = pytest.importorskip("numpy")

from nngauge.compress import trial as trials  # noqa: E402
from nngauge.compress.patching import patch_of, values_of, weights_of  # noqa: E402
from nngauge.compress.subject import Subject, subject_of  # noqa: E402
from nngauge.compress.trial import Feeds, Patch, TrialError, engine_for, open_trial  # noqa: E402
from nngauge.compress.trial_child import thinned  # noqa: E402

MODELS = Path(__file__).parents[2] / "examples" / "models"
LITERT = pytest.mark.skipif(
    not trials.installed(trials.engine_named("litert")), reason="ai-edge-litert is not installed"
)


def subject(name: str = "digits_tflite/digits_float32.tflite") -> Subject:
    with open_model(MODELS / name) as extracted:
        return subject_of(extracted)


def digits(count: int = 5) -> tuple[Feeds, ...]:
    values = np.random.default_rng(0).random((count, 1, 8, 8, 1)).astype(np.float32)
    return (Feeds(name="serving_default_image:0", dtype="float32", shape=(1, 8, 8, 1), content=values.tobytes()),)


@LITERT
def test_a_version_answers_otherwise_and_the_next_one_does_not() -> None:
    model = subject()
    (one, *_) = weights_of(model)
    with open_trial(model, digits()) as trial:
        shipped = trial.run()
        assert (len(shipped.arrays[0]), shipped.arrays[0][0].shape) == (5, (1, 10))
        changed = trial.run([patch_of(one, values_of(model, one) * 2)])
        assert not np.array_equal(changed.stacked(0), shipped.stacked(0))
        again = trial.run()
        assert np.array_equal(again.stacked(0), shipped.stacked(0))
        few = trial.run(places=(3, 1))
        assert np.array_equal(few.stacked(0), shipped.stacked(0)[[3, 1]])
        assert trial.cpu_seconds > 0
    assert model.files[0].content == (MODELS / "digits_tflite/digits_float32.tflite").read_bytes()


@LITERT
def test_the_engine_computes_what_numpy_computes() -> None:
    """The last dense layer, from the file's own numbers: patches land where the engine reads."""
    model = subject()
    dense = weights_of(model)[-1]
    zero = patch_of(dense, np.zeros(dense.shape, np.float32))
    with open_trial(model, digits()) as trial:
        flat = trial.run([zero]).stacked(0)
    # Without its weights the layer answers with the softmax of its bias, whatever goes in.
    assert np.allclose(flat, flat[:1], atol=1e-6)


@LITERT
def test_a_file_that_is_no_model_any_more_is_an_answer_and_the_next_version_runs() -> None:
    model = subject()
    with open_trial(model, digits()) as trial:
        with pytest.raises(TrialError) as caught:
            trial.run([Patch(offset=0, content=b"\xff" * 64)])
        assert caught.value.kind in ("failed", "crashed", "unsupported")
        assert trial.run().arrays


@LITERT
def test_patches_beyond_the_file_are_refused_and_leave_nothing_behind() -> None:
    model = subject()
    (one, *_) = weights_of(model)
    good = patch_of(one, values_of(model, one) * 2)
    with open_trial(model, digits()) as trial:
        shipped = trial.run().stacked(0)
        for bad in (
            Patch(offset=model.size - 1, content=b"12"),
            Patch(offset=-1, content=b"1"),
            Patch(part=1, offset=0, content=b""),
        ):
            with pytest.raises(TrialError):
                trial.run([good, bad])
        assert np.array_equal(trial.run().stacked(0), shipped)


@LITERT
def test_inputs_that_do_not_fit_are_the_engines_answer() -> None:
    wrong = (Feeds(name="other", dtype="float32", shape=(3,), content=np.zeros(6, np.float32).tobytes()),)
    with open_trial(subject(), wrong) as trial, pytest.raises(TrialError) as caught:
        trial.run()
    assert caught.value.kind in ("failed", "unsupported", "crashed")


@pytest.fixture
def strange(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Engine:
    """An engine that crashes, hangs or answers, as the model's first bytes say."""
    folder = tmp_path / "engine"
    folder.mkdir()
    (folder / "sitecustomize.py").write_text(
        "import sys, types\n"
        "made = types.ModuleType('nngauge.engines.strange')\n"
        "code = '''\n"
        "import os, time\n"
        "import numpy as np\n"
        "def version(): return '0'\n"
        "class Model:\n"
        "    def __init__(self, word): self.word = word\n"
        "    def feed(self, arrays): pass\n"
        "    def run(self): pass\n"
        "    def outputs(self): return [('out', np.frombuffer(self.word, np.uint8))]\n"
        "def load(request):\n"
        "    word = open(request.files[0], 'rb').read(5)\n"
        "    if word == b'crash': os.abort()\n"
        "    if word == b'hangs': time.sleep(60)\n"
        "    if word == b'texts': return type('T', (Model,), {'outputs': lambda self: [('t', np.array(['a'], dtype=object))]})(word)\n"
        "    if word == b'noise': os.write(2, b'x' * 100000)\n"
        "    return Model(word)\n"
        "'''\n"
        "exec(code, made.__dict__)\n"
        "sys.modules['nngauge.engines.strange'] = made\n"
    )
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(folder), *sys.path]))
    engine = Engine(
        name="strange", title="Strange", formats=frozenset({"tflite"}), module="", package="numpy", install="pip"
    )
    monkeypatch.setattr(trials, "engine_for", lambda *_: engine)
    return engine


def test_crashes_and_hangs_are_results(strange: Engine) -> None:
    model = subject()
    with open_trial(model, digits(1), limits=Limits(seconds=5.0)) as trial:
        assert trial.run([Patch(offset=0, content=b"fine!")]).stacked(0).tobytes() == b"fine!"
        with pytest.raises(TrialError) as caught:
            trial.run([Patch(offset=0, content=b"crash")])
        assert (caught.value.kind, "SIGABRT" in str(caught.value)) == ("crashed", True)
        with pytest.raises(TrialError) as late:
            trial.run([Patch(offset=0, content=b"hangs")])
        assert late.value.kind == "timeout"
        assert trial.run([Patch(offset=0, content=b"noise")]).stacked(0).tobytes() == b"noise"
        with pytest.raises(TrialError, match="cannot be compared"):
            trial.run([Patch(offset=0, content=b"texts")])
    assert strange.name == "strange"


def test_formats_without_an_engine_are_refused() -> None:
    with pytest.raises(TrialError) as caught:
        engine_for("gguf")
    assert caught.value.kind == "unsupported"


def test_a_missing_engine_says_how_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trials, "installed", lambda _: False)
    with pytest.raises(TrialError) as caught:
        engine_for("tflite")
    assert (caught.value.kind, "pip install" in caught.value.hint) == ("missing", True)


def test_large_maps_lose_rows_and_columns_and_nothing_else_does() -> None:
    assert thinned(np.zeros((1, 257, 257, 21))).shape == (1, 65, 65, 21)
    assert thinned(np.zeros((1, 21, 512, 256))).shape == (1, 21, 64, 64)
    for shape in ((1, 4420, 4), (1, 25200, 85), (1, 1000), (1, 64, 64, 3), (1, 128, 32000), ()):
        assert thinned(np.zeros(shape, np.uint8)).shape == shape
