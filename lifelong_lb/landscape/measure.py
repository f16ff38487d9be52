"""All that a study measures around one set of weights, as rows of its landscape."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from lifelong_lb.config import Landscape
from lifelong_lb.landscape.ball import Ball, loss_rise, m_sharpness
from lifelong_lb.landscape.hessian import hessian_eigenvalues, hessian_trace
from lifelong_lb.landscape.noise import noisy_accuracies
from lifelong_lb.landscape.path import linear_path
from lifelong_lb.landscape.surface import Batch, Surface
from lifelong_lb.seeding import LANDSCAPE, derive

AT_ONCE = 256
"""Images a forward pass, where the measure does not say otherwise."""
NAN = float("nan")


class Measured(NamedTuple):
    """One number.

    Attributes:
        measure: a name of :data:`~lifelong_lb.evaluation.LANDSCAPE_MEASURES`.
        at: radius, noise scale, rank or place on the line; NaN for none.
        value: the number.
        std: its spread over draws, as the measure says; NaN for none.
    """

    measure: str
    at: float
    value: float
    std: float = NAN


class Place(NamedTuple):
    """What is looked at.

    Attributes:
        model: the model.
        train: images of the train part.
        test: images of the test part.
        settings: what to measure.
        seed: draws start and sign vectors and noise.
    """

    model: nn.Module
    train: Batch
    test: Batch
    settings: Landscape
    seed: int

    def generator(self) -> torch.Generator:
        """A generator that starts anew each time.

        Returns:
            A generator on the CPU.
        """
        return torch.Generator().manual_seed(derive(self.seed, LANDSCAPE))


def measure(place: Place) -> list[Measured]:
    """Everything but the line from the weights before.

    Args:
        place: what is looked at.

    Returns:
        Numbers, in the order of the settings' measures; the loss comes first.
    """
    surface = Surface(place.model, place.train.split(AT_ONCE), cross_entropy)
    rows = [Measured("loss", NAN, surface.loss(surface.weights))]
    for name in place.settings.measures:
        if name in MEASURES:
            rows += MEASURES[name](place)
    return rows


def measure_line(place: Place, before: Mapping[str, Tensor]) -> list[Measured]:
    """The line from the weights before to the model's own.

    Args:
        place: what is looked at.
        before: ``state_dict`` of the weights before.

    Returns:
        Loss and accuracy at each place, and the barriers.
    """
    images, end = place.train.split(AT_ONCE), place.model.state_dict()
    path = linear_path(place.model, before, end, images, cross_entropy, points=place.settings.points)
    values = {"path_loss": path.loss, "path_accuracy": path.accuracy}
    rows = [Measured(name, float(t), float(v)) for name, vs in values.items() for t, v in zip(path.t, vs, strict=True)]
    barriers = {"barrier": path.barrier, "barrier_above_line": path.barrier_above_line}
    return rows + [Measured(name, NAN, value) for name, value in barriers.items()]


def can_be_joined(before: Mapping[str, Tensor], model: nn.Module) -> bool:
    """Whether a line leads from weights to a model: no tensor has grown since.

    Args:
        before: ``state_dict`` of the weights before.
        model: the model.

    Returns:
        Whether names and shapes are the same.
    """
    now = model.state_dict()
    return before.keys() == now.keys() and all(before[name].shape == now[name].shape for name in now)


def _ball(place: Place) -> Iterator[Measured]:
    return _rises(place, "", [Ball(rho=rho) for rho in place.settings.radii])


def _adaptive_ball(place: Place) -> Iterator[Measured]:
    s = place.settings
    return _rises(place, "adaptive_", [Ball(rho=rho, adaptive=True, eta=s.eta) for rho in s.adaptive_radii])


def _rises(place: Place, prefix: str, balls: Sequence[Ball]) -> Iterator[Measured]:
    model, steps = place.model, place.settings.steps
    whole, groups = place.train.split(AT_ONCE), place.train.split(place.settings.m)
    for ball in balls:
        yield Measured(f"{prefix}rise_one_step", ball.rho, loss_rise(model, whole, cross_entropy, ball))
        yield Measured(f"{prefix}rise", ball.rho, loss_rise(model, whole, cross_entropy, ball, steps=steps))
        yield Measured(f"{prefix}m_sharpness", ball.rho, m_sharpness(model, groups, cross_entropy, ball, steps=steps))


def _hessian(place: Place) -> Iterator[Measured]:
    images, s = place.train.split(AT_ONCE), place.settings
    draw = place.generator()
    values = hessian_eigenvalues(place.model, images, cross_entropy, k=s.eigenvalues, generator=draw)
    for rank, value in enumerate(values, start=1):
        yield Measured("hessian_eigenvalue", rank, float(value))
    yield Measured(
        "hessian_trace", NAN, *hessian_trace(place.model, images, cross_entropy, draws=s.trace_draws, generator=draw)
    )


def _noise(place: Place) -> Iterator[Measured]:
    images, s = place.test.split(AT_ONCE), place.settings
    surface = Surface(place.model, images, cross_entropy)
    clean = surface.accuracy(surface.weights)
    yield Measured("test_accuracy", NAN, clean)
    for scale in s.noise_scales:
        found = noisy_accuracies(
            place.model,
            images,
            scale=scale,
            draws=s.noise_draws,
            generator=place.generator(),
            relative_to=s.noise_relative_to,
        )
        lost = clean - found  # exactly 0 where nothing is lost, which means of accuracies are not
        std = float(lost.std(ddof=1)) if len(lost) > 1 else NAN
        yield Measured("noisy_accuracy", scale, clean - float(lost.mean()), std)
        yield Measured("accuracy_lost_to_noise", scale, float(lost.mean()), std)


MEASURES: dict[str, Callable[[Place], Iterator[Measured]]] = {
    "ball": _ball,
    "adaptive-ball": _adaptive_ball,
    "hessian": _hessian,
    "noise": _noise,
}
"""Names that a study file knows, but for ``interpolation``, which needs two sets of weights."""
