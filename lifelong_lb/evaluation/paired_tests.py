"""Tests of paired differences that are exact for a handful of seeds: by the differences, or by their ranks."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

MAX_EXACT_PAIRS = 20
"""Largest number of pairs whose sign flips are all tried; beyond it, as many are drawn at random."""
SIGN_DRAWS = 2**15
"""Choices of signs that are drawn then."""


@dataclass(frozen=True)
class PairedTest:
    """A two-sided test of whether differences lie around 0.

    Attributes:
        title: words for a sentence.
        formula: what its p-value is.
        source: author and year.
        function: ``(n,)`` differences, and a generator or None, to the p-value.
    """

    title: str
    formula: str
    source: str
    function: Callable[[ArrayLike, np.random.Generator | None], float]


def sign_flip_p(differences: ArrayLike, generator: np.random.Generator | None = None) -> float:
    """Two-sided p-value of the paired permutation test on the mean difference.

    If a and b were alike, each difference could as well have had the other sign: p is the share of all 2^n choices of
    signs whose mean is at least as far from 0 as the one observed, that one included. Fisher 1935, "The design of
    experiments", section 21.

    Args:
        differences: ``(n,)`` numbers.
        generator: draws signs where n > :data:`MAX_EXACT_PAIRS`; None for one of its own.

    Returns:
        A fraction, at least 2 / 2^n, beyond :data:`MAX_EXACT_PAIRS` pairs 1 / (:data:`SIGN_DRAWS` + 1); NaN for n = 0.

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
    """Two-sided p-value of the signed-rank test, exact with ties (Wilcoxon 1945, "Individual comparisons by ranking").

    The sign-flip test on the ranks of the differences' sizes, each with the sign of its difference: differences of 0
    are left out, those of one size share the mean of their ranks.

    Args:
        differences: ``(n,)`` numbers.
        generator: draws signs where more than :data:`MAX_EXACT_PAIRS` differ from 0; None for one of its own.

    Returns:
        A fraction, 1 where all differences are 0; NaN for n = 0.

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
        f"from 0; for more than {MAX_EXACT_PAIRS} seeds of {SIGN_DRAWS:,} choices drawn at random",
        "Fisher 1935",
        sign_flip_p,
    ),
    "wilcoxon": PairedTest(
        "Wilcoxon's signed-rank test",
        "two-sided signed-rank test: differences other than 0 are ranked by size, equal sizes sharing their mean rank; "
        "share of the 2^n choices of signs of the ranks whose sum is at least as far from 0; for more than "
        f"{MAX_EXACT_PAIRS} such differences of {SIGN_DRAWS:,} choices drawn at random",
        "Wilcoxon 1945",
        signed_rank_p,
    ),
}
"""The tests, by name."""
