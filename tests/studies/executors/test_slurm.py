"""Runs in SLURM jobs: submitit is real, SLURM is simulated."""

import os
import pickle
import re
import time
from dataclasses import replace
from types import SimpleNamespace

import pytest
import submitit
from helpers import TESTS, fake_slurm
from helpers.tiny_study import command, write_study
from submitit.slurm.slurm import SlurmInfoWatcher

from lifelong_lb import load_results
from lifelong_lb.config import UserError, expand, parse_study
from lifelong_lb.store import Claims, ResultFolder, RunRecord, StudyFile, folder_status
from lifelong_lb.store.owner import Owner
from lifelong_lb.studies import ProgressObserver
from lifelong_lb.studies.executors.cluster_options import GENERIC, SETTINGS, check_cluster, parsed_settings
from lifelong_lb.studies.executors.remote_job import JobBundle
from lifelong_lb.studies.executors.resources import Limits
from lifelong_lb.studies.executors.run_queue import RunQueue
from lifelong_lb.studies.executors.slurm import Work, run_slurm
from lifelong_lb.studies.job import Job
from lifelong_lb.studies.options import RunOptions

pytestmark = pytest.mark.skipif(os.name != "posix", reason="its commands are scripts")


def test_a_job_does_its_runs_one_after_the_other(tmp_path, finished):
    path = fake_slurm.install(tmp_path / "bin")
    optimizers = [
        "sgd",
        {"name": "external", "target": "helpers.hanging_optimizer.HangingSGD", "settings": {"lr": 0.1}},
    ]
    study = write_study(tmp_path / "s.yaml", strategies="naive", rules="none", optimizers=optimizers, seeds=1)
    wishes = ["--slurm", "partition=4", "--slurm", "mem_gb=7.5", "--runs-per-job", "2", "--timeout", "8s"]
    places = [TESTS, os.environ.get("PYTHONPATH", "")]
    environment = {**os.environ, "PATH": path, "PYTHONPATH": os.pathsep.join(places)}
    out = tmp_path / "out"
    done = command("run", study, "--out", out, "--executor", "slurm", *wishes, env=environment)
    assert done.returncode == 1, done.stderr
    assert "TIMEOUT: stopped after 8 s" in done.stderr
    script = (tmp_path / "bin" / "submitted.sh").read_text()
    for line in ("partition=4", "mem=7680MB", "time=6", "job-name=lifelong-lb", "cpus-per-task=1"):
        assert f"\n#SBATCH --{line}\n" in script
    assert "--array" not in script
    assert (tmp_path / "bin" / "job-77").exists()
    folder = ResultFolder(out)
    assert folder_status(folder).counts == {"done": 1, "timeout": 1}
    assert not [path for path in folder.runs_path.iterdir() if path.name.startswith(".")]
    (late,) = [p for p in folder.runs_path.iterdir() if '"timeout"' in (p / "result.json").read_text()]
    assert "hanging_optimizer.py" in (late / "log.txt").read_text()
    (_, by_slurm), (_, by_processes) = load_results(out), load_results(finished.out)
    found = by_slurm[by_slurm["run"] != late.name].reset_index(drop=True)
    expected = by_processes[by_processes["run"] == found["run"][0]].reset_index(drop=True)
    assert len(found) == 15
    assert found["accuracy"].tolist() == expected["accuracy"].tolist()


class EventLog(ProgressObserver):
    """Record events, with runs identified by their index."""

    def __init__(self, jobs):
        self.runs, self.lines = [job.config.run_id for job in jobs], []

    def begun(self, run, title):
        self.lines.append(f"{self.runs.index(run)} begun")

    def ended(self, title, record, *, elsewhere):
        where = "elsewhere" if elsewhere else record.message
        self.lines.append(f"{self.runs.index(record.run)} {record.status} {where}".strip())

    def given_up(self, run):
        self.lines.append(f"{self.runs.index(run)} given up")


class Busy:
    """Three runs, and a SLURM that starts no job; each sleep of the launcher triggers the next event."""

    def __init__(self, folder, bin, events):
        study = parse_study({"streams": "split-digits", "rules": "none", "seeds": 3})
        folder.check_writable()
        folder.write_study(StudyFile.of(study))
        self.folder, self.bin, self.events = folder, bin, events
        self.jobs = [Job(run.config, run.config.run_id, folder.path, (), 1, {}) for run in expand(study)]
        self.log = EventLog(self.jobs)

    def launch(self, *events, **settings):
        self.events[:] = events
        limits = Limits.of(RunOptions(executor="slurm", workers=2, timeout=600.0, slurm=settings, runs_per_job=2))
        stamps = dict.fromkeys(self.log.runs)
        with Claims(self.folder.runs_path) as claims:
            run_slurm(RunQueue(self.folder, self.jobs, stamps, claims, self.log), limits)
        assert not self.events

    def publish(self, number, status="diverged"):
        run = self.log.runs[number]
        with self.folder.new_run(run) as scratch:
            self.folder.write_run(RunRecord(run, self.jobs[number].config.to_json(), status), scratch)

    def put(self, job, state):
        (self.bin / f"job-{job}").write_text(state)

    def states(self):
        return {path.name: path.read_text() for path in sorted(self.bin.glob("job-*"))}


