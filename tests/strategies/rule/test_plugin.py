"""The plugin inside Avalanche strategies is the plain PyTorch loop, bit for bit, over the same minibatches."""

import copy

import pytest
import torch
from avalanche.core import BaseSGDPlugin, SupervisedPlugin
from avalanche.models import avalanche_forward
from avalanche.models.dynamic_modules import avalanche_model_adaptation
from avalanche.training.plugins import EWCPlugin
from avalanche.training.supervised import DER, ER_ACE, EWC
from helpers.covering import covering
from helpers.observer_plugin import ObserverPlugin
from helpers.small_strategies import MinibatchTape, make_strategy, parts_of, train
from torch import nn
from torch.optim import SGD

from lifelong_lb.optim import (
    ASAM,
    GAM,
    SAM,
    CFlatPlus,
    FriendlySAM,
    Lookahead,
    LookaheadASAM,
    LookbehindASAM,
    LookbehindSAM,
    MultistepSAM,
    NoRule,
    Passes,
)
from lifelong_lb.seeding import INITIALISATION, seed_all
from lifelong_lb.strategies import SeparateSeeds, SharpnessAwarePlugin

pytestmark = pytest.mark.filterwarnings("ignore:Call to deprecated function update:DeprecationWarning")

RULES = {
    "none": NoRule,
    "sam": SAM,
    "asam": ASAM,
    "multistep-sam": lambda: MultistepSAM(rho=0.1, k=2, gradient="mean"),
    "lookahead": lambda: Lookahead(k=4, alpha=0.6),
    "lookahead-asam": lambda: LookaheadASAM(rho=0.5, k=3, alpha=0.5),
    "lookbehind-sam": lambda: LookbehindSAM(rho=0.1, k=3, alpha=0.5),
    "lookbehind-sam-switching": lambda: LookbehindSAM(rho=0.1, k=3, minibatch_switching=True),
    "lookbehind-asam": lambda: LookbehindASAM(rho=0.5, k=2, alpha="adaptive"),
    "friendly-sam": lambda: FriendlySAM(rho=0.1, decay=0.8),
    "gam": GAM,
    "c-flat-plus": lambda: CFlatPlus(rho=0.1, level=1.0, steepness=1.0, midpoint=5.0),
}


def plain_loop(model, stream, minibatches, rule, optimizer_of):
    """A PyTorch loop without Avalanche's training: the same minibatches, heads grown at the same places."""
    optimizer = optimizer_of(model)
    criterion = nn.CrossEntropyLoss()
    current = -1
    for index, x, y, task in minibatches:
        if index != current:
            current = index
            rule.synchronise()
            seed_all(0, INITIALISATION, index + 1)
            avalanche_model_adaptation(model, stream.train[index])
            known = {id(p) for group in optimizer.param_groups for p in group["params"]}
            if any(id(p) not in known for p in model.parameters()):
                optimizer = optimizer_of(model)

        def closure(x=x, y=y, task=task, optimizer=optimizer):
            optimizer.zero_grad()
            loss = criterion(avalanche_forward(model, x, task), y)
            loss.backward()
            return loss

        rule.step(optimizer, closure)
    rule.synchronise()


HEADS = [
    ("task-incremental", "multi", 0.9),
    ("task-incremental", "masked", 0.9),
    ("class-incremental", "single", 0.9),
    ("class-incremental", "growing", 0.0),  # a grown layer starts with fresh momentum
]


@pytest.mark.parametrize(
    ("scenario", "head", "momentum", "mem_size", "rule"),
    covering((*head, mem_size, rule) for head in HEADS for mem_size in (0, 40) for rule in RULES),
)
def test_same_trajectory_as_a_plain_loop(scenario, head, momentum, mem_size, rule):
    parts = parts_of({"name": "replay", "mem_size": mem_size} if mem_size else "naive", scenario, head)
    ours, plain = parts.model, copy.deepcopy(parts.model)

    def optimizer_of(model):
        return SGD(model.named_parameters(), lr=0.1, momentum=momentum)

    tape = MinibatchTape()
    ours_optimizer = SGD(ours.parameters(), lr=0.1, momentum=momentum)
    train(
        make_strategy(parts, ours, ours_optimizer, [SeparateSeeds(0), SharpnessAwarePlugin(RULES[rule]()), tape]),
        parts.stream,
    )
    plain_loop(plain, parts.stream, tape.minibatches, RULES[rule](), optimizer_of)
    assert len(tape.minibatches) > 20
    assert dict(ours.named_parameters()).keys() == dict(plain.named_parameters()).keys()
    for (name, a), b in zip(ours.named_parameters(), plain.parameters(), strict=True):
        assert torch.equal(a, b), name


