"""A small model with BatchNorm in float64, and a plain training loop."""

import torch
from torch import nn
from torch.nn.functional import cross_entropy


def make_model():
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(4, 8, bias=False), nn.BatchNorm1d(8), nn.Tanh(), nn.Linear(8, 3)).double()


def batches(n, skip=0):
    generator = torch.Generator().manual_seed(3)
    made = [
        (
            torch.randn(6, 4, generator=generator, dtype=torch.float64),
            torch.randint(0, 3, (6,), generator=generator),
        )
        for _ in range(n + skip)
    ]
    return made[skip:]


def closure_of(model, optimizer, x, y):
    def closure():
        optimizer.zero_grad()
        loss = cross_entropy(model(x), y)
        loss.backward()
        return loss

    return closure


def train(rule, model, optimizer, data):
    for x, y in data:
        rule.step(optimizer, closure_of(model, optimizer, x, y))


def weights(model):
    return [p.detach().clone() for p in model.parameters()]


def equal(first, second):
    return all(torch.equal(a, b) for a, b in zip(first, second, strict=True))
