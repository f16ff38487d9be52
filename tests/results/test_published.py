"""Tables of published rows, against independent computations from the stored runs."""

import pandas as pd
import pytest
from scipy.stats import t as student
from scipy.stats import ttest_ind

from benchmarks.pages import published
from benchmarks.pages.markdown import RESULTS, overlap
from lifelong_lb.evaluation.statistics import spread

TABLES = published.tables()
TARGETS = pd.read_csv(published.TARGETS)


def rows(name):
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in TABLES[name][2:]]


def numbers(values):
    """Mean, sample deviation and ends of the t interval in percent, as printed; and the interval."""
    values = 100 * values
    n, mean, std = len(values), values.mean(), values.std(ddof=1)
    half = student.ppf(0.975, n - 1) * std / n**0.5
    return [f"{number:.1f}" for number in (mean, std, mean - half, mean + half)], (mean - half, mean + half)


@pytest.mark.parametrize("row", rows("published lifelong rows"), ids=lambda row: f"{row[0]} {row[1]}")
def test_the_table_of_published_rows(row):
    label, metric, theirs, ours, seeds, overlaps = row
    strategy = next(key for key, value in published.ROWS.items() if value == label)
    column = next(key for key, value in published.METRICS.items() if value == metric)
    log = pd.read_csv(published.LIFELONG / "tag.csv")
    found = pd.read_csv(published.LIFELONG / "published-rows" / "results.csv")
    assert (found["status"] == "done").all()
    a, b = (frame.loc[frame["strategy"] == strategy, column] for frame in (log, found))
    (theirs_now, one), (ours_now, other) = numbers(a), numbers(b)
    plain = str.maketrans(dict.fromkeys("±[],", " "))
    assert (theirs.translate(plain).split(), ours.translate(plain).split()) == (theirs_now, ours_now)
    assert (int(seeds), len(a)) == (len(b), 5)
    assert overlaps == ("yes" if one[0] <= other[1] and other[0] <= one[1] else "no")


def test_sentences_about_published_rows_hold():
    """RESULTS.md: all intervals overlap, and our means of average accuracy are the higher ones."""
    all_rows = rows("published lifelong rows")
    assert len(all_rows) == 15
    assert {row[-1] for row in all_rows} == {"yes"}
    verdicts = rows("published lifelong verdicts")
    assert [row[-1] for row in verdicts] == ["3 of 3"] * 5
    frames = [pd.read_csv(published.LIFELONG / name) for name in ("tag.csv", "published-rows/results.csv")]
    theirs, ours = (frame.groupby("strategy")["average_accuracy"].mean() for frame in frames)
    differences = 100 * (ours - theirs)
    assert (differences > 0).all()
    assert [round(differences.min(), 2), round(differences.max(), 1)] == [0.02, 4.9]


@pytest.mark.parametrize(("target", "row"), list(zip(TARGETS.itertuples(), rows("published strategies"), strict=True)))
def test_the_table_of_published_strategies(target, row):
    stream, strategy, value, ours, seeds, reproduced = row
    runs = pd.read_csv(RESULTS / "published" / target.folder / "results.csv")
    runs = runs[(runs["rule"] == "none") & (runs["status"] == "done")]
    assert (stream, strategy) == (target.stream, target.strategy)
    percents = 100 * runs["average_accuracy"]
    assert [float(number) for number in ours.split(",")] == pytest.approx(percents.tolist(), abs=0.0501)
    assert int(seeds) == len(runs)
    if value:
        assert float(value) == pytest.approx(100 * target.published)
        difference = percents.mean() - float(value)
        assert reproduced == ("yes" if abs(difference) <= 3 else "higher" if difference > 0 else "lower")
    else:
        assert reproduced == ""


def test_seven_of_nine_strategies_are_reproduced_and_two_are_higher():
    assert sorted(row[-1] for row in rows("published strategies")) == ["", "higher", "higher", *["yes"] * 7]


def test_reproduced():
    verdicts = [published.reproduced(value, 0.5) for value in (0.475, 0.525, 0.535, 0.465)]
    assert verdicts == ["yes", "yes", "higher", "lower"]


def test_overlap_of_intervals():
    assert overlap(spread([0.1, 0.2]), spread([0.3, 0.4])) == "yes"
    assert overlap(spread([0.10, 0.11]), spread([0.40, 0.41])) == "no"
    assert overlap(spread([0.1]), spread([0.1, 0.2])) == ""


def test_sentences_about_strategies_hold():
    runs = {path.parent.name: pd.read_csv(path) for path in (RESULTS / "published").glob("*/results.csv")}
    values = TARGETS.dropna(subset="published")
    seeds = [int((runs[folder]["rule"] == "none").sum()) for folder in values["folder"]]
    assert (seeds.count(1), seeds.count(3)) == (5, 4)
    lwf, gdumb = (
        100 * runs[name].pivot(index="seed", columns="rule", values="average_accuracy")
        for name in ("split-mnist-lwf", "split-mnist-gdumb")
    )
    lower = lwf.sub(lwf["none"], axis=0).drop(columns="none").to_numpy()
    assert [round(lower.min(), 1), round(lower.max(), 1)] == [-1.6, -0.7]
    signs = gdumb.sub(gdumb["none"], axis=0).drop(columns="none")
    assert (signs > 0).any(axis=None)
    assert (signs < 0).any(axis=None)
    assert runs["permuted-mnist-agem"]["learning_accuracy"].between(0.9515, 0.957).all()


def test_welch_tests_of_published_rows():
    log = pd.read_csv(published.LIFELONG / "tag.csv")
    found = pd.read_csv(published.LIFELONG / "published-rows" / "results.csv")
    p = {}
    for strategy in published.ROWS:
        for metric in published.METRICS:
            sides = (frame.loc[frame["strategy"] == strategy, metric] for frame in (log, found))
            p[strategy, metric] = ttest_ind(*sides, equal_var=False).pvalue
    assert [round(p.pop(("ewc", metric)), 3) for metric in ("average_accuracy", "learning_accuracy")] == [0.046, 0.035]
    assert min(p.values()) > 0.18
