"""Studies on a Ray cluster: the same facts as here, whatever becomes of workers, nodes and the run itself."""

from __future__ import annotations

import os
import secrets
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from examples.build_apps import build_all
from nngauge.domain.outcome import Failure
from nngauge.errors import EngineError, UsageError
from nngauge.limits import MIB
from nngauge.runners import ray as engine
from nngauge.runners.tasks import Limits, Settings, perform
from nngauge.study import Outcome, Study
from tests.builders.studies import app, facts_of, settled
from tests.builders.workers import misbehave

ROOT = Path(__file__).parents[2]
needs_ray = pytest.mark.skipif(not find_spec("ray"), reason="Ray is an extra: pip install nngauge[ray]")


# --- without a cluster --------------------------------------------------------------------------------------------------


def test_without_ray_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(UsageError, match=r"nngauge\[ray\]"), engine.cluster("ray:auto", settings=Settings()):
        pass


def test_addresses() -> None:
    assert engine._place("ray://head:10001") == "ray://head:10001"
    assert engine._place("ray:head:6379") == "head:6379"
    assert engine._place("ray:auto") is engine._place("ray://") is engine._place("ray:") is None
    with pytest.raises(UsageError, match="no engine is written like"):
        engine._place("slurm:head")


def test_the_line_of_an_error_is_its_cause() -> None:
    text = "The actor died\n  \x1b[36mray::Worker\x1b[39m ...\nValueError: no\nModuleNotFoundError: No module named 'x'\n\n"
    assert engine._line(RuntimeError(text)) == "ModuleNotFoundError: No module named 'x'"
    assert engine._line(RuntimeError("one\ntwo")) == "one"
    assert engine._line(RuntimeError()) == "RuntimeError"


# --- a cluster of this machine: a head without CPUs, nodes of one CPU ------------------------------------------------------


@pytest.fixture(scope="module")
def cluster() -> Iterator[Any]:
    pytest.importorskip("ray", reason="Ray is an extra: pip install nngauge[ray]")
    from ray.cluster_utils import Cluster

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", f"{ROOT / 'src'}{os.pathsep}{ROOT}")  # what workers are told to do by tests is there
        patch.setenv("RAY_USAGE_STATS_ENABLED", "0")
        made = Cluster(initialize_head=True, head_node_args={"num_cpus": 0, "include_dashboard": False})
        made.add_node(num_cpus=1)
        made.add_node(num_cpus=1)
        yield made
        made.shutdown()


