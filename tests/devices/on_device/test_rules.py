"""Every rule in a plain loop: the same weights as on the CPU, and how often the host waits."""

import copy

import pytest
import torch
from torch import nn
from torch.nn.functional import cross_entropy
from torch.optim import SGD, AdamW

from lifelong_lb.config.entries.rules import RULE_ENTRIES
from lifelong_lb.optim import RULES, NonFiniteGradientError, Passes

BASE = {"sgd": lambda p: SGD(p, lr=0.05, momentum=0.9), "adamw": lambda p: AdamW(p, lr=0.01, fused=True)}


def built(name, **passes):
    return RULES[name](**RULE_ENTRIES[name]().hyper_parameters(), passes=Passes(**passes))


@pytest.fixture(scope="module")
def model():
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(1, 4, 3, bias=False),  # its gradient under BatchNorm is rounding, which Adam scales up
        *(nn.BatchNorm2d(4), nn.ReLU(), nn.Flatten(), nn.Dropout(0.2), nn.Linear(144, 3)),
    )


def trained(model, kind, rule, base="sgd", steps=3, precision=torch.float32, after_step=lambda: None):
    """Weights after a few steps; the device's generator is seeded as that of the CPU."""
    model = copy.deepcopy(model).to(kind)
    optimizer = BASE[base](model.parameters())
    draws = torch.Generator().manual_seed(1)
    torch.manual_seed(2)
    for _ in range(steps):
        x = torch.randn(12, 1, 8, 8, generator=draws).to(kind, non_blocking=True)
        y = torch.randint(3, (12,), generator=draws).to(kind, non_blocking=True)

        def closure(x=x, y=y):
            with torch.autocast(kind, torch.bfloat16, enabled=precision == torch.bfloat16):
                output = model(x)
            loss = cross_entropy(output.float(), y)
            loss.backward()
            return loss

        rule.step(optimizer, closure, model)
        after_step()
    return {name: value.cpu() for name, value in model.state_dict().items()}


@pytest.mark.parametrize("base", BASE)
@pytest.mark.parametrize("name", RULES)
def test_weights_are_those_of_the_cpu(kind, model, name, base):
    model = copy.deepcopy(model)
    if kind != "sim":
        model[4] = nn.Identity()  # the random numbers of other devices differ from those of the CPU
    got, expected = (trained(model, device, built(name), base) for device in (kind, "cpu"))
    for key, value in expected.items():
        torch.testing.assert_close(got[key], value, rtol=1e-4, atol=2e-5, msg=lambda text, key=key: f"{key}: {text}")


@pytest.mark.parametrize("name", RULES)
def test_the_host_waits_at_most_once_per_step(kind, model, counts, name):
    expected = {"c-flat-plus": 2}.get(name, 1)  # whose norm decides about the passes
    seen = []
    trained(model, kind, built(name), steps=4, after_step=lambda: seen.append(counts()))
    assert all(set(step) <= {"scalars"} for step in seen[1:])
    assert max(step["scalars"] for step in seen[1:]) == expected


@pytest.mark.parametrize("name", RULES)
def test_the_host_does_not_wait_without_checks(kind, model, counts, name):
    expected = {"c-flat-plus": {"scalars": 1}, "friendly-sam": {"scalars": 1}}.get(name, {})
    seen = []
    trained(model, kind, built(name, non_finite="ignore"), steps=4, after_step=lambda: seen.append(counts()))
    assert seen[1:] == [expected] * 3


@pytest.mark.parametrize("name", ["none", "sam", "lookbehind-sam"])
def test_bfloat16(kind, model, name):
    model = copy.deepcopy(model)
    model[4] = nn.Identity()
    exact, rounded = (trained(model, kind, built(name), precision=p) for p in (torch.float32, torch.bfloat16))
    assert any(not torch.equal(exact[key], rounded[key]) for key in exact)
    for key, value in exact.items():
        torch.testing.assert_close(rounded[key], value, rtol=0.2, atol=0.05)


@pytest.mark.parametrize("name", RULES)
def test_a_gradient_that_is_not_finite(kind, model, name):
    """The weights are those before the step, although all passes have been taken."""
    model = copy.deepcopy(model).to(kind)
    model[4] = nn.Identity()
    optimizer = BASE["sgd"](model.parameters())
    before = [p.detach().clone() for p in model.parameters()]
    y = torch.zeros(12, dtype=torch.int64, device=kind)

    def closure():
        loss = cross_entropy(model(torch.full((12, 1, 8, 8), float("inf"), device=kind)), y)
        loss.backward()
        return loss

    with pytest.raises(NonFiniteGradientError, match="norm nan"):
        built(name).step(optimizer, closure, model)
    assert all(torch.equal(a, b) for a, b in zip(before, model.parameters(), strict=True))
