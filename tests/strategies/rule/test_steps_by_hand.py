"""Steps of rules with projections and penalties, against steps written out: what is projected, what is penalised."""

import pytest
import torch
from avalanche.core import SupervisedPlugin
from avalanche.training.plugins import (
    AGEMPlugin,
    EWCPlugin,
    GEMPlugin,
    LwFPlugin,
    MASPlugin,
    RWalkPlugin,
    SynapticIntelligencePlugin,
)
from avalanche.training.supervised import Naive
from helpers.strategy_cases import AVALANCHES_OWN_WARNINGS, LR, few_experiences, make, train
from torch import nn
from torch.nn.functional import cross_entropy
from torch.optim import SGD

from lifelong_lb.optim import GSAM, SAM, LookbehindSAM, NoRule, Passes, UpdateRule
from lifelong_lb.strategies import SharpnessAwarePlugin
from lifelong_lb.strategies.methods.patches.gem import dual_solution

pytestmark = [*AVALANCHES_OWN_WARNINGS, pytest.mark.usefixtures("observing")]
RHO = 0.3


def flat(tensors):
    return torch.cat([t.detach().flatten() for t in tensors])


def quadratic(model, importances, anchors):
    """Importance times squared distance from an anchor, summed."""
    return sum((importances[n] * (p.flatten() - anchors[n]) ** 2).sum() for n, p in model.named_parameters())


def flattened(named):
    return {name: getattr(value, "data", value).flatten() for name, value in named.items()}


def of_ewc(plugin, strategy):
    past = zip(plugin.saved_params.items(), plugin.importances.items(), strict=True)
    terms = [
        quadratic(strategy.model, flattened(importances), flattened(anchors))
        for (i, anchors), (_, importances) in past
        if i < strategy.clock.train_exp_counter
    ]
    return STRENGTHS["ewc"] * sum(terms)


def of_mas(plugin, strategy):
    return STRENGTHS["mas"] * quadratic(strategy.model, flattened(plugin.importance), flattened(plugin.params))


def of_si(plugin, strategy):
    return STRENGTHS["si"] / 2 * quadratic(strategy.model, flattened(plugin.ewc_data[1]), flattened(plugin.ewc_data[0]))


def of_rwalk(plugin, strategy):
    return STRENGTHS["rwalk"] * quadratic(strategy.model, flattened(plugin.exp_penalties), flattened(plugin.exp_params))


def of_lwf(plugin, strategy):
    """Kullback and Leibler's divergence from the teacher, over the classes it has learnt, at temperature 2."""
    known = sorted(plugin.lwf.prev_classes_by_task[0])
    with torch.no_grad():
        taught = (plugin.lwf.prev_model(strategy.mb_x)[:, known] / 2).softmax(1)
    output = (strategy.model(strategy.mb_x)[:, known] / 2).log_softmax(1)
    return STRENGTHS["lwf"] * (taught * (taught.log() - output)).sum(1).mean()


PENALTIES = {
    EWCPlugin: of_ewc,
    MASPlugin: of_mas,
    SynapticIntelligencePlugin: of_si,
    RWalkPlugin: of_rwalk,
    LwFPlugin: of_lwf,
}
STRENGTHS = {"ewc": 5.0, "mas": 3.0, "si": 1000.0, "rwalk": 1.0, "lwf": 5.0}
FIELDS = {"ewc": "ewc_lambda", "mas": "lambda_reg", "si": "si_lambda", "rwalk": "ewc_lambda", "lwf": "alpha"}


