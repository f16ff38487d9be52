"""Training in float16 with a gradient scaler, on the CPU, against steps written out."""

import copy
import pickle

import pytest
import torch
from avalanche.core import SupervisedPlugin
from avalanche.training.plugins import AGEMPlugin, EWCPlugin
from helpers.strategy_cases import AVALANCHES_OWN_WARNINGS, CASES, FEATURES, LR, make, train
from torch.nn.functional import cross_entropy
from torch.nn.utils import vector_to_parameters
from torch.optim import LBFGS

from lifelong_lb.optim import RULES, SAM, ClosureOptimizer, LookbehindSAM, NoRule, Passes
from lifelong_lb.strategies import DivergedError, SharpnessAwarePlugin
from lifelong_lb.strategies.rule import further_passes

pytestmark = AVALANCHES_OWN_WARNINGS
RHO, CLIP = 0.3, 0.05


def scaler_of(init_scale=2.0**12, growth_interval=5):
    return torch.amp.GradScaler("cpu", init_scale=init_scale, growth_interval=growth_interval)


def flat(tensors):
    return torch.cat([t.detach().flatten() for t in tensors])


class Observer(SupervisedPlugin):
    """Plugin that the rule's plugin leaves alone."""


@pytest.fixture(autouse=True)
def _observers(monkeypatch):
    monkeypatch.setattr(further_passes, "OBSERVERS", (*further_passes.OBSERVERS, Observer))


class ByHand(Observer):
    """Compute the weights after each step before it is taken, and compare afterwards."""

    def __init__(self, step):
        super().__init__()
        self.step, self.compared, self.projected, self.scales = step, 0, 0, []

    def before_update(self, strategy, **kwargs):
        self.strategy = strategy
        here = flat(strategy.model.parameters())
        self.scales.append(self.scaler.get_scale())
        self.expected = self.step(self, here)
        self._load(here)

    def after_training_iteration(self, strategy, **kwargs):
        torch.testing.assert_close(flat(strategy.model.parameters()), self.expected, rtol=1e-5, atol=1e-6)
        self.compared += 1

    def gradient(self, point):
        """Gradient at a point, of the loss under autocast times the current scale."""
        strategy = self.strategy
        self._load(point)
        with torch.autocast("cpu", torch.float16):
            output = strategy.model(strategy.mb_x)
        loss = cross_entropy(output.float(), strategy.mb_y)
        for plugin in strategy.plugins:
            if isinstance(plugin, EWCPlugin):
                loss = loss + 5.0 * sum(self._penalties(plugin))
        scale = self.scaler.get_scale()
        return flat(torch.autograd.grad(loss * scale, list(strategy.model.parameters()))) / scale

    def descent(self, gradient):
        """A gradient projected as in A-GEM, then clipped."""
        plugin = next((plugin for plugin in self.strategy.plugins if isinstance(plugin, AGEMPlugin)), None)
        if plugin is not None and plugin.buffers:
            reference = plugin.reference_gradients
            self.projected += bool(gradient @ reference < 0)
            gradient = gradient - min(gradient @ reference, torch.tensor(0.0)) / (reference @ reference) * reference
        return gradient * min(1.0, CLIP / (float(gradient.norm()) + 1e-6))

    def _penalties(self, plugin):
        for i in range(self.strategy.clock.train_exp_counter):
            for name, p in self.strategy.model.named_parameters():
                importance, anchor = (kept[i][name].data for kept in (plugin.importances, plugin.saved_params))
                yield (importance * (p - anchor) ** 2).sum()

    def _load(self, point):
        with torch.no_grad():
            vector_to_parameters(point.clone(), self.strategy.model.parameters())


def ball(gradient):
    return RHO * gradient / gradient.norm()


def plain(hand, w):
    return w - LR * hand.descent(hand.gradient(w))


def sam(hand, w):
    return w - LR * hand.descent(hand.gradient(w + ball(hand.gradient(w))))


def lookbehind(hand, w):
    p1 = w + ball(hand.gradient(w))
    g1 = hand.gradient(p1)
    g2 = hand.gradient(p1 + ball(g1))
    return w + 0.5 * (-LR * hand.descent(g1) - LR * hand.descent(g2))


STEPS = {
    "none": (NoRule, {}, plain),
    "sam": (SAM, {"rho": RHO}, sam),
    "lookbehind": (LookbehindSAM, {"rho": RHO, "k": 2, "alpha": 0.5}, lookbehind),
}


@pytest.mark.parametrize("rule", STEPS)
@pytest.mark.parametrize("label", ["naive", "ewc", "agem"])
def test_steps_by_hand(label, rule):
    """Every gradient is unscaled before it is used for an ascent, projected or clipped; the scale grows between."""
    kind, settings, step = STEPS[rule]
    hand = ByHand(step)
    made = make(
        label,
        "single",
        kind(**settings, passes=Passes(clip_norm=CLIP)),
        momentum=0.0,
        before=[hand],
        scaler=scaler_of(2.0**8),
    )
    hand.scaler = made.plugin.float16.scaler
    train(made)
    assert hand.compared >= 9
    assert made.plugin.float16.skipped_steps == 0
    assert hand.scales[-1] > hand.scales[0]
    assert hand.projected >= 2 or label != "agem"


