"""Numbers in the data of charts, against ones computed by hand."""

import numpy as np
import pandas as pd
import pytest

from lifelong_lb.evaluation import Spread
from lifelong_lb.reports.charts.landscape import away_from_weights, flatness
from lifelong_lb.reports.charts.matrices import accuracy_matrices, averages, experiences
from lifelong_lb.reports.charts.panels import chart_names, dodged, file_name, looks, mean_row, short
from lifelong_lb.reports.charts.points import side_by_side, trade_off
from lifelong_lb.reports.statistics.matrices import Block

NAN = float("nan")
KEY = ("split-digits", "naive", "sgd")
LOOKS = looks(["none", "sam"])


def matrix(first, later, second):
    return [[first, NAN], [later, second]]


@pytest.fixture
def block():
    """Average accuracies 0.5, 0.6 and 0.7 of plain SGD; SAM under one seed."""
    plain = [matrix(0.9, 0.4, 0.6), matrix(0.8, 0.5, 0.7), matrix(1.0, 0.6, 0.8)]
    return Block(*KEY, {"none": np.array(plain), "sam": np.array([matrix(0.95, 0.75, 0.85)])})


def rows_of(chart, **wanted):
    (rows,) = chart.data.values()
    return [row for row in rows if wanted.items() <= row.items()]


def test_averages(block):
    chart = averages([block], LOOKS)
    assert chart.name == "average-accuracy--split-digits--sgd"
    first, last = rows_of(chart, rule="plain SGD")
    half = 4.30265 * 10 / 3**0.5
    assert (first["experience"], first["y"], last["experience"], last["y"]) == (0, 90, 1, 60)
    assert (first["low"], first["high"]) == pytest.approx((90 - half, 100), abs=0.01)  # clipped
    assert (last["low"], last["high"], last["seeds"]) == (
        pytest.approx(60 - half, abs=0.01),
        pytest.approx(60 + half, abs=0.01),
        3,
    )
    assert [(row["y"], row["low"]) for row in rows_of(chart, rule="SAM")] == [(95, None), (80, None)]
    assert [row["x"] for row in rows_of(chart, experience=1)] == [0.97, 1.03]


def test_averages_need_two_experiences(block):
    last = {rule: np.where(np.arange(2)[:, None] == 1, stack, NAN) for rule, stack in block.matrices.items()}
    assert averages([Block(*KEY, last)], LOOKS) is None


def test_experiences(block):
    chart = experiences(block, LOOKS)
    assert [row["y"] for row in rows_of(chart, panel="experience 0", rule="plain SGD")] == [90, 50]
    assert [row["y"] for row in rows_of(chart, panel="experience 1", rule="SAM")] == [85]
    many = Block(*KEY, {"none": np.full((1, 20, 20), 0.5)})
    assert experiences(many, LOOKS).spec["facet"]["sort"] == [f"experience {j}" for j in (0, 6, 13, 19)]
    assert "Shown are 4 of 20 experiences." in experiences(many, LOOKS).caption


def test_accuracy_matrices(block):
    chart = accuracy_matrices(block)
    found = {(row["i"], row["j"]): row["value"] for row in rows_of(chart, panel="plain SGD")}
    assert found == {("0", "0"): 0.9, ("1", "0"): 0.5, ("1", "1"): 0.7}
    cells, numbers = chart.spec["spec"]["layer"]
    assert cells["encoding"]["color"]["scale"]["domain"] == [0.5, 0.95]  # of all panels
    assert numbers["mark"]["type"] == "text"
    assert cells["encoding"]["y"]["scale"]["domain"] == ["0", "1"]  # the first row is on top
    large = accuracy_matrices(Block(*KEY, {"none": np.full((1, 11, 11), 0.5)}))
    assert {layer["mark"]["type"] for layer in large.spec["spec"]["layer"]} == {"rect"}


def test_trade_off():
    keys = dict(zip(("stream", "strategy", "base_optimizer"), KEY, strict=True))
    numbers = [(0.1, 0.9), (0.2, 0.8), (0.3, 1.0)]
    runs = pd.DataFrame(
        [
            {**keys, "rule": "none", "seed": s, "forgetting": f, "learning_accuracy": a}
            for s, (f, a) in enumerate(numbers)
        ]
        + [{**keys, "rule": "sam", "seed": 0, "forgetting": NAN, "learning_accuracy": 0.5}]
    )
    chart = trade_off(runs, LOOKS)
    *seeds, mean = rows_of(chart)
    assert [(row["x"], row["y"], row["seed"]) for row in seeds] == [(10, 90, 0), (20, 80, 1), (30, 100, 2)]
    half = 4.30265 * 10 / 3**0.5
    assert (mean["x"], mean["y"], mean["seeds"]) == (20, 90, 3)
    assert (mean["x_low"], mean["x_high"]) == pytest.approx((20 - half, 20 + half), abs=0.01)
    assert mean["y_high"] == 100
    assert trade_off(runs[runs["rule"] == "sam"], LOOKS) is None


