"""Paired comparisons: pairs of runs, averages within seeds, and error messages."""

import pandas as pd
import pytest
from reports.folders import TWO, make, two_experiences

import lifelong_lb
from lifelong_lb import UserError, compare
from lifelong_lb.evaluation import compare as compare_values
from lifelong_lb.reports import load_results

GAINS = {"naive": [0.1, 0.2, 0.3], "replay": [0.3, 0.0, 0.1]}
"""What SAM adds to the average accuracy, by strategy and seed."""


def frame(gains=GAINS, **columns):
    """Rows of results.csv: accuracy 0.5 without a rule, more with SAM."""
    rows = [
        {"stream": "digits", "strategy": strategy, "rule": rule, "base_optimizer": "sgd", "seed": seed}
        | {"average_accuracy": 0.5 + (gain if rule == "sam" else 0), "train_seconds": 2.0, "status": "done"}
        for strategy, gains in gains.items()
        for rule in ("none", "sam")
        for seed, gain in enumerate(gains)
    ]
    return pd.DataFrame(rows).assign(**columns)


def test_differences_are_averaged_within_each_seed():
    found = compare("sam", "none", results=frame())
    # seeds: (0.1 + 0.3) / 2, (0.2 + 0.0) / 2, (0.3 + 0.1) / 2
    assert found.by_seed["difference"].tolist() == pytest.approx([0.2, 0.1, 0.2])
    assert found.by_seed["a"].tolist() == pytest.approx([0.7, 0.6, 0.7])
    assert (found.pairs, found.seeds, found.incomplete) == (6, 3, ())
    assert found.difference == pytest.approx(0.5 / 3)
    assert found.p == 2 / 8  # not 2 / 64, although there are six pairs
    assert found.statistics == compare_values([0.7, 0.6, 0.7], [0.5, 0.5, 0.5])
    assert list(found.frame) == ["stream", "strategy", "base_optimizer", "seed", "a", "b", "difference", "used"]
    assert sorted(found.frame["difference"].round(9)) == [0.0, 0.1, 0.1, 0.2, 0.3, 0.3]


def test_printed_report():
    assert str(compare("sam", "none", results=frame())).splitlines() == [
        "average accuracy (higher is better): rule sam minus rule none",
        "  difference      0.167 ± 0.058 (mean, standard deviation over seeds)",
        "  based on        3 seeds, 6 pairs of runs, averaged within each seed",
        "  95 % interval   0.023 to 0.310 (Student's t)",
        "                  0.100 to 0.200 (bootstrap; too narrow with few seeds)",
        "  a is larger     under 3 of 3 seeds, equal under 0",
        "  p               0.25 (sign-flip test)",
        "  effect sizes    Cohen's d_z 2.89, Cliff's delta 1.00",
        "With 3 seeds and one comparison no corrected p-value can fall below 0.25: no difference here can be "
        "significant at 0.05; at least 6 seeds are needed.",
    ]


def test_columns_named_on_either_side_are_not_paired_by():
    a, b = {"rule": "sam", "strategy": "replay"}, {"rule": "none", "strategy": "naive"}
    found = compare(a, b, results=frame())
    assert (found.pairs, found.seeds) == (3, 3)
    assert found.frame["difference"].tolist() == pytest.approx([0.3, 0.0, 0.1])
    assert list(found.frame)[:3] == ["stream", "base_optimizer", "seed"]
    everything = {"rule": "sam", "strategy": "naive", "stream": "digits", "base_optimizer": "sgd"}
    assert compare(everything, {"rule": "none", "strategy": "naive"}, results=frame()).difference == pytest.approx(0.2)


def test_seeds_that_lack_a_pair_are_left_out_and_named():
    gains = {"naive": [0.1, 0.2, 0.3, 0.4], "replay": [0.3, 0.0, 0.1]}
    runs = frame(gains)
    diverged = (runs["strategy"] == "naive") & (runs["rule"] == "sam") & (runs["seed"] == 1)
    runs.loc[diverged, ["status", "average_accuracy"]] = ["diverged", float("nan")]
    found = compare("sam", "none", results=runs)
    assert found.by_seed.index.tolist() == [0, 2]
    assert found.incomplete == (1, 3)
    assert (found.pairs, len(found.frame), int(found.frame["used"].sum())) == (4, 6, 4)
    assert found.problems == (
        "Left out: seed 1, which lacks a pair of digits, naive, sgd.",
        "Left out: seed 3, which lacks a pair of digits, replay, sgd.",
    )
    cost = compare("sam", "none", "train_seconds", results=runs)
    assert cost.incomplete == (1, 3)  # a diverged run has a time but is not compared


