"""Every rule equals the naive reference, which recomputes every gradient, in float64."""

from itertools import product

import pytest
import torch
from helpers.covering import covering
from helpers.rule_cases import BASES, RULES
from torch import nn
from torch.nn.functional import cross_entropy

STEPS = 20


def make_net():
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(2, 4, 3, bias=False),
        nn.BatchNorm2d(4),
        nn.ReLU(),
        nn.Flatten(),
        nn.Linear(4 * 9, 6),
        nn.BatchNorm1d(6),
        nn.ReLU(),
        nn.Linear(6, 3),
    ).double()


def make_batches():
    generator = torch.Generator().manual_seed(1)
    return [
        (
            torch.randn(12, 2, 5, 5, generator=generator, dtype=torch.float64),
            torch.randint(0, 3, (12,), generator=generator),
        )
        for _ in range(STEPS)
    ]


@pytest.mark.parametrize(("rule", "base"), covering(product(RULES, BASES)))
def test_twenty_steps_agree(rule, base):
    make_rule, naive, settings, by_name = RULES[rule]
    ours, theirs = make_net(), make_net()
    optimizer, naive_optimizer = BASES[base](ours.named_parameters()), BASES[base](theirs.parameters())
    names, params = zip(*theirs.named_parameters(), strict=True)
    scaled = [by_name and "weight" in name for name in names]
    step = make_rule()
    for x, y in make_batches():

        def closure(x=x, y=y):
            optimizer.zero_grad()
            loss = cross_entropy(ours(x), y)
            loss.backward()
            return loss

        step.step(optimizer, closure)
        naive(params, naive_optimizer, lambda x=x, y=y: cross_entropy(theirs(x), y), scaled=scaled, **settings)
    for name, a, b in zip(names, ours.parameters(), params, strict=True):
        # Adam divides by the root of a running square: gradients that BatchNorm makes vanish are noise there
        tolerance = 1e-10 if base not in ("adam", "adamw") else 1e-7
        assert torch.allclose(a, b, rtol=0, atol=tolerance), (name, (a - b).abs().max())
    moved = max((a - b).abs().max() for a, b in zip(ours.parameters(), make_net().parameters(), strict=True))
    assert moved > 1e-3
