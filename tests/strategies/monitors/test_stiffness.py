"""The message of a run that diverges on a quadratic penalty gives the right numbers."""

import re

import pytest
import torch
from avalanche.training.plugins import EWCPlugin, MASPlugin, RWalkPlugin, SynapticIntelligencePlugin
from helpers.strategy_cases import AVALANCHES_OWN_WARNINGS, make, train
from pytorch_optimizer import ScheduleFreeSGD
from torch import nn
from torch.optim import SGD, Adam

from lifelong_lb.config import expand, parse_study
from lifelong_lb.optim import SAM, NoRule, RebuiltOptimizer
from lifelong_lb.seeding import INITIALISATION, seed_all
from lifelong_lb.strategies import DivergedError, DivergenceGuard
from lifelong_lb.strategies.monitors.stiffness import limit_of, stiffness_hint
from lifelong_lb.studies.run.execute import execute
from lifelong_lb.studies.run.state import RunState

pytestmark = AVALANCHES_OWN_WARNINGS

CASES = {
    "ewc": (EWCPlugin, "ewc_lambda", 2),
    "ewc-online": (EWCPlugin, "ewc_lambda", 2),
    "mas": (MASPlugin, "lambda_reg", 2),
    "si": (SynapticIntelligencePlugin, "si_lambda", 1),
    "rwalk": (RWalkPlugin, "ewc_lambda", 2),
}


def second_experience(made, **group):
    """Begin the third experience, as far as the penalties are concerned."""
    made.strategy.clock.train_exp_counter = 2
    made.strategy.optimizer.param_groups[0].update(group)
    return made.strategy


def penalty_of(strategy, plugin):
    """The penalty as Avalanche adds it, a function of the weights."""
    strategy.loss = torch.ones(1)
    plugin.before_backward(strategy)
    return strategy.loss - 1


@pytest.mark.parametrize("head", ["single", "growing"])
@pytest.mark.parametrize("label", CASES)
def test_the_product_is_the_rate_times_the_largest_curvature(label, head):
    """From second differences of the penalty itself, weight by weight, in the tensor that has the largest."""
    kind, setting, factor = CASES[label]
    made = make(label, head, NoRule(), **{setting: 1e4}, momentum=0.0)
    made.strategy.optimizer.param_groups[0]["lr"] = 1e-9
    train(made, 2)
    plugin = next(plugin for plugin in made.strategy.plugins if isinstance(plugin, kind))
    strategy = second_experience(made, lr=1e9)
    said = stiffness_hint(strategy)
    product = float(re.search(r"= (\S+), and above 2 each", said).group(1))
    curvatures = []
    for p in strategy.model.parameters():
        grad = torch.autograd.grad(penalty_of(strategy, plugin).sum(), p, allow_unused=True, create_graph=True)[0]
        if grad is None:
            continue
        step = torch.autograd.grad(grad.sum(), p)[0]  # a diagonal Hessian, so that the sum of its rows is the diagonal
        curvatures.append(float(step.max()))
    assert product == pytest.approx(1e9 * max(curvatures), rel=1e-2)
    assert f"{setting} 1e+04" in said
    assert ("2 x rate" in said) is (factor == 2)


@pytest.mark.parametrize(("momentum", "nesterov"), [(0.0, False), (0.5, False), (0.9, False), (0.9, True)])
def test_the_limit_is_where_sgd_begins_to_diverge(momentum, nesterov):
    def after(curvature):
        w = nn.Parameter(torch.ones(1, dtype=torch.float64))
        optimizer = SGD([w], lr=0.1, momentum=momentum, nesterov=nesterov)
        for _ in range(4000):
            w.grad = curvature * w.detach()
            optimizer.step()
        return abs(w.item())

    limit = limit_of(momentum, nesterov=nesterov)
    assert after(0.99 * limit / 0.1) < 1e-6
    assert not after(1.01 * limit / 0.1) < 1e6


@pytest.mark.parametrize("rule", [NoRule, lambda: SAM(rho=0.05)])
@pytest.mark.parametrize(
    ("label", "changes"),
    [
        ("mas", {"lambda_reg": 1e4}),
        ("ewc", {"ewc_lambda": 1e5}),
        ("si", {"si_lambda": 1e7}),
        ("rwalk", {"ewc_lambda": 500}),
    ],
)
def test_the_error_names_rate_weight_importance_and_remedy(label, changes, rule):
    made = make(label, "single", rule(), after=[DivergenceGuard()], momentum=0.0, **changes)
    made.strategy.train_epochs = 12
    with pytest.raises(DivergedError) as raised:
        train(made)
    found = re.search(
        r"; the penalty is too stiff for this learning rate: (2 x )?rate 0\.05 x (\w+) (\S+) x largest importance "
        r"(\S+) = (\S+), and above 2 each step overshoots by more than the last one: lower the rate below (\S+), "
        r"or (\w+) below (\S+)$",
        str(raised.value),
    )
    twice, setting, weight, importance, product, lower_rate, again, lower_weight = found.groups()
    assert (setting, float(weight)) == (again, float(changes[setting])) == next(iter(changes.items()))
    assert float(product) == pytest.approx((2 if twice else 1) * 0.05 * float(weight) * float(importance), rel=0.02)
    assert float(product) > 2
    assert float(lower_rate) == pytest.approx(0.05 * 2 / float(product), rel=0.06)
    assert float(lower_weight) == pytest.approx(float(weight) * 2 / float(product), rel=0.06)


@pytest.mark.parametrize("below", [False, True])
def test_below_the_limit_the_run_does_not_diverge(below):
    """MAS at its default weight, on a small stream at the rate that sgd has by default."""
    raw = {
        "streams": [
            {"name": "split-digits", "scenario": "class-incremental", "images_per_class": 40, "experiences": 2}
        ],
        "model": {"name": "mlp", "hidden": [64]},
        "train": {"epochs": 20},
        "strategies": [{"name": "mas", "lambda_reg": 0.25 if below else 1.0}],
    }
    config = expand(parse_study(raw))[0].config
    arguments = {"roots": (), "device": "cpu", "log": lambda line: None}
    if below:
        execute(config, RunState(), **arguments)
        return
    with pytest.raises(DivergedError, match=r"2 x rate 0\.1 x lambda_reg 1 x largest importance .* lower the rate"):
        execute(config, RunState(), **arguments)


def test_nothing_is_said_where_it_does_not_apply():
    made = make("mas", "single", NoRule(), lambda_reg=1e9)
    seed_all(0, INITIALISATION, 1)
    assert stiffness_hint(made.strategy) == ""  # nothing is penalised yet
    made.strategy.optimizer.param_groups[0]["lr"] = 1e-9
    train(made, 2)
    strategy = second_experience(made, lr=1.0)
    assert "too stiff" in stiffness_hint(strategy)
    sgd = strategy.optimizer
    strategy.optimizer = RebuiltOptimizer(lambda params: SGD(params, lr=1.0), strategy.model.parameters())
    assert "too stiff" in stiffness_hint(strategy)
    for other in (Adam(strategy.model.parameters()), None):  # steps of another kind, and none
        strategy.optimizer = other
        assert stiffness_hint(strategy) == ""
    strategy.optimizer = ScheduleFreeSGD(strategy.model.parameters())
    assert stiffness_hint(strategy) == ""
    strategy.optimizer = sgd
    sgd.param_groups[0]["lr"] = 1e-12
    assert stiffness_hint(strategy) == ""
