"""Several launchers in one folder: each run is executed once, and abandoned runs are taken over."""

import json
import os
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
from helpers.tiny_study import TINY

from lifelong_lb.config import expand, parse_study
from lifelong_lb.evaluation import AccuracyMatrix
from lifelong_lb.store import (
    Claims,
    ResultFolder,
    RunProgress,
    RunRecord,
    Session,
    StudyFile,
    folder_status,
    write_progress,
)
from lifelong_lb.store import claims as claims_module
from lifelong_lb.store.owner import Owner
from lifelong_lb.studies import ProgressObserver
from lifelong_lb.studies.complete import present_runs
from lifelong_lb.studies.executors.run_queue import RunQueue
from lifelong_lb.studies.job import Job

LAUNCHERS = """
import json, os, signal, sys, time
from pathlib import Path
import lifelong_lb.studies.run.worker  # once for all of them
from lifelong_lb.studies import ProgressObserver, run_study

out, studies = Path(sys.argv[1]), json.loads(sys.argv[2])

class Notes(ProgressObserver):
    def __init__(self, i):
        self.i, self.notes = i, {"begun": [], "ended": [], "elsewhere": []}
    def begun(self, run, title):
        self.note("begun", run)
        time.sleep(0.2)  # let the other launchers claim runs, too
        if self.i == 0 and len(self.notes["begun"]) == 2:
            os.kill(os.getpid(), signal.SIGKILL)
    def ended(self, title, record, *, elsewhere):
        self.note("elsewhere" if elsewhere else "ended", record.run)
    def note(self, what, run):
        self.notes[what].append(run)
        Path(out, f"notes-{self.i}.json").write_text(json.dumps(self.notes))

children = []
for i, study in enumerate(studies):
    if (child := os.fork()) == 0:
        while i and not Path(out, "notes-0.json").exists():
            time.sleep(0.01)  # the launcher that will die has begun a run, and gets a second one
        run_study(study, out, executor="in-process", observer=Notes(i))
        os._exit(0)
    children.append(child)
print([os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children])
"""

SMALL = {**TINY, "strategies": "naive", "rules": ["none", {"name": "lookbehind-sam", "k": 2}], "seeds": 3}


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(os, "fork"), reason="the launchers are forked")
def test_launchers_share_a_study_and_do_what_one_that_was_killed_has_left(tmp_path):
    studies = [{**SMALL, "seeds": 2}, SMALL, SMALL]
    words = [sys.executable, "-W", "ignore", "-c", LAUNCHERS, str(tmp_path), json.dumps(studies)]
    done = subprocess.run(words, capture_output=True, text=True, timeout=300, check=False)
    assert done.stdout.endswith("[-9, 0, 0]\n"), done.stderr
    killed, *others = [json.loads((tmp_path / f"notes-{i}.json").read_text()) for i in range(3)]
    begun = [run for notes in others for run in notes["begun"]]
    assert len(killed["ended"]) == 1
    assert killed["begun"][0] == killed["ended"][0] not in begun
    assert killed["begun"][1] in begun
    assert len(begun) == len(set(begun)) == 5
    for notes in others:
        assert notes["begun"] == notes["ended"] != []
        assert sorted(notes["ended"] + notes["elsewhere"]) == sorted([*begun, *killed["ended"]])
    folder = ResultFolder(tmp_path)
    assert folder_status(folder).counts == {"done": 6}
    assert {path.name for path in folder.runs_path.iterdir()} == {*begun, *killed["ended"]}
    assert len(folder.read_table("results")) == 6


def job(config, out):
    return Job(config=config, title=config.run_id, out=out, roots=(), threads=1, environment={})


class EventLog(ProgressObserver):
    def __init__(self):
        self.lines = []

    def begun(self, run, title):
        self.lines.append(("begun", run))

    def ended(self, title, record, *, elsewhere):
        self.lines.append((record.status, record.run, elsewhere))

    def waiting(self, runs):
        self.lines.append(("waiting", runs))


