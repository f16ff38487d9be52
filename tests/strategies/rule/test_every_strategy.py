"""A rule's passes mean the same objective inside every strategy."""

from functools import cache

import pytest
import torch
from avalanche.core import SupervisedPlugin
from helpers import strategy_cases
from helpers.covering import covering
from helpers.global_hooks import global_hooks
from helpers.strategy_cases import (
    AVALANCHES_OWN_WARNINGS,
    CASES,
    DOMAIN,
    DOMAIN_CASES,
    InputTape,
    Repeat,
    held_still,
    make,
    train,
)

from lifelong_lb.optim import ASAM, GSAM, SAM, CFlat, LookbehindSAM, LookSAM, MultistepSAM, NoRule, Passes

pytestmark = AVALANCHES_OWN_WARNINGS

every_case = pytest.mark.parametrize(("label", "head"), covering(CASES + DOMAIN_CASES))

IDLE = {
    "sam": lambda: SAM(rho=0),
    "lookbehind-sam": lambda: LookbehindSAM(rho=0, k=1, alpha=1.0),
    "asam": lambda: ASAM(rho=0),
    "multistep-sam": lambda: MultistepSAM(rho=0, k=3),
    "gsam": lambda: GSAM(rho=0, alpha=0),
    "looksam": lambda: LookSAM(rho=0, k=1),
    "c-flat": lambda: CFlat(rho=0, lamb=0),
}
"""Rules set such that they do what the base optimizer does."""


@every_case
def test_a_repeated_pass_is_the_first_one(label, head):
    """With the same masks of dropout, in a second epoch, too."""
    rule = Repeat()
    rule.made = make(label, head, rule, dropout=0.3, batch_norm=True)
    rule.made.strategy.train_epochs = 2
    train(rule.made)
    assert rule.checked >= 12


def in_two_epochs(label, head, rule):
    made = make(label, head, rule, batch_norm=True)
    made.strategy.train_epochs = 2
    return train(made)


@cache
def plain_trajectory(label, head):
    return in_two_epochs(label, head, NoRule())


@pytest.mark.parametrize(
    ("label", "head", "rule"),
    covering(
        [(*case, rule) for case in CASES + DOMAIN_CASES for rule in ("sam", "lookbehind-sam")]
        + [(label, "single", rule) for label in ("ewc", "agem", "si", "der++") for rule in list(IDLE)[2:]]
    ),
)
def test_an_idle_rule_changes_nothing(label, head, rule):
    plain, ours = plain_trajectory(label, head), in_two_epochs(label, head, IDLE[rule]())
    assert plain.keys() == ours.keys()
    for name, value in plain.items():
        assert torch.equal(value, ours[name]), name


class Watch(SupervisedPlugin):
    """Placed before the plugin that takes the passes: observes the first pass, and counts hook calls."""

    def __init__(self):
        super().__init__()
        self.first = None
        self.seen = dict.fromkeys(("before_forward", "after_forward", "before_backward", "after_backward"), 0)
        self.iterations = self.changed = 0
        self.tape = None

    def before_forward(self, strategy, **kwargs):
        self.seen["before_forward"] += 1

    def after_forward(self, strategy, **kwargs):
        self.seen["after_forward"] += 1

    def before_backward(self, strategy, **kwargs):
        self.seen["before_backward"] += 1

    def after_backward(self, strategy, **kwargs):
        self.seen["after_backward"] += 1

    def before_update(self, strategy, **kwargs):
        self.first = (strategy.loss, strategy.mb_output, strategy.mb_output.detach().clone())
        self.weights = [p.detach().clone() for p in strategy.model.parameters()]
        self.grads = [None if p.grad is None else p.grad.clone() for p in strategy.model.parameters()]

    def after_training_iteration(self, strategy, **kwargs):
        self.iterations += 1
        loss, output, values = self.first
        assert strategy.loss is loss
        assert strategy.mb_output is output
        assert torch.equal(output, values)
        assert len(strategy.mb_output) == len(strategy.mb_y)


def watched(monkeypatch):
    """Plugins that only observe, accepted without registration."""
    watch = Watch()
    monkeypatch.setattr("lifelong_lb.strategies.rule.further_passes.OBSERVERS", (*OBSERVERS, Watch, InputTape))
    return watch


from lifelong_lb.strategies.rule.further_passes import OBSERVERS  # noqa: E402


