"""Tables of small studies, against the stored runs."""

import pandas as pd

from benchmarks.pages import small
from benchmarks.pages.markdown import BENCHMARKS, RESULTS
from lifelong_lb.config import expand, read_study

TABLES = small.tables()


def rows(name):
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in TABLES[name][2:]]


def test_the_table_of_small_class_incremental_studies():
    printed = {tuple(row[:3]): row[3:] for row in rows("small class-incremental studies")}
    for folder, stream in small.CLASS_INCREMENTAL.items():
        runs = pd.read_csv(RESULTS / "class-incremental" / folder / "results.csv")
        for run in runs[runs["status"] == "done"].itertuples():
            rule = {"none": "plain SGD", "c-flat": "C-Flat"}[run.rule]
            assert printed.pop((stream, f"`{run.strategy}`", rule)) == [
                f"{100 * run.average_accuracy_by_images:.1f}",
                f"{100 * run.average_incremental_accuracy_by_images:.1f}",
                f"{run.gradient_evaluations:,}",
                f"{run.train_seconds:.0f}",
            ]
        study = read_study(BENCHMARKS / "studies" / "class-incremental" / f"{folder}.yaml")
        assert {run.config.run_id for run in expand(study)} == set(runs["run"])
    assert not printed


def test_sentences_about_all_strategies_hold():
    runs = pd.read_csv(RESULTS / "all-strategies" / "results.csv")
    diverged = runs[runs["status"] == "diverged"]
    assert len(runs) == 132
    assert set(diverged["rule"]) == {"none"}
    assert diverged["strategy"].value_counts().to_dict() == {"ewc": 2, "ewc-online": 1}
    means = runs[runs["status"] == "done"].groupby(["strategy", "rule"])["average_accuracy"].mean()
    assert means.idxmin() == ("gdumb", "none")
    of_strategy = means.groupby("strategy")
    without = ["naive", "ewc", "ewc-online", "mas", "lwf", "si", "rwalk"]
    assert (of_strategy.max()[without] < 0.114).all()
    more = of_strategy.min()[["replay", "er-ace", "er-aml", "der++", "gem", "gss", "mir"]]
    assert (more > 0.1395).all()
    assert (of_strategy.max()[["gdumb", "agem", "icarl"]] < 0.12).all()
    table = means.unstack("rule").dropna()
    assert len(table) == 21
    assert [(table[rule] > table["none"]).sum() for rule in ("sam", "lookbehind-sam")] == [9, 5]
    assert (pd.read_csv(RESULTS / "all-strategies-ewc" / "results.csv")["status"] == "done").all()
