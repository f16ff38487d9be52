"""Ranks of rules over several streams (Demsar 2006, Statistical comparisons of classifiers over multiple data sets)."""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import ArrayLike, NDArray


@dataclass(frozen=True)
class Ranking:
    """Rules ranked on each of several streams.

    Attributes:
        ranks: ``(k,)`` average rank of each rule, 1 the best; ties share the mean of their ranks.
        streams: N, the number of streams.
        friedman_p: p-value of Friedman's test that all rules are alike (chi-squared approximation, poor for few
            streams); NaN for fewer than three rules.
        critical_difference: ranks further apart than this differ at 0.05 by Nemenyi's test.
    """

    ranks: tuple[float, ...]
    streams: int
    friedman_p: float
    critical_difference: float


def rank(scores: ArrayLike, *, higher_is_better: bool) -> Ranking:
    """Rank rules over streams.

    Args:
        scores: ``(N, k)``, a row a stream, a column a rule, all of them known.
        higher_is_better: direction.

    Returns:
        Average ranks, Friedman's test and Nemenyi's critical difference.

    Raises:
        ValueError: for fewer than two streams or rules, or a score that is NaN.

    Example:
        >>> rank([[0.9, 0.8, 0.7], [0.6, 0.5, 0.5]], higher_is_better=True).ranks
        (1.0, 2.25, 2.75)
    """
    from scipy.stats import friedmanchisquare, rankdata

    values = np.asarray(scores, dtype=np.float64)
    if values.ndim != 2 or min(values.shape) < 2 or np.isnan(values).any():
        raise ValueError(f"ranks need a score of each of 2 or more rules on 2 or more streams; got {values.shape}")
    N, k = values.shape
    ranks: NDArray[np.float64] = rankdata(-values if higher_is_better else values, axis=1)
    differ = k > 2 and (ranks != ranks[:, :1]).any()
    p = float(friedmanchisquare(*values.T).pvalue) if differ else float("nan")
    return Ranking(tuple(ranks.mean(axis=0).tolist()), N, p, critical_difference(k, N))


def critical_difference(rules: int, streams: int, level: float = 0.05) -> float:
    """Nemenyi's critical difference: q sqrt(k (k + 1) / (6 N)), q the studentized range's quantile over sqrt(2).

    Source: Demsar 2006 (JMLR 7), section 3.2.2 and table 5.

    Args:
        rules: k, at least 2.
        streams: N.
        level: the level.

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
    """Upper quantile of the studentized range for infinitely many degrees of freedom; takes a while to find."""
    from scipy.stats import studentized_range

    return float(studentized_range.ppf(1 - level, rules, np.inf))


def cliques(ranks: ArrayLike, difference: float) -> list[tuple[int, ...]]:
    """The largest groups of rules that a critical difference does not tell apart.

    Args:
        ranks: ``(k,)`` average ranks.
        difference: the critical difference.

    Returns:
        Groups of two or more indices, best rank first, none within another.

    Example:
        >>> cliques([1.0, 1.5, 2.2, 4.0], 1.0)
        [(0, 1), (1, 2)]
    """
    values = np.asarray(ranks, dtype=np.float64)
    order = np.argsort(values, kind="stable")
    found: list[tuple[int, ...]] = []
    reached = 0
    for start in range(len(order)):
        inside = values[order] - values[order[start]] <= difference
        end = start + int(inside[start:].sum())
        if end - start > 1 and end > reached:
            found.append(tuple(int(i) for i in order[start:end]))
            reached = end
    return found
