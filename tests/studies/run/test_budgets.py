"""Budgets of rules: counts by hand, and otherwise unchanged training."""

import json

import pandas as pd
import pytest
import torch
from helpers.tiny_study import TINY

from lifelong_lb.config import RULE_ENTRIES, UserError, axis_labels, expand, parse_study
from lifelong_lb.config.checks.budgets import affordable_epochs
from lifelong_lb.config.entries.rules import SAM, LookbehindSAM, LookSAM, NoRule
from lifelong_lb.reports.tables.costs import budget_sentence
from lifelong_lb.store import StudyFile
from lifelong_lb.studies import run_study
from lifelong_lb.studies.planning.calibrate import evaluated_images
from lifelong_lb.studies.planning.forecast import Count, Training
from lifelong_lb.studies.planning.validate import gradients_of, plan_of
from lifelong_lb.studies.run.execute import execute
from lifelong_lb.studies.run.state import RunState

pytestmark = pytest.mark.filterwarnings("ignore:Call to deprecated function update:DeprecationWarning")

STREAM = {"name": "split-digits", "images_per_class": 12, "experiences": 5, "scenario": "class-incremental"}
LOOKBEHIND = {"name": "lookbehind-sam", "k": 2}
OWN = {"name": "none", "passes": 3}
WARMUP = {"name": "sgd", "schedule": {"name": "cosine", "warmup": 2, "by": "iteration"}}


def settings(**changes):
    return parse_study({
        "streams": STREAM,
        "model": {"name": "mlp", "hidden": [8]},
        "train": {"batch_size": 8, "match": "gradients"},
        "optimizers": {"name": "sgd", "lr": 0.01},
        **changes,
    })


def ran(config):
    """The run's counts, and the weights that it ends with."""
    progress, kept = RunState(), []
    config = config.model_copy(update={"evaluation": config.evaluation.model_copy(update={"save_models": True})})
    execute(config, progress, roots=(), device="cpu", log=lambda line: None, keep=lambda i, model: kept.append(model))
    return progress, kept[-1]


def budgets(study):
    runs = expand(study)
    expected = gradients_of(plan_of(study))
    found = []
    for run in runs:
        progress, _ = ran(run.config)
        rule, _ = expected[run.config.run_id]
        assert progress.gradient_evaluations == sum(row["spent"] for row in progress.budgets)
        came = progress.gradient_evaluations
        assert came == rule.least if rule.exact else came >= rule.least, (run.config, came, rule)
        found.append([(row["budget"], row["spent"], row["iterations"]) for row in progress.budgets])
    return found


def test_by_hand():
    """24 images in minibatches of 8: lookbehind takes 9 gradients over 3 minibatches, SAM 8 over 4, none 9 over 9."""
    assert [affordable_epochs(rule, 3, 9) for rule in (NoRule(), SAM(), LookbehindSAM(k=2))] == [(3, 9), (2, 8), (1, 9)]
    assert affordable_epochs(LookSAM(k=2), 3, 9) == (2, 8)  # 2 + 1 + 2, then 2 + 1, and no room for 2
    found = budgets(settings(rules=["none", "sam", LOOKBEHIND, {"name": "looksam", "k": 2}]))
    assert found == [[(9, 9, 9)] * 5, [(9, 8, 4)] * 5, [(9, 9, 3)] * 5, [(9, 8, 5)] * 5]


def test_every_rule_gets_the_same():
    stream = {**STREAM, "experiences": 2}
    found = budgets(
        settings(streams=stream, rules=[*RULE_ENTRIES], train={"batch_size": 12, "match": "gradients", "budget": 24})
    )
    for name, rows in zip(RULE_ENTRIES, found, strict=True):
        cheapest, costliest = RULE_ENTRIES[name]().gradients(0)
        assert len(rows) == 2
        assert all(24 - max(costliest, cheapest) < spent <= 24 for _, spent, _ in rows), name
    exact = [name for name, rows in zip(RULE_ENTRIES, found, strict=True) if {spent for _, spent, _ in rows} == {24}]
    assert {"none", "sam", "multistep-sam", "lookahead", "lookbehind-sam", "gam", "c-flat"} <= set(exact)


