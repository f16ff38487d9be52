"""Optimizers that keep the weights to evaluate apart from those to train, and optimizers that maximise."""

import pickle
from functools import partial

import pytest
import torch
from pytorch_optimizer import (
    SAM,
    Lookahead,
    ScheduleFreeAdamW,
    ScheduleFreeRAdam,
    ScheduleFreeSGD,
    ScheduleFreeWrapper,
    SPlus,
)
from torch import nn
from torch.optim import SGD

from lifelong_lb.optim import RULES, ClosureOptimizer, ExternalOptimizer, NoRule, RebuiltOptimizer
from lifelong_lb.optim import SAM as SAMRule
from lifelong_lb.optim.modes import maximising, modes_of

LR, BETA = 0.1, 0.8


def around(kind, settings, params):
    return kind(SGD(params, lr=LR), **settings)


BUILDS = {
    "ScheduleFreeSGD": partial(ScheduleFreeSGD, lr=LR, momentum=BETA),
    "ScheduleFreeAdamW": partial(ScheduleFreeAdamW, lr=0.01),
    "ScheduleFreeRAdam": partial(ScheduleFreeRAdam, lr=0.01),
    "ScheduleFreeWrapper": partial(around, ScheduleFreeWrapper, {"momentum": BETA}),
    "SPlus": partial(SPlus, lr=0.01),
    "Lookahead": partial(around, Lookahead, {"k": 5}),
}


def start():
    return [nn.Parameter(torch.linspace(-1, 1, 12, dtype=torch.float64).reshape(3, 4)), idle(), moving()]


def idle():
    return nn.Parameter(torch.ones(2, dtype=torch.float64))  # never has a gradient, as a head that is not in use


def moving():
    return nn.Parameter(torch.linspace(0.5, 1, 3, dtype=torch.float64))


def values(params):
    return [p.detach().clone() for p in params]


def same(first, second):
    return all(torch.equal(a, b) for a, b in zip(first, second, strict=True))


def take_steps(optimizer, params, steps):
    for _ in range(steps):
        optimizer.zero_grad()
        sum((p**4).sum() for p in (params[0], params[2])).backward()
        optimizer.step()


@pytest.mark.parametrize("name", ["ScheduleFreeSGD", "ScheduleFreeWrapper"])
@pytest.mark.parametrize("pause", [None, 3])
def test_schedule_free_by_hand(name, pause):
    """Defazio et al. 2024, eq. 3 to 5: y = (1 - b) z + b x, z <- z - lr g(y), x <- x + (z - x) / t."""
    params = start()
    z, x = params[0].detach().clone(), params[0].detach().clone()
    for t in range(1, 8):
        y = (1 - BETA) * z + BETA * x
        z = z - LR * 4 * y**3
        x = x + (z - x) / t
    optimizer = RebuiltOptimizer(BUILDS[name], params)
    take_steps(optimizer, params, pause or 7)
    if pause:
        optimizer.load_evaluated()
        optimizer.load_trained()
        take_steps(optimizer, params, 7 - pause)
    optimizer.load_evaluated()
    assert torch.allclose(params[0], x, rtol=1e-12)
    optimizer.load_trained()
    assert torch.allclose(params[0], (1 - BETA) * z + BETA * x, rtol=1e-12)


@pytest.mark.parametrize("name", BUILDS)
def test_weights_shown_for_a_while(name):
    params = start()
    optimizer = RebuiltOptimizer(BUILDS[name], params)
    assert optimizer.keeps_evaluated
    before = values(params)
    optimizer.load_evaluated()  # nothing differs yet
    optimizer.load_trained()
    assert same(before, params)
    take_steps(optimizer, params, 7)
    trained = values(params)
    hide = optimizer.show_evaluated()
    evaluated = values(params)
    assert not torch.equal(evaluated[0], trained[0])
    assert torch.equal(evaluated[1], trained[1])
    optimizer.show_evaluated()()  # within the first: nothing to do
    optimizer.load_evaluated()
    assert same(evaluated, params)
    with pytest.raises(ValueError, match=r"holds the weights to evaluate: call load_trained\(\) before"):
        optimizer.step()
    hide()
    assert same(trained, params)
    take_steps(optimizer, params, 3)
    other = start()
    unseen = RebuiltOptimizer(BUILDS[name], other)
    take_steps(unseen, other, 10)
    assert same(params, other)


