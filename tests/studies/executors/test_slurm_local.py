"""The executor slurm with jobs that are processes of this machine, which submitit starts, signals and requeues."""

import os
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor

import psutil
import pytest
from helpers.tiny_study import TINY, tables_alone, write_study

from lifelong_lb import load_results, run_study
from lifelong_lb.store import ResultFolder

pytestmark = [pytest.mark.slow, pytest.mark.skipif(not hasattr(signal, "SIGUSR2"), reason="no such signal")]


def wait_for(condition):
    until = time.monotonic() + 120
    while not condition():
        assert time.monotonic() < until
        time.sleep(0.02)


def ended(saved):
    """Whether a run with a checkpoint has been published."""
    run = saved.parent.name.removeprefix(".").removesuffix(".checkpoint")
    return (saved.parents[1] / run).exists()


def jobs_of(launcher):
    """The processes of the jobs' runs."""
    found = psutil.Process(launcher).children(recursive=True)
    return [one for one in found if "submitit.core._submit" in command_of(one)]


def command_of(process):
    try:
        return process.cmdline()
    except psutil.Error:  # it has just ended
        return []


def take_the_machine_back(out):
    """Send SIGUSR2, as SLURM does before preemption, when one run is done and another has a checkpoint."""
    wait_for(lambda: list(out.glob("runs/*/result.json")))
    wait_for(lambda: any(not ended(saved) for saved in out.glob("runs/.*.checkpoint/checkpoint.json")))
    (job,) = jobs_of(os.getpid())
    job.send_signal(signal.SIGUSR2)


def test_a_job_does_two_runs_and_goes_on_with_the_second_when_it_is_requeued(finished, tmp_path, monkeypatch):
    monkeypatch.setattr("lifelong_lb.studies.study.write_report", tables_alone)
    monkeypatch.setattr("lifelong_lb.studies.executors.slurm.POLL_SECONDS", 0.1)
    slow = {"name": "external", "target": "helpers.slow_optimizer.SlowSGD", "settings": {"lr": 0.1, "seconds": 0.15}}
    study = {
        **TINY,
        "strategies": "naive",
        "rules": "none",
        "optimizers": [{"name": "sgd", "lr": 0.1}, slow],
        "seeds": 1,
    }
    with ThreadPoolExecutor(1) as other:
        taken_back = other.submit(take_the_machine_back, tmp_path)
        here = {"slurm": {"cluster": "local", "timeout_min": 5}, "runs_per_job": 2}
        run_study(study, tmp_path, executor="slurm", checkpoint_every=0, **here)
        taken_back.result()
    (runs, accuracy), (_, expected) = load_results(tmp_path), load_results(finished.out)
    records = [ResultFolder(tmp_path).read_run(run) for run in runs["run"]]
    assert [record.environment["continued"] for record in records] == [0, 1]
    whole = expected[(expected["strategy"] == "naive") & (expected["rule"] == "none") & (expected["seed"] == 0)]
    assert len(whole) == 15
    for run in runs["run"]:  # both descend by SGD
        assert accuracy[accuracy["run"] == run]["accuracy"].tolist() == whole["accuracy"].tolist()
    assert {path.name for path in (tmp_path / "runs").iterdir()} == set(runs["run"])
    assert len(list((tmp_path / "submitit").glob("*_submitted.pkl"))) == 1  # one job


def heed_interrupts():
    """Processes that a shell starts in the background ignore interrupts, and so do their children."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def test_an_interrupt_leaves_no_tracebacks(tmp_path):
    study = write_study(tmp_path / "s.yaml", strategies="naive", rules="none", seeds=1, train={"epochs": 1000})
    here = ["--executor", "slurm", "--slurm", "cluster=local", "--timeout", "5m"]
    code = "from lifelong_lb.cli import main; main()"
    words = [sys.executable, "-c", code, "run", study, "--out", tmp_path / "out", *here]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    with subprocess.Popen(words, **pipes, preexec_fn=heed_interrupts) as launcher:
        try:
            wait_for(lambda: jobs_of(launcher.pid))
            for one in (jobs_of(launcher.pid)[0].parent(), psutil.Process(launcher.pid)):  # as a terminal does
                one.send_signal(signal.SIGINT)
            errors = launcher.communicate()[1]
        finally:
            launcher.terminate()
    assert launcher.returncode == 130
    assert "Traceback" not in errors
    assert errors.endswith("interrupted: finished runs are kept; the same command continues the study\n")
    assert not list((tmp_path / "out" / "runs").iterdir())
