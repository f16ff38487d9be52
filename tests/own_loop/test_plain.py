"""The page's recipes in plain PyTorch train as loops written by hand."""

import copy
import math

import pytest
import torch
from helpers.recipes import (
    THREE,
    accumulated,
    by_hand,
    check,
    make_loader,
    make_model,
    make_optimizer,
    make_rule,
    plain_loss,
    run,
)
from helpers.rule_cases import RULES

from lifelong_lb.optim import LookaheadSAM, LookbehindSAM, Passes
from lifelong_lb.optim.weights import copied, load


def train(title, name, *, dtype=torch.float64, passes=None, number=0, **names):
    model = make_model(dtype)
    optimizer = make_optimizer(model.named_parameters())
    settings = {"model": model, "optimizer": optimizer, "rule": make_rule(name, passes), "loader": make_loader(dtype)}
    return model, run(title, number, **{**settings, **names})


def autocast_loss(model, x, y):
    with torch.autocast("cpu", torch.bfloat16):
        return plain_loss(model, x, y)


def test_the_names_of_the_page():
    names = run("Names used below", model=make_model())
    assert isinstance(names["rule"], LookbehindSAM)
    assert "param_names" in names["optimizer"].param_groups[0]


@pytest.mark.parametrize("name", RULES)
@pytest.mark.parametrize("title", ["Plain loop", "Pass by pass", "An optimizer with step(closure)"])
def test_plain_loops(title, name):
    model, names = train(title, name)
    expected = by_hand(name, make_loader())
    check(model, expected)
    if title == "Plain loop":
        assert names["loss"].item() == pytest.approx(expected.losses[-1])


@pytest.mark.parametrize("name", THREE)
def test_schedulers(name):
    model, names = train("Learning rate schedulers", name)
    rates = []

    def anneal(optimizer):
        rates.append(optimizer.param_groups[0]["lr"])
        optimizer.param_groups[0]["lr"] = 0.05 * (1 + math.cos(math.pi * len(rates) / 4))

    check(model, by_hand(name, make_loader(), after_step=anneal))
    assert names["optimizer"].param_groups[0]["lr"] == pytest.approx(0)
    assert rates == pytest.approx([0.1, 0.08535534, 0.05, 0.01464466])


def test_rules_that_span_minibatches():
    evaluated = []
    names = {"rule": LookaheadSAM(rho=0.05, k=3, alpha=0.5), "evaluate": lambda m: evaluated.append(copy.deepcopy(m))}
    model, _ = train("Rules that span minibatches", "sam", **names)
    slow, steps = copied(list(make_model().parameters())), 0

    def interpolate(optimizer):
        nonlocal slow, steps
        steps += 1
        if steps >= 3:  # after the third minibatch, and early after the fourth, which is the last
            params = optimizer.param_groups[0]["params"]
            evaluated.append(slow)
            slow = [s + (p.detach() - s) / 2 for s, p in zip(slow, params, strict=True)]
            load(params, slow)

    check(model, by_hand("sam", make_loader(), after_step=interpolate))
    assert all(
        torch.allclose(p, s, rtol=0, atol=1e-10) for p, s in zip(evaluated[0].parameters(), evaluated[2], strict=True)
    )


@pytest.mark.parametrize("name", THREE)
def test_bfloat16_autocast(name):
    model, _ = train("bfloat16 autocast", name, dtype=torch.float32)
    expected = by_hand(name, make_loader(torch.float32), loss_of=autocast_loss)
    check(model, expected, tolerance=1e-5)


@pytest.mark.parametrize("name", RULES)
def test_gradient_scalers(name):
    model, names = train("GradScaler", name, dtype=torch.float64)
    check(model, by_hand(name, make_loader()))
    assert names["scaler"].get_scale() == 2.0**16


@pytest.mark.parametrize("name", RULES)
def test_clipping(name):
    passes = Passes(clip_norm=0.1)
    model, _ = train("Pass by pass", name, passes=passes)
    check(model, by_hand(name, make_loader(), clip_norm=0.1))
    closure, _ = train("Plain loop", name, passes=passes)
    check(closure, model)


@pytest.mark.parametrize("name", RULES)
def test_accumulation(name):
    model, _ = train("Gradient accumulation", name)
    check(model, by_hand(name, make_loader(), loss_of=accumulated(4)))
