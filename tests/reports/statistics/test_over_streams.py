"""Rules over several streams: the table, its sentences and the performance profiles, from hand-made results."""

import html
import re

import numpy as np
import pandas as pd
import pytest
from reports.folders import make, two_experiences

from lifelong_lb.evaluation import interquartile_mean, probability_of_improvement
from lifelong_lb.reports import aggregate_table, collect, comparison_table, write_report
from lifelong_lb.reports.charts.chart import Canvas
from lifelong_lb.reports.charts.export import export
from lifelong_lb.reports.charts.over_streams import profiles
from lifelong_lb.reports.charts.panels import looks
from lifelong_lb.reports.page.over_streams import over_streams_styled, streams_findings
from lifelong_lb.reports.statistics.over_streams import left_out_streams, stream_scores

STREAMS = ("one", "two", "three")
STUDY = {
    "streams": [
        {"name": "split-digits", "experiences": 2, "label": label, "train": {"epochs": number + 1}}
        for number, label in enumerate(STREAMS)
    ],
    "rules": ["none", "sam", "asam"],
    "seeds": 6,
}
LEVEL = {"one": 0.6, "two": 0.7, "three": 0.5}


def accuracies(**extra):
    """Average accuracy of none: the stream's level + 0.01 seed; of others: that plus what is given, by seed."""

    def fill(labels, seed):
        change = extra.get(labels["rule"], lambda stream, seed: 0.0)(labels["stream"], seed)
        if isinstance(change, str) or change is None:
            return change
        return two_experiences(0.9, 0.8, 2 * (LEVEL[labels["stream"]] + 0.01 * seed + change) - 0.8)

    return fill


def aggregated(path, fill, **study):
    results = collect(make(path, {**STUDY, **study}, fill))
    return results, aggregate_table(results, comparison_table(results))


def found(path, fill, **study):
    return streams_findings(aggregated(path, fill, **study)[1])


def test_the_table_has_the_numbers_of_the_runs(tmp_path):
    results, table = aggregated(tmp_path, accuracies(sam=lambda stream, seed: 0.025))
    row = table[(table["metric"] == "average_accuracy") & (table["rule"] == "sam")].iloc[0]
    runs = results.runs.set_index(["rule", "stream"])["average_accuracy"]
    sam, none = ([runs[rule, stream].to_numpy() for stream in STREAMS] for rule in ("sam", "none"))
    assert row["interquartile_mean"] == pytest.approx(interquartile_mean(sam))
    assert row["mean"] == pytest.approx(0.65)
    assert row["improvement"] == pytest.approx(probability_of_improvement(sam, none))
    assert row["improvement_low"] < row["improvement"] < row["improvement_high"]
    assert row[["streams", "streams_left_out", "runs", "shared_runs", "fewest_seeds"]].tolist() == [3, 0, 18, 18, 6]
    forgetting = table[(table["metric"] == "forgetting") & (table["rule"] == "sam")].iloc[0]
    assert forgetting["improvement"] == pytest.approx(row["improvement"])  # lower is better
    (group,) = over_streams_styled(table[table["metric"] == "average_accuracy"]).groups
    assert [cells[0].text for cells in group.rows] == ["plain SGD", "SAM", "ASAM"]
    assert group.rows[1][3].text.startswith("65.0 (")
    assert group.rows[1][4].value == row["improvement"]
    assert group.rows[0][4].text == "-"


def test_a_stream_where_a_rule_has_no_run_is_left_out(tmp_path):
    fill = accuracies(sam=lambda stream, seed: "failed" if stream == "three" else 0.02)
    results, table = aggregated(tmp_path, fill)
    assert set(table["streams"]) == {2}
    assert set(table["streams_left_out"]) == {1}
    sentence = "Fine-tuning, SGD: streams on which a rule has no value are left out: three (SAM)."
    assert left_out_streams(results, "average_accuracy") == [sentence]
    (one,) = streams_findings(table)
    assert one.headline.startswith("Over two of three streams, ")


@pytest.mark.parametrize("study", [{"streams": STUDY["streams"][:1]}, {"rules": ["none"]}])
def test_one_stream_or_one_rule_has_nothing(tmp_path, study):
    _, table = aggregated(tmp_path, accuracies(), **study)
    assert table.empty
    assert streams_findings(table) == []


def test_a_rule_that_beats_the_baseline(tmp_path):
    (one,) = found(tmp_path, accuracies(sam=lambda stream, seed: 0.03), rules=["none", "sam"])
    share, low, high = map(int, re.findall(r"\d+(?= %| to)", one.headline.replace("95 %", "")))
    assert one.headline.startswith("Over three streams, SAM beats plain SGD in 88 % of pairs of runs (95 % interval ")
    assert 50 < low < share < high
    assert one.detail == (
        "Interquartile mean of average accuracy: 65.5 % (64.6 to 66.4 %), that of plain SGD 62.5 % (61.6 to 63.4 %)."
    )


def test_the_best_of_several_rules(tmp_path):
    (one,) = found(tmp_path, accuracies(sam=lambda stream, seed: 0.03, asam=lambda stream, seed: 0.02))
    assert one.headline.startswith("Over three streams, SAM beats plain SGD most often of two rules: in 88 % of pairs")
    assert one.detail.endswith("The interval is not corrected for the choice of the rule.")


def test_a_clear_rule_goes_before_a_higher_one(tmp_path):
    def one_seed(stream, seed):
        return "failed" if seed else 0.03

    (one,) = found(tmp_path, accuracies(sam=lambda stream, seed: 0.02, asam=one_seed))
    assert one.headline.startswith("Over three streams, SAM beats plain SGD in 78 % of pairs of runs (95 % interval ")
    assert one.detail.endswith("The interval is not corrected for the choice of the rule.")


