"""Pareto front of cost and score."""

import numpy as np
from numpy.typing import ArrayLike


def pareto_front(costs: ArrayLike, scores: ArrayLike) -> list[bool]:
    """Find the choices on the Pareto front of cost and score.

    Args:
        costs: ``(k,)``, lower is better.
        scores: ``(k,)``, higher is better.

    Returns:
        For each choice whether it is on the front: no other choice has a cost at most as high and a score at least as
        high, with one of the two strictly better. False if its cost or score is NaN.

    Raises:
        ValueError: if the lengths differ.

    Example:
        >>> pareto_front([1, 2, 2, 6], [0.5, 0.7, 0.6, 0.7])
        [True, True, False, False]
    """
    cost, score = np.asarray(costs, dtype=np.float64), np.asarray(scores, dtype=np.float64)
    if cost.ndim != 1 or cost.shape != score.shape:
        raise ValueError(f"costs and scores must be 1-D of equal length; got {cost.shape} and {score.shape}")
    known = ~(np.isnan(cost) | np.isnan(score))
    no_dearer, no_worse = cost[:, None] <= cost, score[:, None] >= score
    better = no_dearer & no_worse & ((cost[:, None] < cost) | (score[:, None] > score))
    front: list[bool] = (known & ~better.any(axis=0)).tolist()
    return front
