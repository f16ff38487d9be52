"""A run resumed from a checkpoint gives results identical to an uninterrupted run."""

import signal
import subprocess
import sys
from itertools import count
from types import SimpleNamespace

import pytest
import torch
from helpers.covering import covering
from helpers.resuming import HEADS, RULES, assert_goes_on, load_once, run, study
from helpers.strategy_cases import AVALANCHES_OWN_WARNINGS, ENTRIES, SCENARIO, has_own_loop
from helpers.tiny_study import tables_alone

from lifelong_lb import run_study
from lifelong_lb.config import expand, parse_study
from lifelong_lb.store import LOG, CheckpointFolder, ResultFolder, folder_status
from lifelong_lb.studies.executors.failures import record as record_run
from lifelong_lb.studies.job import Job
from lifelong_lb.studies.progress.lines import LineObserver
from lifelong_lb.studies.run.checkpoints import Checkpoints
from lifelong_lb.studies.run.state import RunState

pytestmark = AVALANCHES_OWN_WARNINGS


@pytest.fixture(autouse=True)
def _read_once(monkeypatch):
    monkeypatch.setattr("lifelong_lb.studies.run.execute.load_images", load_once)


@pytest.mark.parametrize(
    ("number", "label"),
    covering(enumerate(HEADS), by=lambda number, label: (HEADS[label][0], has_own_loop(label), number % len(RULES))),
)
def test_every_strategy(number, label, tmp_path):
    head = HEADS[label][number % len(HEADS[label])]
    config = study(
        streams=[{"name": "split-digits", "scenario": SCENARIO[head], "images_per_class": 12}],
        model={"head": head},
        strategies=[ENTRIES[label]],
        rules=["none" if has_own_loop(label) else RULES[number % len(RULES)]],
    )
    assert_goes_on(config, tmp_path)


COSINE = {"name": "cosine", "by": "iteration", "over": "stream", "warmup": 4}
ADAM = {"name": "adam", "lr": 0.01, "schedule": COSINE}
DIGITS = {"name": "split-digits", "scenario": "class-incremental", "images_per_class": 12}
PROJECTION = {"measures": ["ball", "interpolation"], "images": 8, "radii": [0.1]}
OTHERS = {
    "adam, schedule, dropout": {
        "model": {"dropout": 0.3, "input_dropout": 0.1, "head": "growing"},
        "optimizers": [ADAM],
        "rules": [{"name": "looksam", "dropout": "fresh", "from_experience": 1}],
        "train": {"epochs": 2},
    },
    "batch norm, crops": {
        "model": {"name": "small-cnn", "width": 4, "norm": "batch", "head": "multi"},
        "streams": [{**DIGITS, "scenario": "task-incremental"}],
        "train": {"random_crop": 1, "random_flip": True},
        "rules": [{"name": "lookbehind-sam", "k": 2, "batch_norm": "recomputed"}],
        "evaluation": {"experiences": "all", "diagnostics_every": 2, "landscape": PROJECTION},
    },
    "online, class-balanced": {
        "streams": [{**DIGITS, "chunk": 9, "task_boundaries": True}],
        "strategies": [{**ENTRIES["replay-classes"]}],
        "optimizers": [{**ADAM, "state": "reset"}],
        "rules": ["friendly-sam"],
        "evaluation": {"every": 2},
    },
    "online, boundaries unknown": {
        "streams": [{**DIGITS, "chunk": 9}],
        "strategies": [ENTRIES["mir"]],
        "evaluation": {"every": 2, "experiences": "all", "confusion": True},
    },
    "blurry": {
        "streams": [{**DIGITS, "blurry": 0.2}],
        "strategies": [ENTRIES["replay-classes"]],
        "rules": [RULES[0]],
        "evaluation": {"every": 2, "diagnostics_every": 1},
    },
    "lbfgs": {"optimizers": [{"name": "lbfgs", "max_iter": 2}], "model": {"head": "growing"}},
    "external": {
        "optimizers": [{"name": "external", "target": "torch.optim.Adagrad", "settings": {"lr": 0.05}}],
        "rules": ["sam"],
    },
    "external, within another": {
        "optimizers": [
            {
                "name": "external",
                "target": "pytorch_optimizer.SAM",
                "settings": {"lr": 0.05, "momentum": 0.9},
                "classes": {"base_optimizer": "torch.optim.SGD"},
                "closure": True,
            }
        ],
        "model": {"head": "growing"},
    },
    "growing learning rates, crops": {
        "streams": [{**DIGITS, "images_per_class": 9}],
        "strategies": [{**ENTRIES["lamaml"], "learn_lr": True}],
        "model": {"head": "growing", "dropout": 0.2},
        "train": {"random_crop": 1, "epochs": 2},
        "evaluation": {"every": 2, "experiences": "all"},
    },
    "permuted": {
        "streams": [{"name": "permuted-digits", "experiences": 3, "images_per_class": 12}],
        "strategies": [ENTRIES["replay"]],
        "optimizers": [{**ADAM, "name": "adamw"}],
    },
}


