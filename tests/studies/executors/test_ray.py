"""Runs in Ray tasks, on a temporary one-machine cluster."""

import os
import re
import socket
import sys
from importlib.util import find_spec
from types import SimpleNamespace

import pytest
from helpers import TESTS
from helpers.tiny_study import TINY, command, write_study

from lifelong_lb import load_results, run_study
from lifelong_lb.config import UserError, expand, parse_study
from lifelong_lb.store import Claims, ResultFolder
from lifelong_lb.studies import ProgressObserver
from lifelong_lb.studies.executors.ray import connected, run_ray
from lifelong_lb.studies.executors.resources import Limits
from lifelong_lb.studies.executors.run_queue import RunQueue
from lifelong_lb.studies.job import Job
from lifelong_lb.studies.options import RunOptions

pytestmark = pytest.mark.slow


@pytest.mark.skipif(find_spec("ray") is None, reason="ray is not installed")
def test_tasks_do_runs_and_go_on_with_them_when_their_process_was_killed(tmp_path, finished):
    optimizers = [
        "sgd",
        {"name": "external", "target": "helpers.killing_optimizer.KillingSGD", "settings": {"lr": 0.1}},
    ]
    study = write_study(tmp_path / "s.yaml", strategies="naive", rules="none", optimizers=optimizers, seeds=1)
    places = [TESTS, os.environ.get("PYTHONPATH", "")]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(places), "KILLED": str(tmp_path / "killed")}
    environment.pop("RAY_ADDRESS", None)
    out = tmp_path / "out"
    wishes = ["--executor", "ray", "--workers", "1", "--checkpoint-every", "0", "--timeout", "10m"]
    done = command("run", study, "--out", out, *wishes, env=environment)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "killed").exists()
    (_, by_ray), (_, by_processes) = load_results(out), load_results(finished.out)
    runs = list(by_ray["run"].unique())
    records = [ResultFolder(out).read_run(run) for run in runs]
    assert [(record.status, record.environment["continued"]) for record in records] == [("done", 0), ("done", 1)]
    assert {path.name for path in (out / "runs").iterdir()} == set(runs)
    expected = by_processes[by_processes["run"] == runs[0]]["accuracy"].tolist()
    assert len(expected) == 15
    for run in runs:  # both descend by SGD
        assert by_ray[by_ray["run"] == run]["accuracy"].tolist() == expected


class RayError(Exception):
    pass


class Ray:
    """Fake of the used part of Ray; each task ends with the given outcome when it is waited for."""

    exceptions = SimpleNamespace(RayError=RayError)

    def __init__(self, outcome):
        self.outcome, self.calls = outcome, []

    def is_initialized(self):
        return False

    def init(self, **settings):
        self.calls.append(f"init {settings['address']}")

    def cluster_resources(self):
        return {"CPU": 2.0}

    def remote(self, function):
        begin = SimpleNamespace(remote=lambda bundle, *_: bundle.unpack()[0].job.title)
        return SimpleNamespace(options=lambda **_: begin)

    def wait(self, tasks, **_):
        if self.outcome is KeyboardInterrupt and len(self.calls) == 1:
            raise KeyboardInterrupt
        return tasks[:1], tasks[1:]

    def get(self, task):
        if self.outcome is not None:
            raise self.outcome

    def cancel(self, task, force=False):
        self.calls.append(f"cancel {task}{' by force' if force else ''}")

    def shutdown(self):
        self.calls.append("shutdown")


@pytest.fixture
def launch(tmp_path, monkeypatch):
    folder = ResultFolder(tmp_path)
    folder.check_writable()
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    runs = expand(parse_study({"streams": "split-digits", "rules": "none", "seeds": 2}))
    jobs = [Job(run.config, f"task {run.config.seed}", tmp_path, (), 1, {}) for run in runs]

    def launch(outcome, gpus=0.0):
        ray = Ray(outcome)
        monkeypatch.setitem(sys.modules, "ray", ray)
        with Claims(folder.runs_path) as claims:
            queue = RunQueue(folder, jobs, dict.fromkeys(job.config.run_id for job in jobs), claims, ProgressObserver())
            try:
                run_ray(queue, Limits.of(RunOptions(executor="ray", workers=2, gpus_per_run=gpus)))
            finally:
                assert ray.calls[0] == "init local"
                assert ray.calls[-1] == "shutdown"
        return ray, [folder.read_run(job.config.run_id) for job in jobs]

    return launch


@pytest.mark.parametrize(
    ("outcome", "message", "trace"),
    [
        (
            RayError("The worker died.\nAt length."),
            "the task died: The worker died.",
            "The worker died.\nAt length.",
        ),
        (None, "the task ended without executing the run", ""),
    ],
)
def test_a_task_that_dies_for_good_fails_its_run(launch, outcome, message, trace):
    _, records = launch(outcome)
    found = [(record.status, record.message, record.traceback.strip()) for record in records]
    assert found == [("failed", message, trace)] * 2


def test_tasks_are_cancelled_when_the_launcher_is_interrupted(launch, tmp_path):
    with pytest.raises(KeyboardInterrupt):
        launch(KeyboardInterrupt)
    assert sys.modules["ray"].calls[1:-1] == ["cancel task 0", "cancel task 1", "cancel task 1 by force"]
    assert not list((tmp_path / "runs").iterdir())


def test_gpus_that_this_machine_does_not_have(launch):
    with pytest.raises(UserError, match="gpus_per_run 0.25: Ray finds no GPU on this machine"):
        launch(None, gpus=0.25)


@pytest.fixture
def closed_port():
    """A port of this machine that refuses connections."""
    with socket.socket() as place:
        place.bind(("127.0.0.1", 0))
        yield place.getsockname()[1]


@pytest.mark.skipif(find_spec("ray") is None, reason="ray is not installed")
@pytest.mark.parametrize(
    ("address", "message"),
    [
        ("nonsense", "RAY_ADDRESS must be HOST:PORT, e.g. head:6379; got 'nonsense'"),
        ("head:70000", "RAY_ADDRESS must be HOST:PORT, e.g. head:6379; got 'head:70000'"),
        ("127.0.0.1:{port}", "RAY_ADDRESS 127.0.0.1:{port}: cannot connect (Connection refused)"),
        ("ray://[::1]:{port}", "RAY_ADDRESS ray://[::1]:{port}: cannot connect ("),
    ],
)
def test_an_address_without_a_cluster_is_refused_before_anything_is_written(
    address, message, closed_port, tmp_path, monkeypatch
):
    monkeypatch.setenv("RAY_ADDRESS", address.format(port=closed_port))
    with pytest.raises(UserError, match=re.escape(message.format(port=closed_port))):
        run_study(TINY, tmp_path / "out", executor="ray")
    assert not (tmp_path / "out").exists()


def test_errors_of_ray_init_become_one_line(monkeypatch):
    """Ray raises different errors for a wrong token, another version or another service."""
    ray = Ray(None)
    ray.init = lambda **_: (_ for _ in ()).throw(RuntimeError("Invalid token.\nAt length."))
    monkeypatch.setitem(sys.modules, "ray", ray)
    limits = Limits.of(RunOptions(executor="ray", workers=2))
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = f"127.0.0.1:{server.getsockname()[1]}"
        monkeypatch.setenv("RAY_ADDRESS", address)
        with pytest.raises(UserError) as error, connected(limits):
            pass
    assert str(error.value) == f"RAY_ADDRESS {address}: cannot reach Ray: Invalid token."
    monkeypatch.delenv("RAY_ADDRESS")
    with pytest.raises(UserError, match="^cannot start Ray on this machine: Invalid token.$"), connected(limits):
        pass
