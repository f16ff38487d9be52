"""Aggregates over streams: scipy, rliable, hand-made scores, and how often the intervals hold."""

import math

import numpy as np
import pytest
from scipy.stats import mannwhitneyu, norm, trim_mean

from lifelong_lb.evaluation import (
    aggregate_scores,
    interquartile_mean,
    performance_profile,
    probability_of_improvement,
)

SAM = [
    [0.61, 0.61, 0.73, 0.47, 0.37, 0.53],
    [0.59, 0.55, 0.69, 0.54, 0.58, 0.55],
    [0.66, 0.64, 0.53, 0.6, 0.48, 0.57],
]
NONE = [
    [0.59, 0.69, 0.64, 0.46, 0.45, 0.6],
    [0.65, 0.48, 0.56, 0.5, 0.53, 0.57],
    [0.54, 0.59, 0.48, 0.57, 0.53, 0.59],
]
BOTH = [np.stack(columns, axis=1) for columns in zip(NONE, SAM, strict=True)]
UNKNOWN = float("nan")


def ends(estimate):
    return estimate.low, estimate.high


def test_the_numbers_of_rliable():
    """Values of rliable 1.2.0 and intervals of 20,000 of its samples."""
    none, sam = aggregate_scores(BOTH, 0, higher_is_better=True)
    assert sam.interquartile_mean.value == pytest.approx(0.573)
    assert ends(sam.interquartile_mean) == pytest.approx((0.54, 0.61), abs=0.005)
    assert sam.mean.value == pytest.approx(0.57222222)
    assert ends(sam.mean) == pytest.approx((0.53444444, 0.60888889), abs=0.005)
    assert sam.improvement.value == pytest.approx(0.61574074)
    assert performance_profile(SAM, [0.4, 0.5, 0.6, 0.7]) == pytest.approx([17 / 18, 15 / 18, 6 / 18, 1 / 18])
    assert (sam.runs, sam.shared, none.runs) == (18, 18, 18)
    assert math.isnan(none.improvement.value)


@pytest.mark.parametrize("sizes", [[1], [3, 4], [2, 9, 6]])
def test_scipy_gives_the_same(sizes):
    generator = np.random.default_rng(len(sizes))
    x, y = ([generator.normal(size=n).round(1) for n in sizes] for _ in range(2))
    assert interquartile_mean(x) == pytest.approx(trim_mean(np.concatenate(x), 0.25))
    expected = np.mean([mannwhitneyu(a, b).statistic / len(a) ** 2 for a, b in zip(x, y, strict=True)])
    assert probability_of_improvement(x, y) == pytest.approx(expected)


def test_lower_is_better():
    (_, higher), (_, lower) = (aggregate_scores(BOTH, 0, higher_is_better=side) for side in (True, False))
    assert lower.improvement.value == pytest.approx(1 - higher.improvement.value)
    assert lower.interquartile_mean == higher.interquartile_mean


def test_missing_runs_are_left_out():
    scores = [[[0.5, 0.6], [0.7, UNKNOWN], [UNKNOWN, 0.9]], [[0.1, 0.2], [0.3, 0.4]]]
    none, sam = aggregate_scores(scores, 0, higher_is_better=True)
    assert (none.runs, sam.runs, sam.shared, sam.fewest, none.shared, none.fewest) == (4, 4, 3, 1, 4, 2)
    assert sam.mean.value == pytest.approx((0.75 + 0.3) / 2)
    assert sam.improvement.value == pytest.approx((1 + 0.75) / 2)  # 0.6 > 0.5; three of four pairs
    assert all(map(math.isnan, ends(sam.improvement)))  # one shared seed on the first stream
    assert not any(map(math.isnan, ends(sam.mean)))


def test_without_a_shared_seed_there_is_no_improvement():
    _, sam = aggregate_scores([[[0.5, UNKNOWN], [UNKNOWN, 0.9]]], 0, higher_is_better=True)
    assert math.isnan(sam.improvement.value)
    assert sam.mean.value == 0.9


def test_one_seed_has_no_interval():
    _, sam = aggregate_scores([[[0.5, 0.6]], [[0.5, 0.6], [0.7, 0.8]]], 0, higher_is_better=True)
    assert sam.improvement.value == pytest.approx((1 + 0.75) / 2)
    assert all(map(math.isnan, (*ends(sam.interquartile_mean), *ends(sam.mean), *ends(sam.improvement))))


def test_a_seed_brings_its_runs_of_both_rules():
    base = np.random.default_rng(0).normal(size=(2, 20))
    paired = [np.stack([b, b + 0.01], axis=1) for b in base]
    mixed = [np.stack([b, np.roll(b, 7) + 0.01], axis=1) for b in base]
    widths = []
    for scores in (paired, mixed):
        _, sam = aggregate_scores(scores, 0, higher_is_better=True)
        widths.append(sam.improvement.high - sam.improvement.low)
    assert widths[0] < 0.25 * widths[1]


def test_streams_are_drawn_separately():
    """The same scores on four streams halve the interval of the mean, as independent seeds do."""
    scores = np.random.default_rng(3).normal(size=(30, 1))
    (one,), (four,) = (aggregate_scores([scores] * n, 0, higher_is_better=True) for n in (1, 4))
    ratio = (one.mean.high - one.mean.low) / (four.mean.high - four.mean.low)
    assert ratio == pytest.approx(2, rel=0.1)


def test_the_intervals_hold_as_often_as_they_say():
    generator, hits = np.random.default_rng(1), np.zeros(2)
    for _ in range(120):
        scores = [generator.normal([0, 0.5], size=(10, 2)) + level for level in (0, 2)]
        _, sam = aggregate_scores(scores, 0, higher_is_better=True)
        for i, (estimate, truth) in enumerate([(sam.mean, 1.5), (sam.improvement, norm.cdf(0.5 / math.sqrt(2)))]):
            hits[i] += estimate.low <= truth <= estimate.high
    assert (hits / 120 > 0.87).all()
    assert (hits / 120 < 0.99).all()


def test_equal_scores_give_equal_intervals():
    first, again = (aggregate_scores(BOTH, 0, higher_is_better=True)[1] for _ in range(2))
    _, other = aggregate_scores(BOTH, 0, higher_is_better=True, generator=np.random.default_rng(5))
    assert first == again
    assert ends(first.mean) != ends(other.mean)


def test_rounding_errors_are_ties():
    assert probability_of_improvement([[0.1 + 0.2]], [[0.3]]) == 0.5


@pytest.mark.parametrize(
    ("scores", "baseline", "message"),
    [
        ([], 0, "got \\[\\]"),
        ([[0.5, 0.6]], 0, "must be \\(n, k\\)"),
        ([[[0.5, 0.6]], [[0.5]]], 0, "with the same k"),
        ([[[0.5, 0.6]]], 2, "0 to 1; got 2"),
        ([[[0.5, UNKNOWN]]], 0, "one or more scores"),
    ],
)
def test_unusable_scores(scores, baseline, message):
    with pytest.raises(ValueError, match=message):
        aggregate_scores(scores, baseline, higher_is_better=True)


def test_unusable_streams():
    with pytest.raises(ValueError, match="got 1 and 2"):
        probability_of_improvement([[0.5]], [[0.5], [0.6]])
    with pytest.raises(ValueError, match="without NaN"):
        interquartile_mean([[0.5], [UNKNOWN]])
