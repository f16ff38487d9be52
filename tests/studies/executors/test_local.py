"""Runs survive the death of the fork server."""

import os
from types import SimpleNamespace

import psutil
import pytest
from helpers.tiny_study import TINY, tables_alone

from lifelong_lb import run_study
from lifelong_lb.store import ResultFolder
from lifelong_lb.studies import ProgressObserver
from lifelong_lb.studies.executors import local, processes

SMALL = {**TINY, "strategies": "naive", "rules": "none", "seeds": 1}
pytestmark = [pytest.mark.slow, pytest.mark.skipif(not hasattr(os, "fork"), reason="no such process")]


def is_server(process):
    """Whether a process is the fork server of a run."""
    return "multiprocessing.forkserver" in " ".join(process.cmdline()) and process.children()


class KillsTheServer(ProgressObserver):
    """Kill the fork server once, after an experience, and record the events."""

    def __init__(self):
        self.events, self.orphans = [], []

    def begun(self, run, title):
        self.events.append("begun")

    def learnt(self, run, title, experience, experiences, accuracy):
        if not self.orphans:
            server = next(process for process in psutil.Process().children() if is_server(process))
            self.orphans += server.children()
            server.kill()

    def given_up(self, run):
        self.events.append("given up")

    def ended(self, title, record, *, elsewhere):
        self.events.append(record.status)


@pytest.fixture(autouse=True)
def _quickly(monkeypatch):
    monkeypatch.setattr("lifelong_lb.studies.progress.dispatch.POLL_SECONDS", 0.01)
    monkeypatch.setattr("lifelong_lb.studies.executors.failures.STATUS_TIMEOUT_SECONDS", 0.0)
    monkeypatch.setattr("lifelong_lb.studies.study.write_report", tables_alone)


def records(out):
    folder = ResultFolder(out)
    return [folder.read_run(path.name) for path in folder.runs_path.iterdir() if not path.name.startswith(".")]


def test_runs_go_on_in_processes_of_another_server(tmp_path):
    observer = KillsTheServer()
    slow = {"name": "external", "target": "helpers.slow_optimizer.SlowSGD", "settings": {"lr": 0.1, "seconds": 0.1}}
    run_study({**SMALL, "optimizers": slow}, tmp_path / "out", workers=1, checkpoint_every=0, observer=observer)
    run_study({**SMALL, "optimizers": {"name": "sgd", "lr": 0.1}}, tmp_path / "whole", workers=1)
    (record,), (whole,) = records(tmp_path / "out"), records(tmp_path / "whole")
    assert observer.events == ["begun", "given up", "begun", "done"], record.message
    assert not any(orphan.is_running() and orphan.status() != psutil.STATUS_ZOMBIE for orphan in observer.orphans)
    assert record.environment["continued"] == 1
    assert record.accuracy == whole.accuracy
    assert len(list((tmp_path / "out" / "runs").iterdir())) == 1


class Queue:
    """A queue that records its calls; no run is published."""

    folder = None

    def __init__(self):
        self.events = []

    def was_published(self, job):
        return False

    def is_ours(self, job):
        return True

    def put_back(self, job):
        self.events.append("put back")

    def ended(self, job):
        self.events.append("ended")


def test_a_run_whose_server_dies_again_has_failed(monkeypatch):
    """Through a private function: two deaths of the server in a row cannot be timed from outside."""
    queue, orphaned = Queue(), set()
    monkeypatch.setattr(local, "was_orphaned", lambda process: True)
    monkeypatch.setattr(local, "terminate", lambda processes: queue.events.append("killed"))
    monkeypatch.setattr(local, "record", lambda job, folder, status, message, _: queue.events.append((status, message)))
    job = SimpleNamespace(config=SimpleNamespace(run_id="abc"))
    one = SimpleNamespace(job=job, process=Ends(255))
    local._finalize(one, queue, orphaned)
    assert queue.events == ["killed", "put back"]
    local._finalize(one, queue, orphaned)
    why = "the fork server died during the run"
    assert queue.events[2:] == ["killed", ("failed", why), "ended"]


class Ends:
    """A process that exited with some code."""

    def __init__(self, exitcode):
        self.exitcode = exitcode

    def join(self):
        pass


def test_an_exit_code_of_its_own_is_no_orphan():
    """255 is also the exit code of a process that exits with -1."""
    alive, by_itself, otherwise = Ends(255), Ends(255), Ends(1)
    processes._SERVERS.update({by_itself: os.getpid(), otherwise: 2**22 + 1, alive: 2**22 + 1})
    assert [processes.was_orphaned(one) for one in (by_itself, otherwise, alive, Ends(255))] == [
        *(False, False, True, False)
    ]