@pytest.mark.parametrize("strategy", ["naive", {"name": "replay", "mem_size": 20}, {"name": "der", "mem_size": 20}])
def test_the_costliest_rule_trains_as_without_a_budget(strategy):
    shared = {"strategies": strategy, "rules": LOOKBEHIND, "optimizers": {"name": "sgd", "schedule": "cosine"}}
    train = {"batch_size": 8, "epochs": 2}
    (plain,) = expand(settings(**shared, train=train))
    (matched,) = expand(settings(**shared, train={**train, "match": "gradients"}))
    assert plain.config.run_id != matched.config.run_id
    assert ran(plain.config)[1] == ran(matched.config)[1]


@pytest.mark.parametrize("batch_norm", ["first", "recomputed"])
def test_further_epochs_are_those_of_more_epochs(batch_norm):
    """None with 3 gradients a minibatch is none with three times the epochs."""
    shared = {"rules": {"name": "none", "batch_norm": batch_norm}, "model": {"name": "small-cnn", "width": 2}}
    (longer,) = expand(settings(**shared, train={"batch_size": 8, "epochs": 3}))
    (matched,) = expand(settings(**shared, train={"batch_size": 8, "match": "gradients", "passes": 3}))
    assert ran(longer.config)[1] == ran(matched.config)[1]


def test_a_rule_may_have_a_budget_of_its_own():
    """Plain SGD and SAM for three gradients a minibatch, beside both for one epoch."""
    rules = ["none", {"name": "none", "passes": 3}, {"name": "sam", "passes": 3}, "sam"]
    study = settings(rules=rules, train={"batch_size": 8})
    assert axis_labels(study.rules) == ["none", "none(passes=3)", "sam(passes=3)", "sam"]
    plain, own, sam, other = expand(study)
    assert budgets(study.model_copy(update={"rules": study.rules[1:3]})) == [[(9, 9, 9)] * 5, [(9, 8, 4)] * 5]
    (longer,) = expand(settings(rules="none", train={"batch_size": 8, "epochs": 3}))
    assert ran(own.config)[1] == ran(longer.config)[1]
    (alone,) = expand(settings(rules="none", train={"batch_size": 8}))
    assert plain.config.run_id == alone.config.run_id
    assert len({run.config.run_id for run in (plain, own, sam, other)}) == 4
    file = StudyFile.of(study)
    assert StudyFile.from_json(json.loads(json.dumps(file.to_json())), "study.json") == file


def test_evaluations_during_training_are_not_forecast_for_a_budget():
    study = settings(rules=["none", OWN], train={"batch_size": 8}, evaluation={"every": 1})
    parts = [Training(0, 24, Count(3), first=True)]
    assert [evaluated_images(run.config, parts, [10]) for run in expand(study)] == [10 + 3 * 10, 10]


@pytest.mark.parametrize(
    "strategy", ["joint", "cumulative", {"name": "gdumb", "mem_size": 30}, {"name": "icarl", "mem_size": 20}, "ewc"]
)
def test_strategies_with_more_images(strategy):
    plain, lookbehind = budgets(settings(strategies=strategy, rules=["none", LOOKBEHIND]))
    assert plain
    assert [row[:2] for row in plain] == [row[:2] for row in lookbehind]
    assert all(budget == spent == iterations for budget, spent, iterations in plain)
    assert all(spent == 3 * iterations for _, spent, iterations in lookbehind)


def test_joint_gets_the_budgets_of_all_experiences():
    found = budgets(settings(strategies="joint", rules="sam", train={"match": "gradients", "budget": 9}))
    assert found == [[(45, 44, 22)]]


