"""Progress of a search, its files, and retries."""

import json

import pandas as pd
import pytest
import yaml
from helpers.tiny_study import command

from lifelong_lb import tune_study
from lifelong_lb.config import UserError
from lifelong_lb.studies.progress.lines import LineObserver
from lifelong_lb.studies.progress.observer import ProgressObserver

pytestmark = pytest.mark.filterwarnings("ignore:Call to deprecated function update:DeprecationWarning")

STUDY = {
    "streams": {"name": "split-digits", "images_per_class": 4, "experiences": 2},
    "rules": "sam",
    "model": {"name": "mlp", "hidden": [4]},
    "train": {"batch_size": 60},
    "tuning": {"trials": 3, "held_out": {"seeds": [100]}, "search": {"sam": {"rho": [0.1, 0.2]}}},
}


def test_trials_are_reported_and_written_as_they_end(tmp_path):
    lines, written = [], []

    class Looking(LineObserver):
        def phase(self, name, text, numbers):
            super().phase(name, text, numbers)
            path = tmp_path / "tuning" / "trials.csv"
            written.append(len(pd.read_csv(path)) if path.exists() else 0)

    tune_study(STUDY, tmp_path, executor="in-process", observer=Looking(lines.append))
    assert written == [0, 1, 2, 3]
    assert lines[0] == "trial 1 of 3 of 1 search"
    said = [line for line in lines if line.startswith("trial ")]
    assert [line.partition("; ")[0] for line in said] == [f"trial {i} of 3 of 1 search" for i in (1, 2, 3)]
    assert all(line.endswith("s so far") for line in said[1:])
    ended = [line for line in lines if "trial 1 of 3: split-digits naive sam" in line]
    assert len(ended) == 1
    assert any(line.startswith("3 trials of 1 search took ") for line in lines)


@pytest.mark.slow
def test_the_command_tells_in_json_and_takes_the_options_of_run(tmp_path):
    path = tmp_path / "s.yaml"
    path.write_text(yaml.safe_dump({**STUDY, "tuning": {**STUDY["tuning"], "trials": 1}}))
    words = ["--executor", "in-process", "--json", "--checkpoint-every", "never", "--logger", "tensorboard"]
    done = command("tune", path, "--out", tmp_path / "out", *words)
    assert done.returncode == 0, done.stderr
    events = [json.loads(line) for line in done.stdout.splitlines()]
    names = [event["event"] for event in events]
    assert [name for name in names if name in ("trial", "chosen", "end")] == ["trial", "end", "chosen", "end"]
    assert {key: events[0][key] for key in ("trial", "trials", "searches")} == {"trial": 1, "trials": 1, "searches": 1}
    assert len(list((tmp_path / "out" / "tuning" / "tensorboard").iterdir())) == 1
    assert "report.html" in done.stderr


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"retry": ["fail"]}, "unknown status to retry 'fail'; did you mean 'failed'?"),
        ({"slurm": {"partition": "x"}}, "slurm settings need the executor slurm"),
        ({"gpus_per_run": 0.5}, "gpus_per_run needs the executor ray"),
        ({"runs_per_job": 2}, "runs_per_job needs the executor slurm"),
        ({"loggers": "tensorbord"}, "did you mean 'tensorboard'"),
        ({"workers": 0}, "workers must be at least 1"),
    ],
)
def test_options_are_checked_as_those_of_run(tmp_path, options, message):
    with pytest.raises(UserError, match=message):
        tune_study(STUDY, tmp_path / "out", **options)
    assert not (tmp_path / "out").exists()


def test_a_trial_that_failed_once_counts_for_what_it_comes_to_when_tried_again(tmp_path, monkeypatch):
    began = []

    class Counting(ProgressObserver):
        def begun(self, run, title):
            began.append(run)

    def tuned(**options):
        began.clear()
        tune_study(STUDY, tmp_path, executor="in-process", observer=Counting(), **options)
        return pd.read_csv(tmp_path / "tuning" / "trials.csv")

    with monkeypatch.context() as patch:
        patch.setattr("lifelong_lb.studies.run.execute.assemble", _fails)
        assert tuned()["average_accuracy"].isna().all()
    tried = len(began)
    assert tuned()["average_accuracy"].isna().all()  # nothing is tried again unasked
    assert not began
    again = tuned(retry=["failed"])
    assert again["average_accuracy"].notna().all()
    assert len(began) == len(set(began)) == tried


def test_a_run_is_tried_again_once_only(tmp_path, monkeypatch):
    began = []

    class Counting(ProgressObserver):
        def begun(self, run, title):
            began.append(run)

    monkeypatch.setattr("lifelong_lb.studies.run.execute.assemble", _fails)
    study = {**STUDY, "tuning": {**STUDY["tuning"], "trials": 5}}  # of two points, so that some are asked for again
    for _ in range(2):
        began.clear()
        tune_study(study, tmp_path, executor="in-process", observer=Counting(), retry="failed")
    assert len(began) == len(set(began)) == 3  # two points, and the study


def _fails(*_, **__):
    raise RuntimeError("no luck")
