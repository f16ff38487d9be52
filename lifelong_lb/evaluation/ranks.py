"""Ranks of rules over several streams.

Demsar 2006, "Statistical comparisons of classifiers over multiple data sets" (JMLR 7).
"""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import ArrayLike, NDArray

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Ranking:
    """Rules ranked on each of several streams.

    Attributes:
        ranks: ``(k,)`` average rank of each rule, 1 the best; ties share the mean of their ranks.
        streams: N, the number of streams.
        friedman_p: p-value of Friedman's test of equal ranks (chi-squared approximation, poor for few streams); NaN for
            fewer than three rules.
        critical_difference: average ranks that differ by more are significantly different at 0.05 (Nemenyi's test).
    """

    ranks: tuple[float, ...]
    streams: int
    friedman_p: float
    critical_difference: float


def rank(scores: ArrayLike, *, higher_is_better: bool) -> Ranking:
    """Rank rules over streams.

    Args:
        scores: ``(N, k)``, one row per stream, one column per rule, without NaN.
        higher_is_better: whether larger scores are better.

    Returns:
        Average ranks, Friedman's test and Nemenyi's critical difference.

    Raises:
        ValueError: for fewer than two streams or rules, or a NaN score.

    Example:
        >>> rank([[0.9, 0.8, 0.7], [0.6, 0.5, 0.5]], higher_is_better=True).ranks
        (1.0, 2.25, 2.75)
    """
    values = np.asarray(scores, dtype=np.float64)
    if values.ndim != 2 or min(values.shape) < 2 or np.isnan(values).any():
        raise ValueError(f"scores must be (N, k), N >= 2 streams, k >= 2 rules, without NaN; got {values.shape}")
    N, k = values.shape
    ranks = _mean_ranks(-values if higher_is_better else values)
    return Ranking(tuple(ranks.mean(axis=0).tolist()), N, _friedman_p(ranks), critical_difference(k, N))


def _mean_ranks(values: Array) -> Array:
    """Ranks from 1 within each row; ties share their mean."""
    smaller, equal = (compare(values[:, None, :], values[:, :, None]).sum(axis=2) for compare in (np.less, np.equal))
    ranks: Array = smaller + (equal + 1) / 2
    return ranks


def _friedman_p(ranks: Array) -> float:
    """Compute the p-value of Friedman's chi-squared test, corrected for ties."""
    from scipy.special import chdtrc

    N, k = ranks.shape
    scatter = (ranks - (k + 1) / 2) ** 2
    if k < 3 or not scatter.any():
        return float("nan")
    between = (ranks.mean(axis=0) - (k + 1) / 2) ** 2
    return float(chdtrc(k - 1, N * N * (k - 1) * between.sum() / scatter.sum()))


def critical_difference(rules: int, streams: int, level: float = 0.05) -> float:
    """Nemenyi's critical difference of average ranks, q sqrt(k (k + 1) / (6 N)).

    q is the 1 - level quantile of the studentized range, divided by sqrt(2). Source: Demsar 2006 (JMLR 7), section
    3.2.2 and table 5.

    Args:
        rules: k >= 2, the number of rules.
        streams: N, the number of streams.
        level: significance level.

    Returns:
        A difference of average ranks.

    Example:
        >>> critical_difference(4, 14)
        1.25
    """
    q = _range_quantile(rules, level) / np.sqrt(2)
    return float(q * np.sqrt(rules * (rules + 1) / (6 * streams)))


@lru_cache
def _range_quantile(rules: int, level: float) -> float:
    """1 - level quantile of the range of k standard normal variables."""
    # scipy.stats has it, but takes long to import
    from scipy.special import ndtr

    # P(range <= q) is k times the integral over z of phi(z) (Phi(z) - Phi(z - q))^(k-1), z the largest of the k
    z = np.linspace(-9, 9, 2001)
    density = rules * np.exp(-(z**2) / 2) / np.sqrt(2 * np.pi) * (z[1] - z[0])
    low, high = 0.0, 20.0
    for _ in range(60):
        q = (low + high) / 2
        enough = density @ (ndtr(z) - ndtr(z - q)) ** (rules - 1) >= 1 - level
        low, high = (low, q) if enough else (q, high)
    return high


def cliques(ranks: ArrayLike, difference: float) -> list[tuple[int, ...]]:
    """Find the maximal groups of rules that do not differ significantly.

    Args:
        ranks: ``(k,)`` average ranks.
        difference: the critical difference.

    Returns:
        Groups of two or more indices, best rank first; no group contains another.

    Example:
        >>> cliques([1.0, 1.5, 2.2, 4.0], 1.0)
        [(0, 1), (1, 2)]
    """
    values = np.asarray(ranks, dtype=np.float64)
    order = np.argsort(values, kind="stable")
    groups: list[tuple[int, ...]] = []
    covered = 0
    for start in range(len(order)):
        inside = values[order] - values[order[start]] <= difference
        end = start + int(inside[start:].sum())
        if end - start > 1 and end > covered:
            groups.append(tuple(int(i) for i in order[start:end]))
            covered = end
    return groups
