"""Comparisons in a report: pairs of seeds, the baseline, and several merged folders."""

import json
import math
import re

import pandas as pd
import pytest
from helpers.tiny_study import command
from reports.folders import TWO, make, two_experiences

from lifelong_lb.config import UserError
from lifelong_lb.evaluation import compare
from lifelong_lb.reports import COMPARISON_COLUMNS, collect_all, comparison_table, load_results, write_report
from lifelong_lb.reports.results.collect import collect
from lifelong_lb.reports.statistics.comparisons import verdict_on
from lifelong_lb.reports.tables.summary import comparison_styled
from lifelong_lb.store import ResultFolder

SIX = {**TWO, "rules": ["none", "sam", "asam"], "seeds": 6}


def by_seed(labels, seed):
    """SAM forgets 0.01 (seed + 1) less than none, ASAM the same as none; ASAM's last two seeds are missing."""
    if labels["rule"] == "asam" and seed > 3:
        return "diverged" if seed == 4 else None
    less = 0.01 * (seed + 1) if labels["rule"] == "sam" else 0.0
    return two_experiences(0.9, 0.8, 0.5 + 0.02 * seed + less)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return make(tmp_path_factory.mktemp("six"), SIX, by_seed)


def test_seed_by_seed(folder):
    table = comparison_table(collect(folder), metrics=["forgetting"])
    assert list(table.columns) == COMPARISON_COLUMNS
    sam, asam = table.to_dict("records")
    assert (sam["rule"], sam["baseline"], sam["metric"], sam["pairs"]) == ("sam", "none", "forgetting", 6)
    assert sam["difference_mean"] == pytest.approx(-0.035)
    assert (sam["p"], sam["larger"], sam["equal"]) == (2 / 64, 0, 0)
    assert sam["p_holm"] == 2 * 2 / 64
    assert (asam["pairs"], asam["p"], asam["p_holm"], asam["equal"]) == (4, 1.0, 1.0, 4)
    assert table["family"].tolist() == [2, 2]
    expected = compare([0.4 - 0.03 * s - 0.01 for s in range(6)], [0.4 - 0.02 * s for s in range(6)])
    assert sam["ci_low"] == pytest.approx(expected.low)
    assert sam["cohen_dz"] == pytest.approx(expected.cohen_dz)
    assert sam["cliff_delta"] == pytest.approx(expected.cliff_delta)
    assert "no corrected p-value can fall below 0.062" in verdict_on(table)


def test_another_baseline_and_metric(folder):
    table = comparison_table(collect(folder), "sam", ["stability", "forgetting"])
    assert table["metric"].tolist() == ["stability"] * 2 + ["forgetting"] * 2
    assert table["rule"].tolist() == ["none", "asam"] * 2
    assert set(table["baseline"]) == {"sam"}
    assert table["difference_mean"].tolist() == pytest.approx([-0.035, -0.025, 0.035, 0.025])


def test_without_a_rule_called_none_the_first_is_the_baseline(tmp_path):
    rules = [{"name": "none", "label": "plain"}, "sam"]
    table = comparison_table(collect(make(tmp_path, {**TWO, "rules": rules}, by_seed)))
    assert set(table["baseline"]) == {"plain"}
    assert table["metric"].tolist() == ["average_accuracy", "learning_accuracy", "forgetting"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"baseline": "sma"}, "unknown rule to compare with 'sma'; did you mean 'sam'. .known: none, sam, asam"),
        ({"metrics": ["forgeting"]}, "unknown metric 'forgeting'; did you mean 'forgetting'"),
        ({"metrics": ["stability_gap_depth"]}, "unknown metric 'stability_gap_depth'"),
    ],
)
def test_mistakes_are_named(folder, options, message):
    with pytest.raises(UserError, match=message):
        comparison_table(collect(folder), **options)


