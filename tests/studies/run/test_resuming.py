"""Every kind of run can be stopped after an experience and continued bit for bit: a table of kinds."""

import itertools
from types import SimpleNamespace

import pytest
from helpers.covering import covering
from helpers.resuming import HEADS, RULES, assert_goes_on, load_once, run, study
from helpers.strategy_cases import AVALANCHES_OWN_WARNINGS, ENTRIES, SCENARIO, has_own_loop

from lifelong_lb.config import RULE_ENTRIES
from lifelong_lb.config.entries.optimizers import OPTIMIZER_ENTRIES
from lifelong_lb.config.entries.schedules import SCHEDULE_ENTRIES
from lifelong_lb.config.entries.strategies import STRATEGY_ENTRIES

pytestmark = AVALANCHES_OWN_WARNINGS

DIGITS = {"name": "split-digits", "scenario": "class-incremental", "images_per_class": 12}
GRADIENTS = {"match": "gradients", "passes": 2.5}
SECONDS = {"match": "seconds", "budget": 0.25}


@pytest.fixture(autouse=True)
def _read_once(monkeypatch):
    monkeypatch.setattr("lifelong_lb.studies.run.execute.load_images", load_once)


@pytest.fixture(autouse=True)
def _regular_clock(monkeypatch):
    """A stopwatch for which each look at the clock takes 1/64 s, so that budgets of seconds last equally long."""
    ticks = itertools.count()
    monkeypatch.setattr(
        "lifelong_lb.strategies.monitors.guards.time", SimpleNamespace(perf_counter=lambda: next(ticks) / 64)
    )


def budget_of(number):
    return (GRADIENTS, SECONDS)[number % 2]


def numbered(cases):
    return [pytest.param(number, case, id=str(case)) for number, case in enumerate(cases)]


@pytest.mark.parametrize(
    ("number", "label"),
    covering(enumerate(HEADS), by=lambda number, label: (HEADS[label][0], has_own_loop(label), number % len(RULES))),
)
def test_every_strategy_under_a_budget(number, label, tmp_path):
    own_loop = has_own_loop(label)
    head = HEADS[label][-1 - number % len(HEADS[label])]
    config = study(
        streams=[{"name": "split-digits", "scenario": SCENARIO[head], "images_per_class": 6}],
        model={"head": head},
        train=SECONDS if own_loop else budget_of(number),
        strategies=[ENTRIES[label]],
        rules=["none" if own_loop else RULES[-1 - number % len(RULES)]],
    )
    whole, _ = assert_goes_on(config, tmp_path, stops=(1,))
    assert len(whole.progress.budgets) == 5
    assert all(row["iterations"] >= 1 for row in whole.progress.budgets)


@pytest.mark.parametrize(("number", "rule"), numbered(RULE_ENTRIES))
def test_every_rule_under_a_budget(number, rule, tmp_path):
    train, streams = budget_of(number), [{**DIGITS, "experiences": 2}]
    assert_goes_on(study(rules=[rule], train=train, streams=streams), tmp_path, (0,), last=1)


def external(target, **settings):
    return {"name": "external", "target": f"pytorch_optimizer.{target}", "settings": settings}


def scheduled(**schedule):
    return {"name": "sgd", "momentum": 0.5, "schedule": schedule}


