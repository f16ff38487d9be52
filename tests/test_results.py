"""Numbers that benchmarks/RESULTS.md prints of lifelong-learning studies, against the stored results."""

import re
import runpy
from pathlib import Path

import pandas as pd
import pytest
from scipy.stats import t as student

from lifelong_lb import load_results
from lifelong_lb.config import expand, read_study
from lifelong_lb.studies.stream_images import images_of

BENCHMARKS = Path(__file__).parents[1] / "benchmarks"
STORED = BENCHMARKS / "results" / "lifelong"
SCRIPT = runpy.run_path(str(BENCHMARKS / "lifelong.py"))
FOLDERS = sorted(path.parent for path in STORED.glob("*/results.csv"))


def printed_rows():
    page = (BENCHMARKS / "RESULTS.md").read_text(encoding="utf-8")
    block = page.split(SCRIPT["BEGIN"])[1].split(SCRIPT["END"])[0].strip().splitlines()[2:]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in block]


def numbers(values):
    """Mean, sample deviation and ends of the t interval, as printed."""
    n, mean, std = len(values), values.mean(), values.std(ddof=1)
    if n < 2:
        return ([f"{mean:.3f}"] if n else []), None
    half = student.ppf(0.975, n - 1) * std / n**0.5
    return [f"{number:.3f}" for number in (mean, std, mean - half, mean + half)], (mean - half, mean + half)


@pytest.mark.parametrize("row", printed_rows(), ids=lambda row: f"{row[0]} {row[1]}")
def test_the_table_of_published_rows(row):
    label, metric, theirs, ours, seeds, overlap = row
    strategy = next(key for key, value in SCRIPT["ROWS"].items() if value == label)
    column = next(key for key, value in SCRIPT["METRICS"].items() if value == metric)
    published, found = pd.read_csv(STORED / "tag.csv"), pd.read_csv(STORED / "published-rows" / "results.csv")
    found = found[found["status"] == "done"]
    a, b = (frame.loc[frame["strategy"] == strategy, column] for frame in (published, found))
    (theirs_now, one), (ours_now, other) = numbers(a), numbers(b)
    plain = str.maketrans(dict.fromkeys("±[],", " "))
    assert (theirs.translate(plain).split(), ours.translate(plain).split()) == (theirs_now, ours_now)
    assert (int(seeds), len(a)) == (len(b), 5)
    assert overlap == ("" if other is None else "yes" if one[0] <= other[1] and other[0] <= one[1] else "no")


def test_the_table_has_every_row():
    assert len(printed_rows()) == len(SCRIPT["ROWS"]) * len(SCRIPT["METRICS"])


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_stored_tables_follow_from_the_stored_runs(folder):
    runs, accuracy = load_results(folder)
    for frame, name in ((runs, "results.csv"), (accuracy, "accuracy.csv")):
        stored = pd.read_csv(folder / name)
        found = frame.reset_index(drop=True)[stored.columns]
        pd.testing.assert_frame_equal(found, stored, check_dtype=False, rtol=1e-12)


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_stored_folders_hold_small_text_files_only(folder):
    paths = list(folder.rglob("*"))
    assert folder / "results.csv" in paths
    for path in paths:
        assert path.suffix != ".pt"
        if path.is_file() and path.name not in ("report.html",):
            assert path.stat().st_size < 1_000_000
            path.read_text(encoding="utf-8")


PUBLISHED = runpy.run_path(str(BENCHMARKS / "published.py"))
TARGETS = pd.read_csv(PUBLISHED["TARGETS"])


def printed_strategies():
    page = (BENCHMARKS / "RESULTS.md").read_text(encoding="utf-8")
    lines = page.split(PUBLISHED["BEGIN"])[1].split(PUBLISHED["END"])[0].strip().splitlines()[2:]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


@pytest.mark.parametrize(("target", "row"), list(zip(TARGETS.itertuples(), printed_strategies(), strict=True)))
def test_the_table_of_published_strategies(target, row):
    stream, strategy, published, ours, seeds, reproduced = row
    runs = pd.read_csv(BENCHMARKS / "results" / "published" / target.folder / "results.csv")
    runs = runs[(runs["rule"] == "none") & (runs["status"] == "done")]
    assert (stream, strategy) == (target.stream, target.strategy)
    assert [float(number) for number in ours.split(",")] == pytest.approx(runs["average_accuracy"].tolist(), abs=5e-4)
    assert int(seeds) == len(runs)
    if published:
        assert float(published) == target.published
        difference = runs["average_accuracy"].mean() - target.published
        assert reproduced == ("yes" if abs(difference) <= 0.03 else "higher" if difference > 0 else "lower")
    else:
        assert reproduced == ""


