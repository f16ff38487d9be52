"""Steps of rules with projections and penalties, against steps written out: what is projected, what is penalised."""

import pytest
import torch
from avalanche.core import SupervisedPlugin
from avalanche.training.plugins import AGEMPlugin, EWCPlugin
from avalanche.training.supervised import Naive
from strategy_cases import AVALANCHES_OWN_WARNINGS, LR, few_experiences, make, train
from torch import nn
from torch.nn.functional import cross_entropy
from torch.optim import SGD

from lifelong_lb.optim import GSAM, SAM, LookbehindSAM, NoRule, UpdateRule
from lifelong_lb.strategies import SharpnessAwarePlugin

pytestmark = [*AVALANCHES_OWN_WARNINGS, pytest.mark.usefixtures("onlooking")]
RHO = 0.3


def flat(tensors):
    return torch.cat([t.detach().flatten() for t in tensors])


class ByHand(SupervisedPlugin):
    """Works out where each step must lead, before it is taken, and compares afterwards."""

    def __init__(self, step):
        super().__init__()
        self.step, self.compared, self.projected = step, 0, 0

    def before_update(self, strategy, **kwargs):
        self.strategy = strategy
        self.w = flat(strategy.model.parameters())
        self.expected = self.step(self, self.w)
        self._put(self.w)

    def after_training_iteration(self, strategy, **kwargs):
        assert torch.allclose(flat(strategy.model.parameters()), self.expected, rtol=1e-4, atol=1e-6)
        self.compared += 1

    def gradient(self, point, *, penalty=True):
        """Gradient of cross-entropy on the minibatch, with the penalty of EWC where there is one, at any point."""
        strategy = self.strategy
        self._put(point)
        loss = cross_entropy(strategy.model(strategy.mb_x), strategy.mb_y)
        for plugin in strategy.plugins:
            if isinstance(plugin, EWCPlugin) and penalty:
                for experience in range(strategy.clock.train_exp_counter):
                    for name, p in strategy.model.named_parameters():
                        importance = plugin.importances[experience][name].data
                        anchor = plugin.saved_params[experience][name].data
                        loss = loss + plugin.ewc_lambda * (importance * (p - anchor) ** 2).sum()
        return flat(torch.autograd.grad(loss, list(strategy.model.parameters())))

    def projected_gradient(self, g):
        """A-GEM: without the part that opposes the reference gradient."""
        plugin = next(plugin for plugin in self.strategy.plugins if isinstance(plugin, AGEMPlugin))
        if not plugin.buffers:
            return g
        r = plugin.reference_gradients
        self.projected += bool(g @ r < 0)
        return g - min(g @ r, torch.tensor(0.0)) / (r @ r) * r

    def _put(self, point):
        with torch.no_grad():
            torch.nn.utils.vector_to_parameters(point.clone(), self.strategy.model.parameters())


@pytest.fixture
def onlooking(monkeypatch):
    from lifelong_lb.strategies import passes

    monkeypatch.setattr(passes, "ONLOOKERS", (*passes.ONLOOKERS, ByHand))


def ball(g):
    return RHO * g / g.norm()


def plain(hand, w):
    return w - LR * hand.projected_gradient(hand.gradient(w))


def sam(hand, w):
    return w - LR * hand.projected_gradient(hand.gradient(w + ball(hand.gradient(w))))


def sam_both(hand, w):
    climbed = w + ball(hand.projected_gradient(hand.gradient(w)))
    return w - LR * hand.projected_gradient(hand.gradient(climbed))


def gsam(hand, w):
    g = hand.gradient(w)
    perturbed = hand.gradient(w + ball(g))
    unit = perturbed / perturbed.norm()
    return w - LR * hand.projected_gradient(perturbed - 0.4 * (g - (g @ unit) * unit))


