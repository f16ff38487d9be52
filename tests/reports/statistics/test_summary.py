"""The summary against numbers computed by hand."""

import math

import numpy as np
import pandas as pd
import pytest
from reports.folders import TWO, make, two_experiences, wave
from reports.hand_tables import column_texts

from lifelong_lb.config import parse_study
from lifelong_lb.evaluation import AccuracyMatrix, bootstrap_interval
from lifelong_lb.reports import SUMMARY_COLUMNS, summary_table, summary_text, write_report
from lifelong_lb.reports.documents.files import summary_latex
from lifelong_lb.reports.results.collect import collect
from lifelong_lb.reports.statistics.summary import shared_seeds, verdict
from lifelong_lb.reports.tables.cells import cost_cell, metric_text
from lifelong_lb.reports.tables.summary import best_means, summary_styled
from lifelong_lb.store import StudyFile

HAND = {
    # rule, seed: R[0,0], R[1,1], R[1,0]
    ("none", 0): (0.9, 0.8, 0.5),
    ("none", 1): (0.8, 0.8, 0.6),
    ("sam", 0): (0.7, 0.9, 0.8),
    ("sam", 1): (0.9, 0.9, 0.8),
}


def by_hand(labels, seed):
    return two_experiences(*HAND[labels["rule"], seed])


def test_numbers_by_hand(tmp_path):
    summary = summary_table(collect(make(tmp_path, TWO, by_hand)))
    assert list(summary.columns) == SUMMARY_COLUMNS
    assert summary["rule"].tolist() == ["none", "sam"]
    none, sam = summary.to_dict("records")
    assert (none["seeds"], none["not_done"]) == (2, 0)
    assert none["average_accuracy_mean"] == pytest.approx((0.65 + 0.7) / 2)
    assert none["average_accuracy_std"] == pytest.approx(0.05 / math.sqrt(2))
    half = 12.7062047364 * 0.05 / math.sqrt(2) / math.sqrt(2)  # the 97.5 % quantile of t with one degree of freedom
    assert none["average_accuracy_ci_low"] == pytest.approx(0.675 - half)
    assert none["average_accuracy_ci_high"] == pytest.approx(0.675 + half)
    assert (none["average_accuracy_bootstrap_low"], none["average_accuracy_bootstrap_high"]) == pytest.approx((
        0.65,
        0.7,
    ))
    assert none["learning_accuracy_mean"] == pytest.approx((0.85 + 0.8) / 2)
    assert none["forgetting_mean"] == pytest.approx((0.4 + 0.2) / 2)
    assert none["backward_transfer_mean"] == pytest.approx(-0.3)
    assert sam["forgetting_mean"] == pytest.approx((-0.1 + 0.1) / 2)
    assert sam["forgetting_last_row_included_mean"] == pytest.approx((0 + 0.1) / 2)
    assert none["gradient_evaluations"] == 100
    assert none["train_seconds"] == pytest.approx(0.3)


def test_only_done_runs_count(tmp_path):
    def fill(labels, seed):
        if labels["rule"] == "sam":
            return "diverged" if seed == 0 else None
        return two_experiences(0.9, 0.8, 0.5) if seed == 0 else "timeout"

    results = collect(make(tmp_path, TWO, fill))
    none, sam = summary_table(results).to_dict("records")
    assert (none["seeds"], none["not_done"], sam["seeds"], sam["not_done"]) == (1, 1, 0, 2)
    assert none["average_accuracy_mean"] == pytest.approx(0.65)
    assert math.isnan(none["average_accuracy_std"])
    assert math.isnan(none["average_accuracy_ci_low"])
    assert math.isnan(none["average_accuracy_bootstrap_low"])
    assert math.isnan(sam["average_accuracy_bootstrap_high"])
    assert math.isnan(sam["average_accuracy_mean"])
    assert math.isnan(sam["gradient_evaluations"])
    texts = column_texts(summary_styled(summary_table(results)))
    assert texts["seeds"] == ["1 of 2", "0 of 2"]
    assert texts["average accuracy"] == ["65.0", "-"]
    assert texts["gradients"] == ["100", "-"]


def test_bootstrap_intervals_are_those_of_single_means(tmp_path):
    raw = {**TWO, "rules": ["none"], "seeds": 6}
    results = collect(make(tmp_path, raw, lambda labels, seed: wave(2, seed)))
    (row,) = summary_table(results).to_dict("records")
    for metric in ("average_accuracy", "forgetting"):
        expected = bootstrap_interval(results.runs[metric].to_numpy(), np.random.default_rng(0))
        found = row[f"{metric}_bootstrap_low"], row[f"{metric}_bootstrap_high"]
        assert found == pytest.approx(expected, rel=1e-12, abs=1e-15)
        assert row[f"{metric}_ci_low"] < found[0] < row[f"{metric}_mean"] < found[1] < row[f"{metric}_ci_high"]


