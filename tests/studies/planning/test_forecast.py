"""The forecast of a study's gradients equals the counts of its runs."""

import re

import numpy as np
import pytest
from helpers.tiny_study import TINY

from lifelong_lb import RunOptions
from lifelong_lb.config import RULE_ENTRIES, expand, parse_study
from lifelong_lb.config.entries.rules import GAM, CFlat, CFlatPlus, LookbehindSAM, LookSAM, MultistepSAM
from lifelong_lb.optim import RULES
from lifelong_lb.studies.planning import calibrate as calibration
from lifelong_lb.studies.planning.calibrate import Duration, Speed, duration, evaluated_images, kind_of, with_workers
from lifelong_lb.studies.planning.forecast import Count, rule_gradients, strategy_gradients, trainings
from lifelong_lb.studies.planning.overhead import Overhead, measure_overhead
from lifelong_lb.studies.planning.validate import gradients_of, lines_about, lines_about_time, plan_of
from lifelong_lb.studies.run.execute import execute
from lifelong_lb.studies.run.state import RunState

pytestmark = pytest.mark.filterwarnings("ignore:Call to deprecated function update:DeprecationWarning")

STILL = Speed(first=0.0, later=0.0, between=0.0, image=0.0, tested=[1] * 5)
"""Of runs that take no time."""


def settings(**changes):
    return parse_study({
        "streams": {"name": "split-digits", "images_per_class": 30},
        "model": {"name": "mlp", "hidden": [8]},
        "train": {"batch_size": 32, "epochs": 2},
        "optimizers": {"name": "sgd", "lr": 0.01},
        **changes,
    })


def counted(run):
    progress = RunState()
    execute(run.config, progress, roots=(), device="cpu", log=lambda line: None)
    return progress.gradient_evaluations, progress.strategy_gradient_evaluations


def compare(study):
    runs = expand(study)
    expected = gradients_of(plan_of(study))
    for run in runs:
        for came, said in zip(counted(run), expected[run.config.run_id], strict=True):
            assert came == said.least if said.exact else came >= said.least, (run.config, came, said)
    return [expected[run.config.run_id] for run in runs]


@pytest.mark.slow
def test_every_rule():
    rules = [
        *RULE_ENTRIES,
        {"name": "lookbehind-sam", "minibatch_switching": True},
        {"name": "sam", "from_experience": 2},
    ]
    rules += [{"name": "gam", "alpha": 1}, {"name": "gam", "alpha": 1, "beta": 1}, {"name": "c-flat", "lamb": 0}]
    said = compare(settings(rules=rules, train={"batch_size": 32}))
    assert [rule for rule, (count, _) in zip(rules, said, strict=True) if not count.exact] == ["c-flat-plus"]
    assert said[0] == (Count(5 * 2), Count())  # none: 5 experiences of 60 images, 2 minibatches each
    assert said[1] == (Count(2 * 5 * 2), Count())


@pytest.mark.slow
@pytest.mark.parametrize(
    ("strategies", "scenario"),
    [
        (["cumulative", "joint", "replay", "ewc", "agem", "gem", "gdumb", "mir", "der"], "task-incremental"),
        (["cumulative", "joint", "rwalk", "mas", "gdumb", "gss", "icarl", "er-aml", "lwf"], "class-incremental"),
    ],
)
@pytest.mark.filterwarnings("ignore:Using a non-tuple sequence for multidimensional indexing:UserWarning")
@pytest.mark.filterwarnings("ignore:__array_wrap__ must accept context:DeprecationWarning")
def test_strategies(strategies, scenario):
    stream = {"name": "split-digits", "scenario": scenario, "validation": 0.8}  # experiences of different sizes
    said = compare(
        settings(streams=stream, strategies=strategies, rules={"name": "looksam", "k": 3}, train={"batch_size": 32})
    )
    inexact = [name for name, counts in zip(strategies, said, strict=True) if not all(c.exact for c in counts)]
    assert set(inexact) <= {"gdumb", "gss", "icarl"}


def test_chunks():
    stream = {"name": "split-digits", "images_per_class": 6, "chunk": 10, "scenario": "class-incremental"}
    train = {"batch_size": 4, "epochs": 2}
    compare(settings(streams=stream, strategies=["naive", "mir"], rules="sam", train=train))


def test_by_hand():
    learnt = [np.array([0, 0, 0, 1, 1]), np.array([2, 2, 3])]
    stream = {"name": "split-digits", "experiences": 2}
    config = expand(settings(streams=stream, rules={"name": "looksam", "k": 2}, train={"batch_size": 2}))[0].config
    parts = trainings(config, learnt)
    assert [part.minibatches for part in parts] == [Count(3), Count(2)]
    assert rule_gradients(config, parts) == Count((2 + 1 + 2) + (2 + 1))
    assert strategy_gradients(config, parts) == Count()


@pytest.mark.parametrize("name", RULE_ENTRIES)
def test_entries_know_what_their_rules_take(name):
    entries = [
        RULE_ENTRIES[name](),
        *{"gam": [GAM(alpha=1), GAM(alpha=1, gamma=0)], "c-flat": [CFlat(lamb=0)]}.get(name, []),
    ]
    for entry in entries:
        span = [entry.gradients(step) for step in range(entry.k if isinstance(entry, LookSAM) else 1)]
        mean = np.mean([(fewest + most) / 2 for fewest, most in span])
        assert RULES[name](**entry.hyper_parameters()).gradient_evaluations == pytest.approx(mean)