def test_reproduced():
    verdicts = [PUBLISHED["reproduced"](value, 0.5) for value in (0.475, 0.525, 0.535, 0.465)]
    assert verdicts == ["yes", "yes", "higher", "lower"]


def test_overlap_of_intervals():
    spread, overlap = SCRIPT["spread"], SCRIPT["overlap"]
    assert overlap(spread([0.1, 0.2]), spread([0.3, 0.4])) == "yes"
    assert overlap(spread([0.10, 0.11]), spread([0.40, 0.41])) == "no"
    assert overlap(spread([0.1]), spread([0.1, 0.2])) == ""
    assert SCRIPT["text"]([0.1, 0.2, 0.3]) == "0.200 ± 0.100 [-0.048, 0.448]"
    assert (SCRIPT["text"]([0.5]), SCRIPT["text"]([])) == ("0.500", "")


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
    table = SCRIPT["family"](frame, frame)
    assert table[["baseline", "metric"]].to_numpy().tolist() == [
        ["none", "forgetting"],
        ["none", "learning_accuracy"],
        ["sam", "forgetting"],
        ["sam", "learning_accuracy"],
    ]
    assert table["pairs"].tolist() == [8] * 4
    assert table["difference"].tolist() == pytest.approx([-0.45, -0.45, -0.45, 0])
    assert table["p"].tolist() == pytest.approx([2 / 256] * 3 + [1])
    assert table["p_holm"].tolist() == pytest.approx([8 / 256] * 3 + [1])


SMALL = {"B0 Inc10, first five": "pycil-cifar100-b0-inc10-small", "B50 Inc10": "pycil-cifar100-b50-inc10-small"}


def test_the_table_of_small_class_incremental_studies():
    page = (BENCHMARKS / "RESULTS.md").read_text(encoding="utf-8").split("## Class-incremental tables, made small")[1]
    rows = [
        re.split(r" \| ", line.strip("| ")) for line in page.split("\n## ")[0].splitlines() if line.startswith("| B")
    ]
    printed = {(stream, strategy.strip("`"), rule): numbers for stream, strategy, rule, *numbers in rows}
    for stream, folder in SMALL.items():
        runs = pd.read_csv(BENCHMARKS / "results" / "class-incremental" / folder / "results.csv")
        for run in runs[runs["status"] == "done"].itertuples():
            assert printed.pop((stream, run.strategy, run.rule)) == [
                f"{100 * run.average_accuracy_by_images:.1f}",
                f"{100 * run.average_incremental_accuracy_by_images:.1f}",
                f"{run.gradient_evaluations:,}",
                f"{run.train_seconds:.0f}",
            ]
        study = read_study(BENCHMARKS / "studies" / "class-incremental" / f"{folder}.yaml")
        assert {run.config.run_id for run in expand(study)} == set(runs["run"])
    assert not printed


STREAMS = runpy.run_path(str(BENCHMARKS / "streams.py"))
STREAM_STUDIES = sorted(STREAMS["STUDIES"].glob("*.yaml"))


def stream_runs(study):
    runs = pd.read_csv(STREAMS["RESULTS"] / study / "results.csv")
    return runs[runs["status"] == "done"]


@pytest.mark.parametrize("path", STREAM_STUDIES, ids=lambda path: path.stem)
def test_the_table_of_a_study_of_streams(path):
    page = STREAMS["PAGE"].read_text(encoding="utf-8")
    lines = page.split(f"<!-- results of {path.stem} -->")[1].strip().split("\n\n")[0].splitlines()[2:]
    runs, found = stream_runs(path.stem), {}
    for line in lines:
        stream, strategy, *cells = [cell.strip() for cell in line.strip("|").split("|")]
        for rule, cell in zip(STREAMS["RULES"], cells, strict=True):
            found[stream, "naive" if strategy == "fine-tuning" else strategy, rule] = cell
    stored = runs.groupby(["stream", "strategy", "rule"])["average_accuracy"]
    assert found == {key: f"{100 * one.mean():.1f} ± {100 * one.std(ddof=1):.1f}" for key, one in stored}


@pytest.mark.parametrize("path", STREAM_STUDIES, ids=lambda path: path.stem)
def test_the_stored_runs_are_those_of_the_study_file(path):
    study = read_study(path)
    assert study.name == path.stem
    assert {run.config.run_id for run in expand(study)} == set(stream_runs(path.stem)["run"])