def test_passes_are_counted_and_metrics_see_the_first_one():
    parts = parts_of("naive", "class-incremental", "single")
    criterion = nn.CrossEntropyLoss()

    class Witness(SupervisedPlugin):
        def __init__(self):
            super().__init__()
            self.iterations = 0

        def before_training_iteration(self, strategy, **kwargs):
            strategy.model.eval()
            with torch.no_grad():
                self.expected = criterion(strategy.model(strategy.mb_x), strategy.mb_y)
            strategy.model.train()

        def after_training_iteration(self, strategy, **kwargs):
            self.iterations += 1
            assert strategy.loss.item() == self.expected.item()
            assert torch.equal(criterion(strategy.mb_output, strategy.mb_y), self.expected)

    plugin, witness = SharpnessAwarePlugin(LookbehindSAM(rho=0.5, k=3)), Witness()
    train(make_strategy(parts, parts.model, SGD(parts.model.parameters(), lr=0.1), [plugin, witness]), parts.stream)
    assert witness.iterations > 20
    assert plugin.gradient_evaluations == 4 * witness.iterations


def test_an_evaluation_in_between_sees_the_slow_weights():
    parts = parts_of("naive", "class-incremental", "single")
    rule = Lookahead(k=50, alpha=0.5)
    start = [p.detach().clone() for p in parts.model.parameters()]

    class LookInside(SupervisedPlugin):
        def __init__(self):
            super().__init__()
            self.looked = 0

        def after_training_iteration(self, strategy, **kwargs):
            if strategy.clock.train_exp_counter == 0 and strategy.clock.train_exp_iterations == 3:
                fast = [p.detach().clone() for p in strategy.model.parameters()]
                strategy.eval([parts.stream.test[0]])
                assert all(torch.equal(a, b) for a, b in zip(fast, strategy.model.parameters(), strict=True))

        def before_eval_iteration(self, strategy, **kwargs):
            self.looked += 1
            assert all(torch.equal(a, b) for a, b in zip(start, strategy.model.parameters(), strict=True))

    inside = LookInside()
    plugins = [SharpnessAwarePlugin(rule), inside]
    strategy = make_strategy(parts, parts.model, SGD(parts.model.parameters(), lr=0.1), plugins)
    strategy.train(parts.stream.train[0])
    assert inside.looked > 0
    assert rule.state_dict()["steps"] == 0  # the epoch's end took the step back


def test_rules_that_are_compared_see_the_same_minibatches():
    tapes = []
    for rule in (NoRule(), LookbehindSAM(k=3)):
        parts = parts_of({"name": "replay", "mem_size": 40}, "class-incremental", "growing")
        model = parts.model
        model.backbone = nn.Sequential(model.backbone, nn.Dropout(0.5))  # draws random numbers in every pass
        tape = MinibatchTape()
        plugins = [SeparateSeeds(0), SharpnessAwarePlugin(rule), tape]
        train(make_strategy(parts, model, SGD(model.parameters(), lr=0.1), plugins), parts.stream)
        tapes.append(tape.minibatches)
    assert len(tapes[0]) == len(tapes[1])
    for (_, x, y, _), (_, other_x, other_y, _) in zip(*tapes, strict=True):
        assert torch.equal(x, other_x)
        assert torch.equal(y, other_y)


def test_a_pass_that_raises_leaves_weights_and_loss():
    parts = parts_of("naive", "class-incremental", "single")
    calls = 0

    class Failing(nn.CrossEntropyLoss):
        def forward(self, output, target):
            nonlocal calls
            calls += 1
            if calls == 2:
                raise RuntimeError("no memory left")
            return super().forward(output, target)

    model = parts.model
    strategy = make_strategy(parts, model, SGD(model.parameters(), lr=0.1), [SharpnessAwarePlugin(LookbehindSAM(k=3))])
    strategy._criterion = Failing()  # Avalanche has no public name for the loss
    before = [p.detach().clone() for p in model.parameters()]
    with pytest.raises(RuntimeError, match="no memory left"):
        strategy.train(parts.stream.train[0])
    assert all(torch.equal(a, b) for a, b in zip(before, model.parameters(), strict=True))
    assert strategy.loss.item() > 0
    assert len(strategy.mb_output) == len(strategy.mb_y)


def with_layer(model, layer):
    """A model of the tests with one more layer between backbone and head."""
    model.backbone = nn.Sequential(model.backbone, layer)
    return model


@pytest.mark.parametrize("strategy", ["naive", {"name": "replay", "mem_size": 40}])
@pytest.mark.parametrize("policy", ["first", "all"])
def test_running_statistics_and_dropout_masks_are_those_of_a_plain_loop(policy, strategy):
    """The plugin's further passes keep statistics and repeat random numbers as rule.step does."""
    parts = parts_of(strategy, "class-incremental", "single")
    model = with_layer(parts.model, nn.Sequential(nn.BatchNorm1d(16), nn.Dropout(0.5)))
    plain = copy.deepcopy(model)

    class States(MinibatchTape):
        """Keeps the state of the random numbers before each forward pass too."""

        def before_training_epoch(self, strategy, **kwargs):
            self.states = []

        def before_training_iteration(self, strategy, **kwargs):
            self.states.append(torch.get_rng_state())

    def rule():
        return LookbehindSAM(rho=0.1, k=2, passes=Passes(batch_norm=policy))

    tape = States()
    strategy = make_strategy(
        parts, model, SGD(model.parameters(), lr=0.1), [SeparateSeeds(0), tape, SharpnessAwarePlugin(rule())]
    )
    strategy.train_mb_size = 25  # no minibatch of a single image, which BatchNorm refuses
    strategy.train(parts.stream.train[0])
    optimizer, theirs = SGD(plain.parameters(), lr=0.1), rule()
    for (_, x, y, _), state in zip(tape.minibatches, tape.states, strict=True):
        torch.set_rng_state(state)

        def closure(x=x, y=y):
            optimizer.zero_grad()
            loss = nn.functional.cross_entropy(plain(x), y)
            loss.backward()
            return loss

        theirs.step(optimizer, closure)
    for (name, a), b in zip(model.state_dict().items(), plain.state_dict().values(), strict=True):
        assert torch.equal(a, b), name


