"""Lookbehind with minibatch switching: against a naive loop, at its limits, by hand, and interrupted."""

import copy

import pytest
import torch
from helpers.reference_rules import adaptive, base_step, gradients_at, sam_perturbation
from helpers.small_training import batches, closure_of, equal, make_model, train, weights
from torch import nn
from torch.nn.functional import cross_entropy
from torch.optim import SGD, Adam

from lifelong_lb.optim import LookaheadSAM, LookbehindASAM, LookbehindSAM, Passes

BASES = {
    "sgd": lambda p: SGD(p, lr=0.1),
    "nesterov": lambda p: SGD(p, lr=0.1, momentum=0.9, weight_decay=5e-4, nesterov=True),
    "adam": lambda p: Adam(p, lr=1e-3),
}


def naive(model, optimizer, data, *, rho, k, alpha, scaled):
    """k inner steps on k minibatches, the remainder finished early."""
    params = list(model.parameters())
    for start in range(0, len(data), k):
        slow = fast = p = [w.detach().clone() for w in params]
        firsts = []
        for x, y in data[start : start + k]:

            def loss_of(x=x, y=y):
                return cross_entropy(model(x), y)

            e = sam_perturbation(p, gradients_at(p, params, loss_of), rho, scaled, 0.01)
            p = [a + b for a, b in zip(p, e, strict=True)]
            fast = base_step(fast, gradients_at(p, params, loss_of), params, optimizer)
            firsts.append(fast)
        alphas = [alpha] * len(params)
        if alpha == "adaptive":
            alphas = [adaptive(a - s, b - s) for a, b, s in zip(firsts[0], fast, slow, strict=True)]
        with torch.no_grad():
            for w, s, f, a in zip(params, slow, fast, alphas, strict=True):
                w.copy_(s + a * (f - s))


@pytest.mark.parametrize("base", BASES)
@pytest.mark.parametrize("alpha", [0.5, 1.0, "adaptive"])
@pytest.mark.parametrize(("kind", "rho"), [(LookbehindSAM, 0.1), (LookbehindASAM, 0.5)])
def test_twenty_minibatches_of_a_naive_loop(kind, rho, alpha, base):
    ours, theirs = make_model(), make_model()
    rule = kind(rho=rho, k=3, alpha=alpha, minibatch_switching=True)
    train(rule, ours, BASES[base](ours.named_parameters()), batches(20))
    rule.synchronise()
    scaled = [kind is LookbehindASAM and "weight" in name for name, _ in theirs.named_parameters()]
    naive(theirs, BASES[base](theirs.parameters()), batches(20), rho=rho, k=3, alpha=alpha, scaled=scaled)
    for a, b in zip(ours.parameters(), theirs.parameters(), strict=True):
        assert torch.allclose(a, b, rtol=0, atol=1e-12 if base != "adam" else 1e-9)
    assert not equal(weights(ours), weights(make_model()))


def test_by_hand():
    # f_c = c w^2 / 2 with c = 1, then 2; rho 0.5, lr 0.1, alpha 0.5 from w = 1:
    # p = 1.5, g = 1.5, fast = 0.85; p = 2, g = 4, fast = 0.45; half-way back: 0.725
    w = nn.Parameter(torch.tensor([1.0], dtype=torch.float64))
    optimizer = SGD([w], lr=0.1)
    rule = LookbehindSAM(rho=0.5, k=2, alpha=0.5, minibatch_switching=True)
    seen = []
    for c in (1.0, 2.0):

        def closure(c=c):
            seen.append(w.item())
            optimizer.zero_grad()
            loss = (c * w**2 / 2).sum()
            loss.backward()
            return loss

        rule.step(optimizer, closure)
        seen.append(w.item())
    assert seen == pytest.approx([1, 1.5, 1, 1.5, 2, 0.725], abs=1e-15)


@pytest.mark.parametrize("alpha", [0.5, 1.0, "adaptive", "adaptive-global"])
def test_one_inner_step_has_nothing_to_switch(alpha):
    ours, theirs = make_model(), make_model()
    train(
        LookbehindSAM(rho=0.1, k=1, alpha=alpha, minibatch_switching=True),
        ours,
        BASES["nesterov"](ours.parameters()),
        batches(8),
    )
    train(LookbehindSAM(rho=0.1, k=1, alpha=alpha), theirs, BASES["nesterov"](theirs.parameters()), batches(8))
    for a, b in zip(ours.parameters(), theirs.parameters(), strict=True):
        assert torch.allclose(a, b, rtol=0, atol=1e-14)


def test_without_a_radius_gradients_are_taken_at_the_slow_weights():
    """rho = 0: p stays at w, so that k plain SGD steps add up k gradients taken there."""
    ours, theirs = make_model(), make_model()
    train(
        LookbehindSAM(rho=0, k=4, alpha=1.0, minibatch_switching=True), ours, SGD(ours.parameters(), lr=0.1), batches(8)
    )
    optimizer = SGD(theirs.parameters(), lr=0.1)
    for start in (0, 4):
        optimizer.zero_grad()
        for x, y in batches(8)[start : start + 4]:
            cross_entropy(theirs(x), y).backward()
        optimizer.step()
    for a, b in zip(ours.parameters(), theirs.parameters(), strict=True):
        assert torch.allclose(a, b, rtol=0, atol=1e-13)


