"""How many copies of the weights a step holds at its peak, beyond what the base optimizer's own step holds."""

import pytest
import torch
from helpers.peak_memory import peak_bytes
from torch import nn
from torch.optim import SGD

from lifelong_lb.optim import RULES, LookbehindASAM, LookbehindSAM, MultistepSAM, NoRule

COPIES = {
    "none": (NoRule, 0),
    **{
        name: (RULES[name], copies)
        for name, copies in (
            ("sam", 1),
            ("asam", 2),
            ("gsam", 2),
            ("c-flat", 3),
            ("c-flat-plus", 3),
            ("gam", 4),
            ("friendly-sam", 2),
        )
    },
    "multistep-sam": (RULES["multistep-sam"], 1),
    "multistep-sam-mean": (lambda: MultistepSAM(gradient="mean"), 2),
    "multistep-asam": (RULES["multistep-asam"], 2),
    "lookahead": (RULES["lookahead"], 0),
    "lookahead-sam": (RULES["lookahead-sam"], 1),
    "lookbehind-sam": (LookbehindSAM, 2),
    "lookbehind-sam-adaptive": (lambda: LookbehindSAM(alpha="adaptive"), 3),
    "lookbehind-sam-adaptive-global": (lambda: LookbehindSAM(alpha="adaptive-global"), 3),
    "lookbehind-sam-switching": (lambda: LookbehindSAM(k=3, minibatch_switching=True), 2),
    "lookbehind-asam": (LookbehindASAM, 3),
}
"""Name to rule, and copies at its peak; what is kept between steps is not counted."""


def peak(rule):
    """In units of the parameters' size; a model of many equal layers, so that one tensor more or less shows little."""
    torch.manual_seed(0)
    model = nn.Sequential(*(layer for _ in range(20) for layer in (nn.Linear(64, 64), nn.Tanh())))
    optimizer, x = SGD(model.named_parameters(), lr=0.01), torch.randn(2, 64)

    def closure():
        optimizer.zero_grad()
        loss = model(x).square().mean()
        loss.backward()
        return loss

    def one_step():
        rule.step(optimizer, closure, model)
        optimizer.zero_grad()

    one_step()  # momenta, kernels, and what spans iterations are there from here on
    size = sum(p.numel() * p.element_size() for p in model.parameters())
    return max(peak_bytes(one_step) for _ in range(3)) / size


@pytest.mark.parametrize("name", COPIES)
def test_copies_of_the_weights_at_the_peak_of_a_step(name):
    rule, copies = COPIES[name]
    assert peak(rule()) - peak(NoRule()) == pytest.approx(copies, abs=0.3)
