"""Tables of the lifelong studies, against independent computations from the stored runs."""

import json
import re
from itertools import product

import pandas as pd
import pytest
from scipy.stats import t as student

from benchmarks.pages.lifelong import FOLDER, complete, family, tables, title, with_lookbehind
from benchmarks.pages.markdown import BENCHMARKS
from lifelong_lb.config import expand, read_study

TABLES = tables()
PRECISION = pd.read_csv(FOLDER / "precision" / "results.csv")
LABELS = {"plain SGD": "none", "Lookbehind-SAM": "lookbehind-sam"}


def rows(name):
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in TABLES[name][2:]]


@pytest.mark.parametrize("row", rows("bfloat16"))
def test_differences_of_precisions_follow_from_the_stored_runs(row):
    rule, metric, seeds, mean = row
    one, other = (
        100
        * PRECISION[(PRECISION["rule"] == LABELS[rule]) & (PRECISION["stream"] == stream)].set_index("seed")[
            metric.replace(" ", "_")
        ]
        for stream in ("bfloat16", "float32")
    )
    difference = one.sort_index() - other.sort_index()
    assert [float(value) for value in seeds.split(",")] == pytest.approx(difference.tolist(), abs=0.051)
    half = student.ppf(0.975, 2) * difference.std(ddof=1) / 3**0.5
    center, low, high = map(float, re.findall(r"[+-][0-9.]+", mean))
    assert center == pytest.approx(difference.mean(), abs=0.0051)
    assert (low, high) == pytest.approx((difference.mean() - half, difference.mean() + half), abs=0.051)
    assert low < 0 < high


def test_every_rule_and_metric_of_precisions_is_there():
    assert len(rows("bfloat16")) == 6
    assert len(PRECISION) == 12


@pytest.mark.parametrize(
    ("name", "rules"), [("naive-steps", 7), ("naive-gradients", 2), ("er-steps", 4), ("er-gradients", 2)]
)
def test_the_chosen_settings_are_those_of_the_best_trials(name, rules):
    """They are also those of chosen.yaml and of the stored runs."""
    trials = pd.read_csv(FOLDER / name / "trials.csv")
    printed = {rule: [float(cell) for cell in cells if cell] for rule, *cells in rows(f"settings of {name}")}
    chosen = {}
    study = read_study(FOLDER / name / "chosen.yaml")
    for run in expand(study):
        settings = (run.config.optimizer.lr, getattr(run.config.rule, "rho", None))
        chosen.setdefault(study.rules[run.entries["rules"]].label, set()).add(settings)
    assert len(printed) == len(chosen) == rules
    for label, settings in chosen.items():
        ((lr, rho),) = settings
        best = trials[trials["rule"] == (label or "none")]["average_accuracy"].max()
        expected = [lr, rho, 100 * best] if rho is not None else [lr, 100 * best]
        assert printed[title(label or "none")] == pytest.approx(expected, rel=1e-3)
    for path in (FOLDER / name / "runs").glob("*/config.json"):
        config = json.loads(path.read_text(encoding="utf-8"))
        assert {(config["optimizer"]["lr"], config["rule"].get("rho"))} in chosen.values()


@pytest.mark.parametrize(
    ("study", "differences", "significant"),
    [
        ("naive-steps", [-5.8, -1.3, 2.7, 0.4], [True, True, True, False]),
        ("naive-gradients", [-15.5, -10.1, -1.5, -4.3], [True, True, False, True]),
    ],
)
def test_the_families_decide_what_the_pages_say(study, differences, significant):
    """Forgetting and learning accuracy of Lookbehind-SAM minus those of plain SGD, and minus those of SAM."""
    assert complete(study)
    runs = with_lookbehind(study)
    comparisons = family(runs).set_index(["baseline", "metric"])
    assert comparisons.index.tolist() == list(product(("none", "sam"), ("forgetting", "learning_accuracy")))
    assert (comparisons["pairs"] == 8).all()
    assert (100 * comparisons["difference"]).round(1).tolist() == differences
    assert (comparisons["p_holm"] < 0.05).tolist() == significant
    by_rule = runs.pivot(index="seed", columns="rule", values=["forgetting", "learning_accuracy"])
    for (baseline, metric), row in comparisons.iterrows():
        paired = by_rule[metric]["lookbehind-sam"] - by_rule[metric][baseline]
        signs = [sum(s * d for s, d in zip(one, paired, strict=True)) for one in product((1, -1), repeat=8)]
        assert row["p"] == pytest.approx(sum(abs(s) >= abs(paired.sum()) - 1e-12 for s in signs) / 256)


def test_sentences_about_fine_tuning():
    steps, gradients = with_lookbehind("naive-steps"), with_lookbehind("naive-gradients")
    learnt = steps.groupby("rule")["learning_accuracy"].mean()
    assert learnt[learnt > learnt["none"]].index.tolist() == ["asam"]
    assert (gradients["gradient_evaluations"] == 15_000).all()
    means = [100 * runs.groupby("rule")["average_accuracy"].mean() for runs in (steps, gradients)]
    assert means[1].round(1).to_dict() == {"lookbehind-sam": 55.3, "none": 50.7, "sam": 58.2}
    above = [[one["lookbehind-sam"] - one["none"], one["sam"] - one["lookbehind-sam"]] for one in means]
    assert [[round(value, 1) for value in row] for row in above] == [[4.2, 2.2], [4.6, 2.9]]
    by_seed = gradients.pivot(index="seed", columns="rule", values="forgetting")
    assert (by_seed["lookbehind-sam"] < by_seed["sam"]).sum() == 6
    own = gradients[gradients["rule"] != "lookbehind-sam"]
    assert [round(runs["train_seconds"].sum() / 3600, 1) for runs in (steps, own)] == [4.2, 1.1]


