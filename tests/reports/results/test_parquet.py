"""Tables as Parquet in addition to the CSV files."""

import pandas as pd
import pytest
from reports.folders import TWO, make, two_experiences
from typer.testing import CliRunner

from lifelong_lb.cli import app
from lifelong_lb.reports import collect, load_results, write_report, write_tables

TABLES = ["accuracy", "columns", "comparison", "comparisons", "results", "summary"]


@pytest.fixture
def folder(tmp_path):
    made = make(tmp_path, TWO, lambda labels, seed: two_experiences(1 / 3, 0.1 + 0.2 * seed, 2 / 7))
    run = load_results(tmp_path)[0]["run"][0]
    (made.run_path(run) / "continual.csv").write_text(
        "iteration,experience,evaluated,accuracy\n3,0,0,0.5\n6,0,0,0.25\n"
    )
    return made


def names(folder):
    return sorted(path.stem for path in folder.path.glob("*.parquet"))


@pytest.mark.slow
def test_the_command_writes_them(folder):
    assert CliRunner().invoke(app, ["report", str(folder.path)]).exit_code == 0
    assert names(folder) == []
    assert CliRunner().invoke(app, ["report", str(folder.path), "--parquet"]).exit_code == 0
    assert names(folder) == sorted([*TABLES, "continual"])
    for name in TABLES:
        found = pd.read_parquet(folder.path / f"{name}.parquet")
        pd.testing.assert_frame_equal(found, folder.read_table(name), check_exact=True, check_dtype=False)
    runs, accuracy = load_results(folder.path)
    for name, frame in (("results", runs), ("accuracy", accuracy)):
        found = pd.read_parquet(folder.path / f"{name}.parquet")
        pd.testing.assert_frame_equal(found, frame, check_exact=True)
    continual = pd.read_parquet(folder.path / "continual.parquet")
    assert continual["run"].tolist() == [runs["run"][0]] * 2
    assert continual.iloc[:, 6:].to_numpy().tolist() == [[3, 0, 0, 0.5], [6, 0, 0, 0.25]]


def test_none_goes_out_of_date(folder):
    """Writing a table updates its Parquet file if there is one, and does not create it."""
    write_report(folder, parquet=True)
    (folder.path / "comparisons.parquet").unlink()
    runs = load_results(folder.path)[0]["run"]
    (folder.run_path(runs[1]) / "result.json").unlink()
    write_tables(folder, collect(folder))
    assert len(pd.read_parquet(folder.path / "results.parquet")) == 3
    (folder.run_path(runs[0]) / "continual.csv").write_text("iteration,experience,evaluated,accuracy\n4,0,0,0.75\n")
    write_report(folder)
    assert pd.read_parquet(folder.path / "continual.parquet")["accuracy"].tolist() == [0.75]
    assert names(folder) == sorted({*TABLES, "continual"} - {"comparisons"})


def test_nothing_done_and_nothing_readable(tmp_path, folder):
    run = load_results(folder.path)[0]["run"][0]
    (folder.run_path(run) / "continual.csv").write_text("?")
    write_report(folder, parquet=True)
    assert names(folder) == TABLES
    empty = make(tmp_path / "empty", TWO, lambda labels, seed: "failed")
    write_report(empty, parquet=True)
    assert len(pd.read_parquet(empty.path / "results.parquet")) == 4
    assert pd.read_parquet(empty.path / "accuracy.parquet").empty
