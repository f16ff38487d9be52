"""Aggregate scores over several streams, with intervals from a stratified bootstrap.

Agarwal et al. 2021, "Deep reinforcement learning at the edge of the statistical precipice" (arXiv 2108.13264); their
tasks are our streams, their runs our seeds. Values equal those of their package rliable 1.2.0, and the intervals of
both means agree with its within the error of the bootstrap; the interval of the improvement differs, because rliable
draws the runs of the two rules separately (a test has the numbers). rliable needs arch < 8, which does not import under
pandas 3, and draws its samples from numpy's global generator.

A sample of n seeds is given by counts: W[d, i], shape ``(D, n)``, is the number of times that sample d contains seed i.
Every statistic is computed from counts, that of the scores themselves from counts of 1.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lifelong_lb.evaluation.comparisons import BOOTSTRAP_SAMPLES, DIGITS

Array = NDArray[np.float64]
_CUT = 0.25
"""Share of runs that the interquartile mean leaves out at either end."""


@dataclass(frozen=True)
class Estimate:
    """A value with its 95 % interval.

    Attributes:
        value: NaN if it is undefined.
        low: lower end of the percentile interval of the stratified bootstrap; NaN if a stream has fewer than two seeds.
        high: its upper end.
    """

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Aggregate:
    """Scores of a rule over several streams.

    Attributes:
        runs: number of its runs with a score.
        interquartile_mean: see :func:`interquartile_mean`.
        mean: mean over streams of the mean over seeds.
        shared: number of its runs under seeds that the baseline has on the same stream, from which the improvement is
            computed; all runs for the baseline, and without one.
        fewest: the smallest number of these runs on one of the streams.
        improvement: see :func:`probability_of_improvement`; NaN for the baseline, and if some stream has no shared
            seed.
    """

    runs: int
    interquartile_mean: Estimate
    mean: Estimate
    shared: int
    fewest: int
    improvement: Estimate


def aggregate_scores(
    scores: Sequence[ArrayLike],
    baseline: int | None,
    *,
    higher_is_better: bool,
    generator: np.random.Generator | None = None,
) -> list[Aggregate]:
    """Aggregate the scores of rules over streams, with 95 % intervals.

    The bootstrap draws as many seeds as a stream has, with replacement, separately on each stream; a seed brings its
    runs of both rules of a comparison. Streams are not drawn: the intervals hold for these streams.

    Args:
        scores: for each stream ``(n, k)``, one row per seed, one column per rule; NaN for a missing run. Streams may
            differ in n.
        baseline: column of the rule that the others are compared with; None for none.
        higher_is_better: whether larger scores are better.
        generator: draws the bootstrap samples; None for a generator seeded with 0 for each interval, so that equal
            scores give equal intervals.

    Returns:
        One item per rule.

    Raises:
        ValueError: without streams, for differing numbers of rules, an unknown baseline, or a rule without a score on
            some stream.

    Example:
        >>> none, sam = aggregate_scores([[[0.5, 0.6], [0.7, 0.8]], [[0.1, 0.2], [0.3, 0.3]]], 0, higher_is_better=True)
        >>> sam.interquartile_mean.value, sam.mean.value, sam.improvement.value
        (0.45, 0.475, 0.6875)
    """
    streams = [np.asarray(stream, dtype=np.float64) for stream in scores]
    rules = streams[0].shape[-1] if streams else 0
    if not streams or any(stream.ndim != 2 or stream.shape[1] != rules for stream in streams):
        shapes = [stream.shape for stream in streams]
        raise ValueError(f"scores must be (n, k) on each of one or more streams, with the same k; got {shapes}")
    if baseline is not None and not 0 <= baseline < rules:
        raise ValueError(f"baseline must be a column, 0 to {rules - 1}; got {baseline}")
    signed = [stream if higher_is_better else -stream for stream in streams]
    return [
        _aggregate(
            [stream[:, k] for stream in streams],
            [] if baseline in (None, k) else [stream[:, [k, baseline]] for stream in signed],
            generator,
        )
        for k in range(rules)
    ]


def interquartile_mean(scores: Sequence[ArrayLike]) -> float:
    """Interquartile mean: the mean of the middle half of all runs (Agarwal et al. 2021, section 4).

    Of the N runs of all streams together, floor(N / 4) are left out at either end. A stream with more runs counts more.

    Args:
        scores: for each stream ``(n,)``, one score per run.

    Returns:
        The mean.

    Raises:
        ValueError: if a stream has no run or a score is NaN.

    Example:
        >>> interquartile_mean([[0.1, 0.5, 0.6], [0.7, 0.9]])  # without 0.1 and 0.9
        0.6
    """
    values = _checked(scores)
    return float(_interquartile_means(values, _once(values))[0])


def probability_of_improvement(scores: Sequence[ArrayLike], baseline: Sequence[ArrayLike]) -> float:
    """Probability that a run scores above a run of the baseline (Agarwal et al. 2021, section 4).

    The mean over streams of the share of pairs (x, y), x a score and y one of the baseline on the same stream, with
    x > y; a tie counts 1/2 (Mann & Whitney 1947).

    Args:
        scores: for each stream ``(n,)``, one score per run; larger is better.
        baseline: for each stream ``(m,)`` scores of the baseline.

    Returns:
        A number in [0, 1]; 1/2 if neither tends to score above the other.

    Raises:
        ValueError: if the numbers of streams differ, a stream has no run or a score is NaN.

    Example:
        >>> probability_of_improvement([[0.8, 0.6], [0.4]], [[0.7, 0.6], [0.5]])  # (2.5 / 4 + 0) / 2
        0.3125
    """
    x, y = _checked(scores), _checked(baseline)
    if len(x) != len(y):
        raise ValueError(f"scores and baseline must have the same streams; got {len(x)} and {len(y)}")
    return float(_improvements(x, y, _once(x), _once(y))[0])


def performance_profile(scores: Sequence[ArrayLike], thresholds: ArrayLike) -> Array:
    """Performance profile: the share of runs that score above each threshold (Agarwal et al. 2021, section 4).

    Args:
        scores: for each stream ``(n,)``, one score per run.
        thresholds: ``(q,)`` scores.

    Returns:
        ``(q,)``, the mean over streams of the share of runs with a score above the threshold.

    Raises:
        ValueError: if a stream has no run or a score is NaN.

    Example:
        >>> performance_profile([[0.2, 0.4], [0.6]], [0.1, 0.2, 0.5, 0.6])
        array([1.  , 0.75, 0.5 , 0.  ])
    """
    limits = np.asarray(thresholds, dtype=np.float64)
    shares = [(values[:, None] > limits).mean(axis=0) for values in _checked(scores)]
    return np.asarray(np.mean(shares, axis=0), dtype=np.float64)


def _aggregate(values: Sequence[Array], pairs: Sequence[Array], generator: np.random.Generator | None) -> Aggregate:
    """Aggregate one rule.

    Args:
        values: for each stream ``(n,)``.
        pairs: for each stream ``(n, 2)``, scores of the rule and of the baseline, larger is better; empty without a
            baseline.
        generator: draws the bootstrap samples.

    Returns:
        Its numbers.
    """
    own = _checked([of_stream[~np.isnan(of_stream)] for of_stream in values])
    shared = [of_stream[~np.isnan(of_stream).any(axis=1)] for of_stream in pairs]
    sizes = [len(of_stream) for of_stream in shared or own]
    improvement = Estimate(float("nan"), float("nan"), float("nan"))
    if len(shared) > 0 and min(sizes) > 0:
        x, y = ([of_stream[:, side] for of_stream in shared] for side in (0, 1))
        improvement = _estimate(x, lambda W: _improvements(x, y, W, W), generator)
    return Aggregate(
        runs=sum(map(len, own)),
        interquartile_mean=_estimate(own, lambda W: _interquartile_means(own, W), generator),
        mean=_estimate(own, lambda W: _means(own, W), generator),
        shared=sum(sizes),
        fewest=min(sizes),
        improvement=improvement,
    )


def _estimate(
    values: Sequence[Array],
    statistic: Callable[[Sequence[Array]], Array],
    generator: np.random.Generator | None,
) -> Estimate:
    """Compute a statistic of the scores and its interval; the statistic is a function of the counts."""
    value, low, high = float(statistic(_once(values))[0]), float("nan"), float("nan")
    if min(map(len, values)) > 1:
        sizes = tuple(map(len, values))
        W = _default_counts(sizes) if generator is None else _counts(sizes, generator)
        low, high = np.quantile(statistic(W), [0.025, 0.975])
    return Estimate(value, float(low), float(high))


def _counts(sizes: Sequence[int], generator: np.random.Generator) -> list[Array]:
    """Draw bootstrap samples of each stream's seeds, ``(D, n)`` each."""
    return [generator.multinomial(n, np.full(n, 1 / n), BOOTSTRAP_SAMPLES).astype(float) for n in sizes]


