"""Accuracies during training of a study: recorded, read back, and converted to metrics."""

import re

import numpy as np
import pandas as pd
import pytest
from reports.folders import make

import lifelong_lb
from lifelong_lb.config import UserError
from lifelong_lb.evaluation import CONTINUAL_METRICS
from lifelong_lb.reports import continual_metrics, load_results, write_report
from lifelong_lb.reports.results.collect import collect, continual_accuracy
from lifelong_lb.reports.results.merge_folders import collect_all
from lifelong_lb.store import ResultFolder

STUDY = {
    "streams": {"name": "split-digits", "experiences": 2, "scenario": "class-incremental"},
    "model": {"name": "mlp", "hidden": [8]},
    "train": {"batch_size": 100},
    "strategies": ["naive", "joint"],
    "rules": ["none", {"name": "lookahead", "k": 3}],
}
EVERY = {**STUDY, "evaluation": {"every": 3}}


@pytest.fixture(scope="module")
def measured(tmp_path_factory):
    out = tmp_path_factory.mktemp("measured")
    lifelong_lb.run_study(EVERY, out, executor="in-process")
    return out


def test_a_frame_of_all_runs(measured):
    frame = lifelong_lb.load_continual(measured)
    assert list(frame.columns) == [
        *("run", "stream", "strategy", "rule", "base_optimizer", "seed"),
        *("iteration", "experience", "evaluated", "accuracy"),
    ]
    assert set(frame["strategy"]) == {"naive"}  # joint has a single training phase
    _, accuracy = load_results(measured)
    for run, rows in frame.groupby("run"):
        C = continual_accuracy(rows)
        within = C.iterations - np.where(C.learning > 0, C.boundaries[C.learning - 1], 0)
        assert all(n % 3 == 0 or n in (C.boundaries[0], C.boundaries[1] - C.boundaries[0]) for n in within)
        entries = {(i, j): a for i, j, a in C.matrix.entries()}
        of_run = accuracy.loc[accuracy["run"] == run, ["trained", "evaluated", "accuracy"]]
        assert entries == {(i, j): a for i, j, a in of_run.itertuples(index=False)}


def test_metrics_of_each_run_are_columns(measured):
    frame = continual_metrics(lifelong_lb.load_continual(measured)).set_index("run")
    runs, _ = load_results(measured)
    assert set(runs["strategy"]) == {"naive", "joint"}
    for row in runs.to_dict("records"):
        for name in CONTINUAL_METRICS:
            if row["strategy"] == "naive":
                assert row[name] == frame.loc[row["run"], name]
            else:
                assert np.isnan(row[name])
    summary = ResultFolder(measured).read_table("summary")
    assert summary["minimum_accuracy_mean"].notna().tolist() == [True, True, False, False]
    page = (measured / "report.html").read_text()
    assert "During training" in page
    assert "stability gap, depth" in page
    columns = set(ResultFolder(measured).read_table("columns")["column"])
    assert {"minimum_accuracy", "stability_gap_area_ci_high"} <= columns


def test_a_stream_that_was_not_measured_has_no_table_of_dashes(measured, tmp_path):
    other = {**STUDY, "streams": {**STUDY["streams"], "label": "unwatched"}}
    folder = make(tmp_path / "other", other, lambda labels, seed: [(0, 0, 0.9), (1, 0, 0.5), (1, 1, 0.8)])
    both = ResultFolder(tmp_path / "both")
    write_report(both, collect_all([ResultFolder(measured), folder]))
    page = both.report_path.read_text()
    during, cost = (
        page.partition(f'<section aria-labelledby="{name}"')[2].partition("</section>")[0]
        for name in ("during", "cost")
    )
    streams = [set(re.findall(r"<caption><span>([\w-]+)", part)) for part in (during, cost)]
    assert streams == [{"split-digits"}, {"split-digits", "unwatched"}]
    assert "stability gap, depth" in during
    assert ">gradients</th>" not in during  # the tables before and after have them


@pytest.mark.slow
def test_numbers_are_those_of_a_run_that_was_not_watched(measured, tmp_path):
    lifelong_lb.run_study(STUDY, tmp_path, executor="in-process")
    (plain, plain_accuracy), (watched, accuracy) = load_results(tmp_path), load_results(measured)
    same = [c for c in plain.columns if c not in ("run", "train_seconds")]
    pd.testing.assert_frame_equal(plain[same], watched[same], check_exact=True)
    pd.testing.assert_frame_equal(plain_accuracy.drop(columns="run"), accuracy.drop(columns="run"), check_exact=True)
    assert not set(CONTINUAL_METRICS) & set(plain.columns)
    assert "During training" not in (tmp_path / "report.html").read_text()
    with pytest.raises(UserError, match=r"no accuracies during training here; .* evaluation: .every: 10."):
        lifelong_lb.load_continual(tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("iteration,experience\n1,2\n", "must have the columns iteration, experience, evaluated, accuracy"),
        ("iteration,experience,evaluated,accuracy\n5,0,0,0.5\n", "1 of 2 experiences"),
        ("iteration,experience,evaluated,accuracy\n5,0,0,7\n9,1,1,0.5\n", "fractions in"),
        ("", "cannot be read"),
    ],
)
def test_a_damaged_file_is_named_and_left_out(tmp_path, content, reason):
    raw = {**EVERY, "strategies": "naive", "rules": "none"}
    entries = [(0, 0, 0.9), (1, 0, 0.5), (1, 1, 0.8)]
    folder = make(tmp_path, raw, lambda labels, seed: entries)
    run = load_results(tmp_path)[0]["run"][0]
    (folder.run_path(run) / "continual.csv").write_text(content)
    results = collect(folder)
    assert len(results.problems) == 1
    assert results.problems[0].startswith(f"run {run}: its accuracies during training are left out, they are damaged (")
    assert reason in results.problems[0]
    assert results.runs["minimum_accuracy"].isna().all()
    assert results.runs["forgetting"].tolist() == pytest.approx([0.4])
    write_report(folder)


def test_a_folder_without_study_is_refused(tmp_path):
    with pytest.raises(UserError, match="no results here"):
        lifelong_lb.load_continual(tmp_path)