def test_statistics_are_recomputed_after_each_experience():
    parts = parts_of("naive", "class-incremental", "single")
    model = with_layer(parts.model, nn.BatchNorm1d(16))
    plugin = SharpnessAwarePlugin(SAM(rho=0.1, passes=Passes(batch_norm="recomputed")))
    strategy = make_strategy(parts, model, SGD(model.parameters(), lr=0.1), [SeparateSeeds(0), plugin])
    strategy.train_mb_size = 10_000  # the experience in one minibatch, so that the mean is easy to tell
    strategy.train(parts.stream.train[0])
    everything = torch.stack([x for x, *_ in parts.stream.train[0].dataset])
    with torch.no_grad():
        hidden = model.backbone[0](model.normalise(everything))
    norm = model.backbone[1]
    assert torch.allclose(norm.running_mean, hidden.mean(0), rtol=0, atol=1e-6)
    assert torch.allclose(norm.running_var, hidden.var(0), rtol=1e-4, atol=1e-6)
    assert norm.momentum == 0.1


def ewc(parts, plugins):
    return EWC(
        model=parts.model,
        optimizer=SGD(parts.model.parameters(), lr=0.05),
        criterion=nn.CrossEntropyLoss(),
        ewc_lambda=10.0,
        train_mb_size=32,
        plugins=plugins,
        evaluator=None,
    )


def test_a_penalty_enters_every_pass():
    """With rho = 0 the second pass repeats the first at w: with EWC the same gradient, penalty included."""
    parts = parts_of("naive", "class-incremental", "single")

    class Compare(ObserverPlugin):
        def __init__(self):
            super().__init__()
            self.largest_penalty = 0.0

        def before_update(self, strategy, **kwargs):
            self.first = [p.grad.clone() for p in strategy.model.parameters()]
            bare = strategy._criterion(strategy.mb_output, strategy.mb_y)  # Avalanche has no public name for the loss
            self.largest_penalty = max(self.largest_penalty, (strategy.loss - bare).item())

        def after_update(self, strategy, **kwargs):
            for p, g in zip(strategy.model.parameters(), self.first, strict=True):
                assert torch.allclose(p.grad, g, rtol=0, atol=1e-6)

    compare = Compare()
    train(ewc(parts, [compare, SharpnessAwarePlugin(SAM(rho=0))]), parts.stream)
    assert compare.largest_penalty > 1e-3


@pytest.mark.parametrize("base", [SupervisedPlugin, BaseSGDPlugin, object])
def test_a_plugin_that_the_table_does_not_know_is_refused(base):
    parts = parts_of("naive", "class-incremental", "single")

    class MyPenalty(base):
        def before_backward(self, strategy, **kwargs):
            strategy.loss = strategy.loss * 2

    strategy = make_strategy(
        parts, parts.model, SGD(parts.model.parameters(), lr=0.1), [SharpnessAwarePlugin(SAM()), MyPenalty()]
    )
    with pytest.raises(
        TypeError,
        match=r"unsupported hook MyPenalty\.before_backward: .* is unknown; register",
    ):
        strategy.train(parts.stream.train[0])


@pytest.mark.parametrize(
    ("kind", "settings", "method"),
    [(ER_ACE, {"mem_size": 20}, "training_epoch"), (DER, {"mem_size": 20}, "training_epoch")],
)
def test_a_strategy_with_a_loop_of_its_own_is_refused(kind, settings, method):
    parts = parts_of("naive", "class-incremental", "single")
    strategy = kind(
        model=parts.model,
        optimizer=SGD(parts.model.parameters(), lr=0.1),
        train_mb_size=32,
        plugins=[SharpnessAwarePlugin(SAM())],
        evaluator=None,
        **settings,
    )
    with pytest.raises(TypeError, match=f"cannot repeat the passes of {kind.__name__}, which overrides {method}"):
        strategy.train(parts.stream.train[0])


def test_a_penalty_of_a_known_kind_may_be_subclassed():
    from lifelong_lb.strategies.rule.further_passes import further_passes

    class MyEWC(EWCPlugin):
        pass

    plugin = MyEWC(ewc_lambda=1.0)
    assert further_passes([plugin], rule_plugin=None).hooks == [("before_backward", plugin)]


def test_only_rules_are_taken():
    with pytest.raises(TypeError, match=r"rule must be an update rule, such as SAM\(rho=0\.05\); got 'sam'"):
        SharpnessAwarePlugin("sam")
