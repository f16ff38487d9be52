"""Ranks over streams in a report."""

import re

import pytest
from reports.folders import make, two_experiences

from lifelong_lb.evaluation import rank
from lifelong_lb.reports import write_report
from lifelong_lb.reports.rank_diagrams import draw_ranks
from lifelong_lb.reports.results import collect

THREE = {
    "streams": [{"name": "split-digits", "experiences": 2, "label": label} for label in ("one", "two", "three")],
    "rules": ["none", "sam", "asam"],
    "seeds": 2,
}
for number, stream in enumerate(THREE["streams"]):
    stream["train"] = {"epochs": number + 1}
LEARNT = {
    "one": {"none": 0.5, "sam": 0.6, "asam": 0.7},
    "two": {"none": 0.4, "sam": 0.5, "asam": 0.6},
    "three": {"none": 0.7, "sam": 0.8, "asam": 0.6},
}


def fill(labels, seed):
    return two_experiences(0.9, LEARNT[labels["stream"]][labels["rule"]] + 0.01 * seed, 0.5)


def test_ranks_are_those_of_the_means(tmp_path):
    drawings = draw_ranks(collect(make(tmp_path, THREE, fill)))
    assert [d.name for d in drawings] == ["ranks-average-accuracy--naive--sgd", "ranks-forgetting--naive--sgd"]
    expected = rank([[LEARNT[s][r] for r in ("none", "sam", "asam")] for s in LEARNT], higher_is_better=True)
    assert f"critical difference of {expected.critical_difference:.2f}" in drawings[0].caption
    assert f"p = {expected.friedman_p:.2g}" in drawings[0].caption
    assert "averaged over 3 streams" in drawings[0].caption
    assert "3 streams are few for these tests" in drawings[0].caption
    assert "Friedman" not in drawings[1].caption  # equal forgetting
    assert "left out" not in drawings[0].caption
    assert f">critical difference {expected.critical_difference:.2f}<" in drawings[0].svg.decode()
    names = re.findall(r">(none|sam|asam)<", drawings[0].svg.decode())
    assert set(names) == {"none", "sam", "asam"}


def test_a_stream_where_a_rule_is_missing_does_not_count(tmp_path):
    def some(labels, seed):
        return "failed" if (labels["stream"], labels["rule"]) == ("three", "sam") else fill(labels, seed)

    drawings = draw_ranks(collect(make(tmp_path, THREE, some)))
    assert "averaged over 2 streams" in drawings[0].caption
    assert "Streams on which a rule has no value are left out: three (sam)." in drawings[0].caption


def test_the_bar_on_top_is_as_long_as_the_critical_difference(tmp_path, monkeypatch):
    from matplotlib.axes import Axes

    drawn = []
    plot = Axes.plot
    monkeypatch.setattr(Axes, "plot", lambda self, *args, **rest: (drawn.append(args), plot(self, *args, **rest))[1])
    draw_ranks(collect(make(tmp_path, THREE, fill)))
    (bar, *_) = [x for x, y in drawn if len(x) == 2 and y[0] < 0]  # above the best rule, which is at 0
    expected = rank([[1, 2, 3]] * 3, higher_is_better=True).critical_difference
    assert bar[1] - bar[0] == pytest.approx(expected)


def test_the_page_has_them_and_one_stream_has_none(tmp_path):
    folder = make(tmp_path / "a", THREE, fill)
    write_report(folder)
    assert "Across streams" in (folder.path / "report.html").read_text()
    assert (folder.figures_path / "ranks-forgetting--naive--sgd.svg").is_file()
    assert draw_ranks(collect(make(tmp_path / "b", {**THREE, "streams": THREE["streams"][:1]}, fill))) == []
