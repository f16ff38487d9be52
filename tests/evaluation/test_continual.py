"""Metrics of accuracies measured during training: by hand, against naive code, properties."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from lifelong_lb.evaluation import (
    CONTINUAL_METRICS,
    ContinualAccuracy,
    anytime_average_accuracy,
    average_accuracy,
    average_incremental_accuracy,
    explain_continual,
    minimum_accuracy,
    stability_gap_area,
    stability_gap_depth,
    stability_gap_recovery,
    windowed_forgetting,
    windowed_plasticity,
    worst_case_accuracy,
)

NAN = float("nan")
ROWS = [
    # iteration, experience learnt, accuracies
    (10, 0, [0.6]),
    (20, 0, [0.9]),
    (22, 1, [0.3, 0.2]),
    (26, 1, [0.5, 0.6]),
    (28, 1, [0.8, 0.7]),
    (30, 1, [0.7, 0.8]),
    (35, 2, [0.4, 0.9, 0.5]),
    (40, 2, [0.6, 0.5, 0.9]),
]
C = ContinualAccuracy.from_rows(
    ((iteration, k, j, a) for iteration, k, row in ROWS for j, a in enumerate(row)), experiences=3
)


def test_from_rows():
    assert C.iterations.tolist() == [10, 20, 22, 26, 28, 30, 35, 40]
    assert C.boundaries.tolist() == [20, 30, 40]
    assert C.learning.tolist() == [0, 0, 1, 1, 1, 1, 2, 2]
    np.testing.assert_array_equal(C.matrix.values, [[0.9, NAN, NAN], [0.7, 0.8, NAN], [0.6, 0.5, 0.9]])


def test_by_hand():
    assert anytime_average_accuracy(C) == pytest.approx((0.6 + 0.9 + 0.25 + 0.55 + 0.75 + 0.75 + 1.8 / 3 + 2.0 / 3) / 8)
    assert minimum_accuracy(C) == pytest.approx((0.3 + 0.5) / 2)
    assert worst_case_accuracy(C) == pytest.approx(0.9 / 3 + 2 / 3 * 0.4)
    # largest drops within three measurements: 0.9 to 0.3, 0.9 to 0.5, no drop
    assert windowed_forgetting(C, window=3) == pytest.approx((0.6 + 0.4 + 0.0) / 3)
    # largest rises: 0.3 to 0.8, 0.2 to 0.7 (0.2 to 0.8 takes four), 0.5 to 0.9
    assert windowed_plasticity(C, window=3) == pytest.approx((0.5 + 0.5 + 0.4) / 3)
    assert windowed_plasticity(C, window=4) == pytest.approx((0.5 + 0.6 + 0.4) / 3)


def test_stability_gap_by_hand():
    # experience 0 while 1 is learnt: from 0.9 down to 0.3, back to 0.7 at iteration 28; while 2 is learnt: 0.7, 0.4,
    # 0.6 at the end; experience 1 while 2 is learnt: 0.8, 0.9, 0.5, never below the lower end
    assert stability_gap_depth(C) == pytest.approx(((0.7 - 0.3) + (0.6 - 0.4) + 0.0) / 3)
    first = (0.0 + 0.4) / 2 * 2 + (0.4 + 0.2) / 2 * 4 + (0.2 + 0.0) / 2 * 2 + 0.0
    second = (0.0 + 0.2) / 2 * 5 + (0.2 + 0.0) / 2 * 5
    assert stability_gap_area(C) == pytest.approx((first / 10 + second / 10 + 0.0) / 3)
    assert stability_gap_recovery(C) == pytest.approx((8 / 10 + 10 / 10 + 0.0) / 3)


def test_stability_gaps_of_experiences_with_different_numbers_of_measurements():
    """Experiences 1, 2 and 3 are measured twice, four times and twice; the gaps are computed pair by pair."""
    iterations, ends = np.array([4, 5, 8, 10, 11, 13, 16, 20, 24, 30]), [5, 10, 20, 30]
    A = np.random.default_rng(0).uniform(size=(10, 4))
    C = ContinualAccuracy(iterations, A, ends)
    depths, areas = [], []
    for i in range(1, 4):
        rows = (iterations >= ends[i - 1]) & (iterations <= ends[i])
        time = (iterations[rows] - ends[i - 1]) / (ends[i] - ends[i - 1])
        for values in A[rows, :i].T:
            level = min(values[0], values[-1])
            depths.append(level - values.min())
            below = np.maximum(level - values, 0)
            areas.append(((below[1:] + below[:-1]) / 2 * np.diff(time)).sum())
    assert stability_gap_depth(C) == pytest.approx(np.mean(depths))
    assert stability_gap_area(C) == pytest.approx(np.mean(areas))


def test_persistent_forgetting_is_no_stability_gap():
    steps = ContinualAccuracy([1, 2, 3, 4], [[0.9, NAN], [0.7, 0.1], [0.5, 0.5], [0.3, 0.9]], [1, 4])
    for metric in (stability_gap_depth, stability_gap_area, stability_gap_recovery):
        assert metric(steps) == 0
    assert minimum_accuracy(steps) == 0.3


@pytest.mark.parametrize(
    ("name", "value", "reason"),
    [
        (
            "minimum_accuracy",
            ([1, 2], [[0.5], [0.6]], [2]),
            "minimum accuracy needs at least 2 experiences; got 1",
        ),
        (
            "stability_gap_depth",
            ([3, 6], [[0.5, NAN], [0.4, 0.6]], [3, 6]),
            "stability gap, depth needs a measurement during experience 1, not only at its end",
        ),
        (
            "anytime_average_accuracy",
            ([3, 5, 6], [[0.5, NAN], [NAN, 0.5], [0.4, 0.6]], [3, 6]),
            "anytime average accuracy needs the accuracy on experience 0 at iteration 5, not evaluated",
        ),
        (
            "stability_gap_recovery",
            ([3, 5, 6], [[0.5, NAN], [NAN, 0.5], [0.4, 0.6]], [3, 6]),
            "stability gap, recovery needs the accuracy on experience 0 at iteration 5, not evaluated",
        ),
    ],
)
def test_undefined_is_nan_with_a_reason(name, value, reason):
    measured = ContinualAccuracy(*value)
    assert math.isnan(CONTINUAL_METRICS[name].function(measured))
    assert explain_continual(name, measured) == reason


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (([1, 2], [[0.5]], [2]), r"accuracy \(N, T\) and boundaries \(T,\); got \(2,\), \(1, 1\) and \(1,\)"),
        (([2, 2], [[0.5], [0.5]], [2]), r"iterations must be strictly increasing integers >= 0; got \[2, 2\]"),
        (
            ([1, 2], [[0.5, 0.5], [0.5, 0.5]], [2, 1]),
            r"boundaries must be strictly increasing .*; got \[2, 1\]",
        ),
        (([1, 3], [[0.5], [0.5]], [2]), "iterations must include every boundary"),
        (([1, 3], [[0.5], [0.5]], [1]), "the last iteration must be the last boundary"),
        (([1], [[50.0]], [1]), r"fractions in \[0, 1\]"),
    ],
)
def test_invalid_measurements_are_refused(value, message):
    with pytest.raises(ValueError, match=message):
        ContinualAccuracy(*value)


def test_other_errors():
    with pytest.raises(ValueError, match="window must be at least 2 measurements; got 1"):
        windowed_forgetting(C, window=1)
    with pytest.raises(ValueError, match="unknown metric 'min-acc'"):
        explain_continual("min-acc", C)
    with pytest.raises(ValueError, match=r"indices must be in 0\.\.1; got \(2, 0\)"):
        ContinualAccuracy.from_rows([(1, 2, 0, 0.5)], 2)
    with pytest.raises(ValueError, match="boundaries must be strictly increasing integers"):
        ContinualAccuracy.from_rows([(1, 0, 0, 0.5)], 2)


@st.composite
def measured(draw):
    T, inner = draw(st.integers(1, 4)), draw(st.integers(1, 4))
    steps = draw(st.lists(st.integers(1, 5), min_size=T * inner, max_size=T * inner))
    iterations = np.cumsum(steps)
    accuracy = draw(arrays(np.float64, (T * inner, T), elements=st.integers(0, 1000).map(lambda n: n / 1000)))
    return ContinualAccuracy(iterations, accuracy, iterations[inner - 1 :: inner])


def naive_windowed(C, window, sign):
    worst = []
    for j in range(C.experiences):
        values = [a for a, k in zip(C.accuracy[:, j], C.learning, strict=True) if k >= j]
        pairs = [(m, n) for n in range(len(values)) for m in range(max(0, n - window + 1), n)]
        worst.append(max([0.0, *(sign * (values[m] - values[n]) for m, n in pairs)]))
    return float(np.mean(worst))


@given(measured(), st.integers(2, 6))
def test_windowed_metrics_against_a_naive_version(C, window):
    assert windowed_forgetting(C, window) == pytest.approx(naive_windowed(C, window, 1))
    assert windowed_plasticity(C, window) == pytest.approx(naive_windowed(C, window, -1))
    assert windowed_forgetting(C, window) <= windowed_forgetting(C, window + 1)


@given(measured())
def test_bounds_and_identities(C):
    R = C.matrix.values
    for name, metric in CONTINUAL_METRICS.items():
        value = metric.function(C)
        assert math.isnan(value) == bool(explain_continual(name, C))
        assert math.isnan(value) or -1e-12 <= value <= 1 + 1e-12
    if C.experiences > 1:
        assert minimum_accuracy(C) <= R[-1, :-1].mean() + 1e-12
        assert worst_case_accuracy(C) <= average_accuracy(R) + 1e-12
        depth, area = stability_gap_depth(C), stability_gap_area(C)
        assert math.isnan(depth) or area <= depth + 1e-12
    if len(C.iterations) == C.experiences:
        assert anytime_average_accuracy(C) == pytest.approx(average_incremental_accuracy(R))


@given(measured())
def test_metrics_do_not_depend_on_the_unit_of_time(C):
    slower = ContinualAccuracy(C.iterations * 7, C.accuracy, C.boundaries * 7)
    for metric in CONTINUAL_METRICS.values():
        assert metric.function(slower) == pytest.approx(metric.function(C), nan_ok=True)
