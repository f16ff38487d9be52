"""Paired comparisons and ranks: against scipy, worked by hand, and in limiting cases."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from lifelong_lb.evaluation import (
    cliff_delta,
    cliques,
    compare,
    comparisons_verdict,
    critical_difference,
    holm,
    rank,
    seeds_needed,
    sign_flip_p,
    signed_rank_p,
    smallest_p,
)

A = [0.71, 0.64, 0.69, 0.75, 0.66, 0.70]
B = [0.65, 0.66, 0.60, 0.70, 0.61, 0.62]
numbers = st.floats(-1, 1).map(lambda x: round(x, 3))


def test_by_hand():
    result = compare(A, B)
    d = np.subtract(A, B)  # 0.06, -0.02, 0.09, 0.05, 0.05, 0.08
    assert result.pairs == 6
    assert result.difference == pytest.approx(0.31 / 6)
    assert result.std == pytest.approx(np.std(d, ddof=1))
    assert (result.low, result.high) == pytest.approx(stats.t.interval(0.95, 5, loc=d.mean(), scale=stats.sem(d)))
    assert (result.larger, result.equal) == (5, 0)
    # as extreme: no sign flipped, or that of the smallest difference, and their mirror images
    assert result.p == 4 / 64
    assert result.cohen_dz == pytest.approx(d.mean() / np.std(d, ddof=1))
    larger = sum((a > b) - (a < b) for a in A for b in B)
    assert result.cliff_delta == pytest.approx(larger / 36)


def test_swapping_a_and_b():
    result, swapped = compare(A, B), compare(B, A)
    assert swapped.difference == -result.difference
    assert (swapped.low, swapped.high) == pytest.approx((-result.high, -result.low))
    assert (swapped.p, swapped.cliff_delta, swapped.larger) == (result.p, -result.cliff_delta, 1)


@pytest.mark.parametrize("n", [2, 3, 5, 8])
def test_sign_flip_p_equals_scipy(n):
    d = np.random.default_rng(n).normal(0.3, 1, n)
    expected = stats.permutation_test((d,), np.mean, permutation_type="samples", n_resamples=10**6).pvalue
    assert sign_flip_p(d) == pytest.approx(expected)


def test_signs_are_sampled_for_many_pairs():
    d = np.random.default_rng(0).normal(0.25, 1, 30)
    expected = stats.ttest_1samp(d, 0).pvalue
    assert sign_flip_p(d) == pytest.approx(expected, abs=0.01)
    assert sign_flip_p(d) == sign_flip_p(d)
    assert sign_flip_p(np.ones(30)) == pytest.approx(1 / (2**15 + 1))


@given(st.lists(numbers, min_size=1, max_size=9), st.floats(0.1, 10))
def test_properties_of_the_p_value(d, scale):
    p = sign_flip_p(d)
    assert smallest_p(len(d)) <= p <= 1
    assert sign_flip_p([-x for x in d]) == p
    assert sign_flip_p(sorted(d)) == pytest.approx(p)
    assert sign_flip_p([x * scale for x in d]) == pytest.approx(p)
    assert sign_flip_p([abs(x) + 0.001 for x in d]) == smallest_p(len(d))


def test_three_and_five_seeds_cannot_decide():
    for n, least in ((3, 0.25), (5, 0.0625), (6, 0.03125)):
        assert compare([1.0] * n, [0.0] * n).p == least


def test_no_difference():
    result = compare([0.5, 0.6], [0.5, 0.6])
    assert (result.difference, result.p, result.larger, result.equal, result.cliff_delta) == (0, 1, 0, 2, 0)
    assert math.isnan(result.cohen_dz)


def test_pairs_with_nan_are_ignored():
    result = compare([0.5, float("nan"), 0.7], [0.4, 0.9, 0.5])
    assert (result.pairs, result.difference) == (2, pytest.approx(0.15))
    empty = compare([float("nan")], [0.5])
    assert empty.pairs == 0
    assert all(math.isnan(x) for x in (empty.difference, empty.p, empty.cliff_delta, empty.bootstrap_low))
    with pytest.raises(ValueError, match=r"a and b must be 1-D with one value per seed each; got \(2,\) and \(1,\)"):
        compare([0.5, 0.6], [0.5])


def test_bootstrap_interval_equals_scipy():
    d = np.subtract(A, B)
    expected = stats.bootstrap((d,), np.mean, n_resamples=20_000, method="percentile").confidence_interval
    result = compare(A, B)
    assert (result.bootstrap_low, result.bootstrap_high) == pytest.approx(tuple(expected), abs=0.004)
    assert compare(A, B) == result
    assert compare(A, B, np.random.default_rng(5)).bootstrap_low != result.bootstrap_low


def test_cliff_by_hand():
    assert cliff_delta([2, 3], [1]) == 1
    assert cliff_delta([1, 1], [1, 2]) == -0.5
    assert math.isnan(cliff_delta([], [1]))


def test_holm_by_hand():
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.5, 0.9]) == [1.0, 1.0]
    adjusted = holm([0.02, float("nan"), 0.01])
    assert adjusted[::2] == [0.02, 0.02]
    assert math.isnan(adjusted[1])
    assert holm([]) == []


@given(st.lists(st.floats(0, 1), min_size=1, max_size=8))
def test_holm_is_between_no_correction_and_bonferroni(p):
    adjusted = holm(p)
    for before, after in zip(p, adjusted, strict=True):
        assert before <= after <= min(1, before * len(p)) + 1e-12
    assert [adjusted[i] for i in np.argsort(p)] == sorted(adjusted)


def test_seeds_needed_and_verdict():
    for m in (1, 2, 5, 10, 40):
        n = seeds_needed(m)
        assert m * smallest_p(n) <= 0.05 < m * smallest_p(n - 1)
    assert "no corrected p-value can fall below 0.31" in comparisons_verdict(6, 10)
    assert "can fall below 0.125:" in comparisons_verdict(4, 1)  # rounding to 0.12 would be wrong
    assert "at least 9 seeds are needed" in comparisons_verdict(6, 10)
    assert "as small as 0.031" in comparisons_verdict(6, 1)
    assert "shows no spread" in comparisons_verdict(1, 3)


@pytest.mark.parametrize(("k", "q"), [(2, 1.960), (3, 2.343), (4, 2.569), (5, 2.728), (7, 2.949), (10, 3.164)])
def test_critical_differences_equal_those_of_demsar(k, q):
    assert critical_difference(k, 6) == pytest.approx(q * math.sqrt(k * (k + 1) / 36), abs=2e-3)


def test_ranks_by_hand():
    scores = [[0.9, 0.8, 0.7], [0.6, 0.5, 0.5], [0.1, 0.3, 0.2]]
    result = rank(scores, higher_is_better=True)
    assert result.ranks == pytest.approx(((1 + 1 + 3) / 3, (2 + 2.5 + 1) / 3, (3 + 2.5 + 2) / 3))
    assert result.friedman_p == pytest.approx(stats.friedmanchisquare(*np.transpose(scores)).pvalue)
    lower = rank(np.negative(scores), higher_is_better=False)
    assert lower.ranks == result.ranks
    ties = np.round(np.random.default_rng(0).normal(size=(7, 5)))
    result = rank(ties, higher_is_better=False)
    assert result.ranks == pytest.approx(stats.rankdata(ties, axis=1).mean(axis=0))
    assert result.friedman_p == pytest.approx(stats.friedmanchisquare(*ties.T).pvalue, rel=1e-9)
    for rules in (2, 5, 40):
        q = stats.studentized_range.ppf(0.9, rules, np.inf) / math.sqrt(2)
        expected = q * math.sqrt(rules * (rules + 1) / 42)
        assert critical_difference(rules, 7, 0.1) == pytest.approx(expected, rel=1e-9)
    assert math.isnan(rank([[1, 2], [1, 2]], higher_is_better=True).friedman_p)
    assert math.isnan(rank([[1, 1, 1], [2, 2, 2]], higher_is_better=True).friedman_p)
    for bad in ([[1, 2]], [[1], [2]], [[1, float("nan")], [1, 2]]):
        with pytest.raises(ValueError, match=r"scores must be \(N, k\), N >= 2 streams, k >= 2 rules, without NaN"):
            rank(bad, higher_is_better=True)


def test_cliques():
    assert cliques([3.0, 1.0, 1.9], 1.0) == [(1, 2)]
    assert cliques([1.0, 1.5, 2.0, 2.5], 1.0) == [(0, 1, 2), (1, 2, 3)]
    assert cliques([1.0, 3.0], 1.0) == []


def test_rounding_errors_count_as_equal():
    a, b = [np.mean([0.1, 0.2, 0.3])] * 6, [np.mean([0.3, 0.2, 0.1])] * 6
    assert a != b
    result = compare(a, b)
    assert (result.difference, result.p, result.larger, result.equal, result.cliff_delta) == (0, 1, 0, 6, 0)


def test_equal_differences_have_no_effect_size():
    result = compare([0.8, 0.7, 0.9], [0.7, 0.6, 0.8])
    assert result.difference == pytest.approx(0.1)
    assert math.isnan(result.cohen_dz)


def test_smallest_p_of_sampled_signs():
    assert sign_flip_p(np.arange(1.0, 31)) == pytest.approx(1 / 32769)
    assert "can be as small as 3.1e-05" in comparisons_verdict(30, 1)
    assert "no difference here can be significant" in comparisons_verdict(25, 3000)


def test_signed_ranks_by_hand():
    # sizes 1, 2, 2, 3 have ranks 1, 2.5, 2.5, 4, whose signed sum is 5 of at most 10. As extreme: negative ranks {},
    # {1}, {2.5}, {2.5} (sums 10, 8, 5, 5), and their mirror images
    assert signed_rank_p([0.1, -0.2, 0.2, 0.3]) == 8 / 16
    assert signed_rank_p([0.1, -0.2, 0.2, 0.3, 0, 0]) == 8 / 16
    assert signed_rank_p([0.0, 0.0]) == 1
    assert math.isnan(signed_rank_p([]))


@pytest.mark.parametrize("n", [1, 3, 6, 10])
def test_signed_rank_p_equals_exact_scipy(n):
    d = np.random.default_rng(n).normal(0.4, 1, n)  # neither ties nor zeros
    assert signed_rank_p(d) == pytest.approx(stats.wilcoxon(d, method="exact").pvalue)


def test_signed_rank_p_with_ties_equals_a_permutation_test():
    d = np.asarray([0.1, 0.1, -0.1, 0.2, 0.2, 0.3, 0.4])
    ranks = np.sign(d) * stats.rankdata(np.abs(d))
    expected = stats.permutation_test((ranks,), np.sum, permutation_type="samples", n_resamples=10**6).pvalue
    assert signed_rank_p(d) == pytest.approx(expected)


def test_compare_with_wilcoxon():
    outlier = [0.9, 0.71, 0.72, 0.73, 0.74, 0.75], [0.1, 0.70, 0.70, 0.70, 0.78, 0.80]
    by_size, by_rank = compare(*outlier), compare(*outlier, test="wilcoxon")
    d = [0.8, 0.01, 0.02, 0.03, -0.04, -0.05]
    assert (by_size.p, by_rank.p) == (pytest.approx(sign_flip_p(d)), pytest.approx(stats.wilcoxon(d).pvalue))
    assert by_size.p != by_rank.p
    assert by_size.difference == by_rank.difference
    with pytest.raises(ValueError, match="unknown test 'wilcoxn'; did you mean 'wilcoxon'"):
        compare(*outlier, test="wilcoxn")