def test_chunks_share_the_budget_of_their_experience():
    """Six chunks of 4 images: 3 gradients each, of which SAM takes 2, 2 + 2, 2, 2 + 2, ..."""
    few = {"name": "generated", "experiences": 2, "train_images": 12, "test_images": 2, "scenario": "class-incremental"}
    stream, rules = {**few, "chunk": 4}, ["none", "sam", LOOKBEHIND]
    found = budgets(settings(streams=stream, rules=rules, train={"batch_size": 4, "match": "gradients"}))
    assert found == [[(18, 18, 18)] * 2, [(18, 18, 9)] * 2, [(18, 18, 6)] * 2]
    absolute = {"batch_size": 4, "match": "gradients", "budget": 8}
    assert budgets(settings(streams=stream, rules=rules, train=absolute))[2] == [(8, 6, 2)] * 2


def test_a_later_rule_is_cheap_before_its_turn():
    (rows,) = budgets(settings(rules={**LOOKBEHIND, "from_experience": 2}))
    assert rows == [(9, 9, 9)] * 2 + [(9, 9, 3)] * 3


def test_passes_that_are_not_known_beforehand():
    optimizers = {"name": "lbfgs", "max_iter": 4, "lr": 0.1}
    (rows,) = budgets(settings(optimizers=optimizers, train={"batch_size": 8, "match": "gradients", "budget": 20}))
    assert len(rows) == 5
    assert all(20 <= spent < 26 for _, spent, _ in rows)  # the current step is finished
    (rows,) = budgets(settings(rules=["c-flat-plus"], train={"batch_size": 8, "match": "gradients", "budget": 30}))
    assert len(rows) == 5
    assert all(26 < spent <= 30 for _, spent, _ in rows)


def test_seconds():
    study = settings(train={"batch_size": 8, "match": "seconds", "budget": 0.1})
    (run,) = expand(study)
    progress, _ = ran(run.config)
    assert [row["budget"] for row in progress.budgets] == [0.1] * 5
    assert all(row["spent"] >= 0.1 and row["iterations"] for row in progress.budgets)
    assert max(row["iterations"] for row in progress.budgets) > 3  # further epochs
    assert progress.train_seconds == pytest.approx(sum(row["spent"] for row in progress.budgets), rel=0.3)
    assert gradients_of(plan_of(study))[run.config.run_id][0] == Count(exact=False)


def test_a_cosine_goes_over_the_budget(monkeypatch):
    from lifelong_lb.strategies import ScheduledLearningRate

    rates = []
    sets = ScheduledLearningRate.before_training_iteration

    def noting(self, strategy, **kwargs):
        sets(self, strategy, **kwargs)
        rates.append(strategy.optimizer.param_groups[0]["lr"])

    monkeypatch.setattr(ScheduledLearningRate, "before_training_iteration", noting)
    for over, after in (("experience", 0.0), ("stream", 4 / 5)):
        rates.clear()
        optimizer = {"name": "sgd", "lr": 1.0, "schedule": {"name": "cosine", "by": "iteration", "over": over}}
        ran(expand(settings(rules=["none", "sam", LOOKBEHIND], optimizers=optimizer))[1].config)
        shares = torch.tensor([after + 2 * i / 9 * (1 - after) for i in range(4)])  # 2 of 9 gradients a step
        assert torch.tensor(rates[-4:]) == pytest.approx((1 + torch.cos(torch.pi * shares)) / 2, rel=1e-5)


def test_settings_that_change_nothing_keep_the_names_of_runs():
    study = parse_study({"streams": "split-digits", "train": {"match": "steps", "budget": None}})
    assert (
        expand(study)[0].config.run_id
        == expand(parse_study({"streams": "split-digits"}))[0].config.run_id
        == "e34662df7c09"
    )


