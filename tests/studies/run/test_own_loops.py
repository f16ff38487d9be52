"""Studies with strategies that have a training loop of their own."""

import numpy as np
import pandas as pd
import pytest
from helpers.covering import covering

from lifelong_lb import RunOptions, load_results, run_study
from lifelong_lb.config import expand, parse_study
from lifelong_lb.evaluation import average_accuracy
from lifelong_lb.studies.planning import calibrate as calibration
from lifelong_lb.studies.planning.overhead import Overhead
from lifelong_lb.studies.planning.validate import gradients_of, lines_about_time, plan_of
from lifelong_lb.studies.run.execute import execute
from lifelong_lb.studies.run.state import RunState

pytestmark = pytest.mark.filterwarnings("ignore:Call to deprecated function update:DeprecationWarning")

LABELS = ["lamaml", "mer", "slda"]
QUICK = {
    "lamaml": {"name": "lamaml", "mem_size": 100},
    "mer": {"name": "mer", "n_inner_steps": 1, "beta": 0.3, "gamma": 0.5, "mem_size": 100},
    "slda": {"name": "slda"},
}
SCENARIOS = {
    "single": {"name": "split-digits", "scenario": "class-incremental"},
    "growing": {"name": "split-digits", "scenario": "class-incremental"},
    "multi": {"name": "split-digits", "scenario": "task-incremental"},
    "masked": {"name": "split-digits", "scenario": "task-incremental"},
    "permuted": {"name": "permuted-digits", "experiences": 3},
    "rotated": {"name": "rotated-digits", "experiences": 3},
}
ALL = [
    (label, head)
    for label in LABELS
    for head in SCENARIOS
    if label != "slda" or head not in ("growing", "multi", "masked")
]


def settings(head="single", **changes):
    return parse_study({
        "streams": {**SCENARIOS[head], "images_per_class": 60},
        "model": {"name": "mlp", "hidden": [64], "head": head if head in ("growing", "multi", "masked") else "single"},
        "train": {"batch_size": 10},
        "optimizers": {"name": "sgd", "lr": 0.1},
        **changes,
    })


def ran(study):
    progress = RunState()
    execute(expand(study)[0].config, progress, roots=(), device="cpu", log=lambda line: None)
    return progress


@pytest.mark.parametrize(("label", "head"), covering(ALL))
def test_learns_each_kind_of_stream_to_the_end(label, head):
    """Well above chance, which is a half with a head an experience and a tenth otherwise."""
    found = ran(settings(head, strategies=QUICK[label]))
    assert found.accuracy.evaluated.sum() == (15 if head in ("single", "growing", "multi", "masked") else 6)
    assert average_accuracy(found.accuracy) > (0.85 if head in ("multi", "masked") else 0.4)


def test_remembers_what_fine_tuning_forgets():
    naive = average_accuracy(ran(settings(strategies="naive")).accuracy)
    for label in LABELS:
        assert average_accuracy(ran(settings(strategies=QUICK[label])).accuracy) > naive + 0.2


LOOKING_ON = {"experiences": "all", "every": 3, "confusion": True, "save_models": True}


@pytest.mark.slow
@pytest.mark.parametrize("label", LABELS)
def test_twice_the_same_and_nobody_notices_who_looks(label):
    changes = {"strategies": QUICK[label], "train": {"batch_size": 16, "epochs": 2, "random_crop": 1}}
    plain = ran(settings(**changes))
    first, second = (ran(settings(**changes, evaluation=LOOKING_ON)) for _ in range(2))
    assert first.accuracy == second.accuracy
    assert first.continual == second.continual
    assert first.confusion == second.confusion
    assert np.array_equal(first.accuracy.seen().values, plain.accuracy.values, equal_nan=True)
    assert not np.isnan(first.accuracy.initial).any()
    assert first.gradient_evaluations == plain.gradient_evaluations


@pytest.mark.parametrize(("label", "scenario"), [("lamaml", "multi"), ("mer", "single"), ("slda", "single")])
def test_bfloat16(label, scenario):
    found = ran(settings(scenario, strategies=QUICK[label], train={"precision": "bfloat16"}))
    assert average_accuracy(found.accuracy) > 0.4