def test_the_page_has_the_interval_of_the_mean_if_defined(tmp_path):
    folder = make(tmp_path / "two", TWO, by_hand)
    write_report(folder)
    low, high = (summary_table(collect(folder))[f"average_accuracy_ci_{end}"][0] for end in ("low", "high"))
    page = folder.report_path.read_text()
    assert f'data-sort="{low}">{100 * low:.1f} to {100 * high:.1f}</td>' in page
    assert ">average accuracy, 95 % interval, %</th>" in page
    one = make(tmp_path / "one", {**TWO, "seeds": 1}, by_hand)
    write_report(one)
    assert "95 % interval</th>" not in one.report_path.read_text().partition('id="compared"')[0]


def test_a_metric_that_is_undefined_prints_a_dash(tmp_path):
    raw = {"streams": [{"name": "split-digits", "experiences": 1}]}
    results = collect(make(tmp_path, raw, lambda labels, seed: [(0, 0, 0.5)], T=1))
    texts = column_texts(summary_styled(summary_table(results)))
    assert texts["average accuracy"] == ["50.0"]
    assert texts["forgetting"] == ["-"]
    assert "forgetting" in summary_text(results)


def test_rows_follow_the_study_and_not_the_order_of_runs(tmp_path):
    raw = {**TWO, "streams": [{"name": "split-digits", "experiences": 2}], "strategies": ["replay", "naive"]}
    folder = make(tmp_path, raw, by_hand)
    narrow = parse_study({**raw, "strategies": ["naive"], "rules": ["sam"]})
    folder.write_study(StudyFile.of(narrow).widened(parse_study(raw)))
    rows = summary_table(collect(folder))[["strategy", "rule"]].to_numpy().tolist()
    assert rows == [["replay", "none"], ["replay", "sam"], ["naive", "none"], ["naive", "sam"]]


def test_the_verdict_counts_the_seeds_that_rules_share(tmp_path):
    raw = {**TWO, "seeds": 7}

    def fill(labels, seed):
        return "failed" if labels["rule"] == "sam" and seed > 3 else wave(2, seed)

    results = collect(make(tmp_path, raw, fill))
    assert shared_seeds(results) == 4
    assert verdict(results).startswith("4 seeds cannot decide")
    assert verdict(results).endswith("Some rules share only these 4.")


@pytest.mark.parametrize(
    ("seeds", "start"),
    [(1, "One seed shows no spread"), (3, "3 seeds cannot decide"), (6, "6 seeds: an exact paired test")],
)
def test_verdict(tmp_path, seeds, start):
    results = collect(make(tmp_path, {**TWO, "seeds": seeds}, lambda labels, seed: wave(2, seed)))
    assert verdict(results).startswith(start)


def test_rules_without_a_common_seed(tmp_path):
    def fill(labels, seed):
        return wave(2) if (labels["rule"] == "none") == (seed == 0) else "failed"

    assert "no seed in common" in verdict(collect(make(tmp_path, TWO, fill)))


def test_constant_columns_are_named_and_left_out(tmp_path):
    summary = summary_table(collect(make(tmp_path, TWO, by_hand)))
    table = summary_styled(summary)
    assert table.caption == "split-digits, Fine-tuning, SGD: mean ± sample standard deviation over 2 seeds"
    assert [group.heading for group in table.groups] == [""]


def test_best_means_before_rounding_with_ties():
    rows = {"stream": "s", "strategy": ["a", "a", "b"], "rule": ["x", "y", "x"], "base_optimizer": "sgd"}
    frame = pd.DataFrame(rows).reindex(columns=SUMMARY_COLUMNS)
    frame["average_accuracy_mean"] = [0.50001, 0.50002, 0.9]
    frame["forgetting_mean"] = [0.2, 0.1, 0.9]
    frame["learning_accuracy_mean"] = [0.1 + 0.2, 0.3, 0.9]  # equal but for the last digit
    learnt = {(0, "learning_accuracy"), (1, "learning_accuracy")}
    metrics = ["average_accuracy", "learning_accuracy", "forgetting", "gradient_evaluations"]
    assert best_means(frame, metrics) == {(1, "average_accuracy"), (1, "forgetting"), *learnt}


