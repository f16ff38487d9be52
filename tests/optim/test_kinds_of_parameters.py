"""Every rule on every kind of parameter, precision and memory format that a model may have."""

from inspect import signature

import pytest
import torch
from torch import nn
from torch.nn.functional import cross_entropy
from torch.optim import SGD

from lifelong_lb.optim import RULES


def rule_of(name):
    settings = {"rho": 0.05, "k": 2}
    return RULES[name](**{key: value for key, value in settings.items() if key in signature(RULES[name]).parameters})


def trained(name, model, loss_of, steps=3):
    optimizer = SGD(model.named_parameters(), lr=0.1, momentum=0.9)
    rule = rule_of(name)
    losses = []
    for _ in range(steps):

        def closure():
            optimizer.zero_grad()
            loss = loss_of()
            loss.backward()
            return loss

        losses.append(rule.step(optimizer, closure).item())
    rule.synchronise()
    assert losses[-1] < losses[0]
    return [p.detach().clone() for p in model.parameters()]


def images(generator_seed=0):
    generator = torch.Generator().manual_seed(generator_seed)
    return torch.randn(8, 3, 6, 6, generator=generator), torch.arange(8) % 3


def conv_net():
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.Flatten(), nn.Linear(64, 3))


@pytest.mark.parametrize("name", RULES)
def test_channels_last_weights_keep_their_format_and_their_values(name):
    x, y = images()
    plain, formatted = conv_net().double(), conv_net().double().to(memory_format=torch.channels_last)
    expected = trained(name, plain, lambda: cross_entropy(plain(x.double()), y))
    found = trained(name, formatted, lambda: cross_entropy(formatted(x.double()), y))
    assert formatted[0].weight.is_contiguous(memory_format=torch.channels_last)
    for a, b in zip(expected, found, strict=True):
        assert torch.allclose(a, b, rtol=0, atol=1e-10)


@pytest.mark.parametrize("name", RULES)
def test_bfloat16_autocast(name):
    x, y = images()
    model = conv_net()

    def loss_of():
        with torch.autocast("cpu", dtype=torch.bfloat16):
            return cross_entropy(model(x), y)

    for p in trained(name, model, loss_of):
        assert p.dtype == torch.float32
        assert torch.isfinite(p).all()


@pytest.mark.parametrize("name", RULES)
def test_bfloat16_weights(name):
    x, y = images()
    model = conv_net().bfloat16()
    for p in trained(name, model, lambda: cross_entropy(model(x.bfloat16()), y)):
        assert p.dtype == torch.bfloat16
        assert torch.isfinite(p).all()


@pytest.mark.parametrize("name", RULES)
def test_weights_that_do_not_lie_on_the_default_device(name):
    """What a rule creates lies where the parameters lie; on the default device it would hold no values at all."""
    x, y = images()
    expected = trained(name, model := conv_net(), lambda: cross_entropy(model(x), y))
    other = conv_net()
    torch.set_default_device("meta")
    try:
        found = trained(name, other, lambda: cross_entropy(other(x), y))
    finally:
        torch.set_default_device(None)
    assert all(torch.equal(a, b) for a, b in zip(expected, found, strict=True))


@pytest.mark.parametrize("name", RULES)
def test_an_embedding_moves_only_where_it_is_used(name):
    torch.manual_seed(0)
    model = nn.Sequential(nn.Embedding(10, 4, sparse=False), nn.Flatten(), nn.Linear(8, 3))
    before = model[0].weight.detach().clone()
    trained(name, model, lambda: cross_entropy(model(torch.tensor([[1, 2], [3, 4], [1, 5]])), torch.arange(3)))
    moved = (model[0].weight != before).any(dim=1).tolist()
    assert moved == [1 <= i <= 5 for i in range(10)]


@pytest.mark.parametrize("name", RULES)
def test_groups_keep_their_learning_rates(name):
    """Group by group, with plain SGD, a step is the learning rate times what the rule makes of the gradient."""

    def stepped(rates):
        model = conv_net().double()
        groups = [{"params": [p], "lr": lr} for p, lr in zip(model.parameters(), rates, strict=True)]
        optimizer = SGD(groups)
        start = [p.detach().clone() for p in model.parameters()]
        x, y = images()

        def closure():
            optimizer.zero_grad()
            loss = cross_entropy(model(x.double()), y)
            loss.backward()
            return loss

        rule = rule_of(name)
        rule.step(optimizer, closure)
        rule.synchronise()
        return [p.detach() - s for p, s in zip(model.parameters(), start, strict=True)]

    rates = [0.1, 0.01, 0.0, 0.2, 0.05, 0.3]
    for whole, part, rate in zip(stepped([1.0] * 6), stepped(rates), rates, strict=True):
        assert torch.allclose(part, rate * whole, rtol=1e-9, atol=1e-12)