def test_a_costlier_rule_would_be_another_budget():
    narrow, wide = settings(rules=["none", "sam"]), settings(rules=["none", "sam", LOOKBEHIND])
    assert (narrow.train.passes, wide.train.passes) == (2, 3)
    assert not {r.config.run_id for r in expand(narrow)} & {r.config.run_id for r in expand(wide)}
    file = StudyFile.of(narrow)
    with pytest.raises(UserError, match=r"another train: passes is 2\.0 there and 3\.0 here"):
        file.widened(wide)
    said = settings(rules=["none", "sam", LOOKBEHIND], train={"batch_size": 8, "match": "gradients", "passes": 2})
    assert len(file.widened(said).places) == 3
    assert StudyFile.from_json(json.loads(json.dumps(file.to_json())), "study.json").study.train == narrow.train


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"train": {"budget": 9}}, "needs match: gradients or seconds if budget is set"),
        ({"train": {"match": "seconds"}}, "needs a budget in seconds"),
        ({"train": {"match": "gradients", "budget": 9, "passes": 2}}, "not both; got 9 and 2"),
        ({"train": {"match": "gradients", "budget": 9, "epochs": 2}}, "must not set epochs together with a budget"),
        ({"train": {"match": "gradients", "budget": 9.5}}, "a whole number of gradient evaluations"),
        ({"train": {"match": "gradients", "budget": 2}, "rules": LOOKBEHIND}, "must be at least 3 gradient"),
        ({"streams": {**STREAM, "train": {"match": "seconds"}}}, "applies to the whole study"),
        ({"optimizers": "lbfgs"}, "the passes of lbfgs are not known in advance"),
        ({"optimizers": {"name": "sgd", "schedule": {"name": "step", "by": "iteration"}}}, "counts iterations, whose"),
        ({"rules": ["sam", OWN]}, r"rules\[1\]\.passes: must not be set if train\.match is gradients"),
        ({"train": {}, "rules": {"name": "none", "passes": 0}}, r"rules\.passes: must be a number in \(0, 1000000\]"),
        ({"train": {}, "rules": OWN, "optimizers": WARMUP}, r"the schedule of optimizers\[0\] counts; use cosine"),
        ({"train": {}, "rules": OWN, "strategies": "lamaml"}, "passes counts the gradients of ordinary training steps"),
    ],
)  # fmt: skip
def test_what_is_refused(changes, message):
    with pytest.raises(UserError, match=message):
        settings(**changes)


def test_a_budget_below_one_step_is_refused():
    (run,) = expand(settings(rules=LOOKBEHIND, train={"batch_size": 24, "match": "gradients", "passes": 2}))
    with pytest.raises(
        UserError, match="2 gradient evaluations in experience 0 are less than one step of lookbehind-sam"
    ):
        ran(run.config)


def test_streams_may_have_budgets_of_their_own():
    own = {**STREAM, "train": {"budget": 12}}
    study = settings(streams=[STREAM, {**own, "experiences": 2}], rules=["none", "sam"])
    trains = [run.config.train for run in expand(study)[::2]]
    assert [(train.budget, train.passes) for train in trains] == [(None, 2), (12, None)]


def test_what_is_recorded_and_reported(tmp_path):
    study = {
        **TINY,
        "rules": ["none", "sam"],
        "strategies": "naive",
        "seeds": 1,
        "train": {"batch_size": 64, "match": "gradients"},
    }
    results = run_study(study, tmp_path, executor="in-process")
    assert results.runs["gradient_evaluations"].nunique() == 1
    records = [json.loads(path.read_text()) for path in sorted(tmp_path.glob("runs/*/result.json"))]
    assert {len(record["budgets"]) for record in records} == {5}
    page = (tmp_path / "report.html").read_text()
    assert "Every rule got 2 gradient evaluations for each minibatch of 1 epoch in each experience" in page
    assert pd.read_csv(tmp_path / "results.csv")["samples_seen"].nunique() == 2


def test_the_report_says_what_was_matched():
    def said(rules="none", **train):
        study = parse_study({"streams": "split-digits", "train": train, "rules": rules})
        return budget_sentence(study.train, study.rules, "sgd")

    assert "same number of steps" in said()
    assert "at most 1.5 seconds" in said(match="seconds", budget=1.5)
    assert "got 1,200 gradient evaluations in each experience" in said(match="gradients", budget=1200)
    assert said(["none", OWN, {"name": "sam", "passes": 3}]) == (
        "Every rule took the same number of steps, except those with their own budget in each experience: plain SGD, "
        "budget of 3 gradients per minibatch; SAM (3 gradient evaluations for each minibatch of 1 epoch)."
    )
