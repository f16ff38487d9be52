"""The landscape measurements of a study at one set of weights."""

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
"""Images per forward pass, except for m-sharpness."""
NAN = float("nan")


class Measurement(NamedTuple):
    """One measured value.

    Attributes:
        measure: a key of :data:`~lifelong_lb.evaluation.LANDSCAPE_MEASURES`.
        at: radius, noise scale, rank, or position on the line; NaN if the measure has none.
        value: the value.
        std: spread over draws, as defined by the measure; NaN if there are no draws.
    """

    measure: str
    at: float
    value: float
    std: float = NAN


class LandscapeInputs(NamedTuple):
    """Model, images and settings of a measurement.

    Attributes:
        model: the model.
        train: images of the train part.
        test: images of the test part.
        settings: measures and their settings.
        seed: seed of start vectors, sign vectors and noise.
    """

    model: nn.Module
    train: Batch
    test: Batch
    settings: Landscape
    seed: int

    def generator(self) -> torch.Generator:
        """Create a CPU generator in its initial state.

        Returns:
            The generator; the same state on every call.
        """
        return torch.Generator().manual_seed(derive(self.seed, LANDSCAPE))


def measure(inputs: LandscapeInputs) -> list[Measurement]:
    """Compute all measures except those on the line from the previous weights.

    Args:
        inputs: model, images and settings.

    Returns:
        The loss, then the values in the order of the settings' measures.
    """
    surface = Surface(inputs.model, inputs.train.split(BATCH_SIZE), cross_entropy)
    rows = [Measurement("loss", NAN, surface.loss(surface.weights))]
    for name in inputs.settings.measures:
        if name in MEASURES:
            rows += MEASURES[name](inputs)
    return rows


def measure_line(inputs: LandscapeInputs, previous: Mapping[str, Tensor]) -> list[Measurement]:
    """Measure the line from the previous weights to the model's weights.

    Args:
        inputs: model, images and settings.
        previous: ``state_dict`` after the previous experience.

    Returns:
        Loss and accuracy at each position, and the barriers.
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
    """Check whether weights can be interpolated with a model's weights (no tensor has grown).

    Args:
        previous: ``state_dict`` after the previous experience.
        model: the model.

    Returns:
        Whether names and shapes are equal.
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
        # differences first: exactly 0 without a loss, unlike a difference of means
        lost = clean - noisy
        std = float(lost.std(ddof=1)) if len(lost) > 1 else NAN
        yield Measurement("noisy_accuracy", scale, clean - float(lost.mean()), std)
        yield Measurement("accuracy_lost_to_noise", scale, float(lost.mean()), std)


MEASURES: dict[str, Callable[[LandscapeInputs], Iterator[Measurement]]] = {
    "ball": _ball,
    "adaptive-ball": _adaptive_ball,
    "hessian": _hessian,
    "noise": _noise,
}
"""Measures by their name in a study file, without ``interpolation``, which needs two sets of weights."""
