"""Lookahead spans minibatches: against a naive loop, at its limits, and interrupted."""

import copy

import pytest
import torch
from helpers.small_training import batches, closure_of, make_model, train, weights
from torch import nn
from torch.optim import SGD, Adam

from lifelong_lb.optim import SAM, Lookahead, LookaheadASAM, LookaheadSAM, NoRule


def close(first, second, tolerance=1e-12):
    return all(torch.allclose(a, b, rtol=0, atol=tolerance) for a, b in zip(first, second, strict=True))


@pytest.mark.parametrize(
    ("rule", "inner", "k", "alpha"),
    [
        (Lookahead(k=5, alpha=0.5), NoRule(), 5, 0.5),
        (Lookahead(k=3, alpha=0.8), NoRule(), 3, 0.8),
        (LookaheadSAM(rho=0.1, k=4, alpha=0.5), SAM(rho=0.1), 4, 0.5),
        (Lookahead(k=1, alpha=0.3), NoRule(), 1, 0.3),
    ],
)
@pytest.mark.parametrize("base", [lambda p: SGD(p, lr=0.1, momentum=0.9), lambda p: Adam(p, lr=1e-2)])
def test_twenty_steps_of_a_naive_loop(rule, inner, k, alpha, base):
    ours, theirs = make_model(), make_model()
    train(copy.deepcopy(rule), ours, base(ours.parameters()), batches(20))
    optimizer, slow = base(theirs.parameters()), weights(theirs)
    for i, (x, y) in enumerate(batches(20), start=1):
        inner.step(optimizer, closure_of(theirs, optimizer, x, y))
        if i % k == 0:
            slow = [s + alpha * (f - s) for s, f in zip(slow, weights(theirs), strict=True)]
            with torch.no_grad():
                for p, s in zip(theirs.parameters(), slow, strict=True):
                    p.copy_(s)
    assert close(weights(ours), weights(theirs))
    assert not close(weights(ours), weights(make_model()), 1e-3)


def test_alpha_one_is_the_inner_rule():
    ours, theirs = make_model(), make_model()
    train(LookaheadSAM(rho=0.1, k=3, alpha=1), ours, SGD(ours.parameters(), lr=0.1), batches(10))
    train(SAM(rho=0.1), theirs, SGD(theirs.parameters(), lr=0.1), batches(10))
    assert all(torch.equal(a, b) for a, b in zip(weights(ours), weights(theirs), strict=True))


def test_by_hand():
    # f = w^2 / 2, lr 0.1: 1, 0.9, 0.81; half-way back: 0.905; then 0.8145; finished early: 0.85975
    w = nn.Parameter(torch.tensor([1.0], dtype=torch.float64))
    optimizer = SGD([w], lr=0.1)
    rule = Lookahead(k=2, alpha=0.5)

    def closure():
        optimizer.zero_grad()
        loss = (w**2 / 2).sum()
        loss.backward()
        return loss

    expected = [0.9, 0.905, 0.8145]
    for value in expected:
        rule.step(optimizer, closure)
        assert w.item() == pytest.approx(value, abs=1e-15)
    hide = rule.show_slow()
    assert w.item() == pytest.approx(0.905, abs=1e-15)
    hide()
    assert w.item() == pytest.approx(0.8145, abs=1e-15)
    rule.synchronise()
    assert w.item() == pytest.approx(0.85975, abs=1e-15)
    rule.synchronise()
    assert w.item() == pytest.approx(0.85975, abs=1e-15)


@pytest.mark.parametrize("stop", [1, 5, 7, 10])
def test_stopping_and_going_on_is_not_having_stopped(stop):
    whole = make_model()
    train(LookaheadASAM(rho=0.5, k=5), whole, SGD(whole.parameters(), lr=0.1, momentum=0.9), batches(12))
    first = make_model()
    rule, optimizer = LookaheadASAM(rho=0.5, k=5), SGD(first.parameters(), lr=0.1, momentum=0.9)
    train(rule, first, optimizer, batches(stop))
    saved = copy.deepcopy((first.state_dict(), optimizer.state_dict(), rule.state_dict()))
    train(rule, first, optimizer, batches(1, skip=stop))  # what was saved does not follow
    second = make_model()
    rule, optimizer = LookaheadASAM(rho=0.5, k=5), SGD(second.parameters(), lr=0.1, momentum=0.9)
    second.load_state_dict(saved[0])
    optimizer.load_state_dict(saved[1])
    rule.load_state_dict(saved[2], optimizer)
    train(rule, second, optimizer, batches(12 - stop, skip=stop))
    assert all(torch.equal(a, b) for a, b in zip(weights(whole), weights(second), strict=True))


def test_state_that_does_not_fit_is_refused():
    model = make_model()
    rule, optimizer = Lookahead(), SGD(model.parameters(), lr=0.1)
    train(rule, model, optimizer, batches(2))
    other = SGD(nn.Linear(2, 2).parameters(), lr=0.1)
    with pytest.raises(ValueError, match=r"must match the optimizer's parameters; got 5 tensors of shapes \(8, 4\)"):
        Lookahead().load_state_dict(rule.state_dict(), other)


def test_a_parameter_that_comes_later_starts_where_it_is():
    old, new = nn.Parameter(torch.tensor([1.0])), nn.Parameter(torch.tensor([1.0]))
    optimizer = SGD([old], lr=0.1)
    rule = Lookahead(k=2, alpha=0.5)

    def closure():
        optimizer.zero_grad()
        loss = ((old**2 + new**2) / 2).sum()
        loss.backward()
        return loss

    rule.step(optimizer, closure)
    optimizer.add_param_group({"params": [new]})
    rule.step(optimizer, closure)
    assert old.item() == pytest.approx(0.905)
    assert new.item() == pytest.approx(0.95)
