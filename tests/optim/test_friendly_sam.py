"""Friendly-SAM: by hand, at its limits, its two readings of the mean, new parameters, and interrupted."""

import copy

import pytest
import torch
from helpers.small_training import batches, closure_of, equal, make_model, train, weights
from torch import nn
from torch.optim import SGD

from lifelong_lb.optim import SAM, FriendlySAM, NonFiniteGradientError, Passes

AVERAGES = ("updated", "previous")


def linear(w, *slopes):
    """Optimizer, closure whose loss in step t is slopes[t] . w, and the weights of every pass."""
    optimizer = SGD([w], lr=1.0)
    calls = []

    def closure():
        optimizer.zero_grad()
        slope = torch.tensor(slopes[len(calls) // 2], dtype=torch.float64)
        calls.append(w.tolist())
        (slope @ w).backward()
        return slope @ w.detach()

    return optimizer, closure, calls


@pytest.mark.parametrize(
    ("average", "second"),
    [
        # m = 0.5 (1, 0) after step 1; step 2: m = 0.25 (1, 0) + 0.5 (0, 1), d = (0, 1) - 2 m = (-0.5, 0)
        ("updated", (-1.0, 0.0)),
        # m = (1, 0) after step 1; step 2: d = (0, 1) - 2 (1, 0)
        ("previous", (-2 / 5**0.5, 1 / 5**0.5)),
    ],
)
def test_by_hand(average, second):
    w = nn.Parameter(torch.zeros(2, dtype=torch.float64))
    optimizer, closure, visited = linear(w, (1.0, 0.0), (0.0, 1.0))
    rule = FriendlySAM(rho=0.1, sigma=2.0, decay=0.5, average=average)
    rule.step(optimizer, closure)
    rule.step(optimizer, closure)
    # d of the first step: (1, 0) - 2 * 0.5 (1, 0) = 0 for "updated", (1, 0) for "previous"
    assert visited[:2] == [[0, 0], [0.1 if average == "previous" else 0, 0]]
    assert visited[2] == [-1, 0]
    assert visited[3] == pytest.approx([-1 + 0.1 * second[0], 0.1 * second[1]], abs=1e-15)
    assert w.tolist() == [-1, -1]


@pytest.mark.parametrize("average", AVERAGES)
def test_sigma_zero_is_sam(average):
    ours, theirs = make_model(), make_model()
    rule = FriendlySAM(rho=0.1, sigma=0, average=average)
    train(rule, ours, SGD(ours.parameters(), lr=0.1, momentum=0.9), batches(8))
    train(SAM(rho=0.1), theirs, SGD(theirs.parameters(), lr=0.1, momentum=0.9), batches(8))
    assert equal(weights(ours), weights(theirs))


@pytest.mark.parametrize("average", AVERAGES)
def test_the_first_step_is_sam(average):
    ours, theirs = make_model(), make_model()
    train(FriendlySAM(rho=0.1, average=average), ours, SGD(ours.parameters(), lr=0.1), batches(1))
    train(SAM(rho=0.1), theirs, SGD(theirs.parameters(), lr=0.1), batches(1))
    for a, b in zip(weights(ours), weights(theirs), strict=True):
        assert torch.allclose(a, b, rtol=0, atol=1e-14)


@pytest.mark.parametrize(("sigma", "same"), [(1.0, True), (0.5, False)])
def test_with_sigma_one_the_two_readings_part_only_by_their_start(sigma, same):
    paper, code = make_model(), make_model()
    rules = [FriendlySAM(rho=0.1, sigma=sigma, average=average) for average in AVERAGES]
    optimizers = [SGD(m.parameters(), lr=0.1) for m in (paper, code)]
    train(rules[0], paper, optimizers[0], batches(3))
    code.load_state_dict(paper.state_dict())
    rules[1].load_state_dict(rules[0].state_dict(), optimizers[1])
    for rule, model, optimizer in zip(rules, (paper, code), optimizers, strict=True):
        train(rule, model, optimizer, batches(5, skip=3))
    gap = max((a - b).abs().max() for a, b in zip(weights(paper), weights(code), strict=True))
    assert bool(gap < 1e-13) is same


def test_the_mean_outlasts_an_epoch():
    whole, parted = make_model(), make_model()
    train(FriendlySAM(rho=0.1), whole, SGD(whole.parameters(), lr=0.1), batches(8))
    rule, optimizer = FriendlySAM(rho=0.1), SGD(parted.parameters(), lr=0.1)
    train(rule, parted, optimizer, batches(4))
    rule.synchronise()
    train(rule, parted, optimizer, batches(4, skip=4))
    assert equal(weights(whole), weights(parted))


@pytest.mark.parametrize("average", AVERAGES)
@pytest.mark.parametrize("stop", [0, 1, 5])
def test_stopping_and_going_on_is_not_having_stopped(stop, average):
    whole = make_model()
    rule = FriendlySAM(rho=0.1, average=average)
    train(rule, whole, SGD(whole.parameters(), lr=0.1, momentum=0.9), batches(12))
    first = make_model()
    rule, optimizer = FriendlySAM(rho=0.1, average=average), SGD(first.parameters(), lr=0.1, momentum=0.9)
    train(rule, first, optimizer, batches(stop))
    saved = copy.deepcopy((first.state_dict(), optimizer.state_dict(), rule.state_dict()))
    second = make_model()
    rule, optimizer = FriendlySAM(rho=0.1, average=average), SGD(second.parameters(), lr=0.1, momentum=0.9)
    second.load_state_dict(saved[0])
    optimizer.load_state_dict(saved[1])
    rule.load_state_dict(saved[2], optimizer)
    train(rule, second, optimizer, batches(12 - stop, skip=stop))
    assert equal(weights(whole), weights(second))


def test_a_state_is_a_copy():
    model = make_model()
    rule, optimizer = FriendlySAM(), SGD(model.parameters(), lr=0.1)
    train(rule, model, optimizer, batches(2))
    saved = rule.state_dict()
    before = copy.deepcopy(saved)
    train(rule, model, optimizer, batches(2))
    assert equal(saved["mean"], before["mean"])
    assert not equal(rule.state_dict()["mean"], before["mean"])


def test_state_that_does_not_fit_is_refused():
    model = make_model()
    rule = FriendlySAM()
    train(rule, model, SGD(model.parameters(), lr=0.1), batches(2))
    other = SGD(nn.Linear(2, 2).parameters(), lr=0.1)
    with pytest.raises(ValueError, match="the mean must match the optimizer's 2 parameters; got 5"):
        FriendlySAM().load_state_dict(rule.state_dict(), other)


@pytest.mark.parametrize(("average", "expected"), [("updated", 0.5), ("previous", 1.0)])
def test_a_head_that_grows_starts_without_a_mean(average, expected):
    """Old weight and new head with gradients 1 and 1: what the perturbation points along."""
    old, head = (nn.Parameter(torch.zeros(1, dtype=torch.float64)) for _ in range(2))
    optimizer = SGD([old, head], lr=0.1)
    rule, visited = FriendlySAM(rho=1.0, decay=0.5, average=average), []

    def closure():
        optimizer.zero_grad()
        visited.append([p.item() for p in optimizer.param_groups[0]["params"]])
        loss = sum(p.sum() for p in optimizer.param_groups[0]["params"])
        loss.backward()
        return loss

    rule.step(optimizer, closure)
    grown = nn.Parameter(torch.zeros(1, dtype=torch.float64))
    optimizer.param_groups[0]["params"][1] = grown
    rule.step(optimizer, closure)
    assert rule.state_dict()["mean"] == ([0.75, 0.5] if average == "updated" else [1.0, 1.0])
    step = [b - a for a, b in zip(visited[2], visited[3], strict=True)]
    # updated: d = (1 - 0.75, 1 - 0.5); previous: d = (1 - 1, 1)
    old_part = 0.25 if average == "updated" else 0.0
    norm = (old_part**2 + expected**2) ** 0.5
    assert step == pytest.approx([old_part / norm, expected / norm], abs=1e-15)


def test_a_parameter_without_a_gradient_keeps_its_mean():
    used, spared = nn.Parameter(torch.ones(1)), nn.Parameter(torch.ones(1))
    optimizer, both = SGD([used, spared], lr=0.1), True

    def closure():
        optimizer.zero_grad()
        loss = used.sum() + (spared.sum() if both else 0)
        loss.backward()
        return loss

    rule = FriendlySAM(decay=0.5)
    rule.step(optimizer, closure)
    both = False
    rule.step(optimizer, closure)
    assert rule.state_dict()["mean"] == [0.75, 0.5]


@pytest.mark.parametrize("non_finite", ["raise", "ignore"])
def test_a_gradient_that_is_not_finite_does_not_enter_the_mean(non_finite):
    w = nn.Parameter(torch.ones(1))
    optimizer, factor = SGD([w], lr=0.0), 1.0

    def closure():
        optimizer.zero_grad()
        loss = (factor * w).sum()
        loss.backward()
        return loss

    rule = FriendlySAM(decay=0.5, passes=Passes(non_finite=non_finite))
    rule.step(optimizer, closure)
    factor = float("inf")
    if non_finite == "raise":
        with pytest.raises(NonFiniteGradientError):
            rule.step(optimizer, closure)
    else:
        rule.step(optimizer, closure)
    assert rule.state_dict()["mean"] == [0.5]


def test_a_step_that_fails_leaves_the_mean():
    model = make_model()
    rule, optimizer = FriendlySAM(), SGD(model.parameters(), lr=0.1)
    train(rule, model, optimizer, batches(2))
    before, calls = rule.state_dict()["mean"], 0
    (x, y) = batches(1)[0]
    whole = closure_of(model, optimizer, x, y)

    def broken():
        nonlocal calls
        calls += 1
        if calls == 2:
            raise RuntimeError("out of memory")
        return whole()

    with pytest.raises(RuntimeError, match="out of memory"):
        rule.step(optimizer, broken)
    assert equal(rule.state_dict()["mean"], before)


def test_a_minibatch_without_noise_takes_the_base_step():
    """The same gradient as ever: nothing is left to ascend, and nothing becomes NaN."""
    w = nn.Parameter(torch.tensor([3.0, 4.0]))
    optimizer = SGD([w], lr=0.5)

    def closure():
        optimizer.zero_grad()
        loss = (torch.tensor([3.0, 4.0]) * w).sum()
        loss.backward()
        return loss

    rule = FriendlySAM(average="previous")
    rule.step(optimizer, closure)
    rule.step(optimizer, closure)
    assert w.tolist() == [0, 0]
