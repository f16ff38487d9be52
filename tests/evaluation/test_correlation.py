"""Correlations over clusters, against scipy and a naive bootstrap."""

import math

import numpy as np
import pytest
from scipy import stats

from lifelong_lb.evaluation import pearson, spearman

KINDS = {"spearman": (spearman, stats.spearmanr), "pearson": (pearson, stats.pearsonr)}


def entries(clusters=8, each=5, seed=0):
    """Numbers with a component shared within each cluster, rounded so that ties occur."""
    draw = np.random.default_rng(seed)
    shared = np.repeat(draw.normal(size=clusters), each)
    x = np.round(shared + draw.normal(size=clusters * each), 1)
    y = np.round(shared + draw.normal(size=clusters * each), 1)
    return x, y, np.repeat(np.arange(clusters), each).tolist()


def naive_coefficients(weights, a, b, stratum, ranked):
    """Coefficients of D samples, computed from single entries; weights are (D, N)."""
    same = np.equal.outer(stratum, stratum)

    def centred(z):
        below = (z[None] < z[:, None]) + 0.5 * (z[None] == z[:, None])
        z = weights @ (below * same).T if ranked else z[None]
        return z - (weights * z) @ same / (weights @ same + 1e-300)

    u, v = centred(a), centred(b)
    sums = [(weights * p * q).sum(axis=1) for p, q in ((u, v), (u, u), (v, v))]
    with np.errstate(invalid="ignore", divide="ignore"):
        coefficients = sums[0] / np.sqrt(sums[1]) / np.sqrt(sums[2])
    return np.where((sums[1] < 1e-20) | (sums[2] < 1e-20), np.nan, coefficients)


def draws():
    return np.random.default_rng(1)


@pytest.mark.parametrize(("ours", "scipys"), KINDS.values(), ids=KINDS)
def test_the_coefficient_equals_scipy(ours, scipys):
    x, y, clusters = entries()
    result = ours(x, y, clusters, generator=draws())
    assert result.value == pytest.approx(scipys(x, y).statistic, rel=1e-12)
    assert (result.pairs, result.clusters) == (40, 8)


@pytest.mark.parametrize(("ours", "scipys"), KINDS.values(), ids=KINDS)
def test_the_interval_equals_a_bootstrap_of_whole_clusters(ours, scipys):
    x, y, clusters = entries(each=4)
    x, y, clusters = x[1:], y[1:], clusters[1:]  # unequal cluster sizes
    members = [np.flatnonzero(np.array(clusters) == c) for c in range(8)]
    draw, coefficients = np.random.default_rng(7), []
    for _ in range(2000):
        chosen = np.concatenate([members[c] for c in draw.integers(0, 8, size=8)])
        coefficients.append(scipys(x[chosen], y[chosen]).statistic)
    result = ours(x, y, clusters, generator=draws())
    assert (result.low, result.high) == pytest.approx(tuple(np.quantile(coefficients, [0.025, 0.975])), abs=0.03)


@pytest.mark.parametrize("stratified", [False, True])
@pytest.mark.parametrize("ours", [spearman, pearson])
@pytest.mark.parametrize("seed", range(4))
def test_sums_over_clusters_equal_sums_over_entries(ours, stratified, seed):
    draw = np.random.default_rng(seed)
    cluster = draw.integers(0, 7, size=60)  # unequal cluster sizes
    stratum = draw.integers(0, 4, size=60) if stratified else np.zeros(60, dtype=int)
    x, y = np.round(draw.normal(size=60), 1) + 3 * stratum, 1e3 + np.round(draw.normal(size=60), 1)
    if seed == 3:  # x is constant in many samples
        x[cluster > 0] = 0.1
    count = len(set(cluster))
    weights = draws().multinomial(count, np.full(count, 1 / count), size=2000)
    order = {c: k for k, c in enumerate(dict.fromkeys(cluster.tolist()))}
    weights = weights[:, [order[c] for c in cluster.tolist()]].astype(float)
    expected = naive_coefficients(weights, x, y, stratum, ours is spearman)
    result = ours(x, y, cluster.tolist(), generator=draws(), strata=stratum.tolist())
    assert result.value == pytest.approx(
        naive_coefficients(np.ones((1, 60)), x, y, stratum, ours is spearman)[0], rel=1e-11, abs=1e-13
    )
    quantiles = tuple(np.quantile(expected[~np.isnan(expected)], [0.025, 0.975]))
    assert (result.low, result.high) == pytest.approx(quantiles, rel=1e-9, abs=1e-12)
    assert result == ours(x, y, cluster.tolist(), generator=draws(), strata=stratum.tolist())
    default = ours(x, y, cluster.tolist(), strata=stratum.tolist())
    assert default == ours(x, y, cluster.tolist(), generator=np.random.default_rng(0), strata=stratum.tolist())
    assert default.low != result.low