@pytest.fixture(scope="module")
def apps(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("apps")
    build_all(folder)
    for index in range(12):
        app(folder, f"made{index}")
    (folder / "empty.apk").write_bytes(b"")
    return folder


@pytest.fixture(scope="module")
def local(apps: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[str]]:
    """The facts of the same apps by local workers."""
    return facts_of(ran(tmp_path_factory.mktemp("local") / "study", apps, None)[0])


def ran(
    folder: Path,
    apps: Path,
    address: str | None,
    *,
    work: Callable[[bytes], bytes] = perform,
    each: Callable[[Outcome], None] = lambda _: None,
    settings: Settings | None = None,
) -> tuple[Path, list[Outcome]]:
    """A study of `apps`, done on a cluster or, without an address, here."""
    settings = settings or Settings(networks=True)
    outcomes = []
    with Study.open_or_create(folder) as study:
        study.add(str(apps), "2026-11")
        with on(address, settings, work) as chosen:
            for outcome in study.run(engine=chosen, settings=settings, sleep=lambda _: None):
                outcomes.append(outcome)
                each(outcome)
    return folder, outcomes


@contextmanager
def on(address: str | None, settings: Settings, work: Callable[[bytes], bytes]) -> Iterator[Any]:
    if address is None:
        yield None
        return
    with engine.cluster(address, settings=settings, work=work) as crew:
        yield crew


def test_the_same_facts_as_local_workers(cluster: Any, apps: Path, local: dict[str, list[str]], tmp_path: Path) -> None:
    study, outcomes = ran(tmp_path / "study", apps, f"ray:{cluster.address}")
    assert len(outcomes) == 21
    assert facts_of(study) == local
    assert ran(study, apps, f"ray:{cluster.address}")[1] == []


def test_limits_and_lost_processes_are_those_of_local_workers(cluster: Any, tmp_path: Path) -> None:
    folder = tmp_path / "apps"
    folder.mkdir()
    errors = {
        "hang": "Timeout",
        "killed": "WorkerDied",
        "exit": "WorkerDied",
        "hungry": "OutOfMemory",
        "bug": "InternalError",
    }
    for name in ("a", "b", "c", *errors):
        app(folder, name)
    settings = Settings(limits=Limits(seconds=8, memory=400 * MIB))
    _, outcomes = ran(tmp_path / "study", folder, f"ray:{cluster.address}", work=misbehave, settings=settings)
    last = {Path(item.work.item.locator).stem: item for item in outcomes if not item.again}
    assert {name: item.result.error for name, item in last.items() if isinstance(item.result, Failure)} == errors
    assert {name for name, item in last.items() if item.work.attempts == 3} == {"killed", "exit"}


def test_a_killed_worker_is_one_lost_attempt(cluster: Any, tmp_path: Path) -> None:
    folder = tmp_path / "apps"
    folder.mkdir()
    for name in ("a", "b", "c", "d", "parent", "e", "f", "g"):
        app(folder, name)
    study, outcomes = ran(tmp_path / "study", folder, f"ray:{cluster.address}", work=misbehave)
    lost = [item for item in outcomes if item.again]
    assert {Path(item.work.item.locator).stem for item in lost} == {"parent"}, "what waited behind it lost nothing"
    assert [item.work.attempts for item in lost] == [1, 2]
    facts = facts_of(study)
    assert len(facts["app"]) == 7
    assert sum("quarantined" in row for row in facts["listing"]) == 1


def test_a_node_that_goes_takes_no_result_along(
    cluster: Any, apps: Path, local: dict[str, list[str]], tmp_path: Path
) -> None:
    extra = [cluster.add_node(num_cpus=1), cluster.add_node(num_cpus=1)]
    cluster.wait_for_nodes()
    seen: list[Outcome] = []

    def remove(outcome: Outcome) -> None:
        seen.append(outcome)
        if len(seen) in (4, 9):
            cluster.remove_node(extra.pop(), allow_graceful=False)

    study, outcomes = ran(tmp_path / "study", apps, f"ray:{cluster.address}", each=remove)
    assert not extra
    assert facts_of(study) == local
    assert sum(not item.again for item in outcomes) == 21


def test_a_killed_run_resumes(cluster: Any, apps: Path, local: dict[str, list[str]], tmp_path: Path) -> None:
    folder = tmp_path / "study"
    with Study.create(folder) as study:
        study.add(str(apps), "2026-11")
    command = [
        sys.executable,
        "-m",
        "nngauge",
        "study",
        "run",
        str(folder),
        "--engine",
        f"ray:{cluster.address}",
        "--quiet",
    ]
    done = []
    for target in (1, 8):
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        while process.poll() is None and settled(folder) < target:
            time.sleep(0.01)
        process.kill()
        process.wait()
        done.append(settled(folder))
    assert 0 < done[0] < done[1] < 21, "the kills came too early or too late to tell anything"
    last = subprocess.run(command, stdout=subprocess.PIPE, check=False)
    assert last.returncode == 3
    assert facts_of(folder) == local


@needs_ray
def test_the_client_of_another_machine(apps: Path, local: dict[str, list[str]], tmp_path: Path) -> None:
    """``ray://``: the run is no node of the cluster, which wants a token."""
    folder = tmp_path / "study"
    with Study.create(folder) as study:
        study.add(str(apps), "2026-11")
    token = {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": secrets.token_hex(32), "RAY_USAGE_STATS_ENABLED": "0"}
    server, gcs = _free_ports(2)
    start = [sys.executable, "-m", "ray.scripts.scripts", "start", "--head", "--block", "--num-cpus=2",
             "--node-ip-address=127.0.0.1", f"--port={gcs}", f"--ray-client-server-port={server}",
             "--min-worker-port=0", "--max-worker-port=0", "--include-dashboard=false"]  # fmt: skip
    head = subprocess.Popen(start, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=os.environ | token)
    try:
        _until_answers(server)
        run = [sys.executable, "-m", "nngauge", "study", "run", str(folder), "--engine", f"ray://127.0.0.1:{server}"]
        for _ in range(3):  # Ray gives its server 30 s to start, which a busy machine may not be able to
            done = subprocess.run(run, capture_output=True, text=True, check=False, env=os.environ | token)
            if done.returncode != 1:
                break
    finally:
        head.terminate()
        head.wait()
    assert done.returncode == 3, done.stderr
    assert "1 failed" in done.stderr
    assert facts_of(folder) == local
    assert token["RAY_AUTH_TOKEN"].encode() not in b"".join(
        file.read_bytes() for file in folder.rglob("*") if file.is_file()
    )


def _free_ports(count: int) -> list[int]:
    with ExitStack() as stack:
        sockets = [stack.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in range(count)]
        return [item.getsockname()[1] for item in sockets]


def _until_answers(port: int) -> None:
    for _ in range(600):
        with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            return
        time.sleep(0.1)
    pytest.fail("the cluster does not start")


def test_other_versions_are_refused(cluster: Any, apps: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    here = engine.installation(Settings().depth)
    monkeypatch.setattr(engine, "installation", lambda _: engine.Installation(here.provenance, ("zipfile9",)))
    with pytest.raises(EngineError, match=r"libraries .* instead of zipfile9") as problem:
        ran(tmp_path / "study", apps, f"ray:{cluster.address}")
    assert problem.value.where
    monkeypatch.undo()
    assert settled(tmp_path / "study") == 0


@needs_ray
def test_a_cluster_that_is_not_there_is_named() -> None:
    with (
        pytest.raises(EngineError, match="no cluster answers") as problem,
        engine.cluster("ray://127.0.0.1:1", settings=Settings()),
    ):
        pass
    assert problem.value.where == "ray://127.0.0.1:1"