@pytest.mark.parametrize("name", OTHERS)
def test_what_else_a_run_keeps(name, tmp_path):
    config = study(**OTHERS[name])
    whole, _ = assert_goes_on(config, tmp_path, last=config.stream.experiences - 1)
    assert {row[0] for row in whole.progress.confusion} == (set(range(5)) if config.evaluation.confusion else set())


def test_avalanches_loaders(tmp_path, monkeypatch):
    monkeypatch.setenv("LIFELONG_LB_LOADER", "avalanche")
    assert_goes_on(study(strategies=[ENTRIES["agem"]], train={"random_crop": 1}), tmp_path)


def test_a_run_that_cannot_be_saved_continues_with_a_message(tmp_path):
    optimizer = {"name": "external", "target": "helpers.stateful_optimizer.StatefulSGD", "settings": {"lr": 0.05}}
    config = study(optimizers=[optimizer])
    found = run(config, tmp_path)
    messages = [line for line in found.lines if "checkpoints disabled" in line]
    assert messages == ["checkpoints disabled: StatefulSGD keeps steps, which its state dict does not restore"]
    assert found.progress.accuracy.evaluated.sum() == 15
    assert not (tmp_path / "saved" / "checkpoint.json").exists()
    assert CheckpointFolder(tmp_path / "saved").reason() == WHY
    run(study(), tmp_path, stop=0)
    assert CheckpointFolder(tmp_path / "saved").reason() is None  # of the run before


STATEFUL = {
    "streams": DIGITS,
    "model": {"name": "mlp", "hidden": [16]},
    "optimizers": [{"name": "external", "target": "helpers.stateful_optimizer.StatefulSGD", "settings": {"lr": 0.05}}],
}
WHY = "StatefulSGD keeps steps, which its state dict does not restore"


def test_a_run_that_cannot_save_itself_says_so_in_its_record_and_on_the_console(tmp_path):
    lines = []
    raw = {**STATEFUL, "rules": "none"}
    run_study(raw, tmp_path, executor="in-process", checkpoint_every=0, observer=LineObserver(lines.append))
    folder = ResultFolder(tmp_path)
    (name,) = (path.name for path in folder.runs_path.iterdir())
    record = folder.read_run(name)
    assert (record.status, record.message) == ("done", f"no checkpoints were saved: {WHY}")
    assert any(line.endswith(f"(no checkpoints were saved: {WHY})") for line in lines), lines
    assert record.accuracy.measured_after


def test_a_run_that_ends_early_says_that_nothing_was_saved(tmp_path):
    config = expand(parse_study({**STATEFUL, "rules": "none"}))[0].config
    folder = ResultFolder(tmp_path)
    job = Job(config, "a run", tmp_path, (), 1, {})
    for reason, added in (
        (None, ""),
        (WHY, f"; a retry starts from the beginning, because no checkpoint could be saved ({WHY})"),
    ):
        if reason is not None:
            folder.checkpoint(config.run_id).write_reason(reason)
        record_run(job, folder, "timeout", "stopped after 8 s, the time limit per run")
        message = folder.read_run(config.run_id).message
        assert message == f"stopped after 8 s, the time limit per run{added}"


