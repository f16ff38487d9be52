"""Findings: sentences about hand-made results, case by case."""

import pytest
from reports.folders import TWO, make, two_experiences

from lifelong_lb.reports import collect, comparison_table, summary_table
from lifelong_lb.reports.page.findings import findings

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
        "No rule is shown to differ from plain SGD: SAM ends 3.1 points below plain SGD (95 % interval −3.5 to −2.7)."
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