@pytest.fixture
def launchers(tmp_path):
    """Two launchers that want the same two runs."""
    study = parse_study({"streams": "split-digits", "rules": "none", "seeds": 2})
    folder = ResultFolder(tmp_path)
    folder.check_writable()
    folder.write_study(StudyFile.of(study))
    configs = [run.config for run in expand(study)]

    def launcher(owner=None, session=None):
        claims, log = Claims(folder.runs_path, owner, session=session), EventLog()
        stamps = {config.run_id: folder.stamp(config.run_id) for config in configs}
        return RunQueue(folder, [job(config, tmp_path) for config in configs], stamps, claims, log), claims, log

    return launcher, [config.run_id for config in configs]


def publish(queue, job, status="failed"):
    with queue.folder.new_run(job.config.run_id) as scratch:
        queue.folder.write_run(RunRecord(job.config.run_id, job.config.to_json(), status, message="x"), scratch)


def test_who_gets_which(launchers, monkeypatch):
    monkeypatch.setattr("lifelong_lb.studies.executors.run_queue.POLL_SECONDS", 0)
    launcher, runs = launchers
    (mine, _, log), (other, _, other_log) = launcher(), launcher()
    first, second = mine.take(), other.take()
    assert [first.config.run_id, second.config.run_id] == runs
    assert mine.take() is other.take() is None
    assert mine.has_more
    mine.wait()
    mine.wait()
    publish(other, second)
    other.ended(second)
    assert mine.take() is None
    assert not mine.has_more
    publish(mine, first)
    mine.ended(first)
    assert other.take() is None
    assert not other.has_more
    assert log.lines == [
        ("begun", runs[0]),
        ("waiting", 1),
        ("failed", runs[1], True),
        ("failed", runs[0], False),
    ]
    assert other_log.lines == [("begun", runs[1]), ("failed", runs[1], False), ("failed", runs[0], True)]
    assert {p.name for p in mine.folder.runs_path.iterdir()} == set(runs)


def test_two_that_try_again_what_had_failed_do_so_once(launchers):
    launcher, runs = launchers
    before, _, _ = launcher()
    while (job := before.take()) is not None:
        publish(before, job)
        before.ended(job)
    (mine, _, log), (other, _, other_log) = launcher(), launcher()  # both have seen the old failures
    while (job := mine.take()) is not None:
        publish(mine, job)
        mine.ended(job)
    assert other.take() is None
    assert not other.has_more
    assert other_log.lines == [("failed", run, True) for run in runs]
    assert [line for line in log.lines if line[0] == "begun"] == [("begun", run) for run in runs]


def test_who_comes_later_does_not_try_again_what_others_at_work_just_have(launchers, tmp_path):
    launcher, runs = launchers
    before, _, _ = launcher()
    for _ in runs:
        job = before.take()
        publish(before, job)
        before.ended(job)
    folder, began = before.folder, before.folder.stamp(runs[0])
    study = [run for run in expand(folder.read_study().study) if run.config.run_id in runs]
    later = Session(began + 10**12, ("failed",))

    def present():
        return present_runs(folder, study, {run: folder.stamp(run) for run in runs}, later)

    assert present() == {}
    with Claims(folder.runs_path, session=Session(began, ("failed",))) as others:
        others.take("what it does now")
        assert present() == {runs[1]: "failed"}  # which ended after they had begun
    assert present() == {}
    with Claims(folder.runs_path, session=Session(began, ("timeout",))) as others:
        others.take("what it does now")
        assert present() == {}
    dead = Claims(folder.runs_path, replace(Owner.here(), pid=2**22 + 1), session=Session(began, ("failed",)))
    dead.take("what it did")
    assert present() == {}
    assert present_runs(folder, study, {run: folder.stamp(run) for run in runs}, Session()) == dict.fromkeys(
        runs, "failed"
    )


def test_what_a_dead_launcher_has_left_is_done_by_another(launchers):
    launcher, runs = launchers
    dead, _, _ = launcher(replace(Owner.here(), pid=2**22 + 1))
    left = dead.take()
    mine, _, _ = launcher()
    assert [mine.take().config.run_id, mine.take().config.run_id] == runs
    assert not dead.is_ours(left)  # should it wake up again
    dead.put_back(left)
    assert dead.take() is None
    assert dead.has_more