def test_nothing_to_compare(tmp_path):
    nothing = collect(make(tmp_path / "a", TWO, lambda labels, seed: None))
    table = comparison_table(nothing)
    assert table["pairs"].tolist() == [0, 0, 0]
    assert table["p_holm"].isna().all()
    assert verdict_on(table) == ""
    styled = comparison_styled(table[table["metric"] == "forgetting"])
    assert {cell.text for row in styled.rows for cell in row[2:]} == {"-"}
    alone = make(tmp_path / "b", {**TWO, "rules": "sam"}, by_seed)
    write_report(alone)
    assert alone.read_table("comparisons").empty
    assert "seed by seed" not in (tmp_path / "b" / "report.html").read_text().split("How to read")[0]


def test_reading():
    raw = dict.fromkeys(COMPARISON_COLUMNS, math.nan)
    raw |= {"stream": "s", "strategy": "naive", "rule": "sam", "base_optimizer": "sgd", "baseline": "none"}
    raw |= {"metric": "forgetting", "family": 2, "equal": 0}
    numbers = {"pairs": 6, "larger": 1, "difference_mean": -0.0351, "difference_std": 0.02, "ci_low": -0.05}
    row = {**raw, **numbers, "ci_high": -0.0149, "p": 0.0312, "p_holm": 2e-5, "cohen_dz": 1.754, "cliff_delta": -1}
    table = comparison_styled(pd.DataFrame([row]))
    assert table.caption == "forgetting: rule minus plain SGD (lower is better)"
    assert [cell.text for cell in table.rows[0]] == [
        *("SAM", "6", "-3.5", "-5.0 to -1.5", "5 of 6", "2e-05", "0.031", "1.75", "-1.00")
    ]
    assert [cell.deviation for cell in table.rows[0]][2] == "2.0"
    assert [cell.differs for cell in table.rows[0]] == [False, False, True, *[False] * 6]
    assert table.notes == (
        "*: sign-flip test over seeds, p <= 0.05 after Holm's correction for 2 comparisons in the whole study.",
    )
    accuracy = comparison_styled(pd.DataFrame([{**row, "metric": "average_accuracy", "difference_mean": 0.004}]))
    assert [cell.text for cell in accuracy.rows[0]][2:5] == ["+0.4", "-5.0 to -1.5", "1 of 6"]


def test_page_and_markdown_say_what_was_compared(folder):
    write_report(folder, baseline="sam", metrics=["forgetting"])
    page = (folder.path / "report.html").read_text()
    for words in ("Compared with SAM, seed by seed", "rule minus SAM (lower is better)", "sign-flip", "p, Holm"):
        assert words in page
    text = (folder.path / "summary.md").read_text()
    assert "## forgetting: rule minus SAM (lower is better)" in text
    assert "two-sided sign-flip test" in text
    write_report(folder)
    page = (folder.path / "report.html").read_text()
    assert "Compared with plain SGD, seed by seed" in page
    assert re.search(r'<td data-sort="-0\.\d+">−\d+\.\d to −\d+\.\d</td>', page)


def test_several_folders_are_one(tmp_path):
    first = make(tmp_path / "a", {**TWO, "rules": "none"}, by_seed)
    second = make(tmp_path / "b", {**TWO, "rules": ["none", "sam"]}, by_seed)
    found = collect_all([first, second])
    assert sorted(zip(found.runs["rule"], found.runs["seed"], strict=True)) == [
        *(("none", 0), ("none", 1), ("sam", 0), ("sam", 1))
    ]
    assert len(found.accuracy) == 4 * 3
    assert list(found.problems) == [f"{second.path}: 2 of its runs are also in an earlier folder and counted once"]
    assert comparison_table(found)["pairs"].tolist() == [2, 2, 2]