def test_the_number_of_ended_runs_is_that_of_the_stored_ones():
    page = (BENCHMARKS.parent / "docs" / "results" / "learning-and-forgetting.md").read_text(encoding="utf-8")
    (ended,) = re.findall(r"(\d+) of the 12 runs ha(?:s|ve) ended", page)
    assert int(ended) == (pd.read_csv(FOLDER / "er-gradients" / "results.csv")["status"] == "done").sum()


def test_sentences_about_replay():
    runs = with_lookbehind("er-steps")
    by_rule = 100 * runs.pivot(index="seed", columns="rule", values="forgetting")
    for rule, less in (("sam", 2.7), ("lookbehind-sam", 3.1)):
        assert (by_rule[rule] < by_rule["none"]).sum() == 6
        assert round((by_rule["none"] - by_rule[rule]).mean(), 1) == less
    learnt = 100 * runs.groupby("rule")["learning_accuracy"].mean()
    assert learnt.max() - learnt.min() < 0.6
    assert round(runs["train_seconds"].sum() / 3600, 1) == 2.2
    differences = {tuple(row[:3]): row[3:] for row in rows("differences with replay")}
    assert len(differences) == 4
    paired = by_rule["lookbehind-sam"] - by_rule["none"]
    half = student.ppf(0.975, 5) * paired.std(ddof=1) / 6**0.5
    assert differences["equal steps", "plain SGD", "forgetting"] == [
        "6",
        f"{paired.mean():+.1f}",
        f"{paired.mean() - half:+.1f} to {paired.mean() + half:+.1f}",
    ]


def test_most_of_the_difference_between_plain_sgd_and_sam_is_one_between_their_rates():
    tuned = pd.read_csv(FOLDER / "naive-steps" / "results.csv").groupby("rule")["forgetting"].mean()
    rates = pd.read_csv(FOLDER / "learning-rates" / "results.csv")
    by_rule = rates.groupby(["rule", "base_optimizer"])[["forgetting", "average_accuracy"]].agg(["mean", "count"])
    assert (by_rule["forgetting", "count"] == 3).all()
    forgetting = 100 * by_rule["forgetting", "mean"].unstack("rule")
    forgetting.index = [float(label[len("sgd(lr=") : -1]) for label in forgetting.index]
    assert forgetting["none"].round(1).to_dict() == {0.03: 24.6, 0.1: 17.1, 0.25: 13.1}
    assert round(100 * tuned["none"], 1) == 19.6
    assert (100 * tuned["none"] - forgetting["none"][0.25]) / (100 * (tuned["none"] - tuned["sam"])) > 0.7
    less = forgetting["none"] - forgetting["sam"]
    assert (round(less.min(), 1), round(less.max(), 1)) == (2.7, 11.2)
    assert (forgetting["lookbehind-sam"] < forgetting["sam"]).tolist() == [True, False, False]
    assert abs(forgetting["lookbehind-sam"][0.25] - forgetting["none"][0.25]) < 0.1
    accuracy = by_rule["average_accuracy", "mean"].unstack("rule")
    assert (accuracy[["none", "sam"]].idxmax() == "sgd(lr=0.25)").all()


def test_a_family_has_four_comparisons_corrected_together():
    """Eight seeds of one sign: p = 2 / 256 each; three of these, and one with half of the signs turned (p = 1)."""
    tenths = [0.1 * (seed + 1) for seed in range(8)]
    alternating = [0.1 * (-1) ** seed for seed in range(8)]
    frames = {
        "lookbehind-sam": ([0.0] * 8, [0.0] * 8),
        "none": (tenths, tenths),
        "sam": (tenths, alternating),
    }
    rows = [
        {"rule": rule, "seed": seed, "status": "done", "forgetting": f[seed], "learning_accuracy": la[seed]}
        for rule, (f, la) in frames.items()
        for seed in range(8)
    ]
    diverged = {"rule": "none", "seed": 8, "status": "diverged", "forgetting": 9.0, "learning_accuracy": 9.0}
    frame = pd.DataFrame([*rows, diverged])
    comparisons = family(frame[frame["status"] == "done"])
    assert comparisons[["baseline", "metric"]].to_numpy().tolist() == [
        ["none", "forgetting"],
        ["none", "learning_accuracy"],
        ["sam", "forgetting"],
        ["sam", "learning_accuracy"],
    ]
    assert comparisons["pairs"].tolist() == [8] * 4
    assert comparisons["difference"].tolist() == pytest.approx([-0.45, -0.45, -0.45, 0])
    assert comparisons["p"].tolist() == pytest.approx([2 / 256] * 3 + [1])
    assert comparisons["p_holm"].tolist() == pytest.approx([8 / 256] * 3 + [1])
