"""Eigenvalues and trace: known Hessians, and the dense Hessian of a small network."""

import numpy as np
import pytest
import torch
from helpers.landscapes import (
    ONE_IMAGE,
    Copy,
    Quadratic,
    generator,
    mean_output,
    rotated,
    small_net,
    some_batches,
    together,
)
from torch.nn.functional import cross_entropy

from lifelong_lb.landscape import hessian_eigenvalues, hessian_trace

START = torch.tensor([1.0, -2.0, 0.5, 3.0], dtype=torch.float64)


@pytest.mark.parametrize("k", [1, 2, 3])
def test_the_largest_eigenvalues_of_a_known_hessian(k):
    model = Quadratic(rotated([5.0, 1.0, 0.2, -7.0]), START)
    eigenvalues = hessian_eigenvalues(model, [ONE_IMAGE], mean_output, k=k, generator=generator(), tolerance=1e-10)
    assert eigenvalues == pytest.approx(np.array([5.0, 1.0, 0.2])[:k], rel=1e-8)


def test_eigenvalues_and_trace_of_a_small_net():
    net, batches = small_net(), some_batches()
    dense = Copy(net, together(batches)).hessian()
    assert len(dense) == 4 * 5 + 4 + 4 + 4 + 3 * 4 + 3  # without the frozen layer
    expected = torch.linalg.eigvalsh((dense + dense.T) / 2).flip(0)
    eigenvalues = hessian_eigenvalues(net, batches, cross_entropy, k=5, generator=generator(), tolerance=1e-9)
    assert eigenvalues == pytest.approx(expected[:5].numpy(), rel=1e-6)
    default = hessian_eigenvalues(net, batches, cross_entropy, k=5, generator=generator(3))
    assert default == pytest.approx(expected[:5].numpy(), rel=1e-3)
    trace, error = hessian_trace(net, batches, cross_entropy, draws=200, generator=generator())
    off_diagonal = dense - torch.diag(dense.diag())
    assert error == pytest.approx(float((2 * (off_diagonal**2).sum() / 200) ** 0.5), rel=0.25)
    assert abs(trace - float(dense.trace())) < 3 * error


def test_the_trace_of_a_diagonal_hessian_is_exact():
    model = Quadratic(torch.diag(torch.tensor([5.0, 1.0, 0.2, -7.0], dtype=torch.float64)), START)
    trace, error = hessian_trace(model, [ONE_IMAGE], mean_output, draws=2, generator=generator())
    assert (trace, error) == pytest.approx((-0.8, 0.0), abs=1e-12)
    assert np.isnan(hessian_trace(model, [ONE_IMAGE], mean_output, draws=1, generator=generator())[1])


def test_a_loss_with_zero_hessian():
    net = torch.nn.Linear(5, 1).double()
    zero = hessian_eigenvalues(net, some_batches(), lambda output, y: output.mean(), k=2, generator=generator())
    assert zero == pytest.approx(np.zeros(2), abs=1e-12)


def test_the_same_generator_gives_the_same_numbers():
    net, batches = small_net(), some_batches()
    twice = [hessian_eigenvalues(net, batches, cross_entropy, k=2, generator=generator(5)) for _ in range(2)]
    assert twice[0].tolist() == twice[1].tolist()
    traces = [hessian_trace(net, batches, cross_entropy, draws=2, generator=generator(5)) for _ in range(2)]
    assert traces[0] == traces[1] != hessian_trace(net, batches, cross_entropy, draws=2, generator=generator(6))


def test_eigenvalues_of_a_non_finite_hessian_are_nan():
    model = Quadratic(torch.full((4, 4), float("nan"), dtype=torch.float64), START)
    assert np.isnan(hessian_eigenvalues(model, [ONE_IMAGE], mean_output, k=2, generator=generator())).all()


def test_invalid_arguments_are_refused():
    model = Quadratic(rotated([1.0, 1.0, 1.0, 1.0]), START)
    with pytest.raises(ValueError, match="k must be below the number of trainable parameters, 4; got 4"):
        hessian_eigenvalues(model, [ONE_IMAGE], mean_output, k=4, generator=generator())
    with pytest.raises(ValueError, match="draws must be a whole number >= 1; got 0"):
        hessian_trace(model, [ONE_IMAGE], mean_output, draws=0, generator=generator())
