"""Findings: sentences about hand-made results, case by case."""

import pytest
from reports.folders import TWO, make, two_experiences

from lifelong_lb.evaluation import STORED_METRICS, Described
from lifelong_lb.reports import collect, comparison_table, summary_table
from lifelong_lb.reports.page.findings import Finding, condensed, findings, places

RULES = ["none", "sam", "asam"]


def found(tmp_path, fill, seeds=8, rules=RULES, **study):
    results = collect(make(tmp_path, {**TWO, "rules": rules, "seeds": seeds, **study}, fill))
    return findings(summary_table(results), comparison_table(results))


def accuracies(**extra):
    """Average accuracy of none: 0.7 + 0.01 seed; of others: that plus what is given, by seed."""

    def fill(labels, seed):
        change = extra.get(labels["rule"], lambda seed: 0.0)(seed)
        if isinstance(change, str) or change is None:
            return change
        return two_experiences(0.9, 0.9, 0.5 + 0.02 * seed + 2 * change)

    return fill


def test_a_better_rule(tmp_path):
    (one,) = found(tmp_path, accuracies(sam=lambda seed: 0.02 + 0.001 * seed, asam=lambda seed: 0.001 * (-1) ** seed))
    assert one.kind == "better"
    assert one.headline == "SAM ends 2.4 points above plain SGD."
    assert one.detail.startswith(
        "95 % interval +2.1 to +2.6; better under 8 of 8 seeds; p = 0.016 after Holm's correction for two comparisons"
    )
    assert "It forgets 4.7 points less (p = 0.016)." in one.detail
    assert "ASAM" not in one.detail


def test_two_better_rules(tmp_path):
    (one,) = found(tmp_path, accuracies(sam=lambda seed: 0.02, asam=lambda seed: 0.03))
    assert one.headline == "ASAM ends 3.0 points above plain SGD."
    assert one.detail.endswith("Also above plain SGD, in points: SAM (+2.0).")


def test_a_better_and_a_worse_rule(tmp_path):
    (one,) = found(tmp_path, accuracies(sam=lambda seed: -0.02, asam=lambda seed: 0.03))
    assert one.kind == "better"
    assert one.detail.endswith("Significantly below plain SGD, in points: SAM (−2.0).")


def test_a_worse_rule(tmp_path):
    (one,) = found(tmp_path, accuracies(sam=lambda seed: -0.02, asam=lambda seed: 0.001 * (-1) ** seed))
    assert one.kind == "worse"
    assert one.headline == "No rule is shown to beat plain SGD: SAM ends 2.0 points below plain SGD."
    assert "worse under 8 of 8 seeds" in one.detail


def test_no_difference(tmp_path):
    (one,) = found(tmp_path, accuracies(sam=lambda seed: 0.01 * (-1) ** seed, asam=lambda seed: 0.0))
    assert one.kind == "no difference"
    assert one.headline == "No rule is shown to differ from plain SGD."
    assert one.detail.startswith("The largest difference is that of SAM: ")
    assert "p = 1 after Holm's correction" in one.detail


def test_one_rule_that_does_not_differ(tmp_path):
    (one,) = found(tmp_path, accuracies(sam=lambda seed: 0.01 * (-1) ** seed), rules=["none", "sam"])
    assert one.headline == "SAM is not shown to differ from plain SGD."


def test_too_few_seeds(tmp_path):
    (one,) = found(tmp_path, accuracies(sam=lambda seed: -0.028 - 0.002 * seed), seeds=4)
    assert one.kind == "undecided"
    assert one.headline == (
        "The seeds are too few to show a difference: SAM ends 3.1 points below plain SGD (95 % interval −3.5 to −2.7)."
    )
    assert one.detail == "Four seeds cannot decide two comparisons; seven could."


def test_one_seed(tmp_path):
    (one,) = found(tmp_path, accuracies(sam=lambda seed: 0.02), seeds=1)
    assert one.kind == "undecided"
    assert one.headline == "SAM ends 2.0 points above plain SGD, under one seed."


def test_equal_means(tmp_path):
    (one,) = found(tmp_path, accuracies(), seeds=1)
    assert one.headline == "SAM ends level with plain SGD, under one seed."


def test_runs_that_are_not_done(tmp_path):
    fill = accuracies(sam=lambda seed: "diverged" if seed > 5 else 0.02, asam=lambda seed: 0.0)
    (one,) = found(tmp_path, fill)
    assert one.detail.endswith("Runs that are not done are left out: 2 of 8 of SAM.")


@pytest.mark.parametrize("which", ["none", "others"])
def test_nothing_to_compare(tmp_path, which):
    lost = {"none": lambda seed: "failed"} if which == "none" else dict.fromkeys(RULES[1:], lambda seed: "failed")
    (one,) = found(tmp_path, accuracies(**lost))
    assert one.kind == "nothing"
    assert "nothing is compared" in one.headline


def test_one_rule_alone_has_no_finding(tmp_path):
    assert found(tmp_path, accuracies(), rules=["none"]) == []


