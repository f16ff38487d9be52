"""Custom metrics: every run has its row regardless of what their function does, and the reason is stored with it."""

import json
import math

import numpy as np
import pandas as pd
import pytest
import torch
from reports.folders import TWO, make, two_experiences

from lifelong_lb import UserError, extend, load_results
from lifelong_lb.evaluation import ADDED_METRICS, STORED_METRICS, explain
from lifelong_lb.evaluation.extending import RESERVED
from lifelong_lb.reports import (
    RESULT_COLUMNS,
    collect,
    collect_all,
    comparison_table,
    comparisons_text,
    summary_text,
    write_report,
)
from lifelong_lb.reports.statistics.summary import undefined_reason
from lifelong_lb.store import ResultFolder
from lifelong_lb.studies.custom_metrics import store_custom_metrics

R = [[0.9, math.nan], [0.5, 0.8]]
MATRIX = np.array(R)


@pytest.fixture(autouse=True)
def nothing_stays():
    yield
    ADDED_METRICS.clear()
    STORED_METRICS.clear()


def added(function, name="mine", **words):
    described = {"formula": "f(R)", "source": "us", "higher_is_better": True, "needs": lambda T: [(T - 1, 0)]}
    extend.metric(name, **{**described, **words})(function)
    return ADDED_METRICS[name]


def folder_of(path):
    return make(path, TWO, lambda labels, seed: two_experiences(0.9, 0.8, 0.5 + 0.1 * seed))


@pytest.mark.parametrize(
    ("returned", "value"),
    [
        (0.25, 0.25),
        (1, 1.0),
        (True, 1.0),
        (np.float32(0.5), 0.5),
        (np.int64(3), 3.0),
        (np.array(0.5), 0.5),
        (torch.tensor(0.5), 0.5),
        (-1e15, -1e15),
    ],
)
def test_numbers_of_any_library_count(returned, value):
    assert added(lambda R: returned).outcome(R).value == value
    assert explain("mine", R) == ""


@pytest.mark.parametrize(
    ("returned", "reason", "failed"),
    [
        (MATRIX, r"an array of shape (2, 2), not a number", True),
        (np.array([0.5]), r"an array of shape (1,), not a number", True),
        (torch.zeros(3), r"an array of shape (3,), not a number", True),
        (pd.Series([1, 2]), r"an array of shape (2,), not a number", True),
        (None, "None, not a number", True),
        ("0.5", "'0.5', not a number", True),
        ([0.5], "[0.5], not a number", True),
        (0.5 + 1j, "(0.5+1j), not a number", True),
        (10**400, "a whole number of 401 digits; values must be between -2^53 and 2^53", True),
        (1e300, "1e+300; values must be between", True),
        (-math.inf, "-inf; values must be between", True),
        ("x" * 10**7, "'xxx", True),
        (math.nan, "nan", False),
        (np.float64("nan"), "nan", False),
    ],
)
def test_what_is_no_number_is_undefined(returned, reason, failed):
    outcome = added(lambda R: returned).outcome(R)
    assert math.isnan(outcome.value)
    assert outcome.reason.startswith("mine is undefined: its function returned " + reason)
    assert len(outcome.reason) < 200
    assert outcome.failed == failed
    assert math.isnan(ADDED_METRICS["mine"].function(R))
    assert explain("mine", R) == outcome.reason


def raising(error):
    def function(R):
        raise error

    return function


class SilentError(Exception):
    def __str__(self):
        raise RuntimeError


def changing(R):
    R[:] = 0
    return float(R.sum())


def endless(R):
    return endless(R)


@pytest.mark.parametrize(
    ("function", "reason"),
    [
        (raising(ZeroDivisionError("a\nb\x1b[2J" + "c" * 10**6)), r"its function raised ZeroDivisionError: a b"),
        (raising(ValueError("caf\udce9")), r"its function raised ValueError: caf\udce9"),
        (raising(SystemExit(3)), "its function raised SystemExit: 3"),
        (raising(SilentError()), "its function raised SilentError: (message unavailable)"),
        (endless, "its function raised RecursionError: "),
        (lambda R: float(R), "its function raised TypeError: "),
    ],
)
def test_what_raises_is_undefined(function, reason):
    outcome = added(function).outcome(R)
    assert outcome.failed
    assert math.isnan(outcome.value)
    assert outcome.reason.startswith(f"mine is undefined: {reason}")
    assert len(outcome.reason) <= 300
    assert outcome.reason.isprintable()


