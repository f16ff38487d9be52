"""The files of a report: columns, exact floats, reproducible bytes, and reading them back."""

import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
from reports.folders import TWO, make, two_experiences, wave

from lifelong_lb.config import UserError
from lifelong_lb.reports import load_results, matrix_of, write_report, write_tables
from lifelong_lb.reports.results.collect import collect
from lifelong_lb.store import ResultFolder

TABLES = ["accuracy.csv", "columns.csv", "comparison.csv", "comparisons.csv", "results.csv", "summary.csv"]
TEXTS = ["summary.md", "summary.tex", "comparison.md", "comparison.tex", "report.html"]


def full(labels, seed):
    return wave(3, seed + 10 * len(labels["rule"]))


@pytest.fixture(scope="module")
def report(tmp_path_factory):
    folder = make(tmp_path_factory.mktemp("report"), {**TWO, "streams": [{"name": "split-digits"}]}, full, T=3)
    write_report(folder)
    return folder


def files_of(folder):
    skip = ("runs", "study.json")
    paths = [p for p in folder.path.rglob("*") if p.is_file() and p.relative_to(folder.path).parts[0] not in skip]
    return {str(p.relative_to(folder.path)): p.read_bytes() for p in paths}


def test_names(report):
    names = set(files_of(report))
    assert {*TABLES, *TEXTS} <= names
    assert names == {*TABLES, *TEXTS, ".report.json"}  # figures are written when asked for


def test_columns_begin_as_the_contract_has_them(report):
    header = (report.path / "accuracy.csv").read_text().splitlines()[0]
    assert header == "run,stream,strategy,rule,base_optimizer,seed,trained,evaluated,accuracy"
    header = (report.path / "results.csv").read_text().splitlines()[0]
    assert header.startswith(
        "run,stream,strategy,rule,base_optimizer,seed,average_accuracy,learning_accuracy,forgetting,"
        "backward_transfer,gradient_evaluations,train_seconds,status"
    )


def test_floats_survive_unrounded(tmp_path):
    third, tenth = 1 / 3, 0.1 + 0.2
    folder = make(tmp_path, TWO, lambda labels, seed: two_experiences(third, tenth, 2 / 7))
    write_tables(folder, collect(folder))
    accuracy = folder.read_table("accuracy")["accuracy"].tolist()
    assert accuracy == [third, 2 / 7, tenth] * 4
    results = folder.read_table("results")
    assert results["average_accuracy"].tolist() == [(2 / 7 + tenth) / 2] * 4
    assert results["train_seconds"].tolist() == [tenth] * 4
    summary = folder.read_table("summary")
    pd.testing.assert_series_equal(
        summary["forgetting_mean"], pd.Series([third - 2 / 7] * 2, name="forgetting_mean"), rtol=1e-15
    )