def test_joint_notes_that_it_cannot_be_saved(tmp_path):
    run(study(strategies=["joint"]), tmp_path)
    reason = CheckpointFolder(tmp_path / "saved").reason()
    assert reason == "checkpoints are saved between experiences, and this run has only one training phase"


@pytest.mark.parametrize("content", [b"\x1b[2J\xff two\nlines", b"x" * 20_000])
def test_the_reason_is_read_with_care(content, tmp_path):
    folder = CheckpointFolder(tmp_path)
    folder.write_reason("caf\udce9")
    assert folder.reason() == "caf\\udce9"
    (tmp_path / "not_saved.txt").write_bytes(content)
    assert folder.reason() == (None if len(content) > 10_000 else "\\x1b[2J\\xff two lines")


def test_status_says_that_a_running_run_cannot_be_saved(tmp_path, monkeypatch):
    raw = {**STATEFUL, "rules": "none"}
    seen = []
    after = Checkpoints.after

    def look(self, *arguments):
        after(self, *arguments)
        seen.append(folder_status(ResultFolder(tmp_path)).running)

    monkeypatch.setattr(Checkpoints, "after", look)
    run_study(raw, tmp_path, executor="in-process", checkpoint_every=0)
    assert all(f"; no checkpoints: {WHY}" in line for running in seen for line in running)
    assert any(seen)


def test_a_checkpoint_is_written_when_there_was_enough_work(tmp_path):
    """A clock that returns 0, 1, 2, ...: an experience takes one second, a checkpoint two."""

    def written_after(every, first=False):
        clock, written = count().__next__, []
        folder = CheckpointFolder(tmp_path / f"{every}{first}")
        settings = {"log": lambda line: None, "clock": lambda: float(clock())}
        checkpoints = Checkpoints(folder, every, {}, tmp_path, **settings, first=first)
        progress = RunState(data={"sha256": "", "arrangement": ""})
        stream = SimpleNamespace(train=[], test=[])
        for i in range(40):
            checkpoints.after(i, None, progress, stream)
            if folder.path.exists():
                written += [i] if (folder.path / f"after-{i}.state").exists() else []
        return written

    assert written_after(0) == list(range(40))
    assert written_after(3) == [2, 32]  # then not before thirty times what the first one took
    assert written_after(34) == [33]
    assert written_after(34, first=True) == [0, 34]


@pytest.mark.parametrize(
    ("made_by", "why"),
    [
        ({"torch": "2.7"}, "it was made with torch 2.6, not 2.7"),
        ({"torch": "2.6", "sources": "b"}, "it was made with sources None, not b"),
        ({}, "it was made with torch 2.6, not None"),
    ],
)
def test_a_foreign_checkpoint_is_left(made_by, why, tmp_path):
    config = study(train={"batch_size": 60})
    run(config, tmp_path, stop=0, torch="2.6")
    again = run(config, tmp_path, **made_by)
    assert again.lines[0] == f"checkpoint ignored, the run starts from the beginning: {why}"
    assert again.models == run(config).models
    assert again.progress.continued == 0


def damage_state(folder):
    (folder / "after-0.state").write_bytes((folder / "after-0.state").read_bytes()[:-1] + b"?")


def damage_list(folder):
    (folder / "checkpoint.json").write_text("{")


def lose_a_model(folder):
    (folder / "after-0.pt").unlink()


@pytest.mark.parametrize("damage", [damage_state, damage_list, lose_a_model])
def test_a_damaged_checkpoint_is_left(damage, tmp_path):
    config = study(train={"batch_size": 60})
    (tmp_path / "scratch" / "models").mkdir(parents=True)
    (tmp_path / "scratch" / "models" / "after-0.pt").write_bytes(b"a model")
    run(config, tmp_path, stop=0)
    damage(tmp_path / "saved")
    again = run(config, tmp_path)
    assert again.lines[0].startswith("checkpoint ignored, the run starts from the beginning: ")
    assert again.models == run(config).models


def test_other_images_make_a_checkpoint_foreign(tmp_path):
    config = study(train={"batch_size": 60})
    run(config, tmp_path, stop=0)
    held_out = study(train={"batch_size": 60}, streams=[{**DIGITS, "images_per_class": 11}])
    again = run(held_out, tmp_path)
    assert "starts from the beginning: it was made with stream" in again.lines[0]


