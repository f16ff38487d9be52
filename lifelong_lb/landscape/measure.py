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

BATCH_SIZE = 256
"""Images a forward pass, where the measure does not say otherwise."""
NAN = float("nan")


class Measurement(NamedTuple):
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


class LandscapeInputs(NamedTuple):
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


def measure(inputs: LandscapeInputs) -> list[Measurement]:
    """Everything but the line from the weights before.

    Args:
        inputs: what is looked at.

    Returns:
        Numbers, in the order of the settings' measures; the loss comes first.
    """
    surface = Surface(inputs.model, inputs.train.split(BATCH_SIZE), cross_entropy)
    rows = [Measurement("loss", NAN, surface.loss(surface.weights))]
    for name in inputs.settings.measures:
        if name in MEASURES:
            rows += MEASURES[name](inputs)
    return rows


def measure_line(inputs: LandscapeInputs, previous: Mapping[str, Tensor]) -> list[Measurement]:
    """The line from the weights before to the model's own.

    Args:
        inputs: what is looked at.
        previous: ``state_dict`` of the weights before.

    Returns:
        Loss and accuracy at each place, and the barriers.
    """
    images, end = inputs.train.split(BATCH_SIZE), inputs.model.state_dict()
    path = linear_path(inputs.model, previous, end, images, cross_entropy, points=inputs.settings.points)
    values = {"path_loss": path.loss, "path_accuracy": path.accuracy}
    rows = [
        Measurement(name, float(t), float(v)) for name, vs in values.items() for t, v in zip(path.t, vs, strict=True)
    ]
    barriers = {"barrier": path.barrier, "barrier_above_line": path.barrier_above_line}
    return rows + [Measurement(name, NAN, value) for name, value in barriers.items()]


def can_interpolate(previous: Mapping[str, Tensor], model: nn.Module) -> bool:
    """Whether a line leads from weights to a model: no tensor has grown since.

    Args:
        previous: ``state_dict`` of the weights before.
        model: the model.

    Returns:
        Whether names and shapes are the same.
    """
    current = model.state_dict()
    return previous.keys() == current.keys() and all(previous[name].shape == current[name].shape for name in current)


def _ball(inputs: LandscapeInputs) -> Iterator[Measurement]:
    return _rises(inputs, "", [Ball(rho=rho) for rho in inputs.settings.radii])


def _adaptive_ball(inputs: LandscapeInputs) -> Iterator[Measurement]:
    settings = inputs.settings
    balls = [Ball(rho=rho, adaptive=True, eta=settings.eta) for rho in settings.adaptive_radii]
    return _rises(inputs, "adaptive_", balls)


def _rises(inputs: LandscapeInputs, prefix: str, balls: Sequence[Ball]) -> Iterator[Measurement]:
    model, steps = inputs.model, inputs.settings.steps
    whole, groups = inputs.train.split(BATCH_SIZE), inputs.train.split(inputs.settings.m)
    for ball in balls:
        yield Measurement(f"{prefix}rise_one_step", ball.rho, loss_rise(model, whole, cross_entropy, ball))
        yield Measurement(f"{prefix}rise", ball.rho, loss_rise(model, whole, cross_entropy, ball, steps=steps))
        yield Measurement(
            f"{prefix}m_sharpness", ball.rho, m_sharpness(model, groups, cross_entropy, ball, steps=steps)
        )


def _hessian(inputs: LandscapeInputs) -> Iterator[Measurement]:
    images, s = inputs.train.split(BATCH_SIZE), inputs.settings
    generator = inputs.generator()
    values = hessian_eigenvalues(inputs.model, images, cross_entropy, k=s.eigenvalues, generator=generator)
    for rank, value in enumerate(values, start=1):
        yield Measurement("hessian_eigenvalue", rank, float(value))
    yield Measurement(
        "hessian_trace",
        NAN,
        *hessian_trace(inputs.model, images, cross_entropy, draws=s.trace_draws, generator=generator),
    )


def _noise(inputs: LandscapeInputs) -> Iterator[Measurement]:
    images, s = inputs.test.split(BATCH_SIZE), inputs.settings
    surface = Surface(inputs.model, images, cross_entropy)
    clean = surface.accuracy(surface.weights)
    yield Measurement("test_accuracy", NAN, clean)
    for scale in s.noise_scales:
        noisy = noisy_accuracies(
            inputs.model,
            images,
            scale=scale,
            draws=s.noise_draws,
            generator=inputs.generator(),
            relative_to=s.noise_relative_to,
        )
        lost = clean - noisy  # exactly 0 where nothing is lost, which means of accuracies are not
        std = float(lost.std(ddof=1)) if len(lost) > 1 else NAN
        yield Measurement("noisy_accuracy", scale, clean - float(lost.mean()), std)
        yield Measurement("accuracy_lost_to_noise", scale, float(lost.mean()), std)


MEASURES: dict[str, Callable[[LandscapeInputs], Iterator[Measurement]]] = {
    "ball": _ball,
    "adaptive-ball": _adaptive_ball,
    "hessian": _hessian,
    "noise": _noise,
}
"""Names that a study file knows, but for ``interpolation``, which needs two sets of weights."""