def test_what_only_one_side_has_is_named():
    runs = pd.concat([frame(), frame({"ewc": [0.1] * 3}).query("rule == 'sam'")])
    found = compare("sam", "none", results=runs)
    assert found.problems == ("Not compared because no seed has a pair: digits, ewc, sgd.",)
    assert (found.seeds, found.incomplete) == (3, ())


def test_no_common_seeds():
    runs = frame()
    runs.loc[runs["rule"] == "sam", "seed"] += 10
    found = compare("sam", "none", results=runs)
    assert (found.pairs, found.seeds) == (0, 0)
    assert str(found).splitlines()[-1] == ("No seed has all its pairs of done runs, so there is nothing to compare.")


def test_signed_ranks_report_zeros_and_ties():
    gains = {"naive": [0.1, 0.1, -0.2, 0.3, 0.0]}
    found = compare("sam", "none", results=frame(gains), test="wilcoxon")
    # ranks 1.5, 1.5, -3, 4 with sum 4 of at most 10; as extreme: minus at none, 1.5, 1.5, both, 3, and their negatives
    assert found.p == 10 / 16
    assert "(Wilcoxon's signed-rank test, 1 difference of 0 left out, ties share their mean rank)" in str(found)


def test_results_from_a_folder(tmp_path):
    folder = make(tmp_path, TWO, lambda labels, seed: two_experiences(0.9, 0.8, 0.5 + 0.1 * (labels["rule"] == "sam")))
    runs, accuracy = load_results(folder.path)
    for results in (folder.path, [str(folder.path)], runs, (runs, accuracy)):
        found = lifelong_lb.compare("sam", "none", "forgetting", results=results)
        assert (found.seeds, found.difference) == (2, pytest.approx(-0.1))


def test_a_custom_column_can_be_named():
    runs = pd.concat([frame(size="small"), frame({"naive": [0.3, 0.4, 0.5], "replay": [0.5, 0.2, 0.3]}, size="large")])
    with pytest.raises(UserError, match=r"got 2: add 'size' \(small, large\) to a"):
        compare("sam", "none", results=runs)
    found = compare({"rule": "sam", "size": "large"}, {"rule": "sam", "size": "small"}, results=runs)
    assert found.by_seed["difference"].tolist() == pytest.approx([0.2] * 3)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("sma", "none"), "a: unknown rule 'sma'; did you mean 'sam'. .known: none, sam"),
        (("sam", {"base_optimizer": "sgdd"}), "b: unknown base optimizer 'sgdd'; did you mean 'sgd'"),
        ((("sam"), {"strateg": "naive"}), "b: unknown column 'strateg'; did you mean 'strategy'"),
        (("sam", "none", "average_acuracy"), "unknown metric 'average_acuracy'"),
        (("sam", "none", "status"), "unknown metric 'status'"),
        (("sam", {}), "b must name a label of at least one column: stream, strategy, rule, base_optimizer"),
        (("sam", {"rule": "sam"}), "a and b must differ; both are rule sam"),
        (
            ("sam", {"rule": "none", "strategy": "naive"}),
            r"a .rule sam. must have one run for stream digits, base optimizer sgd, seed 0; got 2: "
            r"add 'strategy' .naive, replay. to a",
        ),
    ],
)
def test_mistakes_are_named(arguments, message):
    with pytest.raises(UserError, match=message):
        compare(*arguments, results=frame())


def test_further_mistakes():
    with pytest.raises(UserError, match="unknown test 'wilcox'; did you mean 'wilcoxon'"):
        compare("sam", "none", results=frame(), test="wilcox")
    with pytest.raises(UserError, match="column 'status' is missing"):
        compare("sam", "none", results=frame().drop(columns="status"))
    with pytest.raises(UserError, match="must have one run for .*; got 2 with the same labels"):
        compare("sam", "none", results=pd.concat([frame(), frame()]))
    apart = frame()[lambda runs: (runs["rule"] == "sam") == (runs["strategy"] == "naive")]
    with pytest.raises(UserError, match="a: no run has rule sam, strategy replay"):
        compare({"rule": "sam", "strategy": "replay"}, "none", results=apart)
