"""The charts of a report, with few and with many rules, seeds and experiences."""

from dataclasses import replace

import numpy as np
import pytest
from reports.folders import TWO, make, wave

from lifelong_lb.reports import blocks_of, charts_of
from lifelong_lb.reports.charts.figures import MAX_SEPARATE, omitted_figures
from lifelong_lb.reports.results.collect import collect
from lifelong_lb.reports.statistics.matrices import average_accuracy_so_far, mean_over_seeds

NAN = float("nan")


def test_blocks_hold_the_matrices_of_each_rule(tmp_path):
    def fill(labels, seed):
        return "failed" if (labels["rule"], seed) == ("sam", 0) else wave(2, seed)

    (block,) = blocks_of(collect(make(tmp_path, TWO, fill)))
    assert (block.stream, block.strategy, block.base_optimizer) == ("split-digits", "naive", "sgd")
    assert {rule: stack.shape for rule, stack in block.matrices.items()} == {"none": (2, 2, 2), "sam": (1, 2, 2)}
    for i, j, a in wave(2, 1):
        assert block.matrices["none"][1, i, j] == block.matrices["sam"][0, i, j] == a
    assert np.isnan(block.matrices["none"][:, 0, 1]).all()


def test_means_over_seeds_leave_nan_out():
    values = np.array([[0.1, NAN, NAN], [0.3, 0.5, NAN]])
    np.testing.assert_allclose(mean_over_seeds(values), [0.2, 0.5, NAN])


def test_average_so_far_against_loops():
    rng = np.random.default_rng(0)
    R = np.where(np.tri(4, dtype=bool), rng.random((3, 4, 4)), NAN)
    expected = [[sum(R[s, i, j] for j in range(i + 1)) / (i + 1) for i in range(4)] for s in range(3)]
    np.testing.assert_allclose(average_accuracy_so_far(R), expected)


@pytest.mark.slow
@pytest.mark.parametrize(("T", "rules", "seeds"), [(1, 1, 1), (2, 9, 2), (10, 1, 1)])
def test_few_and_many(tmp_path, T, rules, seeds):
    entries = [{"name": "sam", "rho": 0.01 * (n + 1)} for n in range(rules)]
    raw = {"streams": [{"name": "split-digits", "experiences": T}], "rules": entries, "seeds": seeds}
    charts = charts_of(collect(make(tmp_path, raw, lambda labels, seed: wave(T, seed), T=T)))
    kinds = [chart.name.split("--")[0] for chart in charts["split-digits"]]
    with_time = ["average-accuracy", "trade-off"] if T > 1 else []
    by_rho = ["sensitivity-rho"] if T > 1 and rules > 2 else []
    assert kinds == [*with_time, "cost-gradients", "cost-seconds", *by_rho, "experiences", "accuracy-matrix"]


def test_joint_training_has_but_its_last_row(tmp_path):
    folder = make(tmp_path, {**TWO, "strategies": "joint"}, lambda labels, seed: [(1, 0, 0.9), (1, 1, 0.8)])
    kinds = [chart.name.split("--")[0] for chart in charts_of(collect(folder))["split-digits"]]
    assert kinds == ["cost-gradients", "cost-seconds", "experiences", "accuracy-matrix"]


def test_strategies_share_the_charts_that_compare_them(tmp_path):
    raw = {**TWO, "strategies": ["naive", "replay"], "rules": ["none"], "seeds": 1}
    charts = charts_of(collect(make(tmp_path, raw, lambda labels, seed: wave(2, seed))))
    names = [chart.name for chart in charts["split-digits"]]
    assert sum(name.startswith("trade-off") for name in names) == 1
    assert sum(name.startswith("accuracy-matrix") for name in names) == 2
    assert len(set(names)) == len(names)


@pytest.mark.slow
def test_large_reports_leave_single_strategies_out_and_say_so(tmp_path):
    strategies = [{"name": "replay", "mem_size": 10 + n} for n in range(MAX_SEPARATE + 1)]
    raw = {**TWO, "strategies": strategies, "rules": ["none"], "seeds": 1}
    results = collect(make(tmp_path, raw, lambda labels, seed: wave(2)))
    assert f"are drawn for {MAX_SEPARATE} of {MAX_SEPARATE + 1} combinations" in omitted_figures(results)
    for every, expected in ((False, MAX_SEPARATE), (True, MAX_SEPARATE + 1)):
        names = [chart.name for chart in charts_of(results, every=every)["split-digits"]]
        assert sum(name.startswith("accuracy-matrix") for name in names) == expected
    assert omitted_figures(replace(results, runs=results.runs[results.runs["strategy"].str.contains("10")])) == ""
