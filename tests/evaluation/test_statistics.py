"""Statistics over a few seeds."""

import math

import pytest
from scipy import stats

from lifelong_lb.evaluation import comparisons_verdict, seeds_needed, seeds_verdict, smallest_p, spread


def test_spread_equals_scipy():
    values = [0.71, 0.64, 0.69, 0.75]
    summary = spread(values)
    low, high = stats.t.interval(0.95, 3, loc=sum(values) / 4, scale=stats.sem(values))
    assert summary.seeds == 4
    assert summary.mean == pytest.approx(sum(values) / 4)
    assert (summary.low, summary.high) == pytest.approx((low, high))


def test_missing_values_are_ignored():
    assert spread([0.5, float("nan"), 0.7]).seeds == 2
    assert spread([0.5, float("nan"), 0.7]).mean == pytest.approx(0.6)


def test_one_seed_has_no_spread():
    summary = spread([0.5])
    assert summary.mean == 0.5
    assert all(math.isnan(value) for value in (summary.std, summary.low, summary.high))
    assert math.isnan(spread([]).mean)


@pytest.mark.parametrize("seeds", range(2, 9))
def test_smallest_p_equals_an_exact_sign_flip_test(seeds):
    differences = [1.0 + i for i in range(seeds)]
    result = stats.permutation_test((differences,), lambda d: d.mean(), permutation_type="samples", n_resamples=10**6)
    assert smallest_p(seeds) == pytest.approx(result.pvalue)


def test_seeds_verdict():
    assert "shows no spread" in seeds_verdict(1)
    assert "3 seeds cannot decide" in seeds_verdict(3)
    assert "p = 0.25" in seeds_verdict(3)
    assert "5 seeds cannot decide" in seeds_verdict(5)
    assert "6 seeds: an exact paired test can reach p = 0.031" in seeds_verdict(6)
    assert "6 seeds can decide 1 comparison at 0.05" in seeds_verdict(6)  # for two comparisons the best is 0.0625
    assert "10 seeds can decide 25 comparisons at 0.05" in seeds_verdict(10)
    assert seeds_verdict(40).endswith("wins on all of them.")
    assert seeds_verdict(1_000_000).endswith("wins on all of them.")


@pytest.mark.parametrize("comparisons", [1, 2, 4, 10, 25, 3000])
def test_all_verdicts_name_the_same_number_of_seeds(comparisons):
    needed = seeds_needed(comparisons)
    assert f"at least {needed} seeds" in seeds_verdict(3, comparisons)
    assert f"at least {needed} seeds" in comparisons_verdict(3, comparisons)
    assert "at least" not in seeds_verdict(needed, comparisons)
    assert "at least" not in comparisons_verdict(needed, comparisons)
    if comparisons > 1:
        assert f"at least {needed} seeds" in seeds_verdict(needed - 1, comparisons)
