"""Avalanche's dynamic optimizers with rules and growing heads: the loop is the one written out, value for value."""

import copy
from itertools import product

import pytest
import torch
from avalanche.models.dynamic_modules import avalanche_model_adaptation
from avalanche.models.dynamic_optimizers import DynamicOptimizer
from helpers.covering import covering
from helpers.small_strategies import EXPERIENCES, parts_of
from helpers.training_loop import assert_same, grow
from torch.nn.functional import cross_entropy
from torch.optim import SGD, Adam

from lifelong_lb.optim import SAM, Lookahead, LookbehindSAM
from lifelong_lb.seeding import INITIALISATION, seed_all

pytestmark = pytest.mark.filterwarnings("ignore:New dynamic optimizers:UserWarning")

RULES = {
    "sam": lambda: SAM(rho=0.1),
    "lookahead": lambda: Lookahead(k=3),
    "lookbehind-sam-switching": lambda: LookbehindSAM(rho=0.1, k=3, minibatch_switching=True),
}
BASES = {
    "momentum": lambda model: SGD(model.parameters(), lr=0.1, momentum=0.9),
    "adam": lambda model: Adam(model.parameters(), lr=0.01),
}
STEPS = 4
"""Not a multiple of any k, so that heads grow in the middle of a span."""


@pytest.fixture(autouse=True)
def _float64():
    usual = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(usual)


def minibatches(experience):
    x, y = torch.stack([x for x, *_ in experience.dataset]), torch.tensor([int(y) for _, y, _ in experience.dataset])
    return list(zip(x.split(32), y.split(32), strict=True))[:STEPS]


def closure_of(model, optimizer, x, y):
    def closure():
        optimizer.zero_grad()
        loss = cross_entropy(model(x), y)
        loss.backward()
        return loss

    return closure


class Agent:
    def __init__(self, model):
        self.model = model


@pytest.mark.parametrize(
    ("rule", "base", "reset", "wrapped"), covering(product(RULES, BASES, [False, True], [False, True]))
)
def test_same_trajectory(rule, base, reset, wrapped):
    """The rule over the optimizer that Avalanche adapts, or Avalanche adapting the rule's own optimizer."""
    parts = parts_of("naive", "class-incremental", "growing")
    ours, plain, size = parts.model, copy.deepcopy(parts.model), sum(p.numel() for p in parts.model.parameters())
    our_rule, their_rule = RULES[rule](), RULES[rule]()
    optimizer, theirs = BASES[base](ours), BASES[base](plain)
    dynamic = DynamicOptimizer(our_rule.wrap(optimizer) if wrapped else optimizer, ours, reset_state=reset)
    for i, experience in enumerate(parts.stream.train[:EXPERIENCES]):
        for model in (ours, plain):
            seed_all(0, INITIALISATION, i + 1)
            if model is ours:
                avalanche_model_adaptation(ours, experience)
                dynamic.pre_adapt(Agent(ours), experience)
            else:
                grow(plain, theirs, experience)
        if reset:
            theirs.state.clear()
        for x, y in minibatches(experience):
            closure = closure_of(ours, dynamic, x, y)
            if wrapped:
                dynamic.optim.step(closure)
            else:
                our_rule.step(dynamic.optim, closure)
            their_rule.step(theirs, closure_of(plain, theirs, x, y))
        assert_same(ours, plain)
    assert sum(p.numel() for p in ours.parameters()) > size