@pytest.mark.parametrize("name", BUILDS)
def test_it_is_the_optimizers_own_eval_and_train(name):
    params, plain = start(), start()
    wrapped, bare = RebuiltOptimizer(BUILDS[name], params), BUILDS[name](plain)
    if name != "Lookahead":
        bare.train()
    take_steps(wrapped, params, 7)
    take_steps(bare, plain, 7)
    bare.param_groups[0]["params"] = [plain[0], plain[2]]  # SPlus fails where a parameter never had a gradient
    wrapped.load_evaluated()
    modes_of(bare)[1]()
    assert same(params, plain)
    wrapped.load_trained()
    modes_of(bare)[0]()
    assert same(params, plain)


@pytest.mark.parametrize("evaluated", [False, True])
@pytest.mark.parametrize("name", BUILDS)
def test_saving_in_either_mode(name, evaluated):
    params = start()
    optimizer = RebuiltOptimizer(BUILDS[name], params)
    take_steps(optimizer, params, 7)
    if evaluated:
        optimizer.load_evaluated()
    assert optimizer.lost_when_saved() is None
    again = pickle.loads(pickle.dumps(optimizer))
    copies = again.param_groups[0]["params"]
    for each, of in ((optimizer, params), (again, copies)):
        each.load_trained()
        take_steps(each, of, 4)
        each.load_evaluated()
    assert same(params, copies)


@pytest.mark.parametrize("name", [name for name in BUILDS if name != "Lookahead"])
def test_a_tensor_that_is_replaced_starts_the_average_again(name):
    """From the weights that were evaluated, as a new optimizer does."""
    params = start()
    optimizer = RebuiltOptimizer(BUILDS[name], params, restart=True)
    take_steps(optimizer, params, 7)
    optimizer.load_evaluated()
    grown = nn.Parameter(torch.cat([params[2].detach(), torch.zeros(1, dtype=torch.float64)]))
    now = [params[0], params[1], grown]
    optimizer.param_groups[0]["params"] = list(now)
    new = [nn.Parameter(p.detach().clone()) for p in now]
    fresh = RebuiltOptimizer(BUILDS[name], new)
    optimizer.load_trained()
    for each, of in ((optimizer, now), (fresh, new)):
        take_steps(each, of, 4)
        each.load_evaluated()
    assert same(now, new)


def test_a_lookahead_goes_on_with_a_tensor_that_is_replaced():
    params = start()
    optimizer = RebuiltOptimizer(BUILDS["Lookahead"], params)
    take_steps(optimizer, params, 7)
    fast = values(params)
    optimizer.load_evaluated()
    slow = values(params)
    grown = nn.Parameter(torch.cat([params[2].detach(), torch.zeros(1, dtype=torch.float64)]))
    optimizer.param_groups[0]["params"] = [params[0], params[1], grown]
    optimizer.load_trained()
    assert same(fast[:2], params[:2])
    assert torch.equal(grown[:3], slow[2])
    take_steps(optimizer, [params[0], params[1], grown], 5)


def test_one_within_another_is_refused():
    """The outer optimizer never loads the weights to evaluate."""
    match = "ScheduleFreeSGD keeps the weights to evaluate apart from those to train, and must not be used within SAM"
    with pytest.raises(ValueError, match=match):
        RebuiltOptimizer(lambda params: SAM(params, base_optimizer=ScheduleFreeSGD), start())
    build = ExternalOptimizer("pytorch_optimizer.SAM", {}, {"base_optimizer": "pytorch_optimizer.ScheduleFreeSGD"})
    with pytest.raises(ValueError, match=match):
        build.try_out(closure=True)


@pytest.mark.parametrize("name", ["ScheduleFreeSGD", "ScheduleFreeAdamW", "ScheduleFreeRAdam", "SPlus"])
def test_trying_one_out(name):
    ExternalOptimizer(f"pytorch_optimizer.{name}", {"lr": 0.1}).try_out(closure=False)


