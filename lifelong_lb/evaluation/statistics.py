"""Statistics over seeds: mean, deviation, interval, and smallest reachable p-value."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from math import ceil, log2

import numpy as np


@dataclass(frozen=True)
class Spread:
    """Summary of a metric over seeds.

    Attributes:
        seeds: n, the number of values that are not NaN.
        mean: their mean; NaN without values.
        std: their sample standard deviation (divisor n - 1); NaN for fewer than two.
        low: lower end of the 95 % confidence interval of the mean (Student's t, n - 1 degrees of freedom).
        high: its upper end.
    """

    seeds: int
    mean: float
    std: float
    low: float
    high: float


def spread(values: Sequence[float]) -> Spread:
    """Summarise a metric over seeds.

    Args:
        values: one number per seed; NaN for a run without a value.

    Returns:
        Mean, standard deviation and 95 % interval.

    Example:
        >>> spread([0.1, 0.2, 0.3])
        Spread(seeds=3, mean=0.2, std=0.1, low=-0.0484, high=0.4484)
    """
    data = np.asarray(values, dtype=np.float64)
    data = data[~np.isnan(data)]
    n, nan = len(data), float("nan")
    if n == 0:
        return Spread(0, nan, nan, nan, nan)
    mean = float(data.mean())
    if n == 1:
        return Spread(1, mean, nan, nan, nan)
    std = float(data.std(ddof=1))
    half = t_quantile(n - 1) * std / n**0.5
    return Spread(n, mean, std, mean - half, mean + half)


@cache
def t_quantile(degrees: int) -> float:
    """0.975 quantile of Student's t distribution.

    Args:
        degrees: degrees of freedom, at least 1.

    Returns:
        The quantile.
    """
    # scipy.stats has it, but takes long to import
    from scipy.special import stdtrit

    return float(stdtrit(degrees, 0.975))


def smallest_p(seeds: int) -> float:
    """Smallest two-sided p-value of an exact paired sign-flip test, 2 / 2^n.

    Args:
        seeds: n >= 1, the number of pairs.

    Returns:
        A fraction, at most 1.

    Example:
        >>> smallest_p(3), smallest_p(6)
        (0.25, 0.03125)
    """
    return min(1.0, 2.0 ** (1 - seeds))


def seeds_needed(comparisons: int, level: float = 0.05) -> int:
    """Smallest number of seeds with which a sign-flip test can reach a level.

    With Holm's correction for m comparisons, the smallest n with m 2 / 2^n <= level.

    Args:
        comparisons: m >= 1, the number of comparisons.
        level: significance level.

    Returns:
        n.

    Example:
        >>> seeds_needed(1), seeds_needed(10)
        (6, 9)
    """
    return ceil(1 + log2(comparisons / level))


def seeds_verdict(seeds: int, comparisons: int = 1) -> str:
    """State the significance that a number of seeds can reach.

    Args:
        seeds: number of seeds shared by the compared rules.
        comparisons: number of comparisons to decide.

    Returns:
        One to three sentences.
    """
    if seeds < 2:
        return "One seed shows no spread: differences between rows cannot be distinguished from chance."
    p, needed = smallest_p(seeds), seeds_needed(comparisons)
    target = f"the {comparisons} comparisons" if comparisons > 1 else "one comparison"
    if p > 0.05:
        return (
            f"{seeds} seeds cannot decide: even if one rule wins on all of them, an exact paired test "
            f"reaches p = {p:g} at best. Use at least {needed} seeds to decide {target}."
        )
    best = f"{seeds} seeds: an exact paired test can reach p = {p:.2g} at best, if one rule wins on all of them."
    if p * max(1000, comparisons) <= 0.05:
        return best
    most = int(0.05 / p)
    advice = "" if most >= comparisons else f" Use at least {needed} seeds to decide {target}."
    return (
        f"{best} Holm's correction multiplies it by the number of comparisons: {seeds} seeds can decide {most} "
        f"comparison{'s' * (most != 1)} at 0.05.{advice}"
    )