class ByHand(SupervisedPlugin):
    """Works out where each step must lead, before it is taken, and compares afterwards."""

    def __init__(self, step):
        super().__init__()
        self.step, self.compared, self.projected, self.apart = step, 0, 0, 0.0

    def before_update(self, strategy, **kwargs):
        self.strategy = strategy
        self.w = flat(strategy.model.parameters())
        self.expected = self.step(self, self.w)
        self._put(self.w)

    def after_training_iteration(self, strategy, **kwargs):
        assert torch.allclose(flat(strategy.model.parameters()), self.expected, rtol=1e-4, atol=1e-6)
        self.compared += 1

    def gradient(self, point, *, penalty=True):
        """Gradient of cross-entropy on the minibatch, with the penalty where there is one, at any point."""
        strategy = self.strategy
        self._put(point)
        loss = cross_entropy(strategy.model(strategy.mb_x), strategy.mb_y)
        for plugin in strategy.plugins:
            of = next((of for kind, of in PENALTIES.items() if isinstance(plugin, kind)), None)
            if of is not None and penalty and strategy.clock.train_exp_counter:
                loss = loss + of(plugin, strategy)
        return flat(torch.autograd.grad(loss, list(strategy.model.parameters())))

    def projected_gradient(self, g):
        """A-GEM: without the part that opposes the reference gradient. GEM: nearest to g, but for its margin."""
        plugin = next(plugin for plugin in self.strategy.plugins if isinstance(plugin, AGEMPlugin | GEMPlugin))
        if isinstance(plugin, GEMPlugin):
            if not self.strategy.clock.train_exp_counter or bool((plugin.G @ g >= 0).all()):
                return g
            self.projected += 1
            G = plugin.G.double().numpy()
            v = dual_solution(G, g.double().numpy(), 0.5)  # whose own test has the conditions of an optimum
            return g + torch.from_numpy(v @ G).to(g)
        if not plugin.buffers:
            return g
        r = plugin.reference_gradients
        self.projected += bool(g @ r < 0)
        return g - min(g @ r, torch.tensor(0.0)) / (r @ r) * r

    def _put(self, point):
        with torch.no_grad():
            torch.nn.utils.vector_to_parameters(point.clone(), self.strategy.model.parameters())


@pytest.fixture
def observing(monkeypatch):
    from lifelong_lb.strategies.rule import further_passes as passes

    monkeypatch.setattr(passes, "OBSERVERS", (*passes.OBSERVERS, ByHand))


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


def lookbehind_both(hand, w):
    """Every gradient is projected as it is taken; base steps do not project it again."""
    p1 = w + ball(hand.projected_gradient(hand.gradient(w)))
    first = hand.projected_gradient(hand.gradient(p1))
    p2 = p1 + ball(first)
    fast = w - LR * first
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
        (lambda: LookbehindSAM(rho=RHO, k=2, alpha=0.5), "both", lookbehind_both),
    ],
)
@pytest.mark.parametrize("label", ["agem", "gem"])
def test_projections(label, rule, project, step):
    hand = ByHand(step)
    train(make(label, "single", rule(), momentum=0.0, before=[hand], project=project), 4)
    assert hand.compared >= 12
    assert hand.projected >= 3


CLIP = 0.05


def clipped_lookbehind(hand, w):
    """Each base step clips its projected gradient; the ascents follow raw ones. torch adds 1e-6 to the norm."""

    def descent(p):
        g = hand.projected_gradient(hand.gradient(p))
        return g * min(1.0, CLIP / (float(g.norm()) + 1e-6))

    p1 = w + ball(hand.gradient(w))
    p2 = p1 + ball(hand.gradient(p1))
    fast = w - LR * descent(p1) - LR * descent(p2)
    return w + 0.5 * (fast - w)


def test_gradients_are_clipped_after_they_are_projected():
    hand = ByHand(clipped_lookbehind)
    rule = LookbehindSAM(rho=RHO, k=2, alpha=0.5, passes=Passes(clip_norm=CLIP))
    train(make("agem", "single", rule, momentum=0.0, before=[hand]), 4)
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

    def further_passes(self, minibatch):
        for p in minibatch.params_with_grad:
            p.grad.add_(self.shift)
        yield from ()
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
@pytest.mark.parametrize("label", ["ewc", "mas", "lwf", "si", "rwalk"])
def test_penalties(label, penalty, step):
    def compared_with_the_other(hand, w):
        other = penalised if step is penalised_once else penalised_once
        hand.apart = max(hand.apart, float((step(hand, w) - other(hand, w)).abs().max()))
        return step(hand, w)

    hand, strength = ByHand(compared_with_the_other), {FIELDS[label]: STRENGTHS[label]}
    train(make(label, "single", SAM(rho=RHO), momentum=0.0, before=[hand], penalty=penalty, **strength), 3)
    assert hand.compared >= 9
    assert hand.apart > 1e-3  # far more than comparisons bear


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