def test_sentences_about_streams_hold():
    def mean(study, stream, strategy, metric="average_accuracy"):
        runs = stream_runs(study)
        return 100 * runs[(runs["stream"] == stream) & (runs["strategy"] == strategy)].groupby("rule")[metric].mean()

    experiences = {"5 equal": 5, "4 then 2": 4, "2-3-5": 3, "listed": 3}
    for stream, number in experiences.items():
        assert (abs(mean("unequal-digits", stream, "naive") - 100 / number) < 3).all()
    three, more = (
        [mean("unequal-digits", stream, "replay").mean() for stream, n in experiences.items() if (n == 3) == few]
        for few in (True, False)
    )
    assert min(three) > max(more)

    for stream in ("50 then 10", "10 equal"):
        assert mean("b50-inc10", stream, "naive", "average_accuracy_by_images").round(1).isin([3.9, 4.0]).all()
    fewer, equal = (mean("b50-inc10", stream, "naive") for stream in ("50 then 10", "10 equal"))
    assert (fewer > equal).all()

    orders = stream_runs("class-orders").query("strategy == 'naive'").groupby(["stream", "rule"])["average_accuracy"]
    deviations = orders.std().unstack("rule")
    assert (deviations.loc["an order per seed"] >= 2 * deviations.drop("an order per seed")).all(axis=None)

    raw, statistics, numbers = (mean("normalise", s, "replay") for s in ("in 0..1", "dataset", "numbers"))
    assert (statistics - raw > 15).all()
    assert (numbers >= statistics).all()

    lost, kept = (mean("sources-digits", "MNIST-USPS-digits", s, "forgetting") for s in ("naive", "replay"))
    assert lost.between(30, 36).all()
    assert (kept < 5).all()
    naive, replay = (mean("sources-characters", "all classes", strategy) for strategy in ("naive", "replay"))
    assert (replay - naive < 4).all()
    assert (mean("folders-alphabets", "by task", "naive") > mean("folders-alphabets", "all classes", "replay")).all()
    for strategy in ("naive", "replay"):
        assert (mean("vectors", "wine as it is", strategy) <= 50).all()
        assert (mean("vectors", "wine CSV", strategy) > 85).all()


def test_tables_of_scikit_learn_are_written_as_vectors(tmp_path, monkeypatch):
    monkeypatch.setattr("sys.argv", ["tables.py", str(tmp_path)])
    runpy.run_path(str(STREAMS["STUDIES"] / "tables.py"), run_name="__main__")
    streams = read_study(STREAMS["STUDIES"] / "vectors.yaml").streams
    images = images_of(streams, [tmp_path])
    assert [(len(one.train), len(one.test)) for one in images] == [(1442, 355), (144, 34), (144, 34), (120, 30)]
    assert images[3].stream.class_order == (0, 2, 1)


PRETRAINED = runpy.run_path(str(BENCHMARKS / "pretrained.py"))


@pytest.mark.parametrize("name", PRETRAINED["tables"]())
def test_the_tables_of_pretrained_networks(name):
    page = (BENCHMARKS / "RESULTS.md").read_text(encoding="utf-8")
    printed = page.split(f"<!-- {name} -->\n")[1].split(f"<!-- end of {name} -->\n")[0].strip().splitlines()
    assert printed == PRETRAINED["tables"]()[name]


def test_means_and_differences_in_percent(tmp_path):
    (tmp_path / "a").mkdir()
    pd.DataFrame({
        "stream": "s",
        "rule": ["none", "none", "sam", "sam"],
        "status": ["done", "done", "done", "failed"],
        "average_accuracy": [0.1, 0.3, 0.5, 0.9],
        "learning_accuracy": [0.5, 0.5, 0.75, 0.9],
        "forgetting": [0.0, 0.1, -0.2, 0.9],
    }).to_csv(tmp_path / "a" / "results.csv")
    pd.DataFrame({
        "strategy": "naive",
        "rule": "sam",
        "metric": ["average_accuracy", "forgetting"],
        "baseline": "none",
        "pairs": 10,
        "difference_mean": 0.01,
        "ci_low": -0.002,
        "ci_high": 0.022,
        "p": 0.02,
        "p_holm": 0.08,
    }).to_csv(tmp_path / "a" / "comparisons.csv")
    assert PRETRAINED["means"](["a"], ("stream", "rule"), tmp_path)[2:] == [
        "| s | none | 2 | 20.0 ± 14.1 | 50.0 ± 0.0 | 5.0 ± 7.1 |",
        "| s | sam | 1 | 50.0 | 75.0 | -20.0 |",
    ]
    assert PRETRAINED["differences"]("a", tmp_path)[2:] == [
        "| naive | sam | 10 | +1.00 | -0.20 to +2.20 | 0.020 | 0.080 |"
    ]