def test_what_differs_is_not_pooled_under_one_label(tmp_path):
    near, far = {"name": "sam", "rho": 0.1}, {"name": "sam", "rho": 0.2}
    longer = {**TWO, "rules": near, "train": {"epochs": 2}}
    first = make(tmp_path / "a", {**TWO, "rules": near}, by_seed)
    second = make(tmp_path / "b", {**TWO, "rules": far}, by_seed)
    third = make(tmp_path / "c", longer, by_seed)
    found = collect_all([first, second, third])
    names = found.runs[["stream", "rule"]].drop_duplicates().to_numpy().tolist()
    stream = names[0][0]
    assert names == [[stream, "sam"], [stream, f"sam [{second.path}]"], [f"{stream} [{third.path}]", "sam"]]
    assert any("has other settings than in an earlier folder" in problem for problem in found.problems)
    write_report(ResultFolder(tmp_path / "joint"), found)
    assert len(ResultFolder(tmp_path / "joint").read_table("summary")) == 3


def test_settings_that_came_later_do_not_tell_folders_apart(tmp_path):
    first = make(tmp_path / "a", {**TWO, "rules": "none"}, by_seed)
    second = make(tmp_path / "b", {**TWO, "rules": "sam"}, by_seed)
    for run in first.read_study().labels():
        path = first.run_path(run) / "config.json"
        config = json.loads(path.read_text())
        del config["evaluation"]["every"]
        path.write_text(json.dumps(config))
    assert collect_all([first, second]).runs["stream"].nunique() == 1


@pytest.mark.slow
def test_on_the_command_line(folder, tmp_path):
    done = command("report", folder.path, "--baseline", "sam", "--metric", "forgetting")
    assert done.returncode == 1, done.stderr  # not all runs are done
    assert "forgetting: rule minus SAM (lower is better)" in done.stdout.split("report: ")[1]
    assert "learning accuracy: rule minus" not in done.stdout
    assert command("report", folder.path, "--baseline", "sma").stderr.startswith("error: unknown rule")
    assert "needs --out DIR" in command("report", folder.path, folder.path).stderr
    assert "holds runs, or is one of" in command("report", folder.path, "--out", folder.path).stderr
    joint = command("report", folder.path, folder.path, "--out", tmp_path / "joint")
    assert "counted once" in joint.stdout
    runs, _ = load_results(tmp_path / "joint")
    assert len(runs) == 17


@pytest.mark.slow
def test_by_signed_ranks(tmp_path):
    sizes = [0.01, 0.01, -0.02, 0.03, 0.0, 0.05]

    def fill(labels, seed):
        return two_experiences(0.9, 0.8, 0.5 + (sizes[seed] if labels["rule"] == "sam" else 0))

    folder = make(tmp_path, {**TWO, "seeds": 6}, fill)
    done = command("report", folder.path, "--test", "wilcoxon")
    assert done.returncode == 0, done.stderr
    assert (
        "signed-rank"
        in command("report", folder.path, "--test", "wilcoxon", "--metric", "forgetting", "--explain").stdout
    )
    table = folder.read_table("comparisons").set_index("metric")
    # ranks 1.5, 1.5, -3, 4, 5, sum 9 of 15; as extreme: minus at none, 1.5, 1.5, both, 3, and their negatives
    assert table.loc["forgetting", "p"] == 10 / 32
    definitions = folder.read_table("columns").set_index(["file", "column"])["definition"]
    assert definitions["comparisons.csv", "p"].startswith("two-sided signed-rank test (Wilcoxon 1945)")
    for name in ("report.html", "summary.md"):
        text = (folder.path / name).read_text()
        assert "signed-rank" in text
        assert "sign-flip" not in text
    with pytest.raises(UserError, match="unknown test 'signflip'; did you mean 'sign-flip'"):
        comparison_table(collect(folder), test="signflip")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("metric", "reason"),
    [
        ("intransigence", "intransigence needs done runs of the strategy joint on the same stream"),
        ("forward_transfer", "forward transfer needs the accuracy on experience 1 after experience 0, not evaluated"),
    ],
)
def test_a_metric_without_a_value_says_why(folder, metric, reason):
    done = command("report", folder.path, "--metric", metric)
    assert f"No run has a value: {reason}" in " ".join(done.stdout.split())
    for name in ("report.html", "summary.md"):
        assert f"No run has a value: {reason}".replace("_", "\\_") in (folder.path / name).read_text()
    assert "No run has a value" not in command("report", folder.path, "--metric", "forgetting").stdout
