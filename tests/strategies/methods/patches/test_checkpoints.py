"""A strategy that was saved and loaded continues as without interruption."""

from functools import partial
from pickle import PicklingError

import pytest
import torch
from avalanche.checkpointing import save_checkpoint as avalanches_save_checkpoint
from helpers.covering import covering
from helpers.small_strategies import make_strategy, parts_of
from helpers.strategy_cases import AVALANCHES_OWN_WARNINGS, CASES, ENTRIES, make
from torch.optim import Adagrad

from lifelong_lb.config.entries.schedules import Step
from lifelong_lb.optim import SAM, CFlatPlus, FriendlySAM, Lookahead, LookbehindSAM, NoRule, RebuiltOptimizer
from lifelong_lb.seeding import INITIALISATION, seed_all
from lifelong_lb.strategies import (
    OwnLoop,
    ScheduledLearningRate,
    SeparateSeeds,
    SharpnessAwarePlugin,
    load_checkpoint,
    save_checkpoint,
)
from lifelong_lb.strategies.methods.patches import version
from lifelong_lb.strategies.schedule.learning_rate import rate_factor

pytestmark = AVALANCHES_OWN_WARNINGS

RULES = {
    "none": NoRule,
    "sam": SAM,
    "lookbehind-sam": lambda: LookbehindSAM(k=2),
    "lookbehind-sam-switching": lambda: LookbehindSAM(k=3, minibatch_switching=True),
    "lookahead": lambda: Lookahead(k=4),
    "friendly-sam": FriendlySAM,
    "c-flat-plus": lambda: CFlatPlus(level=1.0, midpoint=2.0),
}


def train_on(strategy, stream, i):
    seed_all(0, INITIALISATION, i + 1)
    strategy.train(stream.train[i], eval_streams=[])


def state(strategy):
    """Weights, buffers and the optimizer's state."""
    found = {name: value for name, value in strategy.model.state_dict().items() if value is not None}
    found |= {name: value for name, value in vars(strategy).items() if isinstance(value, torch.Tensor)}  # slda's
    of_optimizer = {} if strategy.optimizer is None else strategy.optimizer.state_dict()["state"]
    for i, each in of_optimizer.items():
        found |= {f"{i} {name}": value for name, value in each.items() if isinstance(value, torch.Tensor)}
    return {name: value.clone() for name, value in found.items()}


def assert_goes_on(make_one, path):
    whole, stopped, resumed = make_one(), make_one(), make_one()
    for i in range(2):
        train_on(whole.strategy, whole.stream, i)
    train_on(stopped.strategy, stopped.stream, 0)
    save_checkpoint(stopped.strategy, path)
    assert load_checkpoint(resumed.strategy, path) == 1
    train_on(resumed.strategy, resumed.stream, 1)
    expected, got = state(whole.strategy), state(resumed.strategy)
    assert expected.keys() == got.keys()
    assert all(torch.equal(value, got[name]) for name, value in expected.items())
    return whole, resumed


def applying(strategy):
    return next(plugin for plugin in strategy.plugins if isinstance(plugin, SharpnessAwarePlugin))


PAIRS = [("naive", "single"), ("replay", "growing"), ("ewc", "multi")]


@pytest.mark.parametrize(("label", "head", "rule"), covering((*pair, rule) for pair in PAIRS for rule in RULES))
def test_going_on(label, head, rule, tmp_path, capsys):
    whole, resumed = assert_goes_on(lambda: make(label, head, RULES[rule](), batch_norm=True), tmp_path / "it.pt")
    first, second = applying(whole.strategy), applying(resumed.strategy)
    assert first.gradient_evaluations == second.gradient_evaluations
    assert first.rule.state_dict().keys() == second.rule.state_dict().keys()
    assert capsys.readouterr().out == ""


def test_a_gem_goes_on_too(tmp_path):
    assert_goes_on(lambda: make("agem", "single", SAM()), tmp_path / "it.pt")