def test_an_outlier_does_not_cancel_digits():
    x, y, clusters = entries()
    x[0] = 1e9
    stratum = np.zeros(40, dtype=int)
    weights = draws().multinomial(8, np.full(8, 1 / 8), size=2000)[:, clusters].astype(float)
    expected = np.quantile(naive_coefficients(weights, x, y, stratum, False), [0.025, 0.975])
    result = pearson(x, y, clusters, generator=draws())
    assert (result.low, result.high) == pytest.approx(tuple(expected), rel=1e-6)


def test_clusters_widen_the_interval():
    x, y, _ = entries()
    thrice = [np.tile(z, 3) for z in (x, y)]
    as_clusters = spearman(*thrice, list(range(40)) * 3, generator=draws())
    as_if_independent = spearman(*thrice, list(range(120)), generator=draws())
    assert as_clusters.value == pytest.approx(as_if_independent.value)
    assert as_clusters.high - as_clusters.low > 1.4 * (as_if_independent.high - as_if_independent.low)


def test_differences_between_strata_do_not_matter():
    """Within each stratum y decreases with x; over all entries it increases."""
    x, y, strata = [1, 2, 3, 11, 12, 13], [13, 12, 11, 33, 32, 31], list("aaabbb")
    for kind in (spearman, pearson):
        assert kind(x, y, list(range(6)), generator=draws()).value > 0.4
        within = kind(x, y, list(range(6)), generator=draws(), strata=strata)
        assert within.value == pytest.approx(-1)
        assert (within.low, within.high) == pytest.approx((-1, -1))


def test_within_strata_by_hand():
    """Centred, x = (-1, 1, -2, 2), y = (-2, 2, 1, -1): covariance 4 - 4 = 0; of ranks 2 - 2 = 0."""
    x, y, strata = [0, 2, 10, 14], [1, 5, 9, 7], list("aabb")
    for kind in (spearman, pearson):
        assert kind(x, y, list(range(4)), generator=draws(), strata=strata).value == pytest.approx(0, abs=1e-12)
    y = [1, 5, 9, 11]  # y is (-2, 2, -1, 1): (2 + 2 + 2 + 2) / sqrt(10 * 10)
    assert pearson(x, y, list(range(4)), generator=draws(), strata=strata).value == pytest.approx(0.8)
    assert spearman(x, y, list(range(4)), generator=draws(), strata=strata).value == pytest.approx(1)


@pytest.mark.parametrize("kind", [spearman, pearson])
def test_undefined_values_are_nan(kind):
    x, y, clusters = entries(clusters=5)
    few = kind(x, y, clusters, generator=draws())
    assert not math.isnan(few.value)
    assert math.isnan(few.low)
    assert math.isnan(few.high)
    constant = kind(np.full(40, 0.1), entries()[1], entries()[2], generator=draws())
    assert math.isnan(constant.value)
    assert math.isnan(constant.low)
    assert kind([], [], [], generator=draws()).pairs == 0
    lone = kind([1.0, math.nan, 3.0], [1.0, 2.0, math.inf], ["a", "b", "c"], generator=draws())
    assert (lone.pairs, lone.clusters) == (1, 1)
    assert math.isnan(lone.value)
