"""C-Flat++: which steps are C-Flat steps, what they cost, and interrupted."""

import copy

import pytest
import torch
from helpers.small_training import batches, closure_of, equal, make_model, train, weights
from torch import nn
from torch.optim import SGD

from lifelong_lb.optim import CFlat, CFlatPlus, NoRule, Passes


def passes_at_norms(rule, norms):
    """Passes of each step along a linear loss whose gradient has a given norm."""
    w = nn.Parameter(torch.zeros(1, dtype=torch.float64))
    optimizer, passes = SGD([w], lr=0.0), []
    for norm in norms:
        calls = 0

        def closure(norm=norm):
            nonlocal calls
            calls += 1
            optimizer.zero_grad()
            loss = (norm * w).sum()
            loss.backward()
            return loss

        rule.step(optimizer, closure)
        passes.append(calls)
    return passes


def test_by_hand():
    # steepness 0 puts half of A in force. A = 4: threshold 2, norm 3 is above, A += 0.5 (3 - 2) = 4.5: threshold 2.25;
    # norm 2 is below, A -= 0.125: 2.1875; norm 2.1875 has reached it, and A stays; norm 1 is below
    rule = CFlatPlus(level=4.0, steepness=0, rate=0.5)
    assert passes_at_norms(rule, [3.0, 2.0, 2.1875, 1.0]) == [4, 1, 4, 1]
    assert rule.state_dict() == {"steps": 4, "level": 4.375 - 0.5 * (2.1875 - 1)}


def test_before_the_midpoint_every_step_counts_and_later_the_norm_is_held_against_its_mean():
    norms = [1.0] * 20 + [1.0, 2.0, 1.0, 3.0, 2.0] * 2
    passes = passes_at_norms(CFlatPlus(level=0, steepness=1e3, midpoint=10.5, rate=1.0), norms)
    assert passes[:10] == [4] * 10
    # ten norms of 1 have made A 10; rate 1 sets it to the last norm, so that a norm is compared with the last
    assert passes[10] == 1
    assert passes[11:20] == [4] * 9
    assert passes[20:] == [4, 4, 1, 4, 1, 1, 4, 1, 4, 1]


@pytest.mark.parametrize(
    ("settings", "same"), [({"level": 0, "rate": 0}, CFlat()), ({"level": 1e9, "steepness": 0, "rate": 0}, NoRule())]
)
def test_at_its_ends_it_is_c_flat_and_the_base_optimizer(settings, same):
    ours, theirs = make_model(), make_model()
    train(CFlatPlus(**settings), ours, SGD(ours.parameters(), lr=0.1, momentum=0.9), batches(8))
    train(same, theirs, SGD(theirs.parameters(), lr=0.1, momentum=0.9), batches(8))
    assert equal(weights(ours), weights(theirs))


@pytest.mark.parametrize(("lamb", "mean"), [(0.2, 2.5), (0, 1.5)])
def test_norms_as_often_above_as_below_cost_what_is_said(lamb, mean):
    rule = CFlatPlus(lamb=lamb, level=2.0, steepness=1.0, midpoint=0, rate=0.01)
    passes = passes_at_norms(rule, [1.0, 3.0] * 500)
    assert sum(passes) / len(passes) == pytest.approx(mean, abs=0.01)
    assert rule.gradient_evaluations == mean


def test_defaults_take_every_pass_at_first():
    assert set(passes_at_norms(CFlatPlus(), [1.0] * 40)) == {4}


def test_an_epoch_that_ends_changes_nothing():
    rule = CFlatPlus(level=1.0, steepness=1.0, midpoint=3.0)
    passes_at_norms(rule, [1.0, 2.0, 3.0])
    before = rule.state_dict()
    rule.synchronise()
    assert rule.state_dict() == before


@pytest.mark.parametrize("stop", [0, 1, 6])
def test_stopping_and_going_on_is_not_having_stopped(stop):
    def make_rule():
        return CFlatPlus(rho=0.1, level=1.0, steepness=1.0, midpoint=4.0, rate=0.5)

    whole = make_model()
    train(make_rule(), whole, SGD(whole.parameters(), lr=0.1, momentum=0.9), batches(12))
    first = make_model()
    rule, optimizer = make_rule(), SGD(first.parameters(), lr=0.1, momentum=0.9)
    train(rule, first, optimizer, batches(stop))
    saved = copy.deepcopy((first.state_dict(), optimizer.state_dict(), rule.state_dict()))
    second = make_model()
    rule, optimizer = make_rule(), SGD(second.parameters(), lr=0.1, momentum=0.9)
    second.load_state_dict(saved[0])
    optimizer.load_state_dict(saved[1])
    rule.load_state_dict(saved[2], optimizer)
    train(rule, second, optimizer, batches(12 - stop, skip=stop))
    assert equal(weights(whole), weights(second))


@pytest.mark.parametrize("failing", [2, 3, 4])
def test_a_step_that_fails_does_not_count(failing):
    model, calls = make_model(), 0
    rule, optimizer = CFlatPlus(level=0), SGD(model.parameters(), lr=0.1)
    x, y = batches(1)[0]
    whole, before = closure_of(model, optimizer, x, y), weights(model)

    def broken():
        nonlocal calls
        calls += 1
        if calls == failing:
            raise RuntimeError("out of memory")
        return whole()

    with pytest.raises(RuntimeError, match="out of memory"):
        rule.step(optimizer, broken)
    assert rule.state_dict() == {"steps": 0, "level": 0}
    assert equal(weights(model), before)


def test_a_gradient_that_is_not_finite_does_not_move_the_threshold():
    rule = CFlatPlus(level=1.0, passes=Passes(non_finite="ignore"))
    passes_at_norms(rule, [float("inf")])
    assert rule.state_dict() == {"steps": 1, "level": 1.0}