def lookbehind(hand, w):
    """The gradient at p_1 is raw for the ascent to p_2, and projected for the base step."""
    p1 = w + ball(hand.gradient(w))
    p2 = p1 + ball(hand.gradient(p1))
    fast = w - LR * hand.projected_gradient(hand.gradient(p1))
    fast = fast - LR * hand.projected_gradient(hand.gradient(p2))
    return w + 0.5 * (fast - w)


@pytest.mark.parametrize(
    ("rule", "project", "step"),
    [
        (NoRule, "descent", plain),
        (NoRule, "both", plain),
        (lambda: SAM(rho=RHO), "descent", sam),
        (lambda: SAM(rho=RHO), "both", sam_both),
        (lambda: GSAM(rho=RHO, alpha=0.4), "descent", gsam),
        (lambda: LookbehindSAM(rho=RHO, k=2, alpha=0.5), "descent", lookbehind),
    ],
)
def test_agem(rule, project, step):
    hand = ByHand(step)
    train(make("agem", "single", rule(), momentum=0.0, before=[hand], project=project), 4)
    assert hand.compared >= 12
    assert hand.projected >= 3


class Shifted(UpdateRule):
    """One gradient, to which something is added before the base step."""

    def __init__(self, shift):
        super().__init__()
        self.shift = shift

    @property
    def gradient_evaluations(self):
        return 1

    def _further_passes(self, minibatch):
        for p in minibatch.graded:
            p.grad.add_(self.shift)
        return lambda: None


def test_what_a_rule_makes_of_a_single_gradient_is_projected():
    shift = 0.3
    hand = ByHand(lambda hand, w: w - LR * hand.projected_gradient(hand.gradient(w) + shift))
    train(make("agem", "single", Shifted(shift), momentum=0.0, before=[hand]), 4)
    assert hand.compared >= 12
    assert hand.projected >= 3


def penalised(hand, w):
    return w - LR * hand.gradient(w + ball(hand.gradient(w)))


def penalised_once(hand, w):
    return w - LR * hand.gradient(w + ball(hand.gradient(w)), penalty=False)


@pytest.mark.parametrize(("penalty", "step"), [("every", penalised), ("first", penalised_once)])
def test_ewc(penalty, step):
    hand = ByHand(step)
    train(make("ewc", "single", SAM(rho=RHO), momentum=0.0, before=[hand], penalty=penalty), 3)
    assert hand.compared >= 9


def test_every_descent_of_gem_satisfies_its_constraints():
    made = make("gem", "single", LookbehindSAM(rho=RHO, k=3), momentum=0.0, memory_strength=0.0)
    worst, seen = [], []

    def look(optimizer, *arguments):
        gem = next(plugin for plugin in made.strategy.plugins if hasattr(plugin, "memory_strength"))
        if made.strategy.clock.train_exp_counter:
            g = flat([p.grad for p in made.strategy.model.parameters()])
            worst.append(float((gem.G @ g / (gem.G.norm(dim=1) * g.norm())).min()))
        seen.append(None)

    made.strategy.optimizer.register_step_pre_hook(look)
    train(made, 3)
    assert len(seen) == 3 * made.plugin.gradient_evaluations // 4  # each of k = 3 base steps, with k + 1 gradients
    assert min(worst) > -1e-3


def test_who_projects_must_come_later():
    stream = few_experiences("class-incremental")
    model = nn.Sequential(nn.Flatten(), nn.Linear(64, 10))
    plugins = [AGEMPlugin(4, 4), SharpnessAwarePlugin(SAM())]
    strategy = Naive(model=model, optimizer=SGD(model.parameters(), lr=0.1), plugins=plugins, evaluator=None)
    with pytest.raises(TypeError, match=r"SharpnessAwarePlugin must come before AGEMPlugin in the list of plugins"):
        strategy.train(stream.train[0])


@pytest.mark.parametrize("option", ["penalty", "project"])
def test_options_are_checked(option):
    with pytest.raises(ValueError, match=f"{option} must be '.*' or '.*'; got 'sometimes'"):
        SharpnessAwarePlugin(SAM(), **{option: "sometimes"})
