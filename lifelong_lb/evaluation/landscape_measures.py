"""Catalogue of measures of the loss landscape; names are those of the result files."""

from dataclasses import dataclass


@dataclass(frozen=True)
class LandscapeMeasure:
    """A measure of the loss landscape.

    Attributes:
        title: heading.
        formula: definition; w are the weights after the experience, L the mean cross-entropy on the images.
        at: meaning of the column ``at``; empty if the column is not used.
        source: authors, year and arXiv number; empty if none is needed.
        flatness: whether it measures the sharpness of a minimum; higher is sharper.
    """

    title: str
    formula: str
    at: str = ""
    source: str = ""
    flatness: bool = False


_RHO = "rho, the ball's radius"
_SAM = "Foret et al. 2021, arXiv 2010.01412"
_ASAM = "Kwon et al. 2021, arXiv 2102.11600"
_M = "Andriushchenko & Flammarion 2022, arXiv 2206.06232"
_ADAPTIVE = "the same over ||e / T|| <= rho, T = |w| + eta for weights and 1 for biases"

LANDSCAPE_MEASURES: dict[str, LandscapeMeasure] = {
    "loss": LandscapeMeasure("loss", "L(w)"),
    "rise_one_step": LandscapeMeasure(
        "rise after one step", "L(w + rho g / ||g||) - L(w), g the gradient of L at w", _RHO, _SAM, flatness=True
    ),
    "rise": LandscapeMeasure(
        "rise in the ball",
        "max over ||e|| <= rho of L(w + e) - L(w), by projected gradient ascent: a lower bound",
        _RHO,
        _SAM,
        flatness=True,
    ),
    "m_sharpness": LandscapeMeasure(
        "m-sharpness", "mean over groups of m images of the rise on the group", _RHO, _M, flatness=True
    ),
    "adaptive_rise_one_step": LandscapeMeasure(
        "adaptive rise after one step", "L(w + rho T^2 g / ||T g||) - L(w)", _RHO, _ASAM, flatness=True
    ),
    "adaptive_rise": LandscapeMeasure("adaptive rise in the ball", _ADAPTIVE, _RHO, _ASAM, flatness=True),
    "adaptive_m_sharpness": LandscapeMeasure(
        "adaptive m-sharpness",
        "mean over groups of m images of the adaptive rise on the group",
        _RHO,
        _M,
        flatness=True,
    ),
    "hessian_eigenvalue": LandscapeMeasure(
        "Hessian eigenvalue", "the largest eigenvalues of the Hessian of L at w", "rank, 1 the largest", flatness=True
    ),
    "hessian_trace": LandscapeMeasure(
        "Hessian trace",
        "mean of v . H v over vectors v of random signs; std is the standard error",
        source="Hutchinson 1989",
        flatness=True,
    ),
    "path_loss": LandscapeMeasure(
        "loss on the line",
        "L((1 - t) w' + t w), w' the weights after the previous experience",
        "t",
        "Mirzadeh et al. 2021, arXiv 2010.04495",
    ),
    "path_accuracy": LandscapeMeasure("accuracy on the line", "accuracy on the same images at (1 - t) w' + t w", "t"),
    "barrier": LandscapeMeasure(
        "barrier",
        "max over t of L, minus the mean of L at both ends",
        source="Frankle et al. 2020, arXiv 1912.05671",
    ),
    "barrier_above_line": LandscapeMeasure(
        "barrier above the straight line",
        "max over t of L((1 - t) w' + t w) - (1 - t) L(w') - t L(w)",
        source="Entezari et al. 2022, arXiv 2110.06296",
    ),
    "test_accuracy": LandscapeMeasure("accuracy without noise", "on the test images used under noise"),
    "noisy_accuracy": LandscapeMeasure(
        "accuracy under noise",
        "mean over draws of the accuracy at w + sigma s xi, xi ~ N(0, 1), s the root mean square of the parameter "
        "tensor (or the absolute value of the weight); std is the sample standard deviation over draws",
        "sigma",
        "after Mordido et al. 2024, arXiv 2307.16704",
    ),
    "accuracy_lost_to_noise": LandscapeMeasure(
        "accuracy lost to noise", "accuracy without noise minus accuracy under noise", "sigma", flatness=True
    ),
}
"""Names in the column ``measure`` of ``landscape.csv``."""