def test_a_rule_that_loses(tmp_path):
    (one,) = found(tmp_path, accuracies(sam=lambda stream, seed: -0.03), rules=["none", "sam"])
    assert one.headline.startswith("Over three streams, SAM beats plain SGD in 12 % of pairs of runs (95 % interval ")


def test_several_rules_that_lose(tmp_path):
    (one,) = found(tmp_path, accuracies(sam=lambda stream, seed: -0.03, asam=lambda stream, seed: -0.04))
    assert one.headline.startswith(
        "Over three streams, no rule beats plain SGD in half of the pairs of runs: SAM does in 12 % of pairs "
    )
    assert one.headline.endswith("), the largest share.")


def test_an_even_chance(tmp_path):
    def either(stream, seed):
        return 0.01 * (-1) ** seed

    (one,) = found(tmp_path / "one", accuracies(sam=either), rules=["none", "sam"])
    assert one.headline.startswith(
        "Over three streams, SAM is not shown to differ from plain SGD: it is better in 50 % of pairs of runs (95 % "
    )
    (one,) = found(tmp_path / "two", accuracies(sam=either, asam=lambda stream, seed: either(stream, seed + 1) - 0.01))
    assert one.headline.startswith(
        "Over three streams, no rule is shown to beat plain SGD: SAM does in 50 % of pairs of runs (95 % interval "
    )


def test_all_pairs_agree(tmp_path):
    (one,) = found(tmp_path / "better", accuracies(sam=lambda stream, seed: 0.1), rules=["none", "sam"])
    assert one.headline == "Over three streams, SAM beats plain SGD in all pairs of runs."
    assert one.detail.endswith("The bootstrap gives no interval if all pairs agree, which is not certainty.")
    (one,) = found(tmp_path / "worse", accuracies(sam=lambda stream, seed: -0.06), rules=["none", "sam"])
    assert one.headline == "Over three streams, SAM beats plain SGD in none of the pairs of runs."


def test_too_few_runs_show_nothing(tmp_path):
    fill = accuracies(sam=lambda stream, seed: 0.1)
    study = {"rules": ["none", "sam"], "streams": STUDY["streams"][:2]}
    (one,) = found(tmp_path / "two", fill, seeds=2, **study)
    assert (
        one.headline
        == "Over two streams, SAM is not shown to differ from plain SGD: it is better in all pairs of runs."
    )
    assert one.detail.endswith("With two seeds on a stream, intervals are too narrow.")
    (one,) = found(tmp_path / "one", fill, seeds=1, **study)
    assert one.headline.endswith("it is better in all pairs of runs.")
    assert one.detail == (
        "Interquartile mean of average accuracy: 75.0 %, that of plain SGD 65.0 %. "
        "There is no interval: some stream has one seed only."
    )


def test_without_the_baseline_nothing_is_stated(tmp_path):
    results, table = aggregated(tmp_path, accuracies(none=lambda stream, seed: "failed"))
    assert streams_findings(table) == []
    assert table["improvement"].isna().all()
    assert table["interquartile_mean"].notna().all()
    assert set(table["rule"]) == {"sam", "asam"}
    assert results.runs["status"].value_counts()["failed"] == 18


def test_profiles_fall_from_all_runs_to_none(tmp_path):
    results, _ = aggregated(tmp_path, accuracies(sam=lambda stream, seed: 0.025))
    blocks = stream_scores(results, "average_accuracy")
    chart = profiles(blocks, looks(["none", "sam", "asam"]))
    rows = pd.DataFrame(chart.data[chart.name])
    assert set(rows["rule"]) == {"plain SGD", "SAM", "ASAM"}
    for rule, curve in rows.groupby("rule"):
        assert (curve["y"].iloc[0], curve["y"].iloc[-1]) == (100, 0)
        assert (np.diff(curve["x"]) >= 0).all()
        assert (np.diff(curve["y"]) <= 0).all()
        assert (curve["x"].min(), curve["x"].max()) == (50, 77.5), rule
    sam = rows[rows["rule"] == "SAM"].set_index("x")["y"]
    assert sam[52.5].min() == pytest.approx(100 * 17 / 18, abs=0.01)  # the lowest of 18 runs is not above itself
    assert b"average accuracy, %" in export(chart, Canvas.paper(3.3, 8), "svg")
    assert profiles([], {}) is None


def test_the_report_has_it(tmp_path):
    folder = make(tmp_path, {**STUDY, "strategies": ["naive", "replay"]}, accuracies(sam=lambda stream, seed: 0.03))
    write_report(folder)
    table = folder.read_table("aggregate")
    assert len(table) == 3 * 2 * 3
    definitions = folder.read_table("columns").set_index(["file", "column"])["definition"]
    assert not definitions["aggregate.csv"].str.contains("not a column").any()
    assert list(definitions["aggregate.csv"].index) == list(table.columns)
    page = html.unescape(folder.report_path.read_text())
    assert "Over three streams, SAM beats plain SGD most often of two rules: in 88 % of pairs of runs" in page
    assert '<h2 id="over-streams">Over streams</h2>' in page
    assert "average accuracy over 3 streams, in pairs with plain SGD (higher is better)" in page
    assert 'data-chart="profiles--sgd"' in page
    assert "which draws whole seeds within each stream" in definitions["aggregate.csv", "mean_low"]
