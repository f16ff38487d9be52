"""Runs done by tasks of Ray, on a cluster of one machine that is there for this test alone."""

import os
from importlib.util import find_spec

import killing
import pytest
from tiny import command, write_study

from lifelong_lb import load_results
from lifelong_lb.store import ResultFolder


@pytest.mark.skipif(find_spec("ray") is None, reason="ray is not installed")
def test_tasks_do_runs_and_go_on_with_them_when_their_process_was_killed(tmp_path, finished):
    optimizers = ["sgd", {"name": "external", "target": "killing.KillingSGD", "settings": {"lr": 0.1}}]
    study = write_study(tmp_path / "s.yaml", strategies="naive", rules="none", optimizers=optimizers, seeds=1)
    places = [os.path.dirname(killing.__file__), os.environ.get("PYTHONPATH", "")]  # noqa: PTH120
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
