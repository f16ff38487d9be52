"""What would be dropped, or measured wrongly, without a word is refused."""

import pytest
import torch
from avalanche.core import SupervisedPlugin
from avalanche.training.plugins import EWCPlugin
from avalanche.training.supervised import Naive
from helpers.strategy_cases import AVALANCHES_OWN_WARNINGS, CASES, ENTRIES, few_experiences, make, train
from torch import nn

from lifelong_lb.config import RULE_ENTRIES, STRATEGY_ENTRIES, UserError
from lifelong_lb.config.checks.compatibility import rule_conflict
from lifelong_lb.optim import (
    RULES,
    SAM,
    Lookahead,
    LookaheadASAM,
    LookaheadSAM,
    LookbehindASAM,
    LookbehindSAM,
    LookSAM,
    NoRule,
    Passes,
)
from lifelong_lb.strategies import SharpnessAwarePlugin, register_plugin
from lifelong_lb.strategies.rule import further_passes as passes

pytestmark = AVALANCHES_OWN_WARNINGS

FAST_AND_SLOW = [
    lambda: Lookahead(k=2),
    lambda: LookaheadSAM(k=2),
    lambda: LookaheadASAM(k=2),
    lambda: LookbehindSAM(k=2, minibatch_switching=True),
    lambda: LookbehindASAM(k=2, minibatch_switching=True),
]
WITHIN_A_STEP = [LookSAM, lambda: Lookahead(k=1), lambda: LookbehindSAM(k=1, minibatch_switching=True), LookbehindSAM]


@pytest.mark.parametrize("label", ["si", "rwalk"])
@pytest.mark.parametrize("rule", FAST_AND_SLOW)
def test_a_path_that_weights_do_not_take_is_not_measured(label, rule):
    with pytest.raises(TypeError, match=r"which sums the movement of the weights .* keeps fast and slow weights"):
        train(make(label, "single", rule()), 1)


@pytest.mark.parametrize("rule", WITHIN_A_STEP)
def test_nor_is_any_other_rule_refused(rule):
    """With weights that go all the way within their iterations, the path integral sees all of the way."""
    made = make("si", "single", rule())
    start = {name: p.detach().clone() for name, p in made.strategy.model.named_parameters()}
    plugin = next(plugin for plugin in made.strategy.plugins if hasattr(plugin, "syn_data"))
    moved, integrate = dict.fromkeys(start, 0), plugin.before_training_iteration

    def before(strategy, **kwargs):
        integrate(strategy, **kwargs)
        plugin.began = {name: p.detach().clone() for name, p in strategy.model.named_parameters()}

    def after(strategy, finish=plugin.after_training_iteration, **kwargs):
        finish(strategy, **kwargs)
        for name, p in strategy.model.named_parameters():
            moved[name] = moved[name] + p.detach() - plugin.began[name]

    plugin.before_training_iteration, plugin.after_training_iteration = before, after
    train(made, 1)
    for name, p in made.strategy.model.named_parameters():
        assert torch.allclose(moved[name], p.detach() - start[name], rtol=1e-4, atol=1e-6)
    assert not rule_conflict(STRATEGY_ENTRIES["si"](), RULE_ENTRIES["looksam"]())


@pytest.mark.parametrize("label", ["mir", "er-ace", "er-aml", "der", "der++"])
def test_statistics_are_not_recomputed_without_what_is_replayed(label):
    for rule in (SAM, NoRule):
        made = make(label, "single", rule(passes=Passes(batch_norm="recomputed")))
        with pytest.raises(TypeError, match=r"with batch_norm='recomputed' cannot be combined with \w+, which draws"):
            train(made, 1)


def test_where_replayed_images_are_part_of_minibatches_they_are():
    train(make("replay", "single", SAM(passes=Passes(batch_norm="recomputed"))), 2)


def entries():
    """Each rule as it is, with statistics recomputed, and with minibatch switching where there is such a thing."""
    for kind in RULE_ENTRIES.values():
        yield kind()
        yield kind(batch_norm="recomputed")
        if "minibatch_switching" in kind.model_fields:
            yield kind(minibatch_switching=True)


@pytest.mark.parametrize("label", sorted({label for label, head in CASES if head == "single"}))
def test_studies_refuse_what_the_plugin_refuses(label):
    strategy = STRATEGY_ENTRIES[ENTRIES[label]["name"]](**ENTRIES[label])
    made = make(label, "single", NoRule())
    for entry in entries():
        rule = RULES[entry.name](**entry.hyper_parameters(), passes=Passes(**entry.pass_options()))
        assert entry.keeps_weights() == rule.keeps_weights
        try:
            passes.check_rule(made.strategy, rule)
            refused = False
        except TypeError:
            refused = True
        assert refused == (rule_conflict(strategy, entry) is not None), entry


class Clipping(SupervisedPlugin):
    def before_update(self, strategy, **kwargs):
        nn.utils.clip_grad_norm_(strategy.model.parameters(), 1.0)


@pytest.mark.parametrize("rule", [NoRule, SAM])
@pytest.mark.parametrize("where", ["before", "after"])
def test_a_plugin_that_changes_one_of_several_gradients_is_refused(rule, where):
    made = make("naive", "single", rule(), **{where: [Clipping()]})
    with pytest.raises(TypeError, match=r"unsupported hook Clipping\.before_update: its effect .* register_plugin"):
        train(made, 1)


@pytest.fixture
def registered(monkeypatch):
    monkeypatch.setattr(passes, "PARTS", dict(passes.PARTS))