@pytest.mark.slow
@pytest.mark.parametrize("label", LABELS)
def test_seconds_may_be_matched(label):
    found = ran(settings(strategies=QUICK[label], train={"match": "seconds", "budget": 0.2}))
    assert [row["experience"] for row in found.budgets] == list(range(5))
    assert min(row["spent"] for row in found.budgets) >= 0.2


@pytest.mark.slow
@pytest.mark.parametrize("train", [{"batch_size": 16, "epochs": 2}, {"batch_size": 7}])
def test_the_forecast_equals_the_counts(train):
    stream = {"name": "split-digits", "scenario": "class-incremental", "validation": 0.8}  # of different sizes
    study = settings(
        streams=stream, strategies=[QUICK["lamaml"], {**QUICK["mer"], "n_inner_steps": 3}, "slda"], train=train
    )
    expected = gradients_of(plan_of(study))
    assert len(expected) == 3
    for run in expand(study):
        found = RunState()
        execute(run.config, found, roots=(), device="cpu", log=lambda line: None)
        rule, own = expected[run.config.run_id]
        assert rule.exact
        assert own.exact
        assert (found.gradient_evaluations, found.strategy_gradient_evaluations) == (rule.least, own.least)
        assert (own.least > rule.least) == (run.config.strategy.name != "slda")


def test_time_is_estimated_where_no_gradient_is_taken(monkeypatch):
    monkeypatch.setattr(calibration, "SECONDS", 0.05)
    monkeypatch.setattr("lifelong_lb.studies.planning.overhead.measure_overhead", Overhead)
    (run,) = expand(settings(strategies="slda"))
    stream = calibration.load_stream(run.config, RunState(), ())
    speed = calibration.measure(run.config, stream, 0.05)
    parts = plan_of(settings(strategies="slda")).trainings[run.config.run_id]
    idle = calibration.duration(run.config, [], speed)
    assert calibration.duration(run.config, parts, speed).low > idle.low + 0.02  # 300 images, 0.1 ms each at least
    assert "from 1 of 1 kinds" in next(
        iter(lines_about_time(plan_of(settings(strategies="slda")), RunOptions(workers=1)))
    )


def test_slda_takes_a_stream_as_it_comes():
    """Whether images arrive ten at a time changes no mean, and hardly an answer."""
    whole = ran(settings(strategies="slda"))
    chunks = ran(settings(strategies="slda", streams={**SCENARIOS["single"], "images_per_class": 60, "chunk": 10}))
    assert whole.samples_seen == chunks.samples_seen
    assert average_accuracy(chunks.accuracy) == pytest.approx(average_accuracy(whole.accuracy), abs=0.02)


@pytest.mark.slow
def test_a_study_leaves_out_what_does_not_go_together(tmp_path):
    """A report over a grid with holes; twice the same study gives the same accuracies."""
    raw = {
        "streams": [{**SCENARIOS["single"], "images_per_class": 12, "experiences": 2}],
        "model": {"name": "mlp", "hidden": [8]},
        "strategies": ["naive", *QUICK.values()],
        "rules": ["none", "sam", "lookahead"],
        "skip_unsupported": True,
        "seeds": 2,
    }
    for name in "ab":
        run_study(raw, tmp_path / name, workers=1)
    assert (tmp_path / "a" / "accuracy.csv").read_bytes() == (tmp_path / "b" / "accuracy.csv").read_bytes()
    runs, _ = load_results(tmp_path / "a")
    assert set(runs["status"]) == {"done"}
    pairs = {tuple(pair) for pair in runs[["strategy", "rule"]].to_numpy()}
    assert pairs == {
        ("naive", "none"),
        ("naive", "sam"),
        ("naive", "lookahead"),
        *((label, "none") for label in LABELS),
    }
    slda = runs[runs["strategy"] == "slda"]
    assert (slda["gradient_evaluations"] == 0).all()
    summary = pd.read_csv(tmp_path / "a" / "summary.csv")
    assert len(summary) == 6
    assert "slda" in (tmp_path / "a" / "report.html").read_text(encoding="utf-8")