def measured(measure, at, values, trained=0):
    return [
        {
            "rule": "none",
            "seed": seed,
            "trained": trained,
            "measured": trained,
            "measure": measure,
            "at": at,
            "value": v,
        }
        for seed, v in enumerate(values)
    ]


def test_landscape():
    rows = [*measured("m_sharpness", 0.1, [0.1, 0.2, 0.3]), *measured("m_sharpness", 0.1, [0.3, 0.2, 0.1], trained=1)]
    rows += [*measured("m_sharpness", 0.2, [1.0, 2.0, 3.0]), *measured("noisy_accuracy", 0.5, [0.5, 0.6])]
    chart = away_from_weights(KEY, pd.DataFrame(rows), LOOKS)
    found = {(row["panel"], row["x"]): (row["y"], row["low"], row["seeds"]) for row in rows_of(chart)}
    assert found["m-sharpness, over ρ", 0.1] == (0.2, 0.2, 3)  # means over experiences are equal
    assert found["m-sharpness, over ρ", 0.2] == (2, pytest.approx(2 - 4.30265 / 3**0.5, abs=1e-3), 3)
    assert found["accuracy under noise, %, over σ", 0.5] == (55, None, 2)
    assert away_from_weights(KEY, pd.DataFrame(rows)[:0], LOOKS) is None


def test_flatness_has_logarithmic_axes_where_it_can():
    rows = [("rise", 0.1, 0.5), ("rise", 0.1, 0.25), ("accuracy_lost_to_noise", 0.2, -0.01)]
    table = pd.DataFrame([
        {"rule": "sam", "experience": 0, "seed": s, "measure": m, "at": at, "flatness": x, "forgotten": 0.1 * (s + 1)}
        for s, (m, at, x) in enumerate(rows)
    ])
    positive, others = flatness(KEY, table, LOOKS)
    assert [(row["x"], row["y"], row["rule"]) for row in rows_of(positive)] == [(0.5, 10, "SAM"), (0.25, 20, "SAM")]
    assert rows_of(others)[0]["x"] == -1  # percent
    scales = [chart.spec["spec"]["layer"][0]["encoding"]["x"]["scale"].get("type") for chart in (positive, others)]
    assert scales == ["log", None]
    assert positive.spec["facet"]["sort"] == ["rise in the ball, ρ = 0.1"]
    assert flatness(KEY, table[:0], LOOKS) == []


def test_means_and_their_ends():
    assert mean_row(Spread(3, 0.95, 0.1, 0.9, 1.1), 100, (0, 100)) == {"y": 95, "low": 90, "high": 100, "seeds": 3}
    assert mean_row(Spread(2, 0.95, 0.1, 0.1, 1.8), 100) == {"y": 95, "low": None, "high": None, "seeds": 2}


def test_rules_stand_side_by_side():
    assert [dodged(2, k, 3) for k in range(3)] == [1.94, 2, 2.06]
    many = [dodged(0, k, 30) for k in range(30)]
    assert -0.25 < many[0] < many[29] < 0.25
    assert side_by_side([1, 5, 2.5]) == [1, 5, 2.5]
    apart = side_by_side([10, 10, 10.001, 1])
    assert apart[0] < apart[1] < apart[2]
    assert np.mean(apart[:3]) == pytest.approx(np.mean([10, 10, 10.001]))
    assert side_by_side([]) == []


def test_a_rule_looks_the_same_in_every_chart_and_like_no_other():
    found = looks([str(n) for n in range(20)])
    assert len({(look.colour, look.shape) for look in found.values()}) == 20
    assert looks(["0", "1"])["1"] == found["1"]


def test_file_names_differ_for_different_labels():
    labels = ["a", "A", "a ", "../a", "ä", "", "a/b", "a-b", "x" * 500, "x" * 501]
    names = [file_name("kind", label) for label in labels]
    assert len(set(names)) == len(labels)
    assert max(map(len, names)) < 100


def test_names_are_short_and_differ():
    assert short("a\nb\x07c\u202e") == "a bc"
    labels = ["sam", "SAM", "x" * 300, "x" * 301, "", " "]
    names = list(chart_names(labels).values())
    assert names[:2] == ["SAM", "SAM (2)"]
    assert len(set(names)) == len(labels)
    assert max(map(len, names)) < 70