def test_status_says_in_whose_hands_a_run_is(launchers):
    launcher, runs = launchers
    mine, _, _ = launcher()
    dead, _, _ = launcher(replace(Owner.here(), pid=2**22 + 1))
    remote, _, _ = launcher(replace(Owner.here(), host="far-away", pid=7))
    assert dead.take()
    found = folder_status(mine.folder)
    assert (found.counts, found.running) == ({"missing": 2}, [])
    assert mine.take()
    assert remote.take()
    found = folder_status(mine.folder)
    assert found.counts == {"running": 2}
    assert found.running[0].endswith(f"process {os.getpid()} on {Owner.here().host}")
    assert found.running[1].endswith("process 7 on far-away")
    with mine.folder.new_run(runs[0]) as scratch:
        write_progress(scratch, RunProgress(5, [(0, 0.9), (1, 0.8)]))
        (line, _) = folder_status(mine.folder).running
        assert line.endswith("; 2 of 5 experiences learnt, average accuracy so far 0.800")
    os.utime(mine.folder.runs_path / f".{runs[1]}.claim-1", (1, 1))
    assert "process 7 on far-away, not renewed for " in folder_status(mine.folder).running[1]


def test_claims_are_read_once_however_many_are_others(tmp_path, monkeypatch):
    study = parse_study({"streams": "split-digits", "rules": "none", "seeds": 20})
    folder = ResultFolder(tmp_path)
    folder.check_writable()
    jobs = [job(run.config, tmp_path) for run in expand(study)]
    others = Claims(folder.runs_path, replace(Owner.here(), host="far-away"))
    assert all(others.take(one.config.run_id) for one in jobs[:-1])
    looks = []
    look = os.listdir
    monkeypatch.setattr("lifelong_lb.store.claims.os.listdir", lambda path: looks.append(path) or look(path))
    queue = RunQueue(
        folder, jobs, dict.fromkeys(one.config.run_id for one in jobs), Claims(folder.runs_path), EventLog()
    )
    assert queue.take() == jobs[-1]
    assert len(looks) == 2  # and once more to check for competing claims
    assert queue.take() is None
    assert len(looks) == 3


def test_a_checkpoint_that_a_run_could_not_remove_any_more_goes(launchers):
    launcher, runs = launchers
    mine, _, _ = launcher()
    done, failed = mine.take(), mine.take()
    for one in (done, failed):
        mine.folder.checkpoint(one.config.run_id).path.mkdir()
    with mine.folder.new_run(done.config.run_id) as scratch:
        record = RunRecord(runs[0], done.config.to_json(), "done", AccuracyMatrix(np.full((5, 5), 0.5)).seen())
        mine.folder.write_run(record, scratch, keep_checkpoint=True)
    with mine.folder.new_run(failed.config.run_id) as scratch:
        mine.folder.write_run(RunRecord(runs[1], failed.config.to_json(), "failed"), scratch, keep_checkpoint=True)
    for one in (done, failed):
        mine.ended(one)
    assert [mine.folder.checkpoint(run).path.exists() for run in runs] == [False, True]


def test_taking_many_runs_opens_the_claims_of_each_alone(tmp_path, monkeypatch):
    study = parse_study({"streams": "split-digits", "rules": "none", "seeds": 20})
    folder = ResultFolder(tmp_path)
    folder.check_writable()
    jobs = [job(run.config, tmp_path) for run in expand(study)]
    opened = []
    read = claims_module.read_mapping
    monkeypatch.setattr(claims_module, "read_mapping", lambda path: opened.append(path) or read(path))
    queue = RunQueue(
        folder, jobs, dict.fromkeys(one.config.run_id for one in jobs), Claims(folder.runs_path), EventLog()
    )
    assert [queue.take() for _ in jobs] == jobs
    assert len(opened) == len(jobs)