@pytest.fixture
def busy(tmp_path, monkeypatch):
    events = []
    monkeypatch.setenv("PATH", fake_slurm.install(tmp_path / "bin"))
    monkeypatch.setenv("BUSY", "yes")
    monkeypatch.setattr(submitit.SlurmJob, "watcher", SlurmInfoWatcher(delay_s=0))
    monkeypatch.setattr("lifelong_lb.studies.executors.slurm.RESULTS_TIMEOUT_SECONDS", 0.0)
    clock = SimpleNamespace(monotonic=time.monotonic, sleep=lambda _: events.pop(0)())
    monkeypatch.setattr("lifelong_lb.studies.executors.slurm.time", clock)
    return Busy(ResultFolder(tmp_path / "out"), tmp_path / "bin", events)


def test_a_job_that_dies_fails_the_run_it_was_at(busy):
    def some_end():
        script = (busy.bin / "submitted.sh").read_text()
        for line in ("array=0-1%2", "time=25", "gpus-per-node=1"):  # twice ten minutes, and five
            assert f"\n#SBATCH --{line}\n" in script
        assert busy.states() == {"job-77_0": "PENDING", "job-77_1": "PENDING"}
        busy.put("77_0", "OUT_OF_MEMORY")
        (busy.folder.path / "submitit" / "77_0_0_log.err").write_text("slurmstepd: error: oom_kill event\n")
        busy.publish(2)
        busy.put("77_1", "COMPLETED")

    def the_rest_ends():
        assert busy.states()["job-77"] == "PENDING"
        busy.publish(1)
        busy.put("77", "COMPLETED")

    busy.launch(some_end, the_rest_ends, gpus_per_node=1)
    died = "job 77_0 ended without a result (state: OUT_OF_MEMORY)"
    assert busy.log.lines == [
        *("0 begun", "1 begun", "2 begun"),
        *(f"0 failed {died}", "1 given up", "2 diverged"),
        *("1 begun", "1 diverged"),
    ]
    record = busy.folder.read_run(busy.log.runs[0])
    assert record.traceback == "slurmstepd: error: oom_kill event\n"
    assert {path.name for path in busy.folder.runs_path.iterdir()} == set(busy.log.runs)


def test_an_error_in_a_job_is_recorded(busy):
    def fails():
        paths = submitit.SlurmJob(busy.folder.path / "submitit", "77_0").paths
        trace = "Traceback (most recent call last):\n  somewhere\nModuleNotFoundError: No module named 'torch'\n"
        paths.result_pickle.write_bytes(pickle.dumps(("error", trace)))
        busy.publish(2)
        busy.put("77_1", "COMPLETED")

    def goes_well():
        busy.publish(1)
        busy.put("77", "COMPLETED")

    busy.launch(fails, goes_well)
    assert "0 failed job 77_0 failed: ModuleNotFoundError: No module named 'torch'" in busy.log.lines
    assert "  somewhere\n" in busy.folder.read_run(busy.log.runs[0]).traceback


def test_jobs_are_cancelled_when_the_launcher_is_interrupted(busy):
    def interrupt():
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        busy.launch(interrupt)
    assert busy.states() == {"job-77_0": "CANCELLED", "job-77_1": "CANCELLED"}
    assert not list(busy.folder.runs_path.iterdir())


def test_a_job_whose_runs_are_another_launchers_is_cancelled(busy, monkeypatch):
    monkeypatch.setattr("lifelong_lb.studies.executors.run_queue.POLL_SECONDS", 0)

    def are_taken():
        for run in busy.log.runs[:2]:
            claim = busy.folder.runs_path / f".{run}.claim-1"
            claim.rename(claim.with_name(f".{run}.claim-2"))

    def end():
        assert busy.states()["job-77_0"] == "CANCELLED"
        for number in range(3):
            busy.publish(number)
        busy.put("77_1", "COMPLETED")

    busy.launch(are_taken, end)
    assert busy.log.lines[3:] == [
        "0 given up",
        "1 given up",
        "0 diverged elsewhere",
        "1 diverged elsewhere",
        "2 diverged",
    ]


def test_jobs_that_cannot_be_submitted(busy):
    with pytest.raises(UserError, match="slurm: cannot submit the jobs: .*invalid partition specified: nowhere"):
        busy.launch(partition="nowhere")
    assert busy.log.lines[3:] == [f"{number} given up" for number in range(3)]
    assert not list(busy.folder.runs_path.iterdir())