class Passing(SAM):
    """SAM with a large radius that compares what its passes see."""

    def __init__(self, tape):
        super().__init__(rho=0.5)
        self.tape, self.made, self.replayed = tape, None, 0

    def further_passes(self, minibatch):
        still = held_still(self.made.strategy)
        passes = super().further_passes(minibatch)
        next(passes)
        self.tape.next_pass()
        yield
        with pytest.raises(StopIteration) as end:
            next(passes)
        first, second = self.tape.passes
        assert first
        assert len(first) == len(second)
        assert all(torch.equal(a, b) for a, b in zip(first, second, strict=True))
        now = held_still(self.made.strategy)
        assert len(now) == len(still)
        assert all(torch.equal(a, b) for a, b in zip(now, still, strict=True))
        self.replayed += len(still) > len(self.made.strategy.mbatch)
        return end.value.value


@every_case
def test_every_pass_sees_the_same_samples_and_everybody_else_the_first_pass(label, head, monkeypatch):
    watch, tape = watched(monkeypatch), InputTape()
    rule = Passing(tape)
    rule.made = make(label, head, rule, before=[watch, tape])
    train(rule.made)
    assert watch.iterations > 0
    assert set(watch.seen.values()) == {watch.iterations}
    assert rule.made.plugin.gradient_evaluations == 2 * watch.iterations
    if label in ("agem", "gem", "mir", "er-ace", "er-aml", "der", "der++", "icarl"):
        assert rule.replayed >= watch.iterations // 3


@every_case
def test_a_pass_that_raises_leaves_things_as_they_were(label, head, monkeypatch):
    watch = watched(monkeypatch)
    made = make(label, head, LookbehindSAM(k=3), before=[watch])
    train(made, 2)
    strategy, calls = made.strategy, []
    criterion = strategy.criterion

    def failing():
        calls.append(None)
        if len(calls) == 3:
            raise RuntimeError("no memory left")
        return criterion()

    strategy.criterion = failing
    hooks = global_hooks()
    strategy_train = strategy.train if not made.once else made_again(strategy)
    with pytest.raises(RuntimeError, match="no memory left"):
        strategy_train(made.stream.train[2:3])
    parameters = list(strategy.model.parameters())
    assert all(torch.equal(p, w) for p, w in zip(parameters, watch.weights, strict=True))
    for p, g in zip(parameters, watch.grads, strict=True):
        assert (p.grad is None) == (g is None)
        assert g is None or torch.equal(p.grad, g)
    assert strategy.loss is watch.first[0]
    assert strategy.mb_output is watch.first[1]
    assert global_hooks() == hooks


def made_again(strategy):
    """Joint training is trained once; here it may start again."""
    strategy._is_fitted = False  # Avalanche has no public way
    return strategy.train


def test_the_cases_are_all_there_is():
    named, own = (
        {strategy_cases.ENTRIES[label]["name"] for label, _ in cases}
        for cases in (CASES, strategy_cases.OWN_LOOP_CASES)
    )
    assert own == {"lamaml", "mer", "slda", "ncm", "ranpac"}
    assert named == set(strategy_cases.STRATEGY_ENTRIES) - own


class Drawn(SupervisedPlugin):
    """Notes what a strategy has drawn from its memory, and each minibatch."""

    def __init__(self):
        super().__init__()
        self.tensors = []

    def before_training_exp(self, strategy, **kwargs):
        for plugin in strategy.plugins:
            if hasattr(plugin, "sample_from_memory") and not hasattr(plugin, "taped"):
                plugin.taped, sample = True, plugin.sample_from_memory
                plugin.sample_from_memory = lambda sample=sample: self._noted(sample())

    def _noted(self, sample):
        self.tensors += [part.clone() for part in sample]
        return sample

    def after_training_iteration(self, strategy, **kwargs):
        owners = [strategy, getattr(strategy, "aml_criterion", None), *strategy.plugins]
        found = [getattr(owner, name, None) for owner in owners for name in ("replayed", "drawn", "candidates")]
        self.tensors += [part.clone() for part in strategy_cases.flat([*found, strategy.mbatch])]


REPLAYING = [
    *((label, "single") for label in ("replay", "agem", "gem", "mir", "er-ace", "er-aml", "der++", "gdumb")),
    *((label, DOMAIN) for label in ("replay", "agem", "gem", "mir", "er-ace", "der++")),
]


@pytest.mark.parametrize(
    ("label", "head", "dropout"), covering((*case, masks) for case in REPLAYING for masks in ("same", "fresh"))
)
def test_rules_that_are_compared_replay_the_same(label, head, dropout):
    """For any random numbers drawn in the passes: the models have dropout."""
    tapes = []
    for rule in (NoRule(), LookbehindSAM(k=3, passes=Passes(dropout=dropout))):
        drawn = Drawn()
        made = make(label, head, rule, after=[drawn], dropout=0.5)
        train(made, 4)
        tapes.append(drawn.tensors)
    assert len(tapes[0]) >= 24
    assert len(tapes[0]) == len(tapes[1])
    assert all(torch.equal(a, b) for a, b in zip(*tapes, strict=True))