@pytest.mark.parametrize(("label", "head"), [("lamaml", "growing"), ("mer", "multi"), ("slda", "single")])
def test_so_do_strategies_with_a_loop_of_their_own(label, head, tmp_path):
    whole, resumed = assert_goes_on(lambda: make(label, head, NoRule()), tmp_path / "it.pt")
    counts = [
        next(p for p in each.strategy.plugins if isinstance(p, OwnLoop)).gradient_evaluations
        for each in (whole, resumed)
    ]
    assert counts == [0 if label == "slda" else 6] * 2


@pytest.mark.parametrize(
    ("label", "head"),
    covering(
        [case for case in CASES if case[0] != "joint"], by=lambda label, head: (head, "mem_size" in ENTRIES[label])
    ),
)
def test_every_strategy_goes_on(label, head, tmp_path):
    assert_goes_on(lambda: make(label, head, LookbehindSAM(k=2), batch_norm=True), tmp_path / "it.pt")


def test_what_the_rule_keeps_matters(tmp_path):
    """Without the mean that FriendlySAM keeps, training would continue differently."""
    whole, other = make("naive", "single", FriendlySAM()), make("naive", "single", FriendlySAM())
    for made in (whole, other):
        train_on(made.strategy, made.stream, 0)
    applying(other.strategy).rule = applying(other.strategy).acting = FriendlySAM()
    for made in (whole, other):
        train_on(made.strategy, made.stream, 1)
    expected, got = state(whole.strategy), state(other.strategy)
    assert not all(torch.equal(value, got[name]) for name, value in expected.items())


def test_a_schedule_and_an_optimizer_that_is_built_anew(tmp_path):
    def make_one():
        parts = parts_of("naive", "class-incremental", "growing")
        optimizer = RebuiltOptimizer(partial(Adagrad, lr=0.1), parts.model.parameters())
        factor = partial(rate_factor, Step(every=4, factor=0.5))
        schedule = ScheduledLearningRate(factor, by="iteration", over="stream", experiences=5)
        plugins = [SeparateSeeds(0), schedule, SharpnessAwarePlugin(SAM(), from_experience=1)]
        parts.strategy = make_strategy(parts, parts.model, optimizer, plugins)
        return parts

    _, resumed = assert_goes_on(make_one, tmp_path / "it.pt")
    assert resumed.strategy.optimizer.param_groups[0]["lr"] == 0.1 * 0.5**4  # of 18 iterations


def test_without_a_file_nothing_happens(tmp_path):
    made = make("naive", "single", NoRule())
    before = state(made.strategy)
    assert load_checkpoint(made.strategy, tmp_path / "missing.pt") == 0
    assert all(torch.equal(value, before[name]) for name, value in state(made.strategy).items())


def test_avalanches_function_failed(tmp_path):
    made = make("naive", "single", NoRule())
    with pytest.raises(PicklingError):
        avalanches_save_checkpoint(made.strategy, tmp_path / "it.pt")
    hidden = [name for name in ("sgd", "adam", "optimizer") if hasattr(torch.optim, name)]
    save_checkpoint(made.strategy, tmp_path / "it.pt")
    assert [name for name in ("sgd", "adam", "optimizer") if hasattr(torch.optim, name)] == hidden


def test_they_know_what_they_are_for(tmp_path, monkeypatch):
    made = make("naive", "single", NoRule())
    monkeypatch.setattr(version, "version", lambda name: "0.7.0")
    for function in (save_checkpoint, load_checkpoint):
        with pytest.raises(RuntimeError, match=r"is patched for avalanche-lib 0\.6\.0"):
            function(made.strategy, tmp_path / "it.pt")


def test_the_file_must_hold_an_optimizer(tmp_path):
    made = make("naive", "single", NoRule())
    made.strategy.optimizer = "sgd"
    save_checkpoint(made.strategy, tmp_path / "it.pt")
    with pytest.raises(TypeError, match="must hold a torch optimizer; got str"):
        load_checkpoint(make("naive", "single", NoRule()).strategy, tmp_path / "it.pt")
