"""Bootstrap intervals of many means at once."""

from functools import lru_cache

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lifelong_lb.evaluation.comparisons import BOOTSTRAP_SAMPLES

Array = NDArray[np.float64]


def bootstrap_intervals(values: ArrayLike) -> Array:
    """The 95 % percentile bootstrap intervals of means (Efron 1979), each from a generator of its own.

    Args:
        values: ``(n, M)``, a row a seed, a column a metric; NaN for none.

    Returns:
        ``(2, M)``: lower and upper ends, those of :func:`~lifelong_lb.evaluation.bootstrap_interval` for the known
        values of each column and a generator seeded with 0; NaN for fewer than two of them. Too narrow for a handful of
        seeds.

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
    """How often each of n values is in each sample, ``(samples, n)``."""
    indices = np.random.default_rng(0).integers(n, size=(BOOTSTRAP_SAMPLES, n))
    counts = np.zeros((BOOTSTRAP_SAMPLES, n))
    np.add.at(counts, (np.arange(BOOTSTRAP_SAMPLES)[:, None], indices), 1)
    return counts
