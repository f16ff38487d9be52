"""Costs in a report, and the rules on the Pareto front."""

import numpy as np
import pytest
from reports.folders import TWO, make, two_experiences
from reports.hand_tables import column_texts

from lifelong_lb.evaluation import AccuracyMatrix
from lifelong_lb.reports import charts_of, summary_table
from lifelong_lb.reports.results.collect import collect
from lifelong_lb.reports.tables.costs import cost_styled, pareto_fronts
from lifelong_lb.store import ResultFolder, RunRecord

RULES = ["none", "sam", "lookbehind-sam", "asam"]
PASSES = {"none": 100, "sam": 200, "lookbehind-sam": 600, "asam": 200}
SECONDS = {"none": 1.0, "sam": 2.5, "lookbehind-sam": 5.0, "asam": 2.0}
LEARNT = {"none": 0.5, "sam": 0.7, "lookbehind-sam": 0.8, "asam": 0.6}


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    """Four rules whose average accuracy is 0.5, 0.7, 0.8 and 0.6."""
    raw = {**TWO, "rules": RULES}
    folder = make(tmp_path_factory.mktemp("costs"), raw, lambda labels, seed: None)
    labels = folder.read_study().labels()
    for run, label in labels.items():
        rule = label["rule"]
        config = folder.read_study().expected_config(run)
        record = RunRecord(
            run, config, "done",
            AccuracyMatrix.from_entries(two_experiences(0.9, LEARNT[rule], LEARNT[rule]), 2),
            gradient_evaluations=PASSES[rule], train_seconds=SECONDS[rule], samples_seen=1000,
            forward_passes=PASSES[rule] + PASSES[rule] // 2, parameters=4810,
        )  # fmt: skip
        with folder.new_run(run) as scratch:
            folder.write_run(record, scratch)
    return collect(folder)


def test_front_by_gradients_and_by_seconds(results):
    found = pareto_fronts(summary_table(results))
    assert found["gradients"].tolist() == [True, True, True, False]
    assert found["train_seconds"].tolist() == [True, True, True, True]


def test_the_strategy_s_own_gradients_count(results):
    summary = summary_table(results).assign(strategy_gradient_evaluations=[0, 500, 0, 0])
    assert pareto_fronts(summary)["gradients"].tolist() == [True, False, True, True]


def test_table(results):
    texts = column_texts(cost_styled(summary_table(results)))
    assert texts["rule"] == ["plain SGD", "SAM", "Lookbehind-SAM", "ASAM"]
    assert texts["relative to the fewest"] == ["1.00", "2.00", "6.00", "2.00"]
    assert texts["best for its gradients"] == ["yes", "yes", "yes", "-"]
    assert texts["average accuracy"] == ["50.0", "70.0", "80.0", "60.0"]
    assert texts["forward passes"] == ["150", "300", "900", "300"]
    assert texts["parameters"] == ["4,810"] * 4
    assert texts["training time"] == ["1.00", "2.50", "5.00", "2.00"]
    assert not {"peak memory", "the strategy's own"} & set(texts)


def test_figure(results):
    by_gradients, by_seconds = [c for c in charts_of(results)["split-digits"] if c.name.startswith("cost-")]
    assert by_gradients.name == "cost-gradients--split-digits--sgd"
    assert "no other rule beats" in by_gradients.caption
    (rows,), (timed,) = by_gradients.data.values(), by_seconds.data.values()
    assert [(row["rule"], row["cost"], row["y"]) for row in rows] == [
        ("plain SGD", 100, 50), ("SAM", 200, 70), ("Lookbehind-SAM", 600, 80), ("ASAM", 200, 60)
    ]  # fmt: skip
    assert [row["front"] for row in rows] == [True, True, True, False]
    assert [row["x"] for row in rows] == [100, 192.5, 600, 207.5]  # equal costs are side by side
    assert [row["x"] for row in timed] == [row["cost"] for row in timed] == [1, 2.5, 5, 2]
    assert {row["low"] for row in rows} == {None}  # of two seeds


def test_runs_of_a_version_that_counted_less(tmp_path):
    folder = make(tmp_path, TWO, lambda labels, seed: two_experiences(0.9, 0.8, 0.5))
    runs = collect(folder).runs
    assert len(runs) == 4
    assert runs[["samples_seen", "forward_passes", "parameters", "peak_memory"]].isna().all(axis=None)
    assert not {"forward passes", "parameters"} & set(column_texts(cost_styled(summary_table(collect(folder)))))


@pytest.mark.slow
def test_what_a_run_records(tmp_path):
    import lifelong_lb

    study = {
        "streams": {"name": "split-digits", "experiences": 5, "scenario": "class-incremental"},
        "model": {"name": "mlp", "hidden": [10]},
        "train": {"batch_size": 100, "epochs": 2},
        "rules": ["none", "sam"],
    }
    lifelong_lb.run_study(study, tmp_path / "in", executor="in-process")
    runs = collect(ResultFolder(tmp_path / "in")).runs
    assert runs["samples_seen"].tolist() == [2 * 1442] * 2  # once per epoch, regardless of the passes
    assert runs["forward_passes"].tolist() == [2 * 15, 2 * 2 * 15]
    assert runs["parameters"].tolist() == [64 * 10 + 10 + 10 * 10 + 10] * 2
    assert runs["peak_memory"].isna().all()  # not recorded in this process, which ran other tests before
    lifelong_lb.run_study({**study, "rules": "none"}, tmp_path / "own", workers=1)
    (memory,) = collect(ResultFolder(tmp_path / "own")).runs["peak_memory"]
    assert 1e5 < memory < 1e9
    assert np.isfinite(memory)
