"""What loggers are told of a run."""

import math
from collections.abc import Mapping

from lifelong_lb.evaluation import AccuracyMatrix, average_accuracy, forgetting
from lifelong_lb.studies.measured import Progress


def values_of(progress: Progress) -> tuple[int, dict[str, float]]:
    """What was measured of the experience that was learnt last.

    Args:
        progress: what the run has measured so far, the accuracies after that experience included.

    Returns:
        The experience i, and numbers by name: ``accuracy/experience_j``, entry R[i, j] of the accuracy matrix; average
        accuracy and forgetting of a stream that ends with i; the learning rate at the end of i; and the gradients,
        images, forward passes and seconds of training that the run has taken so far. Without those that are undefined.
    """
    i = max(trained for trained, _, _ in progress.accuracy)
    R = AccuracyMatrix.from_entries(progress.accuracy, progress.experiences).values
    return i, known({
        **{f"accuracy/experience_{j}": float(accuracy) for j, accuracy in enumerate(R[i])},
        "average_accuracy": average_accuracy(R[: i + 1, : i + 1]),
        "forgetting": forgetting(R[: i + 1, : i + 1]),
        "learning_rate": progress.learning_rate,
        "gradient_evaluations": progress.gradient_evaluations,
        "strategy_gradient_evaluations": progress.strategy_gradient_evaluations,
        "samples_seen": progress.samples_seen,
        "forward_passes": progress.forward_passes,
        "train_seconds": progress.train_seconds,
    })


def known(values: Mapping[str, float | str]) -> dict[str, float]:
    """Numbers without those that are undefined.

    Args:
        values: numbers and texts by name.

    Returns:
        The finite numbers among them.
    """
    return {name: value for name, value in values.items() if not isinstance(value, str) and math.isfinite(value)}
