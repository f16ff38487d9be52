"""Which rules are worth their cost."""

import numpy as np
from numpy.typing import ArrayLike


def pareto_front(costs: ArrayLike, scores: ArrayLike) -> list[bool]:
    """Which choices no other one beats at no higher cost.

    Args:
        costs: ``(k,)``, lower is better.
        scores: ``(k,)``, higher is better.

    Returns:
        For each choice whether it is on the front: no other costs at most as much and scores at least as high, one of
        the two strictly. False where either number is NaN.

    Raises:
        ValueError: when the two differ in length.

    Example:
        >>> pareto_front([1, 2, 2, 6], [0.5, 0.7, 0.6, 0.7])
        [True, True, False, False]
    """
    cost, score = np.asarray(costs, dtype=np.float64), np.asarray(scores, dtype=np.float64)
    if cost.ndim != 1 or cost.shape != score.shape:
        raise ValueError(f"there is one cost and one score a choice; got {cost.shape} and {score.shape}")
    known = ~(np.isnan(cost) | np.isnan(score))
    no_dearer, no_worse = cost[:, None] <= cost, score[:, None] >= score
    better = no_dearer & no_worse & ((cost[:, None] < cost) | (score[:, None] > score))
    front: list[bool] = (known & ~better.any(axis=0)).tolist()
    return front