def test_bold_in_latex_goes_by_the_means_before_rounding(tmp_path):
    """0.65001 and 0.65002 are printed alike."""
    last = {"none": 0.65001, "sam": 0.65002}

    def fill(labels, seed):
        return two_experiences(0.9, last[labels["rule"]], last[labels["rule"]])

    results = collect(make(tmp_path, TWO, fill))
    lines = summary_latex(results, summary_table(results)).splitlines()
    cells = {line.split(" & ")[0]: line.split(" & ")[1] for line in lines if line.count(" & ") == 4}
    assert cells["plain SGD"] == r"65.0\,$\pm$\,0.0"
    assert cells["SAM"] == r"\textbf{65.0}\,$\pm$\,0.0"


def test_printed_numbers():
    nan = float("nan")
    assert [metric_text("forgetting", value) for value in (-0.00001, 1, nan)] == ["0.0", "100.0", "-"]
    assert cost_cell("samples_seen", 1234567.4).text == "1,234,567"
    times = [cost_cell("train_seconds", seconds).text for seconds in (nan, 0.01234, 1.5, 99.94, 12345.6)]
    assert times == ["-", "0.012", "1.50", "99.9", "12,346"]


def test_text_fits_a_terminal(tmp_path):
    rules = ["none", {"name": "lookbehind-sam", "alpha": 0.5}, {"name": "lookbehind-sam", "alpha": "adaptive"}]
    raw = {**TWO, "rules": rules, "strategies": ["naive", "replay"]}
    results = collect(make(tmp_path, raw, lambda labels, seed: wave(2, seed)))
    text = summary_text(results)
    assert max(map(len, text.splitlines())) <= 80
    for words in ("12 of 12 runs done", "Fine-tuning", "Replay", "Lookbehind-SAM, adaptive α", "69.0 ± 4.2"):
        assert words in text
    assert "mean over j of" not in text
    explained = " ".join(summary_text(results, explain=True).split())
    assert "mean over j of R[T-1, j] (Lopez-Paz & Ranzato 2017, arXiv 1706.08840)" in explained
    assert "2 seeds cannot decide" in explained


def test_text_of_a_study_without_any_run_done(tmp_path):
    text = summary_text(collect(make(tmp_path, TWO, lambda labels, seed: None)))
    assert "0 of 4 runs done (4 not run yet)." in text
    assert "No run is done yet" in text


def test_forward_transfer_needs_initial_accuracies(tmp_path):
    raw = {**TWO, "evaluation": {"experiences": "all"}}
    full = [*two_experiences(0.9, 0.8, 0.5), (0, 1, 0.3)]
    accuracy = AccuracyMatrix.from_entries(full, 2, initial=[0.5, 0.1])
    runs = collect(make(tmp_path / "a", raw, lambda labels, seed: full, accuracy=accuracy)).runs
    assert runs["forward_transfer"].tolist() == pytest.approx([0.2] * 4)
    runs = collect(make(tmp_path / "b", raw, lambda labels, seed: full)).runs
    assert runs["forward_transfer"].isna().tolist() == [True] * 4


def test_intransigence_is_against_the_joint_run_of_the_same_rule_and_seed(tmp_path):
    joint = {("none", 0): [(1, 0, 0.95), (1, 1, 0.85)], ("none", 1): None, ("sam", 0): "failed", ("sam", 1): None}

    def fill(labels, seed):
        if labels["strategy"] == "joint":
            return joint[labels["rule"], seed]
        return by_hand(labels, seed)

    raw = {**TWO, "strategies": ["naive", "joint"]}
    runs = collect(make(tmp_path, raw, fill)).runs.set_index(["strategy", "rule", "seed"])["intransigence"]
    assert runs["naive", "none", 0] == pytest.approx(((0.95 - 0.9) + (0.85 - 0.8)) / 2)
    assert runs.notna().sum() == 1


def test_a_mean_over_some_of_the_seeds_says_so(tmp_path):
    def fill(labels, seed):
        return two_experiences(0.0 if seed == 1 and labels["rule"] == "sam" else 0.9, 0.8, 0.5)

    folder = make(tmp_path, {**TWO, "seeds": 3}, fill)
    results = write_report(folder)
    sentence = (
        "split-digits, naive, sam, sgd: the mean of relative forgetting is over 2 of 3 seeds, it is undefined for the "
        "others (relative forgetting divides by an accuracy that is 0)"
    )
    assert list(results.problems) == [sentence]
    assert sentence in " ".join(summary_text(results).split())
    assert sentence in (folder.path / "report.html").read_text()
