from __future__ import annotations

import pytest

from nngauge.analyse.core_feature import Surroundings, core_feature
from nngauge.domain.app import App, Platform
from nngauge.domain.task import TASK, Role, TaskVerdict
from nngauge.limits import EVIDENCE_EXCERPT


def _app(**facts: object) -> App:
    return App(platform=Platform.ANDROID, container="apk", **facts)  # type: ignore[arg-type]


def _verdict(task: str, probability: float = 0.95) -> TaskVerdict:
    return TaskVerdict(task=task, modality=TASK[task].modality, probability=probability)


@pytest.mark.parametrize(
    ("label", "package", "permissions", "task", "role"),
    [
        ("Selfie Beauty Cam", "com.example.selfie", ("android.permission.CAMERA",), "face-landmarks", Role.CORE),
        ("Pose Trainer", "org.example.pose", ("android.permission.CAMERA",), "pose-estimation", Role.CORE),
        ("Text Scanner OCR", "com.example.ocr", ("android.permission.CAMERA",), "text-recognition", Role.CORE),
        ("Big Mall", "com.example.shopping", ("android.permission.CAMERA",), "recommendation", Role.EXTRA),
        ("City Bank", "com.citybank.wallet", (), "text-recognition", Role.EXTRA),
        ("Subway Map", "net.subway.map", (), "speech-recognition", Role.EXTRA),
    ],
)
def test_what_the_app_calls_itself_decides(
    label: str, package: str, permissions: tuple[str, ...], task: str, role: Role
) -> None:
    verdict = core_feature(_app(label=label, package_id=package, permissions=permissions), [_verdict(task)])
    assert verdict.role is role
    assert verdict.probability >= 0.7
    assert verdict.tasks == (task,)
    assert verdict.because


def test_without_tasks_it_is_unknown() -> None:
    assert core_feature(_app(label="Selfie"), []).role is Role.UNKNOWN
    assert core_feature(_app(label="Selfie"), [_verdict("face-detection", 0.3)]).role is Role.UNKNOWN


def test_a_name_that_says_nothing_is_unknown() -> None:
    verdict = core_feature(_app(label="Zuplu", package_id="com.zuplu"), [_verdict("image-classification")])
    assert verdict.role is Role.UNKNOWN
    assert 0.3 < verdict.probability < 0.7


def test_share_category_permissions_and_sdk_models_move_the_answer() -> None:
    app = _app(label="Zuplu", package_id="com.zuplu", size=1000, permissions=("android.permission.CAMERA",))
    tasks = [_verdict("image-classification")]
    plain = core_feature(app, tasks).probability
    heavy = core_feature(app, tasks, Surroundings(ai_bytes=600))
    assert heavy.probability > plain
    assert any("60%" in item.value for item in heavy.because)
    light = core_feature(app, tasks, Surroundings(ai_bytes=5, own_models=0, category="FINANCE"))
    assert light.role is Role.EXTRA
    assert light.because[0].rule in {"core/sdk-models", "core/category"}
    photo = core_feature(app, tasks, Surroundings(category="Photography", description="Beautify your photos"))
    assert photo.role is Role.CORE
    blind = core_feature(_app(label="Zuplu", permissions=("android.permission.INTERNET",)), tasks)
    assert blind.role is Role.EXTRA


def test_the_launcher_counts_as_a_name() -> None:
    app = _app(label="Zuplu", package_id="com.zuplu")
    verdict = core_feature(
        app, [_verdict("speech-recognition")], Surroundings(launcher="com.zuplu.ui.VoiceRecorderActivity")
    )
    assert verdict.role is Role.CORE
    assert any("voice" in item.value for item in verdict.because)


def test_hostile_texts_are_bounded_and_printable() -> None:
    app = _app(label="\u202eselfie\x1b[0m" * 50_000, package_id="camera\n." * 50_000)
    verdict = core_feature(
        app, [_verdict("face-detection")], Surroundings(description="\0" * 10**6, category="\x1b" * 1000)
    )
    assert all(item.value.isprintable() and len(item.value) <= EVIDENCE_EXCERPT for item in verdict.because)
