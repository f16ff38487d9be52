"""Runs supervised on another machine for a launcher."""

from dataclasses import replace

import pytest

from lifelong_lb.config import expand, parse_study
from lifelong_lb.store import Claims, ResultFolder, RunRecord
from lifelong_lb.store.owner import Owner
from lifelong_lb.studies.executors import remote_worker as supervised
from lifelong_lb.studies.executors.remote_job import ClaimedJob, JobBundle
from lifelong_lb.studies.job import Job

pytestmark = pytest.mark.slow

LAUNCHER = replace(Owner.here(), host="login-node")


class Process:
    """Fake of a run's process, which exits after some polls of one second, and of the clock."""

    def __init__(self):
        self.now, self.ends, self.code, self.events = 0.0, 1e9, 0, {}

    def is_alive(self):
        return self.now < self.ends

    def join(self, seconds=None):
        self.sleep(seconds)

    def sleep(self, seconds):
        self.now += seconds
        for when in [when for when in self.events if when <= self.now]:
            self.events.pop(when)()

    def monotonic(self):
        return self.now

    def end(self, code):
        self.ends = min(self.ends, self.now)
        self.code = code

    @property
    def exitcode(self):
        return None if self.is_alive() else self.code


@pytest.fixture
def claimed(tmp_path):
    (run, *_) = expand(parse_study({"streams": "split-digits", "rules": "none", "seeds": 1}))
    folder = ResultFolder(tmp_path)
    folder.check_writable()
    assert Claims(folder.runs_path, LAUNCHER).take(run.config.run_id)
    return ClaimedJob(Job(run.config, "a run", tmp_path, (), 1, {}), None, LAUNCHER)


@pytest.fixture
def process(monkeypatch):
    process = Process()
    monkeypatch.setattr(supervised, "time", process)
    monkeypatch.setattr(supervised, "start", lambda job: process)
    monkeypatch.setattr(supervised, "kill", lambda process: process.end(-9))
    monkeypatch.setattr(supervised, "terminate", lambda _: process.end(143) if process.is_alive() else None)
    return process


def result(claimed):
    """Published status and message."""
    run = claimed.job.config.run_id
    if not claimed.is_published():
        return None
    record = claimed.folder.read_run(run)
    return record.status, record.message


@pytest.mark.parametrize(
    ("code", "message", "end"),
    [
        (-9, "the run's process was killed by signal 9 (out of memory?)", 6),
        (3, "the run's process ended with exit code 3", 6),
        (143, "the run's process was killed by signal 15", 305),
        (255, "the run's process ended with exit code 255", 305),
    ],
)
def test_a_run_whose_process_dies_has_failed(claimed, process, code, message, end):
    process.ends, process.code = 5, code
    supervised.run_job(claimed, None)
    assert result(claimed) == ("failed", message)
    assert process.now == end  # a cluster that ends all processes has had time for it


def test_a_run_that_takes_too_long(claimed, process):
    supervised.run_job(claimed, 100)
    assert result(claimed) == ("timeout", "stopped after 100 s, the time limit per run")
    assert process.now == 100


def test_a_run_that_is_published_is_not_touched(claimed, process):
    def publish():
        with claimed.folder.new_run(claimed.job.config.run_id) as scratch:
            claimed.folder.write_run(
                RunRecord(claimed.job.config.run_id, claimed.job.config.to_json(), "diverged"), scratch
            )

    process.events[4] = publish
    process.ends = 5
    supervised.run_job(claimed, 100)
    assert result(claimed) == ("diverged", "")
    assert process.now == 5


@pytest.mark.parametrize(("becomes", "end"), [("another's", 60), ("unclaimed", 150)])
@pytest.mark.parametrize("late", [False, True])
def test_a_run_that_is_not_the_launchers_any_more_is_ended_and_leaves_nothing(claimed, process, becomes, end, late):
    run, runs = claimed.job.config.run_id, claimed.folder.runs_path

    def lose():
        (runs / f".{run}.claim-1").unlink()
        if becomes == "another's":
            assert Claims(runs, replace(LAUNCHER, host="other-node")).take(run)

    process.events[55] = lose
    supervised.run_job(claimed, 56 if late else None)
    assert result(claimed) is None
    assert process.now == (56 if late else end)


def test_a_claim_that_is_seen_again_was_never_lost(claimed, process):
    claim = claimed.folder.runs_path / f".{claimed.job.config.run_id}.claim-1"
    hidden = claim.with_name("hidden")
    process.events = {5: lambda: claim.rename(hidden), 75: lambda: hidden.rename(claim)}
    process.ends, process.code = 300, 1
    supervised.run_job(claimed, None)
    assert result(claimed) == ("failed", "the run's process ended with exit code 1")


def test_a_machine_without_the_device(claimed, process):
    supervised.run_jobs(JobBundle.of([claimed]), "cuda:99", None)
    assert result(claimed)[0] == "failed"
    assert "cuda:99" in result(claimed)[1]
    assert process.now == 0
