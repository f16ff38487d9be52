"""Tables and sentences of docs/results/streams.md, against the stored runs."""

import runpy

import pandas as pd
import pytest

from benchmarks.pages import streams
from benchmarks.pages.markdown import BENCHMARKS, RULES
from lifelong_lb.config import expand, read_study
from lifelong_lb.studies.stream_images import images_of

STUDIES = BENCHMARKS / "studies" / "streams"
STREAM_STUDIES = sorted(STUDIES.glob("*.yaml"))
TABLES = streams.tables()


def stream_runs(study):
    runs = pd.read_csv(streams.FOLDER / study / "results.csv")
    return runs[runs["status"] == "done"]


@pytest.mark.parametrize("path", STREAM_STUDIES, ids=lambda path: path.stem)
def test_the_table_of_a_study_of_streams(path):
    lines = TABLES[f"streams, {path.stem}"][2:]
    runs, found = stream_runs(path.stem), {}
    for line in lines:
        stream, strategy, *cells = [cell.strip() for cell in line.strip("|").split("|")]
        for rule, cell in zip(RULES, cells, strict=True):
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
    runpy.run_path(str(STUDIES / "tables.py"), run_name="__main__")
    streams = read_study(STUDIES / "vectors.yaml").streams
    images = images_of(streams, [tmp_path])
    assert [(len(one.train), len(one.test)) for one in images] == [(1442, 355), (144, 34), (144, 34), (120, 30)]
    assert images[3].stream.class_order == (0, 2, 1)