def test_log_and_models_come_along(tmp_path):
    config = study(train={"batch_size": 60})
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    (scratch / LOG).write_text("what was said before\n")
    (scratch / "models").mkdir()
    (scratch / "models" / "after-0.pt").write_bytes(b"a model")
    run(config, tmp_path, stop=0)
    (scratch / LOG).write_text("what is said now\n")
    (scratch / "models" / "after-0.pt").unlink()
    again = run(config, tmp_path)
    assert (scratch / LOG).read_text() == "what was said before\nwhat is said now\n"
    assert (scratch / "models" / "after-0.pt").read_bytes() == b"a model"
    assert again.lines[0].startswith("resumed after experience 0 from a checkpoint, with 1 gradient evaluations")


def test_the_images_stay_where_they_are(tmp_path):
    whole = {"images_per_class": None}
    run(study(streams=[{**DIGITS, **whole}], strategies=["cumulative"]), tmp_path, stop=3)
    assert (tmp_path / "saved" / "after-3.state").stat().st_size < 200_000  # 1442 images of 64 pixels, twice


def test_the_peak_is_that_of_all_processes():
    assert RunState().peak_of_all(5) == 5
    assert RunState(earlier_peaks=[7, 6]).peak_of_all(5) == 7
    assert RunState(earlier_peaks=[None]).peak_of_all(5) is None
    assert RunState(earlier_peaks=[7]).peak_of_all(None) is None


STUDY = {
    "streams": {"name": "split-digits", "scenario": "class-incremental", "images_per_class": 24},
    "model": {"name": "mlp", "hidden": [16]},
    "train": {"batch_size": 8},
    "strategies": {"name": "replay", "mem_size": 30},
    "rules": "friendly-sam",
    "evaluation": {"save_models": True, "every": 2},
}
KILLED = """
import os, signal, sys
from lifelong_lb import run_study
from lifelong_lb.config import expand, parse_study
from lifelong_lb.strategies import DivergenceGuard

def kill(self, strategy, **_):
    if (strategy.clock.train_exp_counter, strategy.clock.train_exp_iterations) == (2, 3):
        os.kill(os.getpid(), signal.SIGKILL)

DivergenceGuard.after_update = kill
run_study(eval(sys.argv[1]), sys.argv[2], executor="in-process", checkpoint_every=0)
"""


@pytest.mark.slow
def test_a_killed_study_goes_on(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr("lifelong_lb.studies.study.write_report", tables_alone)
    killed = subprocess.run([sys.executable, "-c", KILLED, repr(STUDY), tmp_path / "killed"], check=False, timeout=120)
    assert killed.returncode == -signal.SIGKILL
    run_study(STUDY, tmp_path / "whole", executor="in-process")
    capsys.readouterr()
    run_study(STUDY, tmp_path / "killed", executor="in-process")
    log = capsys.readouterr().out
    assert "resumed after experience 1 from a checkpoint, with 24 gradient evaluations so far" in log
    assert "experience 1: accuracy" not in log
    assert "experience 2: accuracy" in log
    whole, gone_on = (ResultFolder(tmp_path / name) for name in ("whole", "killed"))
    (run,) = (path.name for path in whole.runs_path.iterdir())
    assert [path.name for path in gone_on.runs_path.iterdir()] == [run]  # no checkpoint, no leftovers
    for name in ("accuracy.csv", f"runs/{run}/accuracy.csv", f"runs/{run}/continual.csv"):
        assert (whole.path / name).read_bytes() == (gone_on.path / name).read_bytes()
    records = [folder.read_run(run) for folder in (whole, gone_on)]
    assert [record.environment["continued"] for record in records] == [0, 1]
    assert records[0].gradient_evaluations == records[1].gradient_evaluations == 60
    for i in range(5):
        models = [torch.load(folder.run_path(run) / "models" / f"after-{i}.pt") for folder in (whole, gone_on)]
        assert models[0].keys() == models[1].keys() != set()
        assert all(torch.equal(models[0][key], models[1][key]) for key in models[0])