@lru_cache(maxsize=4)
def _default_counts(sizes: tuple[int, ...]) -> list[Array]:
    """Draw with seed 0; cached because drawing takes longer than most statistics."""
    return _counts(sizes, np.random.default_rng(0))


def _means(values: Sequence[Array], W: Sequence[Array]) -> Array:
    """Means over streams of means over seeds, ``(D,)``."""
    return np.asarray(np.mean([w @ v / len(v) for v, w in zip(values, W, strict=True)], axis=0))


def _interquartile_means(values: Sequence[Array], W: Sequence[Array]) -> Array:
    """Interquartile means, ``(D,)``: of each score, as many copies count as lie within the middle half."""
    pooled = np.concatenate(values)
    order, N = np.argsort(pooled, kind="stable"), len(pooled)
    cut = int(_CUT * N)
    places = np.concatenate(W, axis=1)[:, order].cumsum(axis=1).clip(cut, N - cut)
    return np.asarray(np.diff(places, axis=1, prepend=cut) @ pooled[order] / (N - 2 * cut))


def _improvements(x: Sequence[Array], y: Sequence[Array], V: Sequence[Array], W: Sequence[Array]) -> Array:
    """Probabilities of improvement, ``(D,)``; V counts scores of x, W of y."""
    shares = []
    for a, b, v, w in zip(x, y, V, W, strict=True):
        above = (1 + np.sign((a[:, None] - b[None, :]).round(DIGITS))) / 2
        shares.append(((v @ above) * w).sum(axis=1) / above.size)
    return np.asarray(np.mean(shares, axis=0))


def _once(values: Sequence[Array]) -> list[Array]:
    """Counts of the scores themselves: each seed once."""
    return [np.ones((1, len(of_stream))) for of_stream in values]


def _checked(scores: Sequence[ArrayLike]) -> list[Array]:
    values = [np.asarray(stream, dtype=np.float64) for stream in scores]
    if not values or any(stream.ndim != 1 or not stream.size or np.isnan(stream).any() for stream in values):
        shapes = [stream.shape for stream in values]
        raise ValueError(f"each of one or more streams must have one or more scores (n,), without NaN; got {shapes}")
    return values