@pytest.mark.parametrize("name", ["AdaHessian", "SophiaH"])
def test_second_derivatives_are_refused(name):
    with pytest.raises(ValueError, match=f"a trial step of pytorch_optimizer.{name} without a closure failed"):
        ExternalOptimizer(f"pytorch_optimizer.{name}", {"lr": 0.1}).try_out(closure=False)


# maximize

DESCENDING = ("none", "lookahead")
PLACES = {
    "default": (lambda w, v: SGD([w, v], lr=LR, maximize=True), "SGD has maximize=True in parameter group 0"),
    "one group": (
        lambda w, v: SGD([{"params": [w]}, {"params": [v], "maximize": True}], lr=LR),
        "SGD has maximize=True in parameter group 1",
    ),
    "attribute": (lambda w, v: ScheduleFreeSGD([w, v], lr=LR, maximize=True), "ScheduleFreeSGD has maximize=True"),
    "rebuilt": (
        lambda w, v: RebuiltOptimizer(partial(SGD, lr=LR, maximize=True), [w, v]),
        "RebuiltOptimizer has maximize=True in parameter group 0",
    ),
}


def closure_of(w, v):
    def closure():
        w.grad = v.grad = None
        loss = -(w**2 + v**2).sum()  # to be maximised
        loss.backward()
        return loss

    return closure


@pytest.mark.parametrize("wrapped", [False, True])
@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("name", RULES)
def test_maximising_is_refused_where_a_rule_ascends(name, place, wrapped):
    """An ascent along +g and a base step along +g would go the same way."""
    w, v = (nn.Parameter(torch.tensor([1.0])) for _ in range(2))
    build, where = PLACES[place]
    rule, optimizer = RULES[name](), build(w, v)

    def step():
        if wrapped:
            rule.wrap(optimizer).step(closure_of(w, v))
        else:
            rule.step(optimizer, closure_of(w, v))

    if name in DESCENDING:
        step()
        assert v.item() != 1
        return
    with pytest.raises(ValueError, match=f"{type(rule).__name__} ascends before it descends, and {where}"):
        step()
    assert w.item() == v.item() == 1


def test_what_would_have_happened():
    """On -(w - 1)^2, to be maximised, SAM's point of ascent would lie nearer to the maximum, not further away."""
    w = nn.Parameter(torch.tensor([2.0], dtype=torch.float64))
    negated = nn.Parameter(torch.tensor([2.0], dtype=torch.float64))

    def minimised():
        negated.grad = None
        loss = ((negated - 1) ** 2).sum()
        loss.backward()
        return loss

    SAMRule(rho=0.5).step(SGD([negated], lr=LR), minimised)
    assert negated.item() == pytest.approx(2 - LR * 2 * 1.5)  # the gradient at 2.5
    plain = SGD([w], lr=LR, maximize=True)
    w.grad = -2 * (w.detach() - 1)
    plain.step()
    assert w.item() == pytest.approx(2 - LR * 2)  # without a rule the two agree


def test_maximising_is_refused_where_an_optimizer_takes_passes():
    match = "SGD has maximize=True in parameter group 0, and takes its own passes"
    with pytest.raises(ValueError, match=match):
        ClosureOptimizer(partial(SGD, lr=LR, maximize=True), start())
    with pytest.raises(ValueError, match=match):
        ExternalOptimizer("torch.optim.SGD", {"lr": LR, "maximize": True}).try_out(closure=True)
    within = ExternalOptimizer(
        "pytorch_optimizer.SAM", {"lr": LR, "maximize": True}, {"base_optimizer": "torch.optim.SGD"}
    )
    with pytest.raises(ValueError, match="has maximize=True"):
        within.try_out(closure=True)


def test_minimising_is_not_refused():
    assert maximising(SGD(start(), lr=LR)) is None
    assert maximising(RebuiltOptimizer(BUILDS["Lookahead"], start())) is None
    assert not NoRule.ascends
