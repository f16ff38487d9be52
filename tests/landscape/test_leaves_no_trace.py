"""No measure changes the model or the global random generators; one case per measure."""

import random

import numpy as np
import pytest
import torch
from helpers.landscapes import generator, small_net, some_batches
from torch.nn.functional import cross_entropy

from lifelong_lb.landscape import (
    Ball,
    hessian_eigenvalues,
    hessian_trace,
    linear_path,
    loss_rise,
    m_sharpness,
    noisy_accuracies,
)

ENDS = [small_net(seed).state_dict() for seed in (4, 5)]
MEASURES = {
    "rise": lambda net, images: loss_rise(net, images, cross_entropy, Ball(rho=0.1), steps=3),
    "adaptive rise": lambda net, images: loss_rise(net, images, cross_entropy, Ball(rho=0.1, adaptive=True)),
    "m-sharpness": lambda net, images: m_sharpness(net, images, cross_entropy, Ball(rho=0.1), steps=3),
    "eigenvalues": lambda net, images: hessian_eigenvalues(net, images, cross_entropy, k=3, generator=generator()),
    "trace": lambda net, images: hessian_trace(net, images, cross_entropy, generator=generator()),
    "path": lambda net, images: linear_path(net, ENDS[0], ENDS[1], images, cross_entropy),
    "noise": lambda net, images: noisy_accuracies(net, images, scale=0.5, generator=generator()),
}


def snapshot(net):
    return {
        "state": {name: tensor.clone() for name, tensor in net.state_dict().items()},
        "gradients": [None if p.grad is None else p.grad.clone() for p in net.parameters()],
        "objects": [id(t) for t in (*net.parameters(), *net.buffers())],
        "memory": [t.data_ptr() for t in (*net.parameters(), *net.buffers())],
        "modes": [module.training for module in net.modules()],
        "trained": [p.requires_grad for p in net.parameters()],
        "torch": torch.get_rng_state(),
        "numpy": np.random.get_state()[1],  # noqa: NPY002
        "python": random.getstate(),
    }


@pytest.mark.parametrize("measure", MEASURES.values(), ids=MEASURES)
@pytest.mark.parametrize("grad", [True, False])
def test_model_and_generators_are_unchanged(measure, grad):
    net, batches = small_net(), some_batches()
    cross_entropy(net(*batches[0].inputs), batches[0].y).backward()
    before = snapshot(net)
    with torch.set_grad_enabled(grad):
        measure(net, batches)
    after = snapshot(net)
    for key, value in before.items():
        pair = [value, after[key]]
        if key == "state":
            assert all(torch.equal(tensor, after["state"][name]) for name, tensor in value.items()), key
        elif key == "gradients":
            assert all((a is None and b is None) or torch.equal(a, b) for a, b in zip(*pair, strict=True)), key
        else:
            assert np.array_equal(*pair) if key in ("torch", "numpy") else value == after[key], key


def test_modes_are_restored_if_the_loss_raises():
    net = small_net()
    modes = [module.training for module in net.modules()]

    def broken(output, y):
        raise RuntimeError("no loss")

    with pytest.raises(RuntimeError, match="no loss"):
        loss_rise(net, some_batches(), broken, Ball(rho=0.1))
    assert [module.training for module in net.modules()] == modes
