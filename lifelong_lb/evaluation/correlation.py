"""Correlation over clustered entries, such as the experiences of one run."""

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from functools import lru_cache, partial

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lifelong_lb.evaluation.resampling import Array, linear_coefficients, rank_coefficients

MIN_CLUSTERS = 6
"""Smallest number of clusters for a bootstrap interval."""
Labels = Sequence[Hashable] | NDArray[np.int64]
BOOTSTRAP_SAMPLES = 2000
"""Number of bootstrap samples per interval."""


@dataclass(frozen=True)
class Correlation:
    """A correlation coefficient and its 95 % interval.

    Attributes:
        pairs: number of entries for which both numbers are finite.
        clusters: number of clusters of these entries.
        value: the coefficient, in [-1, 1]; NaN if x or y is constant.
        low: lower end of the interval; NaN for fewer than :data:`MIN_CLUSTERS` clusters.
        high: its upper end.
    """

    pairs: int
    clusters: int
    value: float
    low: float
    high: float


def spearman(
    x: ArrayLike,
    y: ArrayLike,
    clusters: Labels,
    *,
    generator: np.random.Generator | None = None,
    strata: Labels | None = None,
) -> Correlation:
    """Spearman's rank correlation with a bootstrap interval over clusters.

    Ties get their mean rank. Entries of one cluster are not independent; the bootstrap therefore draws whole clusters
    with replacement (Davison & Hinkley 1997, section 3.8) and takes the 2.5 % and 97.5 % quantiles of the coefficient.
    With ``strata``, entries are ranked within their stratum and the means of the strata are subtracted: the result is
    the correlation within strata and does not depend on differences between strata.

    Args:
        x: ``(N,)``, NaN for missing values.
        y: ``(N,)``, NaN for missing values.
        clusters: ``(N,)``, the cluster of each entry.
        generator: draws the clusters; None for a generator seeded with 0, so that equal values give equal intervals.
        strata: ``(N,)``, the stratum of each entry; None for a single stratum.

    Returns:
        The correlation over the entries for which both are finite.

    Example:
        >>> spearman([1, 2, 30], [0.1, 0.2, 0.9], "abc", generator=np.random.default_rng(0)).value
        1.0
    """
    return _correlation(x, y, clusters, generator, strata, ranked=True)


def pearson(
    x: ArrayLike,
    y: ArrayLike,
    clusters: Labels,
    *,
    generator: np.random.Generator | None = None,
    strata: Labels | None = None,
) -> Correlation:
    """Pearson's correlation with a bootstrap interval over clusters, as in :func:`spearman`.

    Args:
        x: ``(N,)``, NaN for missing values.
        y: ``(N,)``, NaN for missing values.
        clusters: ``(N,)``, the cluster of each entry.
        generator: draws the clusters; None for a generator seeded with 0, so that equal values give equal intervals.
        strata: ``(N,)``, the stratum of each entry; None for a single stratum.

    Returns:
        The correlation over the entries for which both are finite.
    """
    return _correlation(x, y, clusters, generator, strata, ranked=False)


def _correlation(
    x: ArrayLike,
    y: ArrayLike,
    clusters: Labels,
    generator: np.random.Generator | None,
    strata: Labels | None,
    *,
    ranked: bool,
) -> Correlation:
    a, b = np.asarray(x, dtype=np.float64), np.asarray(y, dtype=np.float64)
    known = np.isfinite(a) & np.isfinite(b)
    a, b = a[known], b[known]
    cluster = _codes(clusters, known)
    stratum = _codes(strata, known) if strata is not None else np.zeros(len(a), dtype=np.int64)
    n, count = len(a), int(cluster.max(initial=-1)) + 1
    if n < 2:
        return Correlation(n, count, np.nan, np.nan, np.nan)
    coefficients = partial(
        rank_coefficients if ranked else linear_coefficients, a=a, b=b, cluster=cluster, stratum=stratum
    )
    once = np.ones((1, count))
    if count < MIN_CLUSTERS:
        return Correlation(n, count, float(coefficients(once)[0]), np.nan, np.nan)
    samples = _default_weights(count) if generator is None else _weights(count, generator)
    if ranked:  # sums of ranks are exact, so that a larger batch changes no value
        first, resampled = np.split(coefficients(np.concatenate([once, samples])), [1])
    else:
        first, resampled = coefficients(once), coefficients(samples)
    value, resampled = float(first[0]), resampled[~np.isnan(resampled)]
    low, high = np.quantile(resampled, [0.025, 0.975]) if len(resampled) else (np.nan, np.nan)
    return Correlation(n, count, value, float(low), float(high))


def _weights(count: int, generator: np.random.Generator) -> Array:
    """Draw bootstrap samples: number of times each cluster occurs in each, ``(samples, count)``."""
    return generator.multinomial(count, np.full(count, 1 / count), size=BOOTSTRAP_SAMPLES).astype(np.float64)


@lru_cache(maxsize=4)
def _default_weights(count: int) -> Array:
    """Draw with seed 0; cached because drawing takes as long as computing the coefficients."""
    return _weights(count, np.random.default_rng(0))


def _codes(labels: Labels, known: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Number the labels of the known entries by their first occurrence."""
    if not isinstance(labels, np.ndarray):
        code_of = {label: i for i, label in enumerate(dict.fromkeys(labels))}
        labels = np.array([code_of[label] for label in labels], dtype=np.int64)
    _, first, place = np.unique(labels[known], return_index=True, return_inverse=True)
    return np.argsort(np.argsort(first))[place]
