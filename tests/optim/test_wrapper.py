"""A rule wrapped with its base optimizer is a torch optimizer like any other."""

import copy
import pickle

import pytest
import torch
from helpers.small_training import batches, closure_of, equal, make_model, weights
from torch import nn
from torch.optim import SGD, Adam, Optimizer
from torch.optim.lr_scheduler import OneCycleLR, StepLR

from lifelong_lb.optim import RULES, LookaheadSAM, LookbehindSAM


def train(model, wrapped, data, scheduler=None):
    for x, y in data:
        wrapped.step(closure_of(model, wrapped, x, y))
        if scheduler is not None:
            scheduler.step()


@pytest.mark.parametrize("name", RULES)
def test_the_wrapped_step_is_the_rules_step(name):
    wrapped_model, plain_model = make_model(), make_model()
    wrapped = RULES[name]().wrap(SGD(wrapped_model.parameters(), lr=0.1, momentum=0.9))
    assert isinstance(wrapped, Optimizer)
    train(wrapped_model, wrapped, batches(7))
    rule, optimizer = RULES[name](), SGD(plain_model.parameters(), lr=0.1, momentum=0.9)
    for x, y in batches(7):
        rule.step(optimizer, closure_of(plain_model, optimizer, x, y))
    assert equal(weights(wrapped_model), weights(plain_model))


@pytest.mark.parametrize(
    "schedule", [lambda o: StepLR(o, step_size=2, gamma=0.5), lambda o: OneCycleLR(o, max_lr=0.2, total_steps=8)]
)
def test_schedulers_drive_the_base_optimizer(schedule):
    model, reference = make_model(), make_model()
    base = SGD(model.parameters(), lr=0.1, momentum=0.9)
    wrapped = LookbehindSAM(rho=0, k=1, alpha=1.0).wrap(base)
    train(model, wrapped, batches(8), schedule(wrapped))
    plain = SGD(reference.parameters(), lr=0.1, momentum=0.9)
    scheduler = schedule(plain)
    for x, y in batches(8):
        plain.step(closure_of(reference, plain, x, y))
        scheduler.step()
    assert base.param_groups[0]["lr"] == plain.param_groups[0]["lr"] != 0.1
    assert equal(weights(model), weights(reference))


@pytest.mark.parametrize("rule", [LookbehindSAM(rho=0.1, k=2), LookaheadSAM(rho=0.1, k=4)])
def test_saving_and_going_on(rule):
    model = make_model()
    wrapped = copy.deepcopy(rule).wrap(Adam(model.parameters(), lr=1e-2))
    train(model, wrapped, batches(6)[:3])
    saved = pickle.loads(pickle.dumps((model.state_dict(), wrapped.state_dict())))
    train(model, wrapped, batches(6)[3:])
    other = make_model()
    again = copy.deepcopy(rule).wrap(Adam(other.parameters(), lr=1e-2))
    other.load_state_dict(saved[0])
    again.load_state_dict(saved[1])
    train(other, again, batches(6)[3:])
    assert equal(weights(model), weights(other))


def test_a_copy_has_groups_and_state_of_its_own():
    model = make_model()
    wrapped = LookbehindSAM(k=2).wrap(SGD(model.parameters(), lr=0.1, momentum=0.9))
    train(model, wrapped, batches(1))
    pair = copy.deepcopy((model, wrapped))
    twin, twin_optimizer = pair
    assert twin_optimizer.param_groups[0]["params"][0] is next(iter(twin.parameters()))
    train(model, wrapped, batches(3)[1:])
    train(twin, twin_optimizer, batches(3)[1:])
    assert equal(weights(model), weights(twin))


def test_groups_and_state_are_the_base_optimizers():
    model, late = make_model(), nn.Parameter(torch.ones(2, dtype=torch.float64))
    base = SGD(model.parameters(), lr=0.1, momentum=0.9)
    wrapped = LookbehindSAM().wrap(base)
    wrapped.add_param_group({"params": [late], "lr": 0.5})
    assert [group["lr"] for group in base.param_groups] == [0.1, 0.5]
    train(model, wrapped, batches(1))
    assert wrapped.state is base.state
    assert len(base.state) == 5
    wrapped.zero_grad()
    assert all(p.grad is None for p in model.parameters())
    assert repr(wrapped).startswith("LookbehindSAM over SGD")


def test_a_step_without_a_closure_says_what_is_missing():
    wrapped = LookbehindSAM().wrap(SGD(make_model().parameters(), lr=0.1))
    with pytest.raises(ValueError, match=r"LookbehindSAM evaluates the loss more than once: call step\(closure\)"):
        wrapped.step()


def test_hooks_around_a_step_are_called_once():
    model = make_model()
    wrapped = LookbehindSAM(k=3).wrap(SGD(model.parameters(), lr=0.1))
    called = []
    wrapped.register_step_pre_hook(lambda *_: called.append("before"))
    wrapped.register_step_post_hook(lambda *_: called.append("after"))
    train(model, wrapped, batches(1))
    assert called == ["before", "after"]
