"""Metrics of the accuracy matrix: worked by hand, and properties of all matrices."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from lifelong_lb.evaluation import (
    METRICS,
    REFERENCED,
    AccuracyMatrix,
    average_accuracy,
    average_accuracy_by_images,
    average_accuracy_curve,
    average_incremental_accuracy,
    average_incremental_accuracy_by_images,
    backward_transfer,
    backward_transfer_by_experience,
    explain,
    forgetting,
    forgetting_by_experience,
    forgetting_curve,
    forgetting_first_minus_last,
    forgetting_last_row_included,
    forward_transfer,
    intransigence,
    learning_accuracy,
    outcomes,
    relative_forgetting,
    stability,
    stability_plasticity,
)

NAN = float("nan")
LOWER = [[0.90, NAN, NAN], [0.60, 0.80, NAN], [0.70, 0.50, 0.95]]
FULL = [[0.90, 0.20, 0.30], [0.60, 0.80, 0.40], [0.70, 0.50, 0.95]]
BETTER_AT_THE_END = [[0.5, NAN, NAN], [0.4, 0.6, NAN], [0.7, 0.9, 0.8]]


@pytest.mark.parametrize(
    ("metric", "matrix", "expected"),
    [
        (average_accuracy, LOWER, (0.70 + 0.50 + 0.95) / 3),
        (learning_accuracy, LOWER, (0.90 + 0.80 + 0.95) / 3),
        (forgetting, LOWER, ((0.90 - 0.70) + (0.80 - 0.50)) / 2),
        (forgetting_last_row_included, LOWER, ((0.90 - 0.70) + (0.80 - 0.50)) / 2),
        (backward_transfer, LOWER, ((0.70 - 0.90) + (0.50 - 0.80)) / 2),
        (average_incremental_accuracy, LOWER, (0.90 + 0.70 + (0.70 + 0.50 + 0.95) / 3) / 3),
        (forgetting, BETTER_AT_THE_END, ((0.5 - 0.7) + (0.6 - 0.9)) / 2),
        (forgetting_last_row_included, BETTER_AT_THE_END, 0.0),
        (backward_transfer, BETTER_AT_THE_END, ((0.7 - 0.5) + (0.9 - 0.6)) / 2),
        # a peak between learning and the end counts for forgetting, not for backward transfer
        (forgetting, [[0.5, NAN, NAN], [0.8, 0.6, NAN], [0.4, 0.6, 0.7]], ((0.8 - 0.4) + 0.0) / 2),
        (backward_transfer, [[0.5, NAN, NAN], [0.8, 0.6, NAN], [0.4, 0.6, 0.7]], (-0.1 + 0.0) / 2),
        # forgetting uses the entries evaluated before the end, here a single row
        (forgetting, [[NAN, NAN, NAN], [0.6, 0.8, NAN], [0.5, 0.6, 0.9]], (0.1 + 0.2) / 2),
        (forgetting_first_minus_last, LOWER, ((0.90 - 0.70) + (0.80 - 0.50)) / 2),
        (forgetting_first_minus_last, [[0.5, NAN, NAN], [0.8, 0.6, NAN], [0.4, 0.6, 0.7]], (0.1 + 0.0) / 2),
        (relative_forgetting, LOWER, ((0.90 - 0.70) / 0.90 + (0.80 - 0.50) / 0.80) / 2),
        (relative_forgetting, [[0.5, NAN, NAN], [0.8, 0.6, NAN], [0.4, 0.6, 0.7]], (0.4 / 0.8 + 0.0) / 2),
        (stability, LOWER, (0.70 + 0.50) / 2),
        (stability_plasticity, [[0.6, NAN], [0.3, 0.6]], 2 * 0.3 * 0.6 / (0.3 + 0.6)),
    ],
)
def test_by_hand(metric, matrix, expected):
    value = metric(matrix)
    assert type(value) is float
    assert value == pytest.approx(expected, abs=1e-15)
    assert metric(AccuracyMatrix(np.array(matrix))) == value


def test_forward_transfer_by_hand():
    assert forward_transfer(FULL, [0.1, 0.1, 0.2]) == pytest.approx(((0.20 - 0.1) + (0.40 - 0.2)) / 2)
    assert math.isnan(forward_transfer(LOWER, [0.1, 0.1, 0.1]))
    with pytest.raises(ValueError, match=r"one accuracy per experience, shape \(3,\); got \(2,\)"):
        forward_transfer(FULL, [0.1, 0.1])


def test_intransigence_by_hand():
    assert intransigence(LOWER, [0.95, 0.90, 0.85]) == pytest.approx((0.05 + 0.10 - 0.10) / 3)
    assert math.isnan(intransigence([[0.9, NAN], [0.5, NAN]], [0.9, 0.9]))
    with pytest.raises(ValueError, match=r"the joint run must have one accuracy per .* shape \(3,\); got \(1,\)"):
        intransigence(LOWER, [0.9])


def test_curves_by_hand():
    np.testing.assert_allclose(average_accuracy_curve(LOWER), [0.90, 0.70, 2.15 / 3])
    np.testing.assert_allclose(forgetting_curve(LOWER), [NAN, 0.30, 0.25])
    np.testing.assert_allclose(forgetting_by_experience(LOWER), [0.20, 0.30, NAN])
    np.testing.assert_allclose(backward_transfer_by_experience(LOWER), [-0.20, -0.30, 0.0])
    assert np.isnan(forgetting_by_experience([[0.5]])).all()
    np.testing.assert_allclose(forgetting_by_experience([[NAN, NAN], [0.5, 0.8]]), [NAN, NAN])


@pytest.mark.parametrize(
    ("name", "matrix", "reason"),
    [
        ("forgetting", [[0.9]], "forgetting needs at least 2 experiences; got 1"),
        ("backward_transfer", [[0.9]], "backward transfer needs at least 2 experiences; got 1"),
        (
            "average_accuracy",
            [[0.9, NAN], [NAN, 0.8]],
            "average accuracy needs the accuracy on experience 0 after experience 1, not evaluated",
        ),
        (
            "learning_accuracy",
            [[NAN, NAN, NAN], [NAN, NAN, NAN], [0.1, 0.2, 0.3]],
            "learning accuracy needs the accuracy on experience 0 after experience 0, not evaluated (and 1 more)",
        ),
        (
            "forgetting",
            [[NAN, NAN], [0.5, 0.8]],
            "forgetting needs an accuracy on experience 0 before the end; none was evaluated",
        ),
        (
            "relative_forgetting",
            [[NAN, NAN], [0.5, 0.8]],
            "relative forgetting needs an accuracy on experience 0 before the end; none was evaluated",
        ),
        ("relative_forgetting", [[0.0, NAN], [0.5, 0.8]], "relative forgetting divides by an accuracy that is 0"),
        ("stability", [[0.9]], "stability needs at least 2 experiences; got 1"),
        (
            "stability_plasticity",
            [[0.0, NAN], [0.0, 0.0]],
            "stability and plasticity divides by an accuracy that is 0",
        ),
    ],
)
def test_undefined_is_nan_with_a_reason(name, matrix, reason):
    assert math.isnan(METRICS[name].function(matrix))
    assert explain(name, matrix) == reason


@pytest.mark.parametrize("name", METRICS)
def test_a_defined_metric_has_no_explanation(name):
    assert explain(name, LOWER) == ""


@pytest.mark.parametrize("name", METRICS)
@given(st.data())
def test_undefined_if_and_only_if_there_is_a_reason(name, data):
    T = data.draw(st.integers(1, 4))
    elements = st.one_of(st.just(NAN), st.just(0.0), st.floats(0.01, 1))
    R = data.draw(arrays(np.float64, (T, T), elements=elements))
    assert math.isnan(METRICS[name].function(R)) == bool(explain(name, R))


@pytest.mark.parametrize("name", {**METRICS, **REFERENCED})
def test_least_number_of_experiences(name):
    metric = {**METRICS, **REFERENCED}[name]
    assert not math.isnan(metric.function(np.full((metric.least_experiences,) * 2, 0.5)))
    if metric.least_experiences > 1:
        assert math.isnan(metric.function(np.full((metric.least_experiences - 1,) * 2, 0.5)))


def test_outcomes_are_the_values_and_the_reasons():
    R = AccuracyMatrix(np.array(FULL), initial=np.array([0.1, 0.1, 0.2]))
    found = outcomes(R, joint=[0.95, 0.90, 0.85], images=[10, 20, 30])
    assert list(found) == [*METRICS, *REFERENCED]
    assert {name: found[name].value for name in METRICS} == {name: METRICS[name].function(FULL) for name in METRICS}
    assert found["forward_transfer"].value == forward_transfer(FULL, [0.1, 0.1, 0.2])
    assert found["intransigence"].value == intransigence(FULL, [0.95, 0.90, 0.85])
    assert found["average_accuracy_by_images"].value == average_accuracy_by_images(FULL, [10, 20, 30])
    assert not any(outcome.reason for outcome in found.values())


def test_outcomes_that_are_undefined_have_reasons():
    lacking = outcomes(AccuracyMatrix(np.array(FULL)))
    assert {name for name, outcome in lacking.items() if math.isnan(outcome.value)} == set(REFERENCED)
    assert lacking["forward_transfer"].reason.startswith("forward transfer needs the accuracies at initialisation")
    assert lacking["intransigence"].reason.startswith("intransigence needs done runs of the strategy joint")
    lower = outcomes(AccuracyMatrix(np.array(LOWER), initial=np.array([0.1, 0.1, 0.2])))
    assert lower["forward_transfer"].reason == explain("forward_transfer", LOWER) != ""
    short = outcomes(AccuracyMatrix(np.array([[0.9]])))
    assert short["forgetting"].reason == "forgetting needs at least 2 experiences; got 1"
    with pytest.raises(ValueError, match=r"T >= 1; got shape \(0, 0\)"):
        outcomes(AccuracyMatrix.unmeasured(0))


def test_accuracies_by_images_count_all_images_alike():
    """Against counts of correct images: 9 of 10, then 5 of 10 and 32 of 40."""
    R, images = [[0.9, NAN], [0.5, 0.8]], [10, 40]
    assert average_accuracy_by_images(R, images) == pytest.approx((5 + 32) / 50)
    assert average_incremental_accuracy_by_images(R, images) == pytest.approx((9 / 10 + 37 / 50) / 2)
    assert average_accuracy_by_images(R, [7, 7]) == pytest.approx(average_accuracy(R))
    assert average_incremental_accuracy_by_images(R, [7, 7]) == pytest.approx(average_incremental_accuracy(R))
    assert math.isnan(average_incremental_accuracy_by_images([[NAN, NAN], [0.5, 0.8]], images))
    assert math.isnan(average_accuracy_by_images([[0.9, NAN], [NAN, 0.8]], images))
    with pytest.raises(ValueError, match=r"images must hold 2 numbers of at least 1, one per experience; got \[0.0"):
        average_accuracy_by_images(R, [0, 4])


def test_metrics_with_a_reference_are_explained():
    by_images = {"average_accuracy_by_images", "average_incremental_accuracy_by_images"}
    assert set(REFERENCED) == {"forward_transfer", "intransigence", *by_images}
    assert explain("intransigence", LOWER) == ""
    assert "needs the accuracy on experience 0 after experience 0" in explain("intransigence", [[NAN]])
    assert explain("forward_transfer", FULL) == ""
    assert explain("forward_transfer", [[0.5]]) == "forward transfer needs at least 2 experiences; got 1"
    assert "needs the accuracy on experience 1 after experience 0, not evaluated" in explain("forward_transfer", LOWER)


def test_an_unknown_metric_is_named():
    with pytest.raises(ValueError, match="unknown metric 'forgeting' .known: average_accuracy"):
        explain("forgeting", LOWER)


@pytest.mark.parametrize(
    ("matrix", "message"),
    [
        ([[0.1, 0.2]], r"\(T, T\) with T >= 1; got shape \(1, 2\)"),
        ([], r"\(T, T\) with T >= 1; got shape \(0,\)"),
        ([[90.0]], r"fractions in \[0, 1\], or NaN where not evaluated; got 90"),
        ([[-0.5]], "got -0.5"),
    ],
)
def test_invalid_accuracy_matrices_are_refused(matrix, message):
    with pytest.raises(ValueError, match=message):
        average_accuracy(matrix)


def test_entries_round_trip():
    matrix = AccuracyMatrix(np.array(LOWER))
    copy = AccuracyMatrix.from_entries(matrix.entries(), 3)
    assert np.array_equal(matrix.values, copy.values, equal_nan=True)
    assert matrix.entries()[1] == (1, 0, 0.6)
    with pytest.raises(ValueError, match=r"indices must be in 0\.\.2; got \(3, 0\)"):
        AccuracyMatrix.from_entries([(3, 0, 0.5)], 3)


def test_a_matrix_grows_with_its_run():
    R = AccuracyMatrix.unmeasured(2)
    assert (R.experiences, R.measured_after, R.has_initial, R.entries()) == (2, [], False, [])
    first = R.with_initial([0.1, 0.2]).with_row(0, [0.9])
    assert (first.measured_after, first.has_initial) == ([0], True)
    whole = first.with_row(1, [0.5, 0.8])
    assert whole == AccuracyMatrix(np.array([[0.9, NAN], [0.5, 0.8]]), np.array([0.1, 0.2]))
    assert whole != AccuracyMatrix(whole.values)  # without initial accuracies
    assert first.entries() == [(0, 0, 0.9)]  # values do not change
    assert R.measured_after == []
    with pytest.raises(ValueError, match="read-only"):
        whole.values[0, 0] = 1


def test_entries_of_experiences_not_learnt_yet_can_be_left_out():
    R = AccuracyMatrix(np.array(FULL))
    assert R.evaluated.all()
    assert np.array_equal(R.seen().evaluated, np.tri(3, dtype=bool))
    assert R.seen().seen() == R.seen() != R


@pytest.mark.parametrize(
    ("initial", "message"),
    [([0.1], r"initial accuracies have shape \(3,\); got shape \(1,\)"), ([0.1, 0.2, 10], "fractions .*; got 10")],
)
def test_invalid_initial_accuracies_are_refused(initial, message):
    with pytest.raises(ValueError, match=message):
        AccuracyMatrix(np.array(LOWER), initial)


accuracies = st.integers(0, 1000).map(lambda correct: correct / 1000)
matrices = st.integers(2, 6).flatmap(lambda T: arrays(np.float64, (T, T), elements=accuracies))


@given(matrices)
def test_identities_and_bounds(R):
    T = len(R)
    assert 0 <= average_accuracy(R) <= 1
    assert 0 <= forgetting_last_row_included(R) <= 1
    assert forgetting_last_row_included(R) >= forgetting(R) - 1e-12
    assert forgetting(R) >= -backward_transfer(R) - 1e-12  # max over l < T-1 of R[l, j] >= R[j, j]
    bounded = [metric for metric in METRICS.values() if metric.bounded]
    assert bounded
    assert all(not abs(metric.function(R)) > 1 for metric in bounded)
    # average accuracy = learning accuracy + (T-1)/T backward transfer
    assert average_accuracy(R) == pytest.approx(learning_accuracy(R) + (T - 1) / T * backward_transfer(R))


@given(matrices)
def test_identities_between_metrics_and_curves(R):
    T = len(R)
    assert forgetting_first_minus_last(R) == -backward_transfer(R)
    assert stability(R) == pytest.approx(np.diagonal(R)[:-1].mean() + backward_transfer(R))
    assert average_accuracy(R) == pytest.approx(((T - 1) * stability(R) + R[-1, -1]) / T)
    assert average_accuracy_curve(R)[-1] == pytest.approx(average_accuracy(R))
    assert average_accuracy_curve(R).mean() == pytest.approx(average_incremental_accuracy(R))
    assert forgetting_curve(R)[-1] == forgetting(R)
    assert forgetting_by_experience(R)[:-1].mean() == pytest.approx(forgetting(R))
    assert np.maximum(forgetting_by_experience(R)[:-1], 0).mean() == pytest.approx(forgetting_last_row_included(R))
    assert backward_transfer_by_experience(R)[:-1].mean() == pytest.approx(backward_transfer(R))
    assert intransigence(R, np.diagonal(R)) == 0
    both, pair = stability_plasticity(R), (stability(R), learning_accuracy(R))
    assert math.isnan(both) or min(pair) - 1e-12 <= both <= max(pair) + 1e-12  # a harmonic mean is between its terms
    relative = relative_forgetting(R)
    assert math.isnan(relative) or relative <= 1


@given(matrices, st.randoms(use_true_random=False))
def test_invariance_under_permutations(R, random):
    T = len(R)
    order = random.sample(range(T - 1), T - 1)
    columns = R[:, [*order, T - 1]]  # permuted columns of a full matrix
    for metric in (average_accuracy, forgetting, forgetting_last_row_included, stability):
        assert metric(columns) == pytest.approx(metric(R))
    rows = R[[*order, T - 1]]  # permuted rows
    for metric in (average_accuracy, forgetting, forgetting_last_row_included):
        assert metric(rows) == pytest.approx(metric(R))
    both = R[np.ix_([*order, T - 1], [*order, T - 1])]  # relabelled experiences
    for metric in (learning_accuracy, backward_transfer, forgetting_first_minus_last):
        assert metric(both) == pytest.approx(metric(R))


@given(matrices, st.floats(0.1, 0.9))
def test_scales(R, factor):
    for name in METRICS:
        scaled, value = METRICS[name].function(R * factor), METRICS[name].function(R)
        expected = value if name == "relative_forgetting" else value * factor
        assert scaled == pytest.approx(expected, nan_ok=True, rel=1e-6, abs=1e-9)


@given(matrices)
def test_forgetting_of_a_final_accuracy_of_zero(R):
    lower = np.where(np.tri(len(R), dtype=bool), R, np.nan)
    lower[-1, :-1] = 0
    best = np.nanmax(lower[:-1, :-1], axis=0)
    assert forgetting(lower) == pytest.approx(float(best.mean()))
