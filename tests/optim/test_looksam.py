"""LookSAM: against a naive loop on long vectors, at its limits, and interrupted."""

import copy

import pytest
import torch
from helpers.reference_rules import flat, unflat
from helpers.small_training import batches, closure_of, equal, make_model, train, weights
from torch.nn.functional import cross_entropy
from torch.optim import SGD, Adam

from lifelong_lb.optim import SAM, LookSAM


def naive_looksam(model, optimizer, data, rho, k, alpha):
    params = list(model.parameters())

    def gradient(point, x, y):
        here = weights(model)
        put(params, unflat(point, here))
        grads = flat(torch.autograd.grad(cross_entropy(model(x), y), params))
        put(params, here)
        return grads

    for t, (x, y) in enumerate(data):
        w = flat(weights(model))
        g = gradient(w, x, y)
        if t % k == 0:
            total = gradient(w + rho * g / g.norm(), x, y)
            v = total - (total @ g) / (g @ g) * g
        else:
            total = g + alpha * g.norm() / v.norm() * v
        for p, part in zip(params, unflat(total, params), strict=True):
            p.grad = part.clone()
        optimizer.step()


def put(params, values):
    with torch.no_grad():
        for p, value in zip(params, values, strict=True):
            p.copy_(value)


@pytest.mark.parametrize(("k", "alpha"), [(5, 0.7), (2, 0.3), (1, 0.7)])
@pytest.mark.parametrize(
    "base", [lambda p: SGD(p, lr=0.1, momentum=0.9, weight_decay=1e-3), lambda p: Adam(p, lr=1e-2)]
)
def test_twenty_steps_of_a_naive_loop(k, alpha, base):
    ours, theirs = make_model(), make_model()
    train(LookSAM(rho=0.1, k=k, alpha=alpha), ours, base(ours.parameters()), batches(20))
    naive_looksam(theirs, base(theirs.parameters()), batches(20), 0.1, k, alpha)
    for a, b in zip(weights(ours), weights(theirs), strict=True):
        assert torch.allclose(a, b, rtol=0, atol=1e-10)
    assert max((a - b).abs().max() for a, b in zip(weights(ours), weights(make_model()), strict=True)) > 1e-3


def test_k_one_is_sam():
    ours, theirs = make_model(), make_model()
    train(LookSAM(rho=0.1, k=1), ours, SGD(ours.parameters(), lr=0.1), batches(8))
    train(SAM(rho=0.1), theirs, SGD(theirs.parameters(), lr=0.1), batches(8))
    assert equal(weights(ours), weights(theirs))


def test_a_new_experience_starts_with_an_ascent():
    model, calls = make_model(), 0
    rule, optimizer = LookSAM(k=4), SGD(model.parameters(), lr=0.1)
    passes = []
    for i, (x, y) in enumerate(batches(6)):
        closure = closure_of(model, optimizer, x, y)

        def counted(closure=closure):
            nonlocal calls
            calls += 1
            return closure()

        if i == 3:
            rule.synchronise()
        calls = 0
        rule.step(optimizer, counted)
        passes.append(calls)
    assert passes == [2, 1, 1, 2, 1, 1]


@pytest.mark.parametrize("stop", [1, 4, 5, 7])
def test_stopping_and_going_on_is_not_having_stopped(stop):
    whole = make_model()
    train(LookSAM(rho=0.1, k=5), whole, SGD(whole.parameters(), lr=0.1, momentum=0.9), batches(12))
    first = make_model()
    rule, optimizer = LookSAM(rho=0.1, k=5), SGD(first.parameters(), lr=0.1, momentum=0.9)
    train(rule, first, optimizer, batches(stop))
    saved = copy.deepcopy((first.state_dict(), optimizer.state_dict(), rule.state_dict()))
    second = make_model()
    rule, optimizer = LookSAM(rho=0.1, k=5), SGD(second.parameters(), lr=0.1, momentum=0.9)
    second.load_state_dict(saved[0])
    optimizer.load_state_dict(saved[1])
    rule.load_state_dict(saved[2], optimizer)
    train(rule, second, optimizer, batches(12 - stop, skip=stop))
    assert equal(weights(whole), weights(second))


def test_state_that_does_not_fit_is_refused():
    model = make_model()
    rule, optimizer = LookSAM(), SGD(model.parameters(), lr=0.1)
    train(rule, model, optimizer, batches(2))
    other = SGD(torch.nn.Linear(2, 2).parameters(), lr=0.1)
    with pytest.raises(ValueError, match="must match the optimizer's 2 parameters; got 5"):
        LookSAM().load_state_dict(rule.state_dict(), other)


def test_parameters_without_a_direction_take_their_plain_gradient():
    """A head that first gets a gradient between two ascents."""
    old = torch.nn.Parameter(torch.tensor([1.0, 1.0]))
    new = torch.nn.Parameter(torch.tensor([1.0]))
    optimizer = SGD([old, new], lr=0.1)
    rule, used = LookSAM(k=3), False

    def closure():
        optimizer.zero_grad()
        loss = (torch.tensor([1.0, 3.0]) * old**2 / 2).sum() + ((new**2 / 2).sum() if used else 0)
        loss.backward()
        return loss

    rule.step(optimizer, closure)
    used = True
    rule.step(optimizer, closure)
    assert new.item() == pytest.approx(0.9)
