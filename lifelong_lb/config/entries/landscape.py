"""Measurements of the loss landscape after each experience."""

from typing import Annotated, Literal

from pydantic import Field

from lifelong_lb.config.entries.fields import AtLeastOne, AtLeastTwo, NonNegative, Positive, Settings

Measure = Literal["ball", "adaptive-ball", "hessian", "interpolation", "noise"]
Radii = Annotated[tuple[NonNegative, ...], Field(min_length=1)]


class Landscape(Settings):
    """Flatness and robustness of the weights at the end of each experience.

    ``measures`` lists the measurements: ``ball``, the rise of the loss within SAM's ball of each of ``radii``, after
    one ascent step, after ``steps``, and as m-sharpness over groups of ``m`` images; ``adaptive-ball``, the same in
    ASAM's ball (``adaptive_radii``, ``eta``); ``hessian``, its largest ``eigenvalues`` and its trace, estimated from
    ``trace_draws`` vectors; ``interpolation``, loss and accuracy at ``points`` points on the line from the previous
    experience's weights; ``noise``, accuracy under Gaussian noise of each of ``noise_scales``, relative to the size of
    a ``layer`` or of each ``weight``, over ``noise_draws`` draws.

    All but the last are measured on ``images`` images of an experience's train part, ``noise`` on as many of its test
    part; they are drawn once and the same for all rules. ``experiences: own`` measures on the experience just learnt,
    ``seen`` also on those before it.
    """

    measures: Annotated[tuple[Measure, ...], Field(min_length=1)] = (
        "ball",
        "adaptive-ball",
        "hessian",
        "interpolation",
        "noise",
    )
    experiences: Literal["own", "seen"] = "own"
    images: AtLeastOne = 256
    radii: Radii = (0.05, 0.1, 0.2)
    adaptive_radii: Radii = (0.5, 1.0, 2.0)
    eta: Positive = 0.01
    steps: AtLeastOne = 5
    m: AtLeastOne = 32
    eigenvalues: AtLeastOne = 1
    trace_draws: AtLeastOne = 10
    points: AtLeastTwo = 11
    noise_scales: Radii = (0.1, 0.2, 0.4)
    noise_relative_to: Literal["layer", "weight"] = "layer"
    noise_draws: AtLeastOne = 10
