"""Any torch optimizer stays correct when parameters and state are changed from outside, as by Avalanche."""

import copy
import pickle
from collections import defaultdict
from functools import partial

import pytest
import torch
from torch import nn
from torch.optim import LBFGS, SGD, Adagrad, Adam, Optimizer
from torch.optim.lr_scheduler import StepLR

from lifelong_lb.optim import RebuiltOptimizer

ADAGRAD = partial(Adagrad, lr=0.1)


def parameter(*values):
    return nn.Parameter(torch.tensor(values, dtype=torch.float64))


def step(optimizer, params):
    """One step on the loss sum(w ** 2) / 2."""
    for p in params:
        p.grad = p.detach().clone()
    optimizer.step()


def replace(optimizer, old, new):
    """As Avalanche does where a head has grown."""
    params = optimizer.param_groups[0]["params"]
    params[next(i for i, p in enumerate(params) if p is old)] = new
    if old in optimizer.state:
        optimizer.state.pop(old)
        optimizer.state[new] = {}


class Around(Optimizer):
    """An optimizer around another one, which it keeps to itself."""

    def __init__(self, params, lr, *, blind=False):
        super().__init__(params, {"lr": lr})
        self.inner = Adagrad([{"params": list(g["params"])} for g in self.param_groups] if blind else params, lr=lr)
        if not blind:
            self.inner.param_groups = self.param_groups = self.inner.param_groups

    def step(self, closure=None):
        return self.inner.step()


@pytest.mark.parametrize("build", [ADAGRAD, partial(Adam, lr=0.1), partial(SGD, lr=0.1, momentum=0.9)])
def test_a_state_that_is_emptied_begins_anew(build):
    """Equal to rebuilding the plain optimizer; torch's Adagrad alone would not find its state."""
    w, v = parameter(1, -2), parameter(1, -2)
    ours, plain = RebuiltOptimizer(build, [w]), build([v])
    for i in range(6):
        if i == 3:
            ours.state = defaultdict(dict)
            plain = build([v])
        step(ours, [w])
        step(plain, [v])
        assert torch.equal(w, v)


@pytest.mark.parametrize("build", [ADAGRAD, partial(Adam, lr=0.1), partial(Around, lr=0.1)])
def test_parameters_that_stay_keep_their_state_and_new_ones_begin(build):
    """Elementwise optimizers: each tensor moves as if it had a separate optimizer."""
    tensors = [parameter(1, -2), parameter(3), parameter(0.5, 1, 2)]
    alone = [parameter(*p.tolist()) for p in tensors]
    stays, leaves, comes = tensors
    ours = RebuiltOptimizer(build, [stays, leaves])
    plain = [build([p]) for p in alone]
    for _ in range(3):
        step(ours, [stays, leaves])
        step(plain[0], [alone[0]])
    replace(ours, leaves, comes)
    for _ in range(3):
        step(ours, [stays, comes])
        step(plain[0], [alone[0]])
        step(plain[2], [alone[2]])
    assert torch.equal(stays, alone[0])
    assert torch.equal(comes, alone[2])
    assert leaves not in ours.state


def test_restart_begins_anew_when_a_parameter_comes():
    w, v, new, other = parameter(1, -2), parameter(1, -2), parameter(3), parameter(3)
    ours, plain = RebuiltOptimizer(ADAGRAD, [w], restart=True), ADAGRAD([v])
    for _ in range(3):
        step(ours, [w])
        step(plain, [v])
    ours.param_groups[0]["params"].append(new)
    plain = ADAGRAD([v, other])
    for _ in range(3):
        step(ours, [w, new])
        step(plain, [v, other])
    assert torch.equal(w, v)
    assert torch.equal(new, other)


def test_what_a_scheduler_has_set_stays():
    w = parameter(1, -2)
    ours = RebuiltOptimizer(ADAGRAD, [w])
    scheduler = StepLR(ours, step_size=1, gamma=0.5)
    step(ours, [w])
    scheduler.step()
    ours.state = defaultdict(dict)
    step(ours, [w])
    assert ours.param_groups[0]["lr"] == 0.05
    scheduler.step()
    assert ours.base.param_groups[0]["lr"] == 0.025


def test_an_optimizer_within_that_does_not_see_new_parameters_is_told_of():
    w, new = parameter(1, -2), parameter(3)
    ours = RebuiltOptimizer(partial(Around, lr=0.1, blind=True), [w])
    ours.param_groups[0]["params"].append(new)
    with pytest.raises(ValueError, match=r"the Adagrad within Around does not see .* with restart: true"):
        step(ours, [w, new])


def test_state_survives_a_save_and_load():
    w = parameter(1, -2)
    ours = RebuiltOptimizer(ADAGRAD, [w])
    step(ours, [w])
    pickled = pickle.loads(pickle.dumps((ours, w)))
    loaded_w = parameter(*w.tolist())
    loaded = RebuiltOptimizer(ADAGRAD, [loaded_w])
    loaded.load_state_dict(copy.deepcopy(ours.state_dict()))
    assert isinstance(ours, Optimizer)
    for optimizer, p in [(ours, w), pickled, (loaded, loaded_w)]:
        step(optimizer, [p])
        assert torch.equal(p, w)
        assert repr(optimizer).startswith("RebuiltOptimizer over Adagrad")


def test_what_saving_would_lose():
    """Momentum of an optimizer within, which is in no state dict."""
    w = parameter(1, -2)
    torchs, around = RebuiltOptimizer(ADAGRAD, [w]), RebuiltOptimizer(partial(Around, lr=0.1), [w])
    assert (torchs.lost_when_saved(), around.lost_when_saved()) == (None, None)
    for optimizer in (torchs, around):
        step(optimizer, [w])
    assert torchs.lost_when_saved() is None
    assert around.lost_when_saved() == "inner"


def test_lbfgs_without_restart_cannot_go_on():
    """What restart is for: L-BFGS remembers how many numbers there are."""
    w, new = parameter(1, -2), parameter(3)

    def closure():
        loss = (w.square().sum() + new.square().sum()) / 2
        w.grad, new.grad = w.detach().clone(), new.detach().clone()
        return loss

    ours = RebuiltOptimizer(partial(LBFGS, max_iter=2), [w], restart=False)
    ours.step(closure)
    ours.param_groups[0]["params"].append(new)
    with pytest.raises((AssertionError, RuntimeError)):
        ours.step(closure)