@pytest.mark.slow
def test_another_process_gives_the_same_bytes_and_needs_no_torch(report):
    before = files_of(report)
    code = (
        "import sys, warnings; warnings.simplefilter('ignore'); from pathlib import Path;"
        "from lifelong_lb.store import ResultFolder; from lifelong_lb.reports import write_report;"
        "write_report(ResultFolder(Path(sys.argv[1])));"
        "print(sorted({'torch', 'avalanche', 'matplotlib', 'vl_convert'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code, str(report.path)], check=True, capture_output=True, text=True)
    assert done.stdout.strip() == "[]"
    assert files_of(report) == before


def test_load_results_recomputes_metrics_from_the_runs(tmp_path):
    folder = make(tmp_path, TWO, lambda labels, seed: two_experiences(0.9, 0.8, 0.5))
    folder.write_file("results.csv", "stale\n1\n")
    runs, accuracy = load_results(tmp_path)
    assert runs["average_accuracy"].tolist() == pytest.approx([0.65] * 4)
    assert len(accuracy) == 4 * 3


def test_load_results_from_the_tables_alone(report, tmp_path):
    for name in ("results.csv", "accuracy.csv"):
        (tmp_path / name).write_bytes((report.path / name).read_bytes())
    for found, computed in zip(load_results(str(tmp_path)), load_results(report.path), strict=True):
        pd.testing.assert_frame_equal(found, computed, check_dtype=False, check_exact=True)


def test_a_report_from_the_tables_alone(report, tmp_path):
    for name in ("results.csv", "accuracy.csv"):
        (tmp_path / name).write_bytes((report.path / name).read_bytes())
    write_report(ResultFolder(tmp_path))
    for name in TABLES:
        assert (tmp_path / name).read_bytes() == (report.path / name).read_bytes()
    assert 'data-chart="average-accuracy--' in (tmp_path / "report.html").read_text()


def test_tables_of_an_earlier_version_lack_later_columns(report, tmp_path):
    ResultFolder(tmp_path).write_table("accuracy", report.read_table("accuracy"))
    earlier = report.read_table("results").drop(columns=["stability", "intransigence"])
    ResultFolder(tmp_path).write_table("results", earlier)
    runs, _ = load_results(tmp_path)
    assert len(runs) == 4
    assert runs["stability"].isna().all()
    assert runs["forgetting"].notna().all()
    ResultFolder(tmp_path).write_table("results", earlier.drop(columns="forgetting"))
    with pytest.raises(UserError, match="lacks the column 'forgetting'"):
        load_results(tmp_path)


def test_tables_outlive_runs_that_were_not_copied_along(report, tmp_path):
    for name in ("results.csv", "accuracy.csv", "study.json"):
        (tmp_path / name).write_bytes((report.path / name).read_bytes())
    (tmp_path / "runs").mkdir()
    results = collect(ResultFolder(tmp_path))
    write_tables(ResultFolder(tmp_path), results)
    assert (len(results.runs), results.missing) == (4, 0)
    assert (tmp_path / "results.csv").read_bytes() == (report.path / "results.csv").read_bytes()


def test_a_folder_without_results_is_refused(tmp_path):
    with pytest.raises(UserError, match="no results here"):
        load_results(tmp_path)


@pytest.mark.parametrize("outcome", [None, "failed"])
def test_no_run_done(tmp_path, outcome):
    folder = make(tmp_path, TWO, lambda labels, seed: outcome)
    results = write_report(folder)
    assert results.accuracy.empty
    page = (tmp_path / "report.html").read_text()
    assert "No run is done yet" in page
    assert "data-chart=" not in page
    assert folder.read_table("summary")["seeds"].tolist() == [0, 0]
    assert len(folder.read_table("results")) == (4 if outcome else 0)
    assert "0 of 2 & -- &" in (tmp_path / "summary.tex").read_text()


def test_a_damaged_run_is_left_out_and_named(tmp_path):
    folder = make(tmp_path, TWO, lambda labels, seed: wave(2, seed))
    first, second, *_ = load_results(tmp_path)[0]["run"]
    (folder.run_path(first) / "result.json").write_text("{")
    (folder.run_path(second) / "accuracy.csv").write_text("trained,evaluated,accuracy\n0,5,0.5\n")
    results = collect(folder)
    assert (len(results.runs), results.missing) == (2, 2)
    assert [problem.split(" (")[0] for problem in results.problems] == [
        f"run {run}: left out, its folder is damaged" for run in (first, second)
    ]


def test_matrix_of_one_run(report):
    _, accuracy = load_results(report.path)
    run = accuracy["run"].iloc[0]
    matrix = matrix_of(accuracy[accuracy["run"] == run])
    expected = np.full((3, 3), np.nan)
    for i, j, a in wave(3, 40):
        expected[i, j] = a
    np.testing.assert_array_equal(matrix.values, expected)


@pytest.mark.slow
def test_importing_reports_loads_nothing_heavy():
    code = (
        "import sys, lifelong_lb.reports;"
        "print(sorted({'torch', 'avalanche', 'pandas', 'matplotlib', 'scipy', 'jinja2'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert done.stdout.strip() == "[]"


def test_every_public_name_is_there():
    import lifelong_lb.reports as reports

    assert "write_report" in reports.__all__
    for name in reports.__all__:
        assert getattr(reports, name) is not None
    with pytest.raises(AttributeError, match="attribute nothing"):
        _ = reports.nothing


def test_every_column_is_defined(report):
    definitions = report.read_table("columns")
    assert list(definitions.columns) == ["file", "column", "definition"]
    assert definitions["definition"].str.len().gt(8).all()
    for name in ("accuracy", "comparisons", "results", "summary"):
        header = (report.path / f"{name}.csv").read_text().splitlines()[0].split(",")
        assert definitions.loc[definitions["file"] == f"{name}.csv", "column"].tolist() == header
    by_column = definitions.set_index(["file", "column"])["definition"]
    assert by_column["summary.csv", "forgetting_ci_low"] == (
        "lower end of the 95 % confidence interval of the mean over seeds (Student's t, n - 1 degrees) of forgetting: "
        "mean over j < T-1 of max over l < T-1 of R[l, j], minus R[T-1, j]; may be negative "
        "(Chaudhry et al. 2018, arXiv 1801.10112; lower is better)"
    )
    last_row_included = by_column["summary.csv", "forgetting_last_row_included_mean"]
    assert last_row_included.startswith("mean over seeds of forgetting_last_row")
    assert by_column["summary.csv", "train_seconds"].startswith("mean over done runs of wall-clock seconds")


def first_line(name, column, value):
    """A change of one table: a value in its first line."""

    def change(tables):
        tables[name] = tables[name].astype({column: object})
        tables[name].loc[0, column] = value

    return change


def without_last(tables):
    tables["results"] = tables["results"].iloc[:-1]


def twice(tables):
    tables["results"] = pd.concat([tables["results"], tables["results"].iloc[:1]])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (first_line("results", "average_accuracy", "high"), r"line 2: average_accuracy must be a number .* got 'high'"),
        (first_line("results", "status", "dnoe"), r"line 2: status must be one of done, .* got 'dnoe'"),
        (first_line("results", "seed", -1), "line 2: seed must be a whole number >= 0; got '?-1"),
        (first_line("results", "rule", ""), "line 2: rule must be given in every line; got nothing"),
        (first_line("results", "forgetting", 0.123), r"forgetting of run \w+ is 0.123 there, 0"),
        (first_line("results", "stability", 0.123), r"stability of run \w+ is 0.123 there, 0"),
        (first_line("accuracy", "accuracy", 7.5), "line 2: accuracy must be a fraction from 0 to 1; got '?7.5"),
        (first_line("accuracy", "trained", 1.5), "line 2: trained must be a whole number"),
        (first_line("accuracy", "rule", "asam"), r"labels and seed of run \w+ must be the same as in results.csv"),
        (without_last, r"accuracy.csv: must contain exactly the done runs of results.csv; it contains"),
        (twice, "line 6: run must be unique; got"),
    ],
)
def test_stored_tables_that_cannot_be_right_are_refused(report, tmp_path, change, message):
    tables = {name: report.read_table(name) for name in ("results", "accuracy")}
    change(tables)
    for name, table in tables.items():
        ResultFolder(tmp_path).write_table(name, table)
    with pytest.raises(UserError, match=message):
        load_results(tmp_path)


def test_numbers_that_were_not_recomputed_are_marked(report, tmp_path):
    for name in ("results.csv", "accuracy.csv"):
        (tmp_path / name).write_bytes((report.path / name).read_bytes())
    (problem,) = collect(ResultFolder(tmp_path)).problems
    assert problem == "the numbers are read from results.csv and accuracy.csv, not recomputed from runs"
    assert list(collect(report).problems) == []
