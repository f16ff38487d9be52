"""Rise of the loss in a ball: closed forms on quadratics, naive ascent on a small network."""

import pytest
import torch
from helpers.landscapes import ONE_IMAGE, Copy, Quadratic, mean_output, rotated, small_net, some_batches, together
from torch.nn.functional import cross_entropy

from lifelong_lb.landscape import Ball, Batch, loss_rise, m_sharpness

START = torch.tensor([1.0, -2.0, 0.5, 3.0], dtype=torch.float64)


def largest_rise(H, w, rho):
    """Max of g e + e H e / 2 over ||e|| = rho, by bisection.

    e = (mu - H)^-1 g with mu above the largest eigenvalue.
    """
    values, vectors = torch.linalg.eigh(H)
    g = vectors.T @ H @ w
    low, high = float(values[-1]), float(values[-1] + g.norm() / rho)
    for _ in range(200):
        mu = (low + high) / 2
        low, high = (mu, high) if (g / (mu - values)).norm() > rho else (low, mu)
    e = g / (high - values)
    return float(g @ e + (values * e**2).sum() / 2)


@pytest.mark.parametrize("rho", [0.01, 0.3, 2.0])
def test_one_step_on_a_quadratic(rho):
    """L(w + rho g / |g|) - L(w) = rho |g| + rho^2 g H g / (2 |g|^2)."""
    H = rotated([5.0, 1.0, 0.2, -0.5])
    g = H @ START
    expected = rho * g.norm() + rho**2 * (g @ H @ g) / (2 * g @ g)
    rise = loss_rise(Quadratic(H, START), [ONE_IMAGE], mean_output, Ball(rho=rho))
    assert rise == pytest.approx(float(expected), rel=1e-12)


@pytest.mark.parametrize("rho", [0.01, 0.3, 2.0])
def test_many_steps_reach_the_maximum_of_a_convex_quadratic(rho):
    H = rotated([5.0, 1.0, 0.2, 0.1])
    rise = loss_rise(Quadratic(H, START), [ONE_IMAGE], mean_output, Ball(rho=rho), steps=200)
    assert rise == pytest.approx(largest_rise(H, START, rho), rel=1e-9)


def test_first_step_of_asam_by_hand():
    """f = w^2 / 2 in each direction and g = (2, -1, 0, 3).

    T = (2.5, 1.5) for the weight, 1 for the bias; T g = (5, -1.5, 0, 3), of norm sqrt(36.25); e = T * T g * rho / norm.
    """
    start = torch.tensor([2.0, -1.0, 0.0, 3.0], dtype=torch.float64)
    model = Quadratic(torch.eye(4, dtype=torch.float64), start)
    size = 0.7 / 36.25**0.5
    e = torch.tensor([2.5 * 5, 1.5 * -1.5, 0, 3], dtype=torch.float64) * size
    expected = float(((start + e) ** 2 - start**2).sum() / 2)
    rise = loss_rise(model, [ONE_IMAGE], mean_output, Ball(rho=0.7, adaptive=True, eta=0.5))
    assert rise == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("adaptive", [False, True])
@pytest.mark.parametrize("steps", [1, 2, 7])
@pytest.mark.parametrize("rho", [0.05, 1.0])
def test_against_a_naive_ascent(rho, steps, adaptive):
    net, batches = small_net(), some_batches()
    naive = Copy(net, together(batches))
    T = naive.scales(0.02) if adaptive else torch.ones_like(naive.w)
    ball = Ball(rho=rho, adaptive=adaptive, eta=0.02)
    assert loss_rise(net, batches, cross_entropy, ball, steps=steps) == pytest.approx(
        naive.rise(rho, steps, T), rel=1e-9
    )
    parts = [len(b.y) / 20 * Copy(net, b).rise(rho, steps, T) for b in batches]
    assert m_sharpness(net, batches, cross_entropy, ball, steps=steps) == pytest.approx(sum(parts), rel=1e-9)


def test_only_m_sharpness_depends_on_the_batches():
    net, whole = small_net(), together(some_batches())
    ball = Ball(rho=0.3)
    rises = [loss_rise(net, whole.split(m), cross_entropy, ball, steps=3) for m in (20, 6, 1)]
    assert rises == pytest.approx([rises[0]] * 3, rel=1e-12)
    sharpness = [m_sharpness(net, whole.split(m), cross_entropy, ball, steps=3) for m in (20, 6, 1)]
    assert sharpness[0] == pytest.approx(rises[0], rel=1e-12)
    assert sharpness[0] < sharpness[1] < sharpness[2]


def test_limits():
    net, batches = small_net(), some_batches()
    assert loss_rise(net, batches, cross_entropy, Ball(rho=0), steps=3) == 0
    flat = Quadratic(torch.eye(4, dtype=torch.float64), torch.zeros(4, dtype=torch.float64))
    assert loss_rise(flat, [ONE_IMAGE], mean_output, Ball(rho=1)) == 0  # no ascent direction
    steps = [loss_rise(net, batches, cross_entropy, Ball(rho=0.5), steps=n) for n in (1, 2, 4, 8)]
    assert steps == sorted(steps)


def test_non_finite_losses_and_gradients_are_reported():
    eye = torch.eye(4, dtype=torch.float64)
    rise = loss_rise(Quadratic(eye, START), [ONE_IMAGE], lambda f, y: f.mean().exp(), Ball(rho=100), steps=3)
    assert rise == float("inf")
    steep = Quadratic(1e200 * eye, START)  # the norm of the gradient overflows
    assert torch.tensor(loss_rise(steep, [ONE_IMAGE], mean_output, Ball(rho=1))).isnan()


def test_invalid_arguments_are_refused():
    net = small_net()
    empty = Batch((torch.empty(0, 5, dtype=torch.float64),), torch.empty(0, dtype=torch.int64))
    with pytest.raises(ValueError, match="rho must be a finite number >= 0; got -1"):
        Ball(rho=-1)
    with pytest.raises(ValueError, match="eta must be a finite number > 0; got 0"):
        Ball(rho=1, adaptive=True, eta=0)
    with pytest.raises(ValueError, match="steps must be a whole number >= 1; got 0"):
        loss_rise(net, some_batches(), cross_entropy, Ball(rho=1), steps=0)
    with pytest.raises(ValueError, match="the loss is a mean over images; got none"):
        loss_rise(net, [empty], cross_entropy, Ball(rho=1))
    with pytest.raises(ValueError, match="m-sharpness is a mean over groups of images; got none"):
        m_sharpness(net, [empty], cross_entropy, Ball(rho=1))
    with pytest.raises(ValueError, match="the model has no trainable parameters"):
        loss_rise(torch.nn.Identity(), some_batches(), cross_entropy, Ball(rho=1))
