"""Ranks over streams in a report."""

import pytest
from reports.folders import make, two_experiences

from lifelong_lb.evaluation import rank
from lifelong_lb.reports import write_report
from lifelong_lb.reports.charts.over_streams import ranks
from lifelong_lb.reports.results.collect import collect
from lifelong_lb.reports.statistics.summary import labels_of

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


def charted(folder):
    results = collect(folder)
    return ranks(results.runs[results.runs["status"] == "done"], labels_of(results, "rule"))


def test_ranks_are_those_of_the_means(tmp_path):
    drawings = charted(make(tmp_path, THREE, fill))
    assert [d.name for d in drawings] == ["ranks-average-accuracy--naive--sgd", "ranks-forgetting--naive--sgd"]
    expected = rank([[LEARNT[s][r] for r in ("none", "sam", "asam")] for s in LEARNT], higher_is_better=True)
    assert f"critical difference of {expected.critical_difference:.2f}" in drawings[0].caption
    assert f"p = {expected.friedman_p:.2g}" in drawings[0].caption
    assert "averaged over 3 streams" in drawings[0].caption
    assert "3 streams are few for these tests" in drawings[0].caption
    assert "Friedman" not in drawings[1].caption  # equal forgetting
    assert "left out" not in drawings[0].caption
    (rows,) = drawings[0].data.values()
    found = {row["line"]: row["from"] for row in rows if row["kind"] == "rule"}
    names = ("plain SGD", "SAM", "ASAM")
    assert found == dict(zip(names, [round(rank, 4) for rank in expected.ranks], strict=True))
    assert list(found) == sorted(found, key=found.get)  # the best on top
    (bar,) = [row for row in rows if row["kind"] == "difference"]
    assert bar["line"] == f"critical difference {expected.critical_difference:.2f}"
    assert bar["to"] - bar["from"] == pytest.approx(expected.critical_difference, abs=1e-3)
    (clique,) = [row for row in rows if row["kind"] == "clique"]
    assert (clique["from"], clique["to"]) == (min(found.values()), max(found.values()))


def test_a_stream_where_a_rule_is_missing_does_not_count(tmp_path):
    def some(labels, seed):
        return "failed" if (labels["stream"], labels["rule"]) == ("three", "sam") else fill(labels, seed)

    drawings = charted(make(tmp_path, THREE, some))
    assert "averaged over 2 streams" in drawings[0].caption
    assert "Streams on which a rule has no value are left out: three (sam)." in drawings[0].caption


@pytest.mark.slow
def test_the_page_has_them_and_one_stream_has_none(tmp_path):
    folder = make(tmp_path / "a", THREE, fill)
    write_report(folder, figures=["svg"])
    assert "Across streams" in (folder.path / "report.html").read_text()
    assert (folder.figures_path / "ranks-forgetting--naive--sgd.svg").is_file()
    assert charted(make(tmp_path / "b", {**THREE, "streams": THREE["streams"][:1]}, fill)) == []