def test_what_it_needs_may_be_wrong_too():
    assert "IndexError" in added(lambda R: 1.0, needs=lambda T: [(T, 0)]).outcome(R).reason
    assert "TypeError" in added(lambda R: 1.0, needs=lambda T: None).outcome(R).reason
    assert added(lambda R: 1.0, needs=lambda T: [(0, 1)]).outcome(R).reason == (
        "mine needs the accuracy on experience 1 after experience 0, not evaluated"
    )


def test_a_metric_cannot_change_the_matrix():
    matrix = MATRIX.copy()
    assert added(changing).outcome(matrix).value == 0
    assert np.array_equal(matrix, MATRIX, equal_nan=True)


@pytest.mark.parametrize("name", [*sorted(RESERVED), "average_accuracy", "a b", "=x", "x" * 81, "1a"])
def test_columns_of_ours_are_taken(name):
    with pytest.raises(UserError, match="invalid metric name"):
        added(lambda R: 1.0, name)


def test_every_column_that_is_no_metric_is_reserved():
    from lifelong_lb.evaluation import METRICS, REFERENCED

    assert set(RESULT_COLUMNS) - {*METRICS, *REFERENCED} <= RESERVED


@pytest.mark.parametrize("words", [{"formula": "a\nb"}, {"source": None}, {"title": "\x1b"}])
def test_descriptions_are_lines(words):
    with pytest.raises(UserError, match="must be one line of text; got"):
        added(lambda R: 1.0, **words)


def test_no_metric_stops_a_report_and_its_reason_is_given(tmp_path):
    folder = folder_of(tmp_path / "out")
    added(raising(ValueError("no")), "raises")
    added(lambda R: R, "array")
    added(lambda R: 1e300, "huge")
    added(lambda R: 2 * R[-1, 0], "fine")
    results = write_report(folder)
    assert (results.runs["status"] == "done").all()
    assert results.runs["fine"].tolist() == pytest.approx([1.0, 1.2, 1.0, 1.2])
    assert results.runs[["raises", "array", "huge"]].isna().all(axis=None)
    expected = "raises is undefined: its function raised ValueError: no (4 runs: "
    assert sum(expected in problem for problem in results.problems) == 1
    assert undefined_reason(results, "array").endswith("its function returned an array of shape (2, 2), not a number.")
    summary = pd.read_csv(folder.path / "summary.csv")
    assert summary["fine_mean"].tolist() == pytest.approx([1.1, 1.1])
    assert summary["average_accuracy_mean"].notna().all()


def store(folder):
    store_custom_metrics(folder, folder.read_study(), collect(folder).records)


def stored(folder):
    """What a process that knows the metrics leaves behind."""
    store(folder)
    ADDED_METRICS.clear()
    return folder


def test_reports_read_what_was_stored(tmp_path):
    folder = folder_of(tmp_path / "out")
    added(lambda R: R[-1, 0] if R[-1, 0] < 0.55 else None, "sometimes", title="now and then", higher_is_better=False)
    added(lambda R: R[0, 0], "first")
    before = collect(folder)
    runs = before.runs
    again = collect(stored(folder))
    assert again.runs.equals(runs)
    assert again.problems == before.problems
    assert again.reasons == before.reasons
    compared = comparison_table(again, None, ["first", "sometimes"])
    assert "now and then: rule minus plain SGD (lower is better)" in comparisons_text(compared, results=again)
    write_report(folder, metrics=["first"])
    columns = pd.read_csv(folder.path / "columns.csv").set_index("column")["definition"]
    assert columns["sometimes"] == "f(R) (us; lower is better)"
    assert "now and then is undefined: its function returned None, not a number (2 runs" in " ".join(
        summary_text(again).split()
    )
    pd.testing.assert_frame_equal(load_results(folder.path)[0], runs)