@pytest.mark.usefixtures("registered")
def test_a_registered_plugin_is_used():
    register_plugin(Clipping, once=["before_update"])
    train(make("naive", "single", SAM(), after=[Clipping()]), 1)


class Doubled(SupervisedPlugin):
    """Doubles the loss of every pass, and counts them."""

    calls = 0

    def before_backward(self, strategy, **kwargs):
        self.calls += 1
        strategy.loss = 2 * strategy.loss


@pytest.mark.usefixtures("registered")
@pytest.mark.parametrize(
    ("settings", "penalty", "every"),
    [
        ({"again": ["before_backward"]}, "every", True),
        ({"again": ["before_backward"], "penalty": True}, "every", True),
        ({"again": ["before_backward"], "penalty": True}, "first", False),
        ({"once": ["before_backward"]}, "every", False),
    ],
)
def test_registered_hooks_are_called_in_the_declared_passes(settings, penalty, every):
    register_plugin(Doubled, **settings)
    plugin = Doubled()
    made = make("naive", "single", SAM(), after=[plugin])
    made.plugin.penalty = penalty
    train(made, 1)
    ordinary = made.plugin.gradient_evaluations // 2
    assert ordinary
    assert plugin.calls == (2 * ordinary if every else ordinary)


def _plugin(base=SupervisedPlugin, **hooks):
    body = {"__module__": "mine", **{name: lambda self, strategy, **kwargs: None for name in hooks}}
    return type("Mine", (base,), body)


@pytest.mark.usefixtures("registered")
@pytest.mark.parametrize(
    ("kind", "settings", "message"),
    [
        (Clipping(), {}, "register_plugin needs a class, such as MyPlugin; got <"),
        (EWCPlugin, {"again": ["before_backward"]}, "plugin EWCPlugin: built in, and cannot be registered"),
        (Clipping, {"once": "before_update"}, "again, once and held must be lists"),
        (
            _plugin(before_backwards=1),
            {},
            "plugin Mine: the method before_backwards is never called; did you mean before_b",
        ),
        (
            _plugin(object, before_upd=1),
            {},
            "plugin Mine: the method before_upd is never called; did you mean before_update",
        ),
        (
            Doubled,
            {"again": ["before_backwards"]},
            "plugin Doubled: unknown hook 'before_backwards'; did you mean 'before_b",
        ),
        (
            Clipping,
            {"again": ["before_update"]},
            "before_update belongs to the iteration, not to a pass; add it to once",
        ),
        (
            Doubled,
            {"again": ["before_backward"], "once": ["before_forward"]},
            "does not override the hook before_forward",
        ),
        (Doubled, {"again": ["before_backward"], "once": ["before_backward"]}, "before_backward is covered twice"),
        (Doubled, {"projects": True}, "the class does not override the hook after_backward"),
        (Doubled, {}, r"overrides before_backward; add each to again \(every pass\) or once \(first pass\)"),
    ],
)
def test_wrong_registrations_are_refused(kind, settings, message):
    before = dict(passes.PARTS)
    with pytest.raises(UserError, match=message):
        register_plugin(kind, **settings)
    assert before == passes.PARTS


class OwnStep(Naive):
    def optimizer_step(self):
        super().optimizer_step()


@pytest.mark.parametrize("on_the_class", [True, False])
def test_a_step_of_a_strategys_own_is_refused(on_the_class):
    """Base steps within a rule's step would go past it."""
    made = make("naive", "single", SAM())
    if on_the_class:
        made.strategy.__class__ = OwnStep
    else:
        made.strategy.optimizer_step = lambda: made.strategy.optimizer.step()
    with pytest.raises(TypeError, match=r"cannot repeat the passes of \w+, which overrides optimizer_step"):
        train(made, 1)


def strategy_with(plugins, optimizer=lambda base: base):
    model = make("naive", "single", NoRule()).strategy.model
    return Naive(model=model, optimizer=optimizer(torch.optim.SGD(model.parameters(), lr=0.1)), plugins=plugins)


@pytest.mark.parametrize(
    ("plugins", "optimizer", "error", "message"),
    [
        ([SAM()], lambda base: base, TypeError, r"SAM is an update rule, .* plugins=\[SharpnessAwarePlugin\(SAM\("),
        (
            [SharpnessAwarePlugin(SAM()), SharpnessAwarePlugin(LookbehindSAM())],
            lambda base: base,
            TypeError,
            r"one SharpnessAwarePlugin; got SharpnessAwarePlugin\(SAM\) and SharpnessAwarePlugin\(LookbehindSAM\)",
        ),
        (
            [SharpnessAwarePlugin(NoRule())],
            lambda base: SAM().wrap(base),
            TypeError,
            "optimizer is wrapped by the rule SAM: give the strategy the base optimizer, SGD, and the rule to Sharp",
        ),
        ([], lambda base: SAM().wrap(base), ValueError, r"in an Avalanche strategy, use SharpnessAwarePlugin\(rule\)"),
    ],
)
@pytest.mark.filterwarnings("ignore:Plugin .* implements incompatible callbacks:UserWarning")
def test_a_rule_in_another_place(plugins, optimizer, error, message):
    strategy = strategy_with(plugins, optimizer)
    before = [p.detach().clone() for p in strategy.model.parameters()]
    with pytest.raises(error, match=message):
        strategy.train(few_experiences("class-incremental").train[0])
    assert all(torch.equal(a, b) for a, b in zip(before, strategy.model.parameters(), strict=True))
