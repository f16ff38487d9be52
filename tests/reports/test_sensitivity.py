"""Figures of a metric against one hyper-parameter: when they are drawn, and the runs their lines join."""

import re

import pytest
from reports.folders import TWO, make, two_experiences, write

from lifelong_lb.reports.results import collect
from lifelong_lb.reports.sensitivity import draw_sensitivity
from lifelong_lb.reports.style import looks
from lifelong_lb.reports.summary import labels_of


def drawn(path, rules, optimizers="sgd", strategies="naive", seeds=2):
    raw = {**TWO, "rules": rules, "optimizers": optimizers, "strategies": strategies, "seeds": seeds}
    folder = make(path, raw, lambda labels, seed: None)
    for run, config in folder.read_study().configurations().items():
        value = config.rule.rho if "rho" in type(config.rule).model_fields else 0.2
        write(folder, run, two_experiences(0.9, value, value + 0.1 * config.seed), 2, config=config.to_json())
    results = collect(folder)
    return draw_sensitivity(results, "split-digits", looks(labels_of(results, "rule")))


def sams(*values):
    return [{"name": "sam", "rho": rho} for rho in values]


@pytest.mark.parametrize(
    ("rules", "optimizers", "kinds"),
    [
        (["none", *sams(0.1, 0.2)], "sgd", []),
        (["none", *sams(0.1, 0.2, 0.4)], "sgd", ["rho"]),
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


@pytest.fixture
def figures(monkeypatch):
    """The figures created during the test."""
    from matplotlib.figure import Figure

    created = []
    init = Figure.__init__
    monkeypatch.setattr(Figure, "__init__", lambda self, *a, **k: (created.append(self), init(self, *a, **k))[1])
    return created


def test_lines_axes_and_caption(tmp_path, figures):
    (drawing,) = drawn(tmp_path, ["none", *sams(0.4, 0.05, 0.1)], strategies=["naive", "replay"])
    panels = figures[0].axes
    assert [axes.get_title() for axes in panels] == [
        f"{strategy}\n{metric}" for strategy in ("naive", "replay") for metric in ("average accuracy", "forgetting")
    ]
    (line,) = [line for line in panels[0].lines if len(line.get_xdata()) == 3]
    assert list(line.get_xdata()) == [0.05, 0.1, 0.4]
    assert list(line.get_ydata()) == pytest.approx([0.075, 0.125, 0.425])  # mean of rho and rho + 0.05, over two seeds
    (level,) = [line for line in panels[0].lines if list(line.get_xdata()) == [0, 1]]
    assert level.get_ydata()[0] == pytest.approx(0.225)
    assert panels[0].get_xscale() == "log"
    shown = " ".join(re.findall(r">([^<]+)</text>", drawing.svg.decode()))
    for word in ("sam", "none", "0.05", "0.4", "rho"):
        assert word in shown
    assert "each line joins rules of one name that differ only in rho" in drawing.caption
    assert "The dashed line is none" in drawing.caption


def test_intervals_of_accuracies_end_at_0_and_1(tmp_path, figures):
    drawn(tmp_path, sams(0.05, 0.4, 0.9))
    accuracy, forgetting = (
        [line.get_ydata() for line in axes.lines if len(set(line.get_xdata())) == 1] for axes in figures[0].axes
    )
    assert (len(accuracy), len(forgetting)) == (3, 3)
    assert min(low for low, _ in accuracy) == 0
    assert max(high for _, high in accuracy) == 1
    assert min(low for low, _ in forgetting) < 0
