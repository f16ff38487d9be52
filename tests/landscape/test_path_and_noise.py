"""Linear paths between two sets of weights, and weight noise."""

import copy

import numpy as np
import pytest
import torch
from helpers.landscapes import ONE_IMAGE, Copy, Quadratic, generator, mean_output, small_net, some_batches, together
from torch import nn
from torch.nn.functional import cross_entropy

from lifelong_lb.landscape import Batch, LinearPath, linear_path, noisy_accuracies

EYE = torch.eye(4, dtype=torch.float64)


def test_a_path_across_a_parabola():
    """f = |w|^2 / 2 from (-1, 0, 0, 0) to (3, 0, 0, 0) is (4 t - 1)^2 / 2."""
    start, end = (Quadratic(EYE, x * EYE[0]).state_dict() for x in (-1.0, 3.0))
    path = linear_path(Quadratic(EYE, EYE[1]), start, end, [ONE_IMAGE], mean_output, points=5)
    assert path.t.tolist() == [0, 0.25, 0.5, 0.75, 1]
    assert path.loss == pytest.approx([0.5, 0, 0.5, 2, 4.5], abs=1e-12)
    assert path.accuracy.tolist() == [1] * 5
    assert path.barrier == pytest.approx(4.5 - 2.5)
    assert path.barrier_above_line == pytest.approx(0, abs=1e-12)


def test_barriers_by_hand():
    path = LinearPath(np.array([0, 0.25, 1]), np.array([1.0, 3.0, 5.0]), np.zeros(3))
    assert (path.barrier, path.barrier_above_line) == (5 - 3, 3 - 2)
    straight = LinearPath(np.array([0, 0.5, 1]), np.array([1.0, 2.0, 3.0]), np.zeros(3))
    assert (straight.barrier, straight.barrier_above_line) == (1, 0)


def test_a_path_interpolates_running_statistics():
    one, other, batches = small_net(0), small_net(1), some_batches()
    path = linear_path(small_net(2), one.state_dict(), other.state_dict(), batches, cross_entropy, points=4)
    assert len(path.t) >= 4
    for t, loss, accuracy in zip(path.t, path.loss, path.accuracy, strict=True):
        between = small_net(2)
        for tensor, a, b in zip(*(net.state_dict().values() for net in (between, one, other)), strict=True):
            tensor.copy_((1 - t) * a + t * b)
        naive = Copy(between, together(batches))
        assert (loss, accuracy) == pytest.approx((naive(naive.w), naive.accuracy(naive.w)), rel=1e-12)


def test_invalid_paths_are_refused():
    net, batches = small_net(), some_batches()
    short = {name: tensor[:2] if name == "5.bias" else tensor for name, tensor in net.state_dict().items()}
    with pytest.raises(ValueError, match=r"5.bias: shape \(2,\) in start, shape \(3,\) in end"):
        linear_path(net, short, net.state_dict(), batches, cross_entropy)
    with pytest.raises(ValueError, match=r"5.bias: shape \(2,\) in end, shape \(3,\) in the model"):
        linear_path(net, short, short, batches, cross_entropy)
    incomplete = {name: tensor for name, tensor in net.state_dict().items() if name != "5.bias"}
    with pytest.raises(ValueError, match=r"5.bias: shape \(3,\) in start, missing in end"):
        linear_path(net, net.state_dict(), incomplete, batches, cross_entropy)
    with pytest.raises(ValueError, match=r"points must be at least 2 \(both ends\); got 1"):
        linear_path(net, net.state_dict(), net.state_dict(), batches, cross_entropy, points=1)


@pytest.mark.parametrize("relative_to", ["layer", "weight"])
@pytest.mark.parametrize("scale", [0.3, 2.0])
def test_noise_against_naive_noise(scale, relative_to):
    net, batches = small_net(), some_batches()
    naive, draw, expected = Copy(net, together(batches)), generator(3), []
    for _ in range(6):
        parts = []
        for p in (p.detach() for p in naive.params):
            xi = torch.randn(p.shape, generator=draw, dtype=torch.float64)
            size = (sum(float(v) ** 2 for v in p.flatten()) / p.numel()) ** 0.5 if relative_to == "layer" else abs(p)
            parts.append((p + scale * size * xi).flatten())
        expected.append(naive.accuracy(torch.cat(parts)))
        naive.put(naive.w)
    accuracies = noisy_accuracies(net, batches, scale=scale, draws=6, generator=generator(3), relative_to=relative_to)
    assert accuracies.tolist() == pytest.approx(expected)
    assert len(set(expected)) > 1


def test_noise_with_a_known_effect():
    """One weight 1 and the images 1 and -1: predictions are correct if 1 + sigma xi > 0."""
    net = nn.Linear(1, 2, bias=False).double()
    with torch.no_grad():
        net.weight.copy_(torch.tensor([[0.0], [1.0]]))
    batch = Batch((torch.tensor([[1.0], [-1.0]], dtype=torch.float64),), torch.tensor([1, 0]))
    accuracies = noisy_accuracies(net, [batch], scale=1.0, draws=1500, generator=generator(), relative_to="weight")
    assert set(accuracies.tolist()) == {0.0, 1.0}
    assert accuracies.mean() == pytest.approx(0.8413, abs=0.03)  # standard normal CDF at 1


def test_zero_noise_gives_the_accuracy():
    net, batches = small_net(), some_batches()
    naive = Copy(net, together(batches))
    accuracies = noisy_accuracies(net, batches, scale=0, draws=2, generator=generator())
    assert accuracies.tolist() == [naive.accuracy(naive.w)] * 2


def test_noise_is_relative_to_each_layer():
    """Scaling a layer and its BatchNorm statistics by 1000 changes nothing."""
    net, batches = small_net(), some_batches()
    large = copy.deepcopy(net)
    with torch.no_grad():
        for tensor in (large[1].weight, large[1].bias, large[2].running_mean):
            tensor.mul_(1000)
        large[2].running_var.mul_(1e6)
        for each in (net, large):
            each[2].eps = 0.0
    pair = [noisy_accuracies(each, batches, scale=0.5, draws=20, generator=generator()) for each in (net, large)]
    assert pair[0].tolist() == pair[1].tolist()


def test_invalid_noise_arguments_are_refused():
    net, batches = small_net(), some_batches()
    with pytest.raises(ValueError, match="relative_to must be one of layer, weight; got 'model'"):
        noisy_accuracies(net, batches, scale=0.1, generator=generator(), relative_to="model")
    with pytest.raises(ValueError, match="scale must be a finite number >= 0; got -0.1"):
        noisy_accuracies(net, batches, scale=-0.1, generator=generator())
    with pytest.raises(ValueError, match="draws must be a whole number >= 1; got 0"):
        noisy_accuracies(net, batches, scale=0.1, draws=0, generator=generator())
