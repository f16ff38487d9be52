"""The differences between precisions that benchmarks/RESULTS.md prints, against the stored results."""

import re
from pathlib import Path

import pandas as pd
import pytest
from scipy.stats import t as student

BENCHMARKS = Path(__file__).parents[1] / "benchmarks"
ROWS = pd.read_csv(BENCHMARKS / "results" / "lifelong" / "precision" / "results.csv")
BLOCK = re.search(
    r"<!-- precision -->(.*)<!-- end of precision -->",
    (BENCHMARKS / "RESULTS.md").read_text(encoding="utf-8"),
    re.DOTALL,
)
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
