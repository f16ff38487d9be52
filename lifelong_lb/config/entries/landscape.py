"""Measurements of the loss landscape after each experience."""

from typing import Annotated, Literal

from pydantic import Field

from lifelong_lb.config.entries.fields import AtLeastOne, AtLeastTwo, NonNegative, Positive, Settings

Measure = Literal["ball", "adaptive-ball", "hessian", "interpolation", "noise"]
Radii = Annotated[tuple[NonNegative, ...], Field(min_length=1)]


class Landscape(Settings):
    """Flatness and robustness of the weights at the end of each experience."""

    measures: Annotated[tuple[Measure, ...], Field(min_length=1)] = (
        "ball",
        "adaptive-ball",
        "hessian",
        "interpolation",
        "noise",
    )
    """``ball``: the rise of the loss within SAM's ball, after one ascent step, after ``steps``, and as m-sharpness;
    ``adaptive-ball``: the same in ASAM's ball; ``hessian``: its largest eigenvalues and its trace; ``interpolation``:
    loss and accuracy on the line from the previous experience's weights; ``noise``: accuracy under Gaussian noise of
    the weights."""
    experiences: Literal["own", "seen"] = "own"
    """``own`` measures on the experience just learnt, ``seen`` also on those before it."""
    images: AtLeastOne = 256
    """Images of an experience's train part, for ``noise`` of its test part; they are drawn once and the same for all
    rules."""
    radii: Radii = (0.05, 0.1, 0.2)
    """Radii of SAM's ball."""
    adaptive_radii: Radii = (0.5, 1.0, 2.0)
    """Radii of ASAM's ball."""
    eta: Positive = 0.01
    """Added to the absolute weights by ASAM's ball."""
    steps: AtLeastOne = 5
    """Ascent steps within a ball."""
    m: AtLeastOne = 32
    """Images per group in m-sharpness."""
    eigenvalues: AtLeastOne = 1
    """Number of eigenvalues of the Hessian, the largest first."""
    trace_draws: AtLeastOne = 10
    """Random vectors from which the Hessian's trace is estimated."""
    points: AtLeastTwo = 11
    """Points on the line between the weights of two experiences."""
    noise_scales: Radii = (0.1, 0.2, 0.4)
    """Standard deviations of the noise, relative to the size of the weights."""
    noise_relative_to: Literal["layer", "weight"] = "layer"
    """Whether the noise is relative to the size of a layer or of each weight."""
    noise_draws: AtLeastOne = 10
    """Draws of the noise, over which the accuracy is averaged."""