class Autocast(Observer):
    """Count the passes through the backbone under autocast, and the others."""

    def __init__(self):
        super().__init__()
        self.under, self.outside = 0, 0

    def before_training_exp(self, strategy, **kwargs):
        if self not in getattr(strategy.model, "counted_by", ()):
            strategy.model.counted_by = (self,)
            backbone = next(module for name, module in strategy.model.named_modules() if name in ("backbone", FEATURES))
            backbone.register_forward_pre_hook(self._count)

    def _count(self, module, inputs):
        if torch.is_autocast_enabled("cpu"):
            assert torch.get_autocast_dtype("cpu") == torch.float16
            self.under += 1
        else:
            self.outside += 1


HEADS = ("single", "multi")


@pytest.mark.parametrize(
    ("label", "head"), [(label, head) for label, head in CASES if label != "mir" and head in HEADS]
)
def test_only_scaled_passes_are_in_float16(label, head):
    watch = Autocast()
    made = make(label, head, LookbehindSAM(rho=0.1, k=2), before=[watch], scaler=scaler_of())
    weights = train(made)
    assert all(torch.isfinite(value).all() for value in weights.values())
    assert made.plugin.float16.skipped_steps == 0
    assert (watch.under == made.plugin.gradient_evaluations) or label == "gdumb"  # which replaces the model
    assert (watch.outside > 0) or label not in ("ewc", "mas", "agem", "gem", "rwalk", "gss", "er-ace", "er-aml")
    assert not {"forward", "backward", "optimizer_step"} & vars(made.strategy).keys()


class Evaluation(Observer):
    """Evaluate within an epoch."""

    def after_training_iteration(self, strategy, **kwargs):
        if strategy.clock.train_exp_iterations == 1:
            strategy.eval(self.stream[:1])


def test_evaluations_within_an_epoch_are_in_float32():
    watch, evaluation = Autocast(), Evaluation()
    made = make("naive", "single", SAM(), before=[watch], after=[evaluation], scaler=scaler_of())
    evaluation.stream = made.stream.test
    made.strategy.train(made.stream.train[:1])
    assert watch.under == made.plugin.gradient_evaluations
    assert watch.outside >= 1


def test_almost_the_weights_of_float32():
    coarse, fine = (train(make("ewc", "single", SAM(rho=0.05), scaler=scaler)) for scaler in (scaler_of(), None))
    for name, value in fine.items():
        torch.testing.assert_close(coarse[name], value, rtol=0, atol=0.01)


class Weights(Observer):
    """Weights and momentum before and after each iteration."""

    def __init__(self):
        super().__init__()
        self.changed, self.losses = [], []

    def before_training_iteration(self, strategy, **kwargs):
        self._before = self._state(strategy)

    def before_update(self, strategy, **kwargs):
        self._loss = strategy.loss

    def after_training_iteration(self, strategy, **kwargs):
        after = self._state(strategy)
        self.changed.append(not all(map(torch.equal, self._before, after)))
        assert strategy.loss is self._loss
        assert all(torch.isfinite(p.grad).all() for p in strategy.model.parameters())

    def _state(self, strategy):
        return [p.detach().clone() for p in strategy.model.parameters()]


@pytest.mark.parametrize("label", ["naive", "agem", "gem", "si", "rwalk"])
@pytest.mark.parametrize("rule", [NoRule, LookbehindSAM])
def test_steps_are_skipped_until_the_scale_is_low_enough(label, rule):
    """At first every gradient overflows: no weight changes, no momentum builds up, the scale is halved each time."""
    watch = Weights()
    made = make(label, "single", rule(), before=[watch], scaler=scaler_of(2.0**26, 10**6))
    made.strategy.train(made.stream.train[:1])
    skipped = made.plugin.float16.skipped_steps
    assert 1 < skipped < 9
    assert made.plugin.gradient_evaluations == skipped + (len(watch.changed) - skipped) * rule().gradient_evaluations
    assert watch.changed == [False] * skipped + [True] * (len(watch.changed) - skipped)
    assert made.plugin.float16.scaler.get_scale() == 2.0 ** (26 - skipped)
    weights = train(made)
    assert all(torch.isfinite(value).all() for value in weights.values())


class Exploding(SupervisedPlugin):
    """Make the gradient of one pass of one iteration overflow."""

    def __init__(self, iteration, number):
        super().__init__()
        self.at, self.place = (iteration, number), (-1, 0)

    def before_backward(self, strategy, **kwargs):
        iteration = strategy.clock.train_exp_iterations
        self.place = (iteration, self.place[1] + 1 if self.place[0] == iteration else 0)
        if self.place == self.at:
            strategy.loss = strategy.loss * 1e30


further_passes.register_plugin(Exploding, again=["before_backward"])


