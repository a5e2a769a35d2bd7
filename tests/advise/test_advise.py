"""What is worth doing: found where it is, not where it is not, ranked by gain after risk."""

from __future__ import annotations

import shlex
import struct
from pathlib import Path

import pytest
from msgspec.structs import replace

from nngauge.advise import ADVISERS, about_app, about_model, advise
from nngauge.advise.ranking import ranked
from nngauge.advise.rules import MANNERS
from nngauge.analyse.optimisation import optimisation_state
from nngauge.domain.advice import Advice, Effort, Faster, Risk
from nngauge.domain.attribution import Owner
from nngauge.domain.dossier import Dossier, ModelDossier
from nngauge.domain.estimate import Estimate, Ground, Quantity, Setting, Unit
from nngauge.domain.network import Network
from nngauge.domain.task import Modality, TaskVerdict
from nngauge.knowledge.architectures import dominating
from nngauge.policy import RULE
from nngauge.policy.rules import RULES
from tests.builders import networks
from tests.builders.facts import model, scan
from tests.policy.cases import heavy
from tests.policy.subjects import attribution, technology

WIDE = (3, 32, 64, 64, 128, 128)
OUTSIDE = frozenset({
    "model-bytes", "model-size", "model-share", "compute-budget", "latency-budget", "energy-budget",  # budgets of the user's
    "unknown-owner",  # about rights
    "float32-weights",  # the adviser says it with more
})  # fmt: skip


def half(value: float, *_: int) -> float:
    return float(struct.unpack("<e", struct.pack("<e", value))[0])