def test_rules_by_hand():
    assert LookbehindSAM(k=2).gradients(7) == MultistepSAM(k=2).gradients(7) == (3, 3)
    assert [LookSAM(k=3).gradients(step)[0] for step in range(5)] == [2, 1, 1, 2, 1]
    assert CFlatPlus(lamb=0).gradients(0) == (1, 2)


def test_validate_tells(tmp_path, monkeypatch):
    monkeypatch.setenv("LIFELONG_LB_CACHE", str(tmp_path / "cache"))
    streams = [*TINY["streams"], {"name": "split-cifar100", "experiences": 5}]
    study = parse_study({**TINY, "streams": streams, "strategies": "naive", "seeds": 1})
    plan = plan_of(study, tmp_path)
    plain, lookbehind = (count.least for count, _ in list(gradients_of(plan).values())[:2])
    assert lookbehind == 3 * plain
    text = "\n".join(lines_about(plan))
    assert f"all runs: at least {4 * plain:,}\n  none: at least {plain:,} in 2 runs\n" in text
    assert "without split-cifar100, whose number of images is unknown: " in text
    assert not (tmp_path / "cache").exists()


@pytest.fixture
def _no_overhead(monkeypatch):
    monkeypatch.setattr("lifelong_lb.studies.planning.overhead.measure_overhead", Overhead)


@pytest.mark.usefixtures("_no_overhead")
def test_estimates(monkeypatch, tmp_path):
    monkeypatch.setattr(calibration, "SECONDS", 0.05)
    plan = plan_of(settings(strategies=["naive", "joint"], rules=["none", "c-flat"], seeds=2))
    measured = []
    measure = calibration.measure

    def noting(config, stream):
        measured.append(config.rule.name)
        return measure(config, stream, calibration.SECONDS)

    monkeypatch.setattr(calibration, "measure", noting)
    lines = list(lines_about_time(plan, RunOptions(workers=2)))
    assert sorted(measured) == ["c-flat", "c-flat", "none", "none"]  # each kind once, for any seeds
    assert re.match(r"time on this machine: [\d.]+ s to [\d.]+ s with 2 workers, from 4 of 4 kinds of runs", lines[0])
    monkeypatch.setattr(calibration, "TOTAL_SECONDS", -1.0)
    lines = list(lines_about_time(plan, RunOptions(workers=1)))
    assert (
        lines[0]
        == "time: unknown, because nothing could be measured: the limit of -1 s for all measurements was reached"
    )


def test_durations_by_hand():
    config = expand(settings(streams={"name": "split-digits", "experiences": 2}, train={"batch_size": 2}))[0].config
    parts = trainings(config, [np.zeros(10), np.zeros(6)])  # 5 and 3 gradients
    speed = Speed(first=1.0, later=3.0, between=10.0, image=0.5, tested=[4, 8])
    rest = 2 * 10.0 + (4 + 12) * 0.5
    assert duration(config, parts, speed) == Duration(rest + 8.0, rest + 24.0)
    runs = {"a": Duration(1, 2), "b": Duration(5, 9), "c": Duration(2, 3)}
    assert with_workers(runs, 1) == Duration(8, 14)
    assert with_workers(runs, 2) == Duration(5, 9)
    assert with_workers({**runs, "d": Duration(4, 1)}, 2) == Duration(7, 9)
    assert with_workers(runs, 4) == Duration(5, 9)


def test_starts_of_processes_and_the_report_are_part_of_an_estimate(monkeypatch):
    plan = plan_of(settings(seeds=4))
    monkeypatch.setattr(calibration, "calibrate", lambda runs, roots: ({kind_of(runs[0]): STILL}, {}))
    monkeypatch.setattr("lifelong_lb.studies.planning.overhead.measure_overhead", lambda: Overhead(7.0, 2.0, 3.0))
    first, parts, *_ = lines_about_time(plan, RunOptions(workers=2))
    assert first.startswith("time on this machine: 14.0 s to 14.0 s with 2 workers")  # 7 + 2 rounds x 2 + 3
    whole = "7.0 s until the first run starts, 2.0 s per run besides training and evaluation, 3.0 s for the report"
    assert parts == f"  included: {whole}"


@pytest.mark.slow
def test_overhead_is_measured_with_a_real_run():
    found = measure_overhead()
    assert found.start > 0
    assert found.run > 0
    assert found.report > 0


def test_evaluated_images_by_hand():
    two = {"name": "split-digits", "experiences": 2}
    once, seen, every, everything = (
        expand(settings(streams=two, train={"batch_size": 2}, **changes))[0].config
        for changes in (
            {"strategies": "joint"},
            {},
            {"evaluation": {"every": 2}},
            {"evaluation": {"experiences": "all"}},
        )
    )
    parts = trainings(seen, [np.zeros(10), np.zeros(6)])  # 5 and 3 iterations
    counts = [evaluated_images(config, parts, [4, 8]) for config in (once, seen, every, everything)]
    assert counts == [12, 4 + 12, 4 + 12 + 2 * 4 + 1 * 12, 3 * 12]


@pytest.mark.usefixtures("_no_overhead")
def test_chunks_and_budgets_can_be_estimated():
    stream = {"name": "split-digits", "images_per_class": 12, "chunk": 4, "scenario": "class-incremental"}
    changes = {"batch_size": 4, "match": "gradients"}
    for study in (
        settings(streams=stream, rules="sam", train=changes),
        settings(train={"match": "seconds", "budget": 9}),
    ):
        lines = list(lines_about_time(plan_of(study), RunOptions(workers=1)))
        assert "from 1 of 1 kinds" in lines[0]
    assert "at least 45." in lines[0]
