"""After any failure in an iteration, weights, gradients and hooks are those from before it."""

from itertools import product

import pytest
import torch
from avalanche.training.plugins import AGEMPlugin
from helpers.covering import covering
from helpers.global_hooks import global_hooks
from helpers.observer_plugin import ObserverPlugin
from helpers.strategy_cases import AVALANCHES_OWN_WARNINGS, CASES, DOMAIN_CASES, ENTRIES, make, train

from lifelong_lb.config import STRATEGY_ENTRIES
from lifelong_lb.optim import SAM, Lookahead, LookaheadSAM, LookbehindSAM, NoRule

pytestmark = AVALANCHES_OWN_WARNINGS

RULES = {
    "none": NoRule,
    "sam": lambda: SAM(rho=0.5),
    "lookbehind-sam": lambda: LookbehindSAM(rho=0.5, k=3),
    "lookbehind-sam-switching": lambda: LookbehindSAM(rho=0.5, k=3, minibatch_switching=True),
    "lookahead": lambda: Lookahead(k=3),
    "lookahead-sam": lambda: LookaheadSAM(rho=0.5, k=3),
}
every_rule = pytest.mark.parametrize("rule", RULES)


class Before(ObserverPlugin):
    """Keeps what has to be there again: the slow weights before an iteration, its first gradient once complete."""

    def __init__(self, rule):
        super().__init__()
        self.rule = rule

    def before_training_iteration(self, strategy, **kwargs):
        parameters = list(strategy.model.parameters())
        hide = self.rule.show_slow()
        self.weights = [p.detach().clone() for p in parameters]
        hide()
        self.grads = [None for _ in parameters]

    def before_update(self, strategy, **kwargs):
        self.grads = [None if p.grad is None else p.grad.clone() for p in strategy.model.parameters()]


def failing(function, at, after=False):
    """The function, whose call ``at``, 1 for the first, raises, before or after it has done its work."""
    calls = []

    def one(*args, **kwargs):
        calls.append(None)
        if len(calls) != at:
            return function(*args, **kwargs)
        if after:
            function(*args, **kwargs)
        raise KeyboardInterrupt("no memory left")

    return one


def made_with(rule, label="naive"):
    """Six iterations an experience, in two epochs."""
    rule = RULES[rule]()
    before = Before(rule)
    made = make(label, "single", rule, before=[before])
    made.strategy.train_epochs = 2
    return made, before


def fail(made, part=0):
    with pytest.raises(KeyboardInterrupt, match="no memory left"):
        made.strategy.train(made.stream.train[part])


def assert_undone(made, before, part=0):
    hooks = global_hooks()
    fail(made, part)
    parameters = list(made.strategy.model.parameters())
    assert all(torch.equal(p, w) for p, w in zip(parameters, before.weights, strict=True))
    for p, g in zip(parameters, before.grads, strict=True):
        assert (p.grad is None) == (g is None)
        assert g is None or torch.equal(p.grad, g)
    assert global_hooks() == hooks
    assert before.rule.state_dict().get("steps", 0) == 0  # a new span begins, wherever the weights go


@pytest.mark.parametrize(
    ("rule", "where", "call"),
    covering(product(RULES, ["forward", "criterion", "backward", "optimizer.step"], [1, 2, 3, 4, 5])),
)
def test_a_failure_is_undone(rule, where, call):
    made, before = made_with(rule)
    owner, name = (made.strategy.optimizer, "step") if where == "optimizer.step" else (made.strategy, where)
    setattr(owner, name, failing(getattr(owner, name), call, after=where == "backward"))
    assert_undone(made, before)


@pytest.mark.parametrize(("rule", "call"), covering(product(RULES, [1, 2, 3, 4])))
def test_so_is_a_projection_that_fails(rule, call):
    made, before = made_with(rule, "agem")
    made.strategy.train(made.stream.train[0])
    plugin = next(plugin for plugin in made.strategy.plugins if isinstance(plugin, AGEMPlugin))
    plugin.after_backward = failing(plugin.after_backward, call)
    assert_undone(made, before, 1)


@every_rule
def test_a_failure_between_two_iterations_leaves_the_slow_weights(rule):
    made, before = made_with(rule)
    other = ObserverPlugin()
    made.strategy.plugins.append(other)
    other.before_training_iteration = failing(other.before_training_iteration, 5)
    fail(made)
    parameters = list(made.strategy.model.parameters())
    assert all(torch.equal(p, w) for p, w in zip(parameters, before.weights, strict=True))


@every_rule
def test_training_goes_on_from_what_is_left(rule):
    """Nothing of the failed iteration is left, and weights that are loaded in between count."""
    made, before = made_with(rule)
    other = make("naive", "single", RULES[rule](), momentum=0.0)
    start = {name: value.clone() for name, value in other.strategy.model.state_dict().items()}
    made.strategy.optimizer.param_groups[0]["momentum"] = 0.0
    criterion = made.strategy.criterion
    made.strategy.criterion = failing(criterion, 5)
    fail(made)
    made.strategy.criterion, made.strategy.train_epochs = criterion, 1
    made.strategy.clock.train_exp_counter = 0  # which names the random numbers of an experience
    made.strategy.model.load_state_dict(start)
    ours, expected = train(made, 1), train(other, 1)
    assert all(torch.equal(value, ours[name]) for name, value in expected.items())


def test_the_guard_is_not_there_when_a_strategy_is_saved():
    made, _ = made_with("sam")
    seen = []
    other = ObserverPlugin()
    made.strategy.plugins.append(other)
    other.before_training_iteration = lambda strategy, **kwargs: seen.append("training_epoch" in vars(strategy))
    other.before_training_epoch = lambda strategy, **kwargs: strategy.stop_training() if len(seen) == 3 else None
    made.strategy.train(made.stream.train[0])  # its second epoch is stopped before it begins
    assert seen == [False] * 3
    assert "training_epoch" not in vars(made.strategy)


def follows_path(label):
    return STRATEGY_ENTRIES[ENTRIES[label]["name"]].follows_path


ONE_HEAD = [case for case in CASES if case[1] in ("single", "multi")] + DOMAIN_CASES


@pytest.mark.parametrize(("label", "head"), covering(ONE_HEAD, by=lambda label, head: (head, follows_path(label))))
def test_whatever_the_strategy(label, head):
    """In the second experience: first and last backward pass of a second minibatch, and the last base step of one."""
    rules = [RULES["lookbehind-sam" if follows_path(label) else "lookbehind-sam-switching"], RULES["lookbehind-sam"]]
    for kind, where, call in ((rules[0], "backward", 3), (rules[1], "backward", 8), (rules[1], "optimizer.step", 6)):
        rule = kind()
        before = Before(rule)
        made = make(label, head, rule, before=[before], batch_norm=True)
        parts = [made.stream.train[:2]] if made.once else [[each] for each in made.stream.train[:2]]
        for part in parts[:-1]:
            made.strategy.train(part)
        if where == "backward":
            made.strategy.backward = failing(made.strategy.backward, call, after=True)
        else:
            made.strategy.optimizer.step = failing(made.strategy.optimizer.step, call)
        assert_undone(made, before, slice(0, 2) if made.once else 1)
