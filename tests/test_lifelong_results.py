"""What benchmarks/RESULTS.md prints of bfloat16 and of the tuned study, against the stored results."""

import re
from pathlib import Path

import pandas as pd
import pytest
from scipy.stats import t as student

BENCHMARKS = Path(__file__).parents[1] / "benchmarks"
RESULTS = BENCHMARKS / "results" / "lifelong"
PAGE = (BENCHMARKS / "RESULTS.md").read_text(encoding="utf-8")
ROWS = pd.read_csv(RESULTS / "precision" / "results.csv")
BLOCK = re.search(r"<!-- precision -->(.*)<!-- end of precision -->", PAGE, re.DOTALL)
LINES = BLOCK.group(1).strip().splitlines()[2:]


@pytest.mark.parametrize("line", LINES)
def test_differences_follow_from_the_stored_runs(line):
    rule, metric, seeds, mean = (cell.strip() for cell in line.strip("|").split("|"))
    one, other = (
        ROWS[(ROWS["rule"] == rule) & (ROWS["stream"] == stream)].set_index("seed")[metric.replace(" ", "_")]
        for stream in ("bfloat16", "float32")
    )
    difference = one.sort_index() - other.sort_index()
    assert [float(value) for value in seeds.split(",")] == pytest.approx(difference.tolist(), abs=5.1e-4)
    half = student.ppf(0.975, 2) * difference.std(ddof=1) / 3**0.5
    center, low, high = map(float, re.findall(r"[+-][0-9.]+", mean))
    assert center == pytest.approx(difference.mean(), abs=5.1e-5)
    assert (low, high) == pytest.approx((difference.mean() - half, difference.mean() + half), abs=5.1e-4)
    assert low < 0 < high


def test_every_rule_and_metric_is_there():
    assert len(LINES) == 6
    assert len(ROWS) == 12


def test_the_chosen_settings_are_those_of_the_best_trials():
    trials = pd.read_csv(RESULTS / "naive-steps" / "trials.csv")
    best = trials.loc[trials.groupby("rule", sort=False)["average_accuracy"].idxmax()]
    rows = []
    for trial in best.itertuples():
        settings = dict(pair.split("=") for pair in trial.settings.split("; "))
        rho = settings.get(f"{trial.rule}.rho", "")
        rows.append([trial.rule, settings["sgd.lr"], rho, f"{trial.average_accuracy:.3f}"])
    table = PAGE.split("## Improved learning and less forgetting?")[1].split("average accuracy of the trial |")[1]
    printed = [[cell.strip() for cell in line.strip("|").split("|")] for line in table.splitlines()[2:9]]
    assert printed == rows


def test_the_number_of_ended_runs_is_that_of_the_stored_ones():
    runs = pd.read_csv(RESULTS / "naive-steps" / "results.csv")
    (ended,) = re.findall(r"So far (\d+) of the 56 runs", PAGE)
    assert int(ended) == (runs["status"] == "done").sum()