def dossier(layers: networks.Network, form: str = "onnx", name: str = "net.onnx") -> ModelDossier:
    graph, parts = networks.as_onnx(layers)
    size = sum(part.size for part in parts)
    return ModelDossier(
        model=model(format=form, name=name, size=size, weights={"float32": size // 4}),
        places=(f"a.apk!{name}",),
        network=Network(digest="aa" * 32, plugin="onnx@1", precision="float32"),
        optimisation=optimisation_state(graph, parts),
    )


def kinds(one: ModelDossier) -> dict[str, Advice]:
    return {item.kind: item for item in advise(about_model("net.onnx", one)).items}


def kinds_on(one: ModelDossier, device: str) -> dict[str, Advice]:
    return {item.kind: item for item in advise(about_model("net.onnx", one, devices=(device,))).items}


def test_of_float_weights_int8_is_advised_with_what_it_saves() -> None:
    layers = networks.network(1, WIDE)
    found = kinds(dossier(layers))
    assert set(found) == {"int8-weights"}
    every = sum(len(w) * len(w[0]) * len(w[0][0]) * len(w[0][0][0]) for w in layers)
    assert found["int8-weights"].gain_bytes == 3 * every
    assert found["int8-weights"].risk is Risk.MEDIUM


def test_dead_channels_are_found_and_only_they() -> None:
    layers = networks.changed(networks.network(2, WIDE), lambda value, at, out: 0.0 if at == 2 and out % 2 else value)
    found = kinds(dossier(layers))
    dead = found["dead-channels"]
    assert "32 output channels in 1 layer" in dead.says
    assert dead.gain_bytes == 32 * 64 * 9 * 4
    assert dead.risk is Risk.NONE
    assert dead.commands == ("nngauge shrink net.onnx -o net-small.onnx",)


def test_float16_in_float32_is_half_for_nothing() -> None:
    found = kinds(dossier(networks.changed(networks.network(3, WIDE), half)))
    item = found["stored-float16"]
    assert item.exact
    assert item.risk is Risk.NONE
    assert item.gain_bytes == found["int8-weights"].gain_bytes * 2 // 3  # type: ignore[operator]


def test_constants_that_are_there_twice() -> None:
    layers = networks.network(4, WIDE)
    layers[3] = networks.network(5, (64, 128, 128))[1]
    layers.append(layers[-1])
    found = kinds(dossier(layers))
    assert found["duplicate-constants"].gain_bytes == 4 * sum(
        len(w) * len(w[0]) * len(w[0][0]) * len(w[0][0][0]) for w in layers[-1:]
    )


def test_an_old_file_is_brought_up_to_date_where_it_stands_in_the_way() -> None:
    old = dossier(networks.network(1, WIDE), form="tflite", name="net.tflite")
    item = kinds(old)["legacy-schema"]
    assert item.commands == ("nngauge compress net.onnx --recipe modernise -o net-small.tflite",)
    signed = replace(old, model=replace(old.model, metadata={"signature:serving_default": "subgraph 0: a → b"}))
    assert "legacy-schema" not in kinds(signed)
    whole = replace(old, model=replace(old.model, weights={"int8": 1_000_000}))
    assert "legacy-schema" not in kinds(whole)


def test_a_format_that_nobody_writes_gets_no_command_that_writes() -> None:
    layers = networks.changed(networks.network(2, WIDE), lambda value, at, out: 0.0 if at == 2 and out % 2 else value)
    found = kinds(dossier(layers, form="ncnn", name="net.bin"))
    assert found["dead-channels"].commands == ()
    assert not any("--recipe" in line for line in found["int8-weights"].commands)


def classifier(macs: int, task: str = "image-classification", probability: float = 0.9) -> ModelDossier:
    verdict = TaskVerdict(task=task, modality=Modality.IMAGE, probability=probability)
    facts = Network(digest="aa" * 32, plugin="tflite@1", macs=macs, parameters=25_000_000, weight_bytes=25_000_000)
    return ModelDossier(model=model(task=verdict), places=(), network=facts)


def test_published_models_that_cost_less_are_named() -> None:
    item = kinds(classifier(4_000_000_000))["cheaper-architecture"]
    assert item.risk is Risk.HIGH
    assert item.effort is Effort.TRAINING
    cheapest = dominating("image-classification", 4e9)[0]
    assert cheapest.trunk in item.says
    assert item.gain_bytes == 25_000_000 - round(cheapest.parameters or 0)  # the width of this model's weights: a byte


@pytest.mark.parametrize(
    "one",
    [
        classifier(30_000_000),  # next to nothing costs less
        classifier(4_000_000_000, probability=0.4),
        classifier(4_000_000_000, task="unheard-of"),
        replace(classifier(4_000_000_000), network=None),
    ],
)
def test_no_other_architecture_where_nothing_is_known_or_nothing_better(one: ModelDossier) -> None:
    assert "cheaper-architecture" not in kinds(one)


def test_what_a_component_brings_only_its_maker_can_change() -> None:
    one = dossier(networks.network(1, WIDE))
    brought = replace(one, model=replace(one.model, owner=replace(attribution(Owner.SDK), title="ML Kit")))
    result = advise(about_model("net.onnx", brought))
    assert result.items == ()
    assert result.silent == ("models that come with components, which only their makers can change: net.onnx (ML Kit)",)


def test_speed_is_told_where_there_is_a_profile_and_missed_where_not() -> None:
    one = replace(dossier(networks.network(1, WIDE)), cost=heavy())
    known = advise(about_model("net.onnx", one, devices=("pixel-4", "no-such-phone")))
    (item,) = [item for item in known.items if item.kind == "int8-weights"]
    (faster,) = item.faster
    assert faster.before.setting.device == "pixel-4"
    assert faster.after.setting == replace(faster.before.setting, precision="int8")
    assert faster.share > 0
    assert any("no-such-phone" in line for line in known.silent)
    truncated = advise(about_model("net.onnx", replace(one, layers_left_out=1), devices=("pixel-4",)))
    assert not any(item.faster for item in truncated.items)


def test_a_phone_without_a_profile_of_its_cores_is_judged_by_its_neural_processor() -> None:
    one = replace(dossier(networks.network(1, WIDE)), cost=heavy())
    (faster,) = kinds_on(one, "galaxy-s25")["int8-weights"].faster
    assert faster.before.setting.unit is Unit.NPU
    assert faster.after.setting.precision == "int8"


def test_what_could_not_be_read_is_said() -> None:
    one = ModelDossier(model=model(), places=(), network=Network(digest="aa" * 32, plugin="x@1", reason="damaged"))
    result = advise(about_model("m.tflite", one))
    assert result.items == ()
    assert result.silent == (f"{one.model.name}: damaged",)


@pytest.mark.parametrize("name", ["a b.onnx", "$(rm x).onnx", "it's.onnx", "-rf.onnx"])
def test_names_are_quoted_for_the_shell(name: str) -> None:
    one = dossier(networks.network(1, WIDE), name=name)
    for item in advise(about_model(f"./{name}", one)).items:
        for line in item.commands:
            assert shlex.split(line)[2] == f"./{name}"
    app = Dossier(scan=replace(scan(), path=f"./{name}.apk"), models=(one,))
    (taken, *_rest) = [line for item in advise(about_app(app)).items for line in item.commands if "--extract" in line]
    assert shlex.split(taken)[2] == f"./{name}.apk"


def test_rules_about_cost_become_advice() -> None:
    large = dossier(networks.network(1, WIDE))
    app = Dossier(
        scan=replace(
            scan(),
            technologies=(
                technology("tflite", models=(large.model.digest,)), technology("onnxruntime", models=(large.model.digest,)),
            ),
        ),
        models=(large,),
    )  # fmt: skip
    found = {item.kind: item for item in advise(about_app(app)).items}
    assert found["two-runtimes"].title == RULE["two-runtimes"].broken
    assert found["two-runtimes"].effort is Effort.CODE


def test_every_rule_about_cost_is_heard() -> None:
    about = {rule.id for rule in RULES if {"size", "performance", "maintenance"} & set(rule.tags)}
    assert set(MANNERS) <= set(RULE)
    assert about - set(MANNERS) == OUTSIDE
    assert len({adviser.name for adviser in ADVISERS}) == len(ADVISERS)
    assert all(adviser.references for adviser in ADVISERS)


# --- the order ----------------------------------------------------------------------------------------------------------


def piece(kind: str, gain: int | None, risk: Risk, faster: tuple[Faster, ...] = ()) -> Advice:
    return Advice(
        kind=kind, title=kind, says=kind, gain_bytes=gain, faster=faster, risk=risk, effort=Effort.COMMAND, do=""
    )


def speed(before: float, after: float) -> Faster:
    ground = Ground(profile="p@1", method="m", source="s", models=1, error=0.1)
    where = Setting(device="pixel-4", unit=Unit.BIG)
    one, other = (
        Estimate(quantity=Quantity.LATENCY, setting=where, value=value, low=value, high=value, ground=ground)
        for value in (before, after)
    )
    return Faster(before=one, after=other)


def test_gain_counts_less_the_more_is_risked() -> None:
    items = [piece(str(risk), 500, risk) for risk in reversed(Risk)]
    assert [item.kind for item in ranked(items, 1000)] == [str(risk) for risk in Risk]


def test_time_counts_as_bytes_do_and_losses_do_not_count() -> None:
    found = ranked(
        [
            piece("slower", 100, Risk.NONE, (speed(10, 15),)),
            piece("faster", 100, Risk.NONE, (speed(10, 5), speed(10, 7))),
            piece("smaller", 300, Risk.NONE),
        ],
        1000,
    )
    assert [(item.kind, item.worth) for item in found] == [("faster", 0.5), ("smaller", 0.3), ("slower", 0.1)]


def test_more_than_everything_cannot_be_saved() -> None:
    (one,) = ranked([piece("all", 10**9, Risk.NONE)], 10)
    assert one.worth == 1.0


def test_gains_of_one_file_are_not_added_up() -> None:
    one = dossier(networks.changed(networks.network(3, WIDE), half))
    result = advise(about_model("net.onnx", one))
    assert result.gain_bytes == max(item.gain_bytes or 0 for item in result.items)
    assert Path(result.path).name == "net.onnx"