def test_findings_of_several_strategies(tmp_path):
    both = found(tmp_path, accuracies(sam=lambda seed: 0.02), strategies=["naive", "replay"])
    assert [one.strategy for one in both] == ["naive", "replay"]
    assert "four comparisons" in both[0].detail


def test_a_strategy_without_the_baseline(tmp_path):
    """A study may leave out the baseline under one of its strategies."""
    selection = {"strategies": ["naive", "replay"], "exclude": [{"strategies": ["replay"], "rules": ["none"]}]}
    plain, replay = found(tmp_path, accuracies(sam=lambda seed: 0.02), **selection)
    assert plain.kind == "better"
    assert (replay.kind, replay.headline) == ("nothing", "Plain SGD has no run that is done, so nothing is compared.")


def test_another_metric(tmp_path):
    """Without average accuracy, the first metric is stated; lower forgetting is better."""
    fill = accuracies(sam=lambda seed: 0.02 + 0.001 * seed, asam=lambda seed: -0.03)
    results = collect(make(tmp_path, {**TWO, "rules": RULES, "seeds": 8}, fill))
    (one,) = findings(summary_table(results), comparison_table(results, metrics=["forgetting", "learning_accuracy"]))
    assert one.kind == "better"
    assert one.headline == "Forgetting of SAM is 4.7 points lower than that of plain SGD."
    assert one.detail.startswith("95 % interval −5.1 to −4.3; better under 8 of 8 seeds; p = 0.016 after Holm's")
    assert one.detail.endswith("Significantly worse than plain SGD, in points: ASAM (+6.0).")
    assert "learns" not in one.detail
    (one,) = findings(summary_table(results), comparison_table(results, metrics=["learning_accuracy"]))
    assert one.kind == "no difference"
    assert one.headline == "No rule is shown to differ from plain SGD in learning accuracy."


def test_a_metric_that_is_not_defined(tmp_path):
    results = collect(make(tmp_path, {**TWO, "rules": RULES, "seeds": 8}, accuracies()))
    (one,) = findings(summary_table(results), comparison_table(results, metrics=["forward_transfer"]))
    assert (one.kind, one.detail) == ("nothing", "")
    assert "nothing is compared" in one.headline


def test_metrics_without_percent(tmp_path):
    """A custom metric has no points, and its direction is that of its registration."""
    STORED_METRICS["seconds"] = Described(title="time needed", formula="", source="", higher_is_better=False)
    try:
        fill = accuracies(sam=lambda seed: 0.5 * (0.1 + 0.001 * seed))
        results = collect(make(tmp_path, {**TWO, "rules": ["none", "sam"], "seeds": 8}, fill))
        table = comparison_table(results, metrics=["average_accuracy"]).assign(metric="seconds")
        (one,) = findings(summary_table(results), table)
    finally:
        del STORED_METRICS["seconds"]
    assert one.kind == "worse"
    assert one.headline == "Time needed of SAM is 0.0518 higher than that of plain SGD."
    assert "points" not in one.detail


def some(*kinds, optimizer="sgd"):
    return [Finding("s", f"strategy {i}", optimizer, kind, "") for i, kind in enumerate(kinds)]


def test_few_findings_are_all_shown():
    found = some("nothing", "better", "undecided", "worse", "no difference", "no difference")
    assert condensed(found, "plain SGD") == (found, "")


def test_of_many_findings_those_with_a_difference_are_shown():
    found = some(*["no difference"] * 10, "worse", *["undecided"] * 3, "better", "nothing")
    shown, others = condensed(found, "plain SGD")
    assert shown == [found[10], found[14]]
    assert others == (
        "The other 14 of 16 strategies: no rule shown to differ from plain SGD in 10, too few seeds to show a "
        "difference in 3, nothing to compare in 1."
    )
    shown, others = condensed(some(*["better"] * 9), "plain SGD")
    assert len(shown) == 6
    assert others == "The other 3 of 9 strategies: a rule better than plain SGD in 3."
    assert condensed(some(*["undecided"] * 9), "plain SGD")[1].startswith("9 strategies: too few seeds")
    both = some(*["undecided"] * 4) + some(*["undecided"] * 4, optimizer="adam")
    assert condensed(both, "plain optimizer")[1].startswith("8 combinations of strategy and base optimizer: ")


@pytest.mark.parametrize(
    ("labels", "name"),
    [
        ([("a", "naive", "sgd"), ("a", "replay", "sgd")], "strategies"),
        ([("a", "naive", "sgd"), ("b", "naive", "sgd")], "streams"),
        ([("a", "naive", "sgd"), ("a", "naive", "adam")], "base optimizers"),
        ([("a", "naive", "sgd"), ("b", "replay", "sgd")], "combinations of stream and strategy"),
        (
            [("a", "naive", "sgd"), ("b", "replay", "sgd"), ("a", "naive", "adam")],
            "combinations of stream, strategy and base optimizer",
        ),
        ([("a", "naive", "sgd")], "strategies"),
        ([], "strategies"),
    ],
)
def test_groups_are_named_by_what_differs(labels, name):
    assert places(labels) == name
