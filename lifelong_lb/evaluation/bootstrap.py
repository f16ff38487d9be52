"""Bootstrap intervals of many means, computed together."""

from functools import lru_cache

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lifelong_lb.evaluation.comparisons import BOOTSTRAP_SAMPLES

Array = NDArray[np.float64]


def bootstrap_intervals(values: ArrayLike) -> Array:
    """Compute 95 % percentile bootstrap intervals of column means (Efron 1979).

    Args:
        values: ``(n, M)``, one row per seed, one column per metric; NaN for missing values.

    Returns:
        ``(2, M)``: lower and upper ends. Each column equals :func:`~lifelong_lb.evaluation.bootstrap_interval` of its
        non-missing values with a generator seeded with 0; NaN for fewer than two values. With few seeds the intervals
        are too narrow.

    Example:
        >>> bootstrap_intervals([[0.1, 1.0], [0.2, float("nan")], [0.3, float("nan")]]).round(3)
        array([[0.1, nan], [0.3, nan]])
    """
    data = np.asarray(values, dtype=np.float64)
    known = ~np.isnan(data)
    intervals = np.full((2, data.shape[1]), np.nan)
    for seeds in np.unique(known, axis=1).T:
        same = (known == seeds[:, None]).all(axis=0)
        n = int(seeds.sum())
        if n > 1:
            intervals[:, same] = np.quantile(_counts(n) @ data[np.ix_(seeds, same)] / n, [0.025, 0.975], axis=0)
    return intervals


@lru_cache
def _counts(n: int) -> Array:
    """Number of times each of n values occurs in each bootstrap sample, ``(samples, n)``."""
    indices = np.random.default_rng(0).integers(n, size=(BOOTSTRAP_SAMPLES, n))
    counts = np.zeros((BOOTSTRAP_SAMPLES, n))
    np.add.at(counts, (np.arange(BOOTSTRAP_SAMPLES)[:, None], indices), 1)
    return counts
