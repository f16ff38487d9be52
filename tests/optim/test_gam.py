"""GAM: by hand, at its limits, and beside what it is made of."""

import pytest
import torch
from helpers.small_training import batches, equal, make_model, train, weights
from torch import nn
from torch.optim import SGD

from lifelong_lb.optim import GAM, GSAM, SAM, NoRule


def stepped(rule, n=8):
    model = make_model()
    train(rule, model, SGD(model.parameters(), lr=0.1, momentum=0.9), batches(n))
    return weights(model)


def test_by_hand():
    # f = (w1^2 + 2 w2^2) / 2 at (4, 1.5): g_0 = (4, 3), |g_0| = 5; with rho' = 0.5, g_1 = (4 + 0.4, 2 (1.5 + 0.3)),
    # g_1 - g_0 = (0.4, 0.6); with rho = sqrt(0.52), u = (4.4, 2.1), g_2 = (4.4, 4.2); g_3 = g_2 + 0.5 H g_2 / |g_2|
    w = nn.Parameter(torch.tensor([4.0, 1.5], dtype=torch.float64))
    curvature = torch.tensor([1.0, 2.0], dtype=torch.float64)
    optimizer = SGD([w], lr=0.1)

    def closure():
        optimizer.zero_grad()
        loss = (curvature * w**2 / 2).sum()
        loss.backward()
        return loss

    GAM(rho=0.52**0.5, rho_prime=0.5, alpha=0.5, beta=0.25, gamma=0.3).step(optimizer, closure)
    norm = (4.4**2 + 4.2**2) ** 0.5
    g3 = (4.4 + 0.5 * 4.4 / norm, 4.2 + 0.5 * 2 * 4.2 / norm)
    plus = ((4.4 + g3[0]) / 2, (3.6 + g3[1]) / 2)
    minus = (0.25 * 4 + 0.75 * 4.4, 0.25 * 3 + 0.75 * 4.2)
    share = (minus[0] * plus[0] + minus[1] * plus[1]) / (plus[0] ** 2 + plus[1] ** 2)
    step = [p - 0.3 * (m - share * p) for p, m in zip(plus, minus, strict=True)]
    assert w.tolist() == pytest.approx([4 - 0.1 * step[0], 1.5 - 0.1 * step[1]], abs=1e-14)


@pytest.mark.parametrize("beta", [0.0, 0.5, 1.0])
def test_alpha_one_without_gamma_is_sam(beta):
    assert equal(stepped(GAM(rho_prime=0.1, alpha=1, beta=beta, gamma=0)), stepped(SAM(rho=0.1)))


def test_alpha_and_beta_one_is_gsam():
    ours = stepped(GAM(rho_prime=0.1, alpha=1, beta=1, gamma=0.4))
    assert equal(ours, stepped(GSAM(rho=0.1, alpha=0.4)))
    assert not equal(ours, stepped(SAM(rho=0.1)))


def test_without_radii_only_the_base_step_is_left():
    for a, b in zip(stepped(GAM(rho=0, rho_prime=0, gamma=0.4)), stepped(NoRule()), strict=True):
        assert torch.allclose(a, b, rtol=0, atol=1e-13)


@pytest.mark.parametrize(
    ("settings", "passes"),
    [
        ({}, 4),
        ({"gamma": 0}, 4),
        ({"beta": 1}, 4),
        ({"alpha": 0, "beta": 1, "gamma": 0}, 4),
        ({"alpha": 1}, 3),
        ({"alpha": 1, "beta": 0}, 3),
        ({"alpha": 1, "beta": 1}, 2),
        ({"alpha": 1, "gamma": 0}, 2),
    ],
)
def test_only_gradients_that_count_are_taken(settings, passes):
    model, calls = make_model(), 0
    x, y = batches(1)[0]
    optimizer = SGD(model.parameters(), lr=0.1)

    def closure():
        nonlocal calls
        calls += 1
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(model(x), y)
        loss.backward()
        return loss

    rule = GAM(**settings)
    rule.step(optimizer, closure)
    assert calls == passes == rule.gradient_evaluations