def test_a_job_that_is_requeued_leaves_out_what_is_done_and_what_is_anothers(busy, monkeypatch):
    done = []
    monkeypatch.setattr(
        "lifelong_lb.studies.executors.remote_worker.run_job",
        lambda claimed, seconds: done.append((claimed.job, seconds)),
    )
    with Claims(busy.folder.runs_path) as claims:
        queue = RunQueue(busy.folder, busy.jobs, dict.fromkeys(busy.log.runs), claims, busy.log)
        bundle = JobBundle.of([queue.claimed(queue.take()) for _ in busy.jobs])
        busy.publish(0)
        (busy.folder.runs_path / f".{busy.log.runs[1]}.claim-1").unlink()
        assert Claims(busy.folder.runs_path, replace(Owner.here(), host="far-away")).take(busy.log.runs[1])
        again = pickle.loads(pickle.dumps(Work().checkpoint(bundle, "cpu", 9.0)))
        again.result()
        assert done == [(busy.jobs[2], 9.0)]


VALUES = {str: "x", int: 1, float: 1.5, bool: True, list: ["x"], dict: {"x": "y"}}


@pytest.mark.filterwarnings('ignore:"cpus_per_gpu" requires')
@pytest.mark.parametrize("name", [name for name in SETTINGS if name != "cluster"])
def test_submitit_knows_every_setting(name, busy):
    executor = submitit.AutoExecutor(busy.folder.path, cluster="slurm")
    value = VALUES[SETTINGS[name]]
    check_cluster(RunOptions(executor="slurm", slurm={"cluster": "local", "timeout_min": 1, name: value}))
    executor.update_parameters(**{name if name in GENERIC else f"slurm_{name}": value})


USELESS = {
    "name": ("slurm", {"slurm": {"partitoin": "x"}}, "unknown slurm setting 'partitoin'; did you mean 'partition'?"),
    "value": ("slurm", {"slurm": {"mem_gb": "8G"}}, "slurm: mem_gb must be a number; got '8G'"),
    "truth": ("slurm", {"slurm": {"gpus_per_node": True}}, "gpus_per_node must be a whole number; got True"),
    "place": ("slurm", {"slurm": {"cluster": "slrum"}}, "slurm: unknown cluster 'slrum'; did you mean 'slurm'?"),
    "minutes": ("slurm", {"slurm": {"timeout_min": 0}}, "slurm: timeout_min must be at least 1; got 0"),
    "no time": ("slurm", {"slurm": {"cluster": "local"}}, "slurm: jobs need a time limit: set timeout"),
    "no slurm": ("slurm", {"slurm": {"timeout_min": 1}}, "executor slurm: sbatch and srun not found"),
    "not slurm": ("local", {"slurm": {"qos": "x"}}, "slurm settings need the executor slurm; got 'local'"),
    "0 runs": ("slurm", {"runs_per_job": 0}, "runs_per_job must be at least 1; got 0"),
    "jobs": ("local", {"runs_per_job": 2}, "runs_per_job needs the executor slurm; got 'local'"),
    "many gpus": ("ray", {"gpus_per_run": 2}, "gpus_per_run must be in [0, 1]"),
    "gpus": ("slurm", {"gpus_per_run": 0.5}, "gpus_per_run needs the executor ray; got 'slurm'"),
}


@pytest.mark.parametrize("case", USELESS)
def test_invalid_options(case, monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    executor, fields, message = USELESS[case]
    with pytest.raises(UserError, match=re.escape(message)):
        check_cluster(RunOptions(executor=executor, **fields))


def test_devices_on_a_cluster():
    with pytest.raises(UserError, match="device cuda:1: with the executor ray it must be auto, cpu, cuda or"):
        check_cluster(RunOptions(executor="ray", device="cuda:1"))
    with pytest.raises(UserError, match="device cpu: the requested GPUs would not be used"):
        check_cluster(RunOptions(executor="slurm", device="cpu", slurm={"gres": "gpu:1"}))
    assert Limits.of(RunOptions(executor="ray")).devices == ["auto"]
    assert Limits.of(RunOptions(executor="ray", gpus_per_run=0.5)).devices == ["cuda"]
    assert Limits.of(RunOptions(executor="slurm", slurm={"gpus_per_node": 1})).devices == ["cuda"]
    assert Limits.of(RunOptions(executor="slurm", device="xpu", slurm={"gpus_per_node": 1})).devices == ["xpu"]


@pytest.mark.parametrize("executor", ["ray", "slurm"])
def test_a_missing_package_is_named_with_its_extra(executor, monkeypatch):
    monkeypatch.setattr("lifelong_lb.studies.executors.cluster_options.find_spec", lambda name: None)
    with pytest.raises(UserError, match=re.escape(f"pip install 'lifelong-lb[{executor}]'")):
        check_cluster(RunOptions(executor=executor, timeout=1.0))


def test_a_setting_without_a_value():
    with pytest.raises(UserError, match="--slurm must be NAME=VALUE, e.g. partition=gpu; got 'gpu'"):
        parsed_settings(["gpu"])
