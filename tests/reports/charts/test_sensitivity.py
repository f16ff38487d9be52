"""Figures of a metric against one hyper-parameter: when they are drawn, and the runs their lines join."""

import pytest
from reports.folders import TWO, make, two_experiences, write

from lifelong_lb.reports.charts.panels import looks
from lifelong_lb.reports.charts.sensitivity import sensitivity, sweeps
from lifelong_lb.reports.results.collect import collect
from lifelong_lb.reports.statistics.summary import labels_of


def drawn(path, rules, optimizers="sgd", strategies="naive", seeds=2):
    raw = {**TWO, "rules": rules, "optimizers": optimizers, "strategies": strategies, "seeds": seeds}
    folder = make(path, raw, lambda labels, seed: None)
    for run, config in folder.read_study().configurations().items():
        value = config.rule.rho if "rho" in type(config.rule).model_fields else 0.2
        write(folder, run, two_experiences(0.9, value, value + 0.1 * config.seed), 2, config=config.to_json())
    results = collect(folder)
    labels = labels_of(results, "rule")
    return [sensitivity(sweep, looks(labels)) for sweep in sweeps(results, "split-digits", labels)]


def sams(*values):
    return [{"name": "sam", "rho": rho} for rho in values]


@pytest.mark.parametrize(
    ("rules", "optimizers", "kinds"),
    [
        (["none", *sams(0.1, 0.2)], "sgd", []),
        (["none", *sams(0.1, 0.2, 0.4)], "sgd", ["rho"]),
        (["none", *sams(0.1, 0.2), {"name": "sam", "rho": 0.4, "passes": 3}], "sgd", []),
        ([*sams(0.1, 0.2), {"name": "asam", "rho": 0.3}], "sgd", []),
        ([*sams(0.1, 0.2), {"name": "sam", "rho": 0.3, "from_experience": 1}], "sgd", []),
        ([{"name": "lookbehind-sam", "k": k, "rho": k / 10} for k in (2, 3, 5)], "sgd", []),
        ([{"name": "lookbehind-sam", "alpha": a} for a in (0.2, 0.5, "adaptive")], "sgd", []),
        (
            [{"name": "lookbehind-sam", "k": k, "alpha": a} for k in (2, 3, 5) for a in (0.2, 0.5, 0.8)],
            "sgd",
            ["k", "alpha"],
        ),
        ("none", [{"name": "sgd", "lr": lr} for lr in (0.01, 0.1, 1)], ["lr"]),
        ("none", [{"name": "sgd", "lr": 0.1}, {"name": "sgd", "lr": 1}, {"name": "adam", "lr": 0.01}], []),
    ],
)
def test_only_for_three_values_that_differ_in_nothing_else(tmp_path, rules, optimizers, kinds):
    names = [drawing.name.split("--")[0] for drawing in drawn(tmp_path, rules, optimizers, seeds=1)]
    assert names == [f"sensitivity-{kind}" for kind in kinds]


def test_the_baseline_is_one_rule(tmp_path):
    """Plain SGD with its own budget is another rule than plain SGD."""
    rules = ["none", {"name": "none", "passes": 3}, *sams(0.1, 0.2, 0.4)]
    raw = {**TWO, "rules": rules, "strategies": "naive", "seeds": 2}
    results = collect(make(tmp_path, raw, lambda labels, seed: two_experiences(0.9, 0.1, 0.2)))
    (sweep,) = sweeps(results, "split-digits", labels_of(results, "rule"))
    assert set(sweep.baseline["rule"]) == {"none"}
    assert len(sweep.baseline) == 2


def test_lines_axes_and_caption(tmp_path):
    (chart,) = drawn(tmp_path, ["none", *sams(0.4, 0.05, 0.1)], strategies=["naive", "replay"])
    assert chart.spec["facet"]["sort"] == [
        f"{strategy}: {metric}, %"
        for strategy in ("Fine-tuning", "Replay")
        for metric in ("average accuracy", "forgetting")
    ]
    (rows,) = chart.data.values()
    first = [row for row in rows if row["panel"] == "Fine-tuning: average accuracy, %"]
    line = {row["x"]: row["y"] for row in first if row["rule"] == "SAM"}
    assert line == pytest.approx({0.05: 7.5, 0.1: 12.5, 0.4: 42.5})  # mean of rho and rho + 0.05, over two seeds
    (level,) = [row for row in first if row["rule"] == "plain SGD"]
    assert (level["x"], level["y"], level["low"]) == (None, 22.5, None)
    axes = [layer["encoding"]["x"] for layer in chart.spec["spec"]["layer"] if "x" in layer["encoding"]]
    assert {(x["title"], x["scale"]["type"]) for x in axes} == {("ρ", "log")}
    assert axes[0]["axis"]["values"] == [0.05, 0.1, 0.4]
    assert "each line joins rules of one name that differ only in ρ" in chart.caption
    assert "The dashed line is plain SGD" in chart.caption


def test_intervals_of_accuracies_end_at_0(tmp_path):
    (chart,) = drawn(tmp_path, sams(0.05, 0.4, 0.8), seeds=3)
    (rows,) = chart.data.values()
    accuracy, forgetting = ([row for row in rows if metric in row["panel"]] for metric in ("accuracy", "forgetting"))
    assert (len(accuracy), len(forgetting)) == (3, 3)
    assert min(row["low"] for row in accuracy) == 0
    assert max(row["high"] for row in accuracy) == pytest.approx(85 + 4.3027 * 5 / 3**0.5, abs=0.01)
    assert min(row["low"] for row in forgetting) < 0
