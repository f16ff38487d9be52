"""Nearest class mean and RanPAC: predictions by hand, one use of each image, and independence of the order."""

import numpy as np
import pytest
import torch
from helpers.strategy_cases import make, train
from torch.nn.functional import one_hot

from lifelong_lb.optim import NoRule
from lifelong_lb.strategies.methods.closed_form import RIDGES, ridge_errors


def trained(label, experiences=2, epochs=1, **changes):
    made = make(label, "single", NoRule(), **changes)
    made.strategy.train_epochs = epochs
    train(made, experiences)
    made.strategy.is_training = False
    return made


def images_of(made, experiences=2):
    """Features and labels of the training images, in float64."""
    x, y = zip(*((x, y) for e in made.stream.train[:experiences] for x, y, _ in e.dataset), strict=True)
    with torch.no_grad():
        return made.strategy.model(torch.stack(x)).double().numpy(), np.array([int(label) for label in y])


@pytest.mark.parametrize("distance", ["euclidean", "cosine"])
def test_the_nearest_class_mean_by_hand(distance):
    made = trained("ncm", distance=distance)
    z, y = images_of(made)
    assert len(z) == 96
    means = np.stack([z[y == label].mean(axis=0) for label in range(4)])
    if distance == "cosine":
        expected = (z / np.linalg.norm(z, axis=1, keepdims=True)) @ (means / np.linalg.norm(means, axis=1)[:, None]).T
    else:
        expected = -np.square(z[:, None] - means).sum(axis=2)
    scores = made.strategy.scores(torch.from_numpy(z).float())
    np.testing.assert_allclose(scores[:, :4].numpy(), expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("ridge", [0.1, None])
def test_ranpac_by_hand(ridge):
    made = trained("ranpac", ridge=ridge)
    z, y = images_of(made)
    h = np.maximum(z @ made.strategy.projection.double().numpy(), 0)
    assert h.shape == (96, 40)
    assert made.strategy.ridge == (ridge or made.strategy.ridge)
    w = np.linalg.solve(h.T @ h + made.strategy.ridge * np.eye(40), h.T @ np.eye(10)[y])
    scores = made.strategy.scores(torch.from_numpy(z).float()).double().numpy()
    np.testing.assert_allclose(scores, h @ w, rtol=1e-2, atol=5e-3)


@pytest.mark.parametrize("shape", [(30, 12), (9, 12)])
def test_the_errors_of_each_ridge_are_those_of_separate_regressions(shape):
    draw = torch.Generator().manual_seed(0)
    x, held = (torch.randn(n, shape[1], generator=draw, dtype=torch.float64) for n in (shape[0], 7))
    y, held_y = (one_hot(torch.arange(n) % 3, 3).double() for n in (shape[0], 7))
    errors = ridge_errors(x, y, held, held_y)
    for ridge, error in list(zip(RIDGES, errors, strict=True))[4:]:  # smaller ones amplify rounding
        w = torch.linalg.solve(x.T @ x + ridge * torch.eye(shape[1]), x.T @ y)
        assert torch.allclose(error, (held @ w - held_y).square().mean(), rtol=1e-6)


@pytest.mark.parametrize("label", ["ncm", "ranpac"])
def test_each_image_is_used_once_and_the_model_never_changes(label):
    once, thrice = trained(label), trained(label, epochs=3)
    assert once.strategy.counts.tolist() == thrice.strategy.counts.tolist() == [24] * 4 + [0] * 6
    z = torch.from_numpy(images_of(once)[0]).float()
    assert torch.allclose(once.strategy.scores(z), thrice.strategy.scores(z), rtol=1e-3, atol=1e-3)
    fresh = make(label, "single", NoRule()).strategy.model.state_dict()
    assert all(torch.equal(value, fresh[name]) for name, value in once.strategy.model.state_dict().items())


@pytest.mark.parametrize("label", ["ncm", "ranpac"])
def test_only_seen_classes_are_predicted(label):
    made = trained(label, 1)
    made.strategy.mbatch = [torch.stack([x for x, _, _ in made.stream.test[2].dataset][:9]), None, None]
    scores = made.strategy.forward()
    assert torch.isinf(scores[:, 2:]).all()
    assert torch.isfinite(scores[:, :2]).all()