def test_what_is_registered_here_is_computed_again(tmp_path):
    folder = folder_of(tmp_path / "out")
    added(lambda R: 1.0)
    stored(folder)
    (tmp_path / "mine.py").write_text(
        "from lifelong_lb import extend\n"
        "@extend.metric('mine', formula='2', source='us', higher_is_better=True)\n"
        "def mine(R):\n    return 2.0\n"
    )
    assert load_results(folder.path)[0]["mine"].tolist() == [1.0] * 4
    assert load_results(folder.path, imports=str(tmp_path / "mine.py"))[0]["mine"].tolist() == [2.0] * 4
    with pytest.raises(UserError, match=r"nowhere\.py cannot be imported: no such file"):
        load_results(folder.path, imports=["nowhere.py"])


def test_metrics_of_a_study_whose_imports_are_not_loaded_stay_missing(tmp_path):
    """A second study without these imports must not record that there are no custom metrics."""
    folder = folder_of(tmp_path / "out")
    study = json.loads((folder.path / "study.json").read_text())
    study["study"]["imports"] = [str(tmp_path / "not_here.py")]
    (folder.path / "study.json").write_text(json.dumps(study))
    damaged, *others = [folder.run_path(run) / "metrics.json" for run in collect(folder).runs["run"]]
    damaged.write_text("{")
    store(folder)
    assert damaged.read_text() == "{"
    assert not any(path.exists() for path in others)
    added(lambda R: 1.0)
    store(folder)
    assert all(json.loads(path.read_text())["mine"]["value"] == 1.0 for path in (damaged, *others))


def test_folders_with_and_without_are_joined(tmp_path):
    folder = folder_of(tmp_path / "a")
    other = make(tmp_path / "b", {**TWO, "seeds": [7, 8]}, lambda labels, seed: two_experiences(0.9, 0.8, 0.5))
    added(lambda R: None if R[-1, 0] > 0.55 else 1.0)
    stored(folder)
    joint = collect_all([folder, other])
    assert joint.runs["mine"].notna().sum() == 2
    assert sum("mine" in own for own in joint.reasons.values()) == 2
    assert "mine" in write_report(ResultFolder(tmp_path / "both"), joint).runs


DESCRIBED = {"value": 0.5, "title": "t", "formula": "f", "source": "s", "higher_is_better": True}


@pytest.mark.parametrize(
    "content",
    [
        "[]",
        "{",
        "[" * 100_000,
        '{"mine": 1}',
        *(
            json.dumps({"mine": {**DESCRIBED, key: value}})
            for key, value in [
                ("value", "0.5"),
                ("value", True),
                ("value", 1e300),
                ("value", math.inf),
                ("title", "\x1b[2J"),
                ("title", ""),
                ("formula", "x" * 10_000),
                ("higher_is_better", 1),
                ("more", 1),
            ]
        ),
        json.dumps({f"m{i}": DESCRIBED for i in range(1000)}),
        json.dumps({"\x1b": DESCRIBED}),
    ],
)
def test_damaged_metrics_are_left_out(tmp_path, content):
    folder = folder_of(tmp_path / "out")
    run = collect(folder).runs["run"][0]
    (folder.run_path(run) / "metrics.json").write_text(content)
    results = collect(folder)
    assert len(results.runs) == 4
    assert set(results.runs) == set(RESULT_COLUMNS)
    (problem,) = results.problems
    assert problem.startswith(f"run {run}: its custom metrics are left out, they are damaged (")
    assert len(problem) < 600
    assert problem.isprintable()


def test_stored_metrics_replace_no_column_and_run_no_markup(tmp_path):
    folder = folder_of(tmp_path / "out")
    nasty = {**DESCRIBED, "title": r"<script>$x_{$\input{a}|`*", "formula": "=1+1", "source": "@us"}
    for run in folder.runs_path.iterdir():
        stored = dict.fromkeys(("mine", "seed", "average_accuracy", "=x", "a b"), nasty)
        (run / "metrics.json").write_text(json.dumps(stored))
    results = write_report(folder, metrics=["mine"], every_figure=True)
    assert set(results.runs) == {*RESULT_COLUMNS, "mine"}
    assert sorted(results.runs["seed"]) == [0, 0, 1, 1]
    for name in ("report.html", "summary.md"):
        assert "<script>$x" not in (folder.path / name).read_text()
    assert r"\input{a}" not in (folder.path / "summary.tex").read_text()
    assert "\n=1" not in (folder.path / "columns.csv").read_text()
    assert ",=1" not in (folder.path / "columns.csv").read_text()
