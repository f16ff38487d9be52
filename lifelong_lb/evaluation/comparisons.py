"""Paired comparisons of two rules under the same seeds."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lifelong_lb.config import unknown_name
from lifelong_lb.evaluation.paired_tests import MAX_EXACT_PAIRS, SIGN_DRAWS, TESTS
from lifelong_lb.evaluation.statistics import seeds_needed, smallest_p, spread

BOOTSTRAP_SAMPLES = 2_000
"""Number of bootstrap samples per interval."""
DIGITS = 12
"""Decimals compared: values that differ by rounding errors alone count as equal."""
Array = NDArray[np.float64]


@dataclass(frozen=True)
class Comparison:
    """Paired comparison of values a and b under the same seeds; differences are a - b.

    Attributes:
        pairs: n, the number of seeds under which both have a value.
        difference: mean difference; NaN without pairs.
        std: sample standard deviation of the differences (divisor n - 1); NaN for fewer than two.
        low: lower end of the 95 % confidence interval of the mean difference (Student's t, n - 1 degrees of freedom).
        high: its upper end.
        bootstrap_low: lower end of the 95 % percentile bootstrap interval of the mean difference; too narrow with
            few seeds.
        bootstrap_high: its upper end.
        larger: pairs in which a is larger.
        equal: pairs in which they are equal.
        p: two-sided p-value of the test, one of :data:`~lifelong_lb.evaluation.TESTS`; NaN without pairs.
        cohen_dz: Cohen's d of paired values, difference / std; NaN if the std is 0 or undefined.
        cliff_delta: Cliff's delta, see :func:`cliff_delta`; NaN without pairs.
    """

    pairs: int
    difference: float
    std: float
    low: float
    high: float
    bootstrap_low: float
    bootstrap_high: float
    larger: int
    equal: int
    p: float
    cohen_dz: float
    cliff_delta: float


def compare(
    a: Sequence[float], b: Sequence[float], generator: np.random.Generator | None = None, *, test: str = "sign-flip"
) -> Comparison:
    """Compare two rules seed by seed.

    Args:
        a: ``(S,)``, values of a metric of the first rule, one per seed.
        b: ``(S,)``, values of the second rule under the same seeds, in the same order. Pairs with a NaN are ignored.
        generator: draws the bootstrap samples; None for a generator seeded with 0, so that equal values give equal
            intervals.
        test: key of :data:`~lifelong_lb.evaluation.TESTS`.

    Returns:
        Mean difference, intervals, test and effect sizes.

    Raises:
        ValueError: if the lengths differ, or for an unknown test.

    Example:
        >>> result = compare([0.8, 0.7, 0.9], [0.7, 0.5, 0.6])
        >>> result.difference, result.p, result.larger
        (0.2, 0.25, 3)
    """
    if test not in TESTS:
        raise ValueError(unknown_name("test", test, TESTS))
    first, second = np.asarray(a, dtype=np.float64), np.asarray(b, dtype=np.float64)
    if first.ndim != 1 or first.shape != second.shape:
        raise ValueError(f"a and b must be 1-D with one value per seed each; got {first.shape} and {second.shape}")
    both_known = ~(np.isnan(first) | np.isnan(second))
    first, second = first[both_known].round(DIGITS), second[both_known].round(DIGITS)
    differences = (first - second).round(DIGITS)
    summary = spread(differences.tolist())
    low, high = bootstrap_interval(differences, generator)
    return Comparison(
        pairs=len(differences),
        difference=summary.mean,
        std=summary.std,
        low=summary.low,
        high=summary.high,
        bootstrap_low=low,
        bootstrap_high=high,
        larger=int((differences > 0).sum()),
        equal=int((differences == 0).sum()),
        p=TESTS[test].function(differences, generator),
        cohen_dz=summary.mean / summary.std if summary.std > 10**-DIGITS else float("nan"),
        cliff_delta=cliff_delta(first, second),
    )


def bootstrap_interval(values: ArrayLike, generator: np.random.Generator | None = None) -> tuple[float, float]:
    """Compute the 95 % percentile bootstrap interval of a mean (Efron 1979).

    Args:
        values: ``(n,)`` numbers.
        generator: draws the :data:`BOOTSTRAP_SAMPLES` samples, with replacement; None for a generator seeded with 0.

    Returns:
        Lower and upper end; NaN for fewer than two values.
    """
    data = np.asarray(values, dtype=np.float64)
    if len(data) < 2:
        return float("nan"), float("nan")
    samples = _default_samples(len(data)) if generator is None else _samples(len(data), generator)
    low, high = np.quantile(data[samples].mean(axis=1), [0.025, 0.975])
    return float(low), float(high)


def _samples(n: int, generator: np.random.Generator) -> NDArray[np.int64]:
    """Draw n of n values, with replacement, for each bootstrap sample."""
    return generator.integers(n, size=(BOOTSTRAP_SAMPLES, n))


@lru_cache(maxsize=4)
def _default_samples(n: int) -> NDArray[np.int64]:
    """Draw with seed 0; cached because drawing takes as long as computing the means."""
    return _samples(n, np.random.default_rng(0))


def cliff_delta(a: ArrayLike, b: ArrayLike) -> float:
    """Cliff's delta, P(x > y) - P(x < y) over all pairs (x of a, y of b) (Cliff 1993).

    Args:
        a: ``(n,)`` numbers.
        b: ``(m,)`` numbers; they need not be paired with a.

    Returns:
        A number in [-1, 1], 1 if every value of a is above every value of b; NaN if a or b is empty.

    Example:
        >>> cliff_delta([0.8, 0.6], [0.7, 0.5])
        0.5
    """
    first, second = np.asarray(a, dtype=np.float64), np.asarray(b, dtype=np.float64)
    if not (first.size and second.size):
        return float("nan")
    return float(np.sign(first[:, None] - second[None, :]).mean())


def holm(p_values: Sequence[float]) -> list[float]:
    """Adjust p-values for multiple comparisons by Holm's method (Holm 1979).

    With the p-values in ascending order, p'_(i) = max over l <= i of (m - l) p_(l), l counted from 0, at most 1.

    Args:
        p_values: p-values of a family of comparisons, m of them not NaN; NaN for a comparison without a p-value.

    Returns:
        Adjusted p-values in the same order; NaN stays NaN.

    Example:
        >>> holm([0.01, 0.04, 0.03])
        [0.03, 0.06, 0.06]
    """
    p = np.asarray(p_values, dtype=np.float64)
    order = [int(i) for i in np.argsort(p) if not np.isnan(p[i])]
    adjusted, running = np.full(len(p), np.nan), 0.0
    for place, i in enumerate(order):
        running = max(running, (len(order) - place) * float(p[i]))
        adjusted[i] = min(1.0, running)
    return adjusted.tolist()


def comparisons_verdict(pairs: int, comparisons: int, level: float = 0.05) -> str:
    """State the significance that a family of comparisons can reach.

    Args:
        pairs: number of seeds shared by the two rules of a comparison.
        comparisons: m, the number of comparisons corrected for.
        level: significance level.

    Returns:
        One sentence.
    """
    if pairs < 2:
        return "One seed shows no spread: differences cannot be distinguished from chance."
    reachable = smallest_p(pairs) if pairs <= MAX_EXACT_PAIRS else 1 / (SIGN_DRAWS + 1)
    best = min(1.0, comparisons * reachable)
    family = f"{comparisons} comparisons" if comparisons > 1 else "one comparison"
    if best > level:
        return (
            f"With {pairs} seeds and {family} no corrected p-value can fall below {best:.3g}: "
            f"no difference here can be significant at {level:g}; "
            f"at least {seeds_needed(comparisons, level)} seeds are needed."
        )
    return f"With {pairs} seeds and {family} a corrected p-value can be as small as {best:.2g}."