def test_between_iterations_the_model_holds_the_slow_weights():
    model = make_model()
    optimizer = SGD(model.parameters(), lr=0.1, momentum=0.9)
    memory = [p.data_ptr() for p in model.parameters()]
    rule = LookbehindSAM(rho=0.1, k=3, minibatch_switching=True)
    start = weights(model)
    for i, batch in enumerate(batches(7), start=1):
        rule.step(optimizer, closure_of(model, optimizer, *batch))
        assert memory == [p.data_ptr() for p in model.parameters()]
        assert equal(start, weights(model)) == (i % 3 != 0)
        if i % 3 == 0:
            start = weights(model)
    rule.synchronise()
    assert not equal(start, weights(model))
    assert rule.state_dict() == {"steps": 0, "point": [], "fast": [], "first": []}
    start = weights(model)
    rule.synchronise()
    assert equal(start, weights(model))


@pytest.mark.parametrize("stop", range(1, 7))
@pytest.mark.parametrize("alpha", [0.5, "adaptive"])
def test_going_on_elsewhere_is_not_having_stopped(alpha, stop):
    def make():
        model = make_model()
        return (
            model,
            Adam(model.parameters(), lr=1e-2),
            LookbehindSAM(rho=0.1, k=4, alpha=alpha, minibatch_switching=True),
        )

    model, optimizer, rule = make()
    train(rule, model, optimizer, batches(9))
    first, first_optimizer, first_rule = make()
    train(first_rule, first, first_optimizer, batches(9)[:stop])
    saved = copy.deepcopy((first.state_dict(), first_optimizer.state_dict(), first_rule.state_dict()))
    train(first_rule, first, first_optimizer, batches(9)[stop:])  # must not reach into what was saved
    second, second_optimizer, second_rule = make()
    second.load_state_dict(saved[0])
    second_optimizer.load_state_dict(saved[1])
    second_rule.load_state_dict(saved[2], second_optimizer)
    train(second_rule, second, second_optimizer, batches(9)[stop:])
    assert equal(weights(model), weights(second))
    assert equal(weights(model), weights(first))


def test_a_state_that_does_not_fit_is_refused():
    model = make_model()
    optimizer = SGD(model.parameters(), lr=0.1)
    rule = LookbehindSAM(k=3, minibatch_switching=True)
    train(rule, model, optimizer, batches(1))
    other = nn.Linear(2, 2)
    with pytest.raises(ValueError, match="point must match the optimizer's 2 parameters; got 5 tensors"):
        LookbehindSAM(k=3, minibatch_switching=True).load_state_dict(rule.state_dict(), SGD(other.parameters(), lr=0.1))


@pytest.mark.parametrize("failing", [0, 1])
@pytest.mark.parametrize("step", [0, 1, 2])
def test_a_pass_that_raises_costs_that_minibatch_only(step, failing):
    """Weights are the slow ones again, and training continues as without the minibatch."""
    data = batches(6)
    model, other = make_model(), make_model()
    optimizer = SGD(model.parameters(), lr=0.1, momentum=0.9)
    rule = LookbehindSAM(rho=0.1, k=3, minibatch_switching=True, passes=Passes(batch_norm="recomputed"))
    for i, (x, y) in enumerate(data):
        inner, calls = closure_of(model, optimizer, x, y), []

        def closure(inner=inner, calls=calls, i=i):
            loss = inner()
            calls.append(1)
            if i == step and len(calls) == failing + 1:
                raise RuntimeError("no memory left")
            return loss

        if i == step:
            before = weights(model)
            with pytest.raises(RuntimeError, match="no memory left"):
                rule.step(optimizer, closure)
            assert equal(before, weights(model))
        else:
            rule.step(optimizer, closure)
    theirs = LookbehindSAM(rho=0.1, k=3, minibatch_switching=True)
    train(theirs, other, SGD(other.parameters(), lr=0.1, momentum=0.9), data[:step] + data[step + 1 :])
    assert equal(weights(model), weights(other))


def test_new_parameters_end_a_span():
    """As when a head grows: what has been learnt so far is kept, and the next span starts with all of them."""
    model, late = make_model(), nn.Linear(8, 3).double()
    optimizer = SGD(model.parameters(), lr=0.1)
    rule = LookbehindSAM(rho=0.1, k=5, alpha=1.0, minibatch_switching=True)
    train(rule, model, optimizer, batches(2))
    start = weights(model)
    optimizer.add_param_group({"params": list(late.parameters())})
    x, y = batches(1)[0]

    def closure():
        optimizer.zero_grad()
        loss = cross_entropy(model(x) + late(model[:3](x)), y)
        loss.backward()
        return loss

    rule.step(optimizer, closure)
    assert not equal(start, weights(model))
    assert len(rule.state_dict()["fast"]) == 7
    assert rule.state_dict()["steps"] == 1


def test_it_costs_what_sam_costs():
    rule = LookbehindSAM(k=5, minibatch_switching=True)
    assert rule.gradient_evaluations == 2 == LookaheadSAM(k=5).gradient_evaluations
    model = make_model()
    optimizer = SGD(model.parameters(), lr=0.1)
    calls = []
    for x, y in batches(7):
        inner = closure_of(model, optimizer, x, y)
        rule.step(optimizer, lambda inner=inner: (calls.append(1), inner())[1])
    assert len(calls) == 14


def test_it_is_switched_on_or_off():
    with pytest.raises(ValueError, match="minibatch_switching must be True or False; got 2"):
        LookbehindSAM(minibatch_switching=2)