TWO = {"epochs": 2}
OPTIMIZERS = {
    "adam": ({"name": "adam"}, GRADIENTS),
    "adamw": ({"name": "adamw", "state": "reset"}, SECONDS),
    "lbfgs": ({"name": "lbfgs"}, SECONDS),
    "rmsprop": ({"name": "rmsprop", "momentum": 0.5, "centered": True}, TWO),
    "adagrad": ({"name": "adagrad", "lr_decay": 0.01}, GRADIENTS),
    "nadam": ({"name": "nadam"}, TWO),
    "muon": ({"name": "muon"}, GRADIENTS),
    "lion": ({"name": "lion"}, TWO),
    "schedule-free": ({"name": "schedule-free", "base": "sgd", "warmup_steps": 5}, TWO),
    "groups": ({"name": "schedule-free", "groups": [{"match": "*.bias", "lr": 0.01}]}, TWO),
    "groups of muon": ({"name": "muon", "groups": [{"match": "*.bias", "adamw_lr": 0.01}]}, TWO),
    "ScheduleFreeSGD": (external("ScheduleFreeSGD", lr=0.01), GRADIENTS),
    "ScheduleFreeAdamW": (external("ScheduleFreeAdamW", lr=0.01), SECONDS),
    "ScheduleFreeRAdam": ({**external("ScheduleFreeRAdam", lr=0.01), "state": "reset"}, TWO),
    "SPlus": (external("SPlus", lr=0.01), TWO),
    "Lion": (external("Lion", lr=0.001), GRADIENTS),
    "constant": (scheduled(name="constant", experience_factor=0.5), GRADIENTS),
    "step": (scheduled(name="step", every=2, factor=0.5, by="iteration"), TWO),
    "multistep": (scheduled(name="multistep", milestones=[2, 5], by="iteration", over="stream"), TWO),
    "cosine": (scheduled(name="cosine", by="iteration", over="stream"), SECONDS),
    "cosine over experiences": (scheduled(name="cosine", by="iteration", experience_factor=0.5), GRADIENTS),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", OPTIMIZERS)
def test_every_optimizer_and_schedule(name, tmp_path):
    entry, train = OPTIMIZERS[name]
    rule = "none" if name == "lbfgs" else "sam"
    streams = [{**DIGITS, "images_per_class": 6}]
    config = study(streams=streams, optimizers=[entry], model={"head": "growing"}, rules=[rule], train=train)
    assert_goes_on(config, tmp_path, stops=(1,))


CHUNKS = {**DIGITS, "chunk": 7, "experiences": 2}
OPTIONS = [
    (DIGITS, {"every": 2}),
    (CHUNKS, {"every": 2, "confusion": True, "experiences": "all"}),
    ({**CHUNKS, "task_boundaries": True}, {"diagnostics_every": 3}),
    ({**DIGITS, "blurry": 0.2}, {"landscape": {"measures": ["ball"], "images": 8, "radii": [0.1]}}),
    ({"name": "permuted-digits", "experiences": 2, "images_per_class": 12}, {"save_models": True}),
    ({"name": "rotated-digits", "experiences": 2, "images_per_class": 12}, {"diagnostics_every": 1, "every": 3}),
]


@pytest.mark.parametrize(("number", "option"), numbered(OPTIONS))
def test_every_stream_and_evaluation(number, option, tmp_path):
    stream, evaluation = option
    config = study(
        streams=[stream],
        strategies=[ENTRIES["replay-reservoir"]],
        train={**budget_of(number), "random_crop": 1, "random_flip": True},
        evaluation=evaluation,
    )
    assert_goes_on(config, tmp_path, (0,), last=config.stream.experiences - 1)


MODELS = [
    {"name": "mlp", "hidden": [16], "head": "growing", "dropout": 0.3, "input_dropout": 0.1},
    {"name": "small-cnn", "width": 4, "norm": "group", "head": "single"},
    {"name": "small-cnn", "width": 4, "norm": "batch", "head": "growing"},
    {"name": "mlp", "hidden": [16], "head": "growing", "classifier": "cosine"},
]


@pytest.mark.parametrize(("number", "model"), numbered(MODELS))
def test_every_model(number, model, tmp_path):
    streams = [{**DIGITS, "images_per_class": 6, "experiences": 2}]
    train = {**budget_of(number), "precision": "bfloat16"}
    assert_goes_on(study(model=model, train=train, streams=streams), tmp_path, (0,), last=1)


ONLINE = [label for label in HEADS if STRATEGY_ENTRIES[ENTRIES[label]["name"]].online and not has_own_loop(label)]


@pytest.mark.slow
@pytest.mark.parametrize("label", [label for label in ONLINE if label != "replay"])
def test_every_online_strategy_under_a_budget(label, tmp_path):
    config = study(streams=[CHUNKS], strategies=[ENTRIES[label]], train=GRADIENTS)
    assert_goes_on(config, tmp_path, (0,), last=1)


def test_every_entry_is_in_the_table():
    assert {ENTRIES[label]["name"] for label in HEADS} == set(STRATEGY_ENTRIES) - {"joint"}  # trained once
    schedules = {entry["schedule"]["name"] for entry, _ in OPTIMIZERS.values() if "schedule" in entry}
    assert schedules == set(SCHEDULE_ENTRIES)
    assert {entry["name"] for entry, _ in OPTIMIZERS.values()} == set(OPTIMIZER_ENTRIES)


def test_seconds_that_were_spent_are_not_spent_again(tmp_path):
    config = study(train=SECONDS)
    run(config, tmp_path, stop=1)
    resumed = run(config, tmp_path)
    assert [row["budget"] for row in resumed.progress.budgets] == [0.25] * 5
    for row in resumed.progress.budgets:
        assert 0.25 <= row["spent"] <= 0.25 + 4 / 64  # the step that was begun is finished