@pytest.mark.parametrize("name", [name for name, rule in RULES.items() if rule().gradient_evaluations >= 2])
def test_an_overflow_in_a_later_pass(name):
    """The weights are those before the step, also if base steps were taken before that pass; then training goes on."""
    rule = RULES[name]()
    watch, last = Weights(), round(rule.gradient_evaluations) - 1
    made = make("naive", "single", rule, before=[watch], after=[Exploding(1, last)], scaler=scaler_of(2.0**12, 10**6))
    made.strategy.train(made.stream.train[:1])
    assert watch.changed == [True, False, *[True] * (len(watch.changed) - 2)]
    assert made.plugin.float16.skipped_steps == 1
    assert made.plugin.float16.scaler.get_scale() == 2.0**11


def test_an_overflow_at_a_perturbed_point_of_minibatch_switching():
    """The first pass of its later minibatches is not at the weights that are kept."""
    rule = LookbehindSAM(k=3, minibatch_switching=True)
    watch, explode = Weights(), Exploding(1, 0)
    made = make("naive", "single", rule, before=[watch], after=[explode], scaler=scaler_of(2.0**12, 10**6))
    made.strategy.train(made.stream.train[:1])
    assert made.plugin.float16.skipped_steps == 1
    assert not watch.changed[1]


class Copying(Observer):
    """Copy the strategy within an epoch."""

    copy = None

    def before_training_iteration(self, strategy, **kwargs):
        if self.copy is None:
            self.copy = "being made"
            self.copy = copy.deepcopy(strategy)


def test_a_copy_made_within_an_epoch_trains_apart():
    copying, watch = Copying(), Weights()
    made = make("naive", "single", SAM(), before=[watch], after=[copying], scaler=scaler_of(2.0**26, 10**6))
    made.strategy.train(made.stream.train[:1])
    copied = copying.copy
    plugin = next(plugin for plugin in copied.plugins if isinstance(plugin, SharpnessAwarePlugin))
    trained, skipped = flat(made.strategy.model.parameters()), made.plugin.float16.skipped_steps
    assert plugin.float16.skipped_steps == 0
    copied.train(made.stream.train[:1])
    assert plugin.float16.skipped_steps == skipped
    assert not {"forward", "backward", "optimizer_step"} & vars(copied).keys()
    assert torch.equal(flat(copied.model.parameters()), trained)  # the same steps from the same start
    assert torch.equal(flat(made.strategy.model.parameters()), trained)


class Infinite(SupervisedPlugin):
    """A finite loss whose gradient is not."""

    def before_backward(self, strategy, **kwargs):
        p = next(strategy.model.parameters())
        strategy.loss = strategy.loss + (p - p.detach()).sum().sqrt()


further_passes.register_plugin(Infinite, again=["before_backward"])


def test_a_gradient_that_no_scale_makes_finite():
    made = make("naive", "single", SAM(), after=[Infinite()], scaler=scaler_of(2.0))
    before = flat(made.strategy.model.parameters())
    message = r"not finite in float16, even of the loss times 0.5 \(experience 0, iteration 2, loss 2\.\d+\)"
    with pytest.raises(DivergedError, match=message):
        made.strategy.train(made.stream.train[:1])
    assert torch.equal(flat(made.strategy.model.parameters()), before)
    assert not {"forward", "backward", "optimizer_step"} & vars(made.strategy).keys()
    assert not made.plugin.float16.overflowed
    ignoring = make(
        "naive", "single", SAM(passes=Passes(non_finite="ignore")), after=[Infinite()], scaler=scaler_of(2.0)
    )
    ignoring.strategy.train(ignoring.stream.train[:1])
    assert torch.equal(flat(ignoring.strategy.model.parameters()), before)


def test_training_goes_on_after_an_exception():
    """The step that failed is over for the scaler, which can be saved."""

    class Failing(Exploding):
        def before_backward(self, strategy, **kwargs):
            before = strategy.loss
            super().before_backward(strategy)
            if strategy.loss is not before:
                raise KeyboardInterrupt

    made = make("naive", "single", SAM(), after=[Failing(1, 1)], scaler=scaler_of())
    with pytest.raises(KeyboardInterrupt):
        made.strategy.train(made.stream.train[:1])
    assert not pickle.loads(pickle.dumps(made.plugin.float16)).overflowed
    made.strategy.plugins = [plugin for plugin in made.strategy.plugins if not isinstance(plugin, Failing)]
    weights = train(made)
    assert all(torch.isfinite(value).all() for value in weights.values())
    assert made.plugin.float16.skipped_steps == 0


def test_refused():
    made = make("mir", "single", SAM(), scaler=scaler_of())
    with pytest.raises(TypeError, match="MIR differentiates the loss of a pass itself, without the scale"):
        train(made)
    made = make("naive", "single", NoRule(), scaler=scaler_of())
    made.strategy.optimizer = ClosureOptimizer(LBFGS, made.strategy.model.parameters(), restart=True)
    with pytest.raises(TypeError, match="LBFGS takes its own steps, which cannot be skipped if a float16 gradient"):
        train(made)
