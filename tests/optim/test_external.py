"""Optimizers found by their dotted name, and the message that each mistake gets."""

import pytest
import torch
from torch import nn
from torch.optim import SGD, Adagrad

from lifelong_lb.optim import ExternalOptimizer


def test_settings_and_classes_are_keywords():
    params = [nn.Parameter(torch.zeros(2))]
    adagrad = ExternalOptimizer("torch.optim.Adagrad", {"lr": 0.3})(params)
    assert type(adagrad) is Adagrad
    assert adagrad.param_groups[0]["lr"] == 0.3
    sam = ExternalOptimizer("pytorch_optimizer.SAM", {"rho": 0.1, "lr": 0.2}, {"base_optimizer": "torch.optim.SGD"})
    assert type(sam(params).base_optimizer) is SGD


@pytest.mark.parametrize(
    ("build", "closure"),
    [
        (ExternalOptimizer("torch.optim.Adagrad"), False),
        (ExternalOptimizer("torch.optim.Rprop"), True),
        (ExternalOptimizer("torch.optim.LBFGS", {"line_search_fn": "strong_wolfe"}), True),
        (ExternalOptimizer("pytorch_optimizer.Lion"), False),
        (ExternalOptimizer("pytorch_optimizer.BSAM", {"num_data": 100}), True),
        (ExternalOptimizer("pytorch_optimizer.SAM", {"lr": 0.1}, {"base_optimizer": "torch.optim.SGD"}), True),
    ],
)
def test_what_works_passes_the_trial(build, closure):
    before = torch.get_rng_state()
    build.try_out(closure=closure)
    assert "BSAM" in build.target or torch.equal(before, torch.get_rng_state())


MISTAKES = {
    "module": (
        ExternalOptimizer("torch.optmi.Adagrad"),
        "torch.optmi.Adagrad cannot be imported: ModuleNotFoundError: No module named 'torch.optmi'",
    ),
    "class": (
        ExternalOptimizer("torch.optim.Adagard"),
        "torch.optim has no class 'Adagard'; did you mean 'torch.optim.Adagrad'?",
    ),
    "no class": (ExternalOptimizer("torch.optim.adagrad"), "torch.optim has no class 'adagrad'; did you mean"),
    "no optimizer": (
        ExternalOptimizer("torch.nn.Linear"),
        "torch.nn.Linear must be a torch optimizer (a subclass of torch.optim.Optimizer)",
    ),
    "keyword": (
        ExternalOptimizer("torch.optim.Adagrad", {"lr": 0.1, "momentum": 0.9}),
        "torch.optim.Adagrad cannot be built with (lr=0.1, momentum=0.9): TypeError: ",
    ),
    "value": (
        ExternalOptimizer("torch.optim.Adagrad", {"lr": -1}),
        "torch.optim.Adagrad cannot be built with (lr=-1): ValueError: Invalid learning rate: -1",
    ),
    "missing": (
        ExternalOptimizer("pytorch_optimizer.SAM"),
        "pytorch_optimizer.SAM cannot be built with (): TypeError: ",
    ),
    "keyword class": (
        ExternalOptimizer("pytorch_optimizer.SAM", {"lr": 0.1}, {"base_optimizer": "torch.optim.SDG"}),
        "torch.optim has no class 'SDG'; did you mean 'torch.optim.SGD'?",
    ),
    "closure": (
        ExternalOptimizer("torch.optim.LBFGS"),
        "a trial step of torch.optim.LBFGS without a closure failed: TypeError: ",
    ),
}


@pytest.mark.parametrize("case", MISTAKES)
def test_each_mistake_gets_one_sentence(case):
    build, message = MISTAKES[case]
    with pytest.raises(ValueError, match=".") as error:
        build.try_out(closure=False)
    assert str(error.value).startswith(message)
    assert "\n" not in str(error.value)
    assert (case == "closure") == ("needs closure: true" in str(error.value))


def test_a_trial_step_with_a_closure_that_fails():
    build = ExternalOptimizer("torch.optim.LBFGS", {"line_search_fn": "wolfe"})
    with pytest.raises(
        ValueError, match=r"a trial step of torch\.optim\.LBFGS with a closure failed: RuntimeError: only"
    ):
        build.try_out(closure=True)


@pytest.mark.parametrize(
    ("build", "closure"),
    [
        (ExternalOptimizer("torch.optim.Adagrad"), False),
        (ExternalOptimizer("torch.optim.RMSprop"), False),
        (ExternalOptimizer("pytorch_optimizer.Lion", {"weight_decay": 0.1}), False),
        (ExternalOptimizer("pytorch_optimizer.SAM", {"lr": 0.1}, {"base_optimizer": "torch.optim.SGD"}), True),
    ],
)
def test_what_heeds_its_learning_rate_may_have_a_schedule(build, closure):
    build.try_out(closure=closure, scheduled=True)


def test_what_does_not_may_not():
    """Rprop takes its learning rate for the first step only."""
    build = ExternalOptimizer("torch.optim.Rprop")
    build.try_out(closure=False)
    with pytest.raises(ValueError, match=r"torch\.optim\.Rprop cannot have a schedule: a step with the learning"):
        build.try_out(closure=False, scheduled=True)
