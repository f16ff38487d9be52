"""Paired tests, exact for small numbers of seeds: sign-flip and signed-rank."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

MAX_EXACT_PAIRS = 20
"""Largest number of pairs for which all sign flips are enumerated; for more, sign flips are sampled."""
SIGN_DRAWS = 2**15
"""Number of sampled sign flips."""


@dataclass(frozen=True)
class PairedTest:
    """A two-sided test of whether paired differences are symmetric about 0.

    Attributes:
        title: name for use in a sentence.
        formula: definition of the p-value.
        source: author and year.
        function: maps ``(n,)`` differences, and a generator or None, to the p-value.
    """

    title: str
    formula: str
    source: str
    function: Callable[[ArrayLike, np.random.Generator | None], float]


def sign_flip_p(differences: ArrayLike, generator: np.random.Generator | None = None) -> float:
    """Compute the two-sided p-value of the paired permutation test on the mean difference.

    Under the null hypothesis every sign of a difference is equally likely: p is the share of all 2^n sign choices,
    including the observed one, whose mean is at least as far from 0 as the observed mean. Fisher 1935, "The design of
    experiments", section 21.

    Args:
        differences: ``(n,)`` numbers.
        generator: draws signs if n > :data:`MAX_EXACT_PAIRS`; None for a generator seeded with 0.

    Returns:
        A fraction, at least 2 / 2^n if enumerated, at least 1 / (:data:`SIGN_DRAWS` + 1) if sampled; NaN for n = 0.

    Example:
        >>> sign_flip_p([0.1, 0.2, 0.3]), sign_flip_p([0.1, 0.2, -0.3])
        (0.25, 1.0)
    """
    d = np.asarray(differences, dtype=np.float64)
    if not len(d):
        return float("nan")
    observed, slack = abs(d.sum()), 1e-12 * np.abs(d).sum()
    if len(d) > MAX_EXACT_PAIRS:
        draw = generator or np.random.default_rng(0)
        signs = draw.choice([-1.0, 1.0], size=(SIGN_DRAWS, len(d)))
        extreme = (np.abs(signs @ d) >= observed - slack).sum()
        return float((extreme + 1) / (len(signs) + 1))
    sums = np.zeros(1)
    for value in d:
        sums = np.concatenate([sums + value, sums - value])
    return float(np.mean(np.abs(sums) >= observed - slack))


def signed_rank_p(differences: ArrayLike, generator: np.random.Generator | None = None) -> float:
    """Compute the two-sided p-value of the signed-rank test, exact with ties.

    The sign-flip test on signed ranks: absolute differences are ranked, ties get their mean rank, and each rank takes
    the sign of its difference; differences of 0 are dropped. Wilcoxon 1945, "Individual comparisons by ranking".

    Args:
        differences: ``(n,)`` numbers.
        generator: draws signs for more than :data:`MAX_EXACT_PAIRS` nonzero differences; None for a generator seeded
            with 0.

    Returns:
        A fraction, 1 if all differences are 0; NaN for n = 0.

    Example:
        >>> signed_rank_p([0.1, 0.2, 0.3, -0.4]), signed_rank_p([0.1, 0.2, 0.2, 0.0])
        (0.875, 0.25)
    """
    d = np.asarray(differences, dtype=np.float64)
    if not len(d):
        return float("nan")
    d = d[d != 0]
    if not len(d):
        return 1.0
    _, size, counts = np.unique(np.abs(d), return_inverse=True, return_counts=True)
    ranks = (np.cumsum(counts) - (counts - 1) / 2)[size]
    return sign_flip_p(np.sign(d) * ranks, generator)


TESTS = {
    "sign-flip": PairedTest(
        "sign-flip test",
        "two-sided sign-flip test: share of the 2^n choices of signs of the differences whose mean is at least as far "
        f"from 0 as the observed mean; {SIGN_DRAWS:,} random choices for more than {MAX_EXACT_PAIRS} seeds",
        "Fisher 1935",
        sign_flip_p,
    ),
    "wilcoxon": PairedTest(
        "Wilcoxon's signed-rank test",
        "two-sided signed-rank test: nonzero differences are ranked by absolute value, ties by their mean rank; "
        "share of the 2^n choices of signs of the ranks whose sum is at least as far from 0 as the observed sum; "
        f"{SIGN_DRAWS:,} random choices for more than {MAX_EXACT_PAIRS} such differences",
        "Wilcoxon 1945",
        signed_rank_p,
    ),
}
"""The tests, by name."""
