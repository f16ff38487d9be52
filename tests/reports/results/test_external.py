"""Accuracies of other frameworks: read strictly, shown with our runs, and never paired."""

import csv
import os
import re
import time
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from helpers.tiny_study import command
from reports.folders import TWO, make, two_experiences

from lifelong_lb import UserError, load_results, read_matrices
from lifelong_lb.reports import (
    RESULT_COLUMNS,
    collect,
    collect_all,
    comparison_table,
    summary_table,
    with_imported,
    write_report,
)
from lifelong_lb.reports.charts.figures import ACROSS_STREAMS, charts_of
from lifelong_lb.reports.statistics.summary import shared_seeds, status_counts, verdict
from lifelong_lb.store import ResultFolder

DOCS = Path(__file__).parents[3] / "docs" / "how-to" / "other-frameworks.md"
HEADER = ["stream", "strategy", "rule", "base_optimizer", "seed", "trained", "evaluated", "accuracy"]
LABELS = ("split-digits", "naive", "none", "sgd")


def matrix(seed=0, labels=LABELS, entries=((0, 0, 0.9), (1, 0, 0.5), (1, 1, 0.8))):
    return [[*labels, seed, *entry] for entry in entries]


def written(path, rows, header=HEADER):
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([header, *rows])
    return path


def test_metrics_are_computed_by_our_definitions(tmp_path):
    rows = [*matrix(), *matrix(seed=1, entries=((0, 0, 1), (1, 0, "1.0"), (1, 1, 0)))]
    runs, accuracy = read_matrices(written(tmp_path / "other.csv", rows))
    assert set(RESULT_COLUMNS) <= set(runs.columns)
    assert runs["average_accuracy"].tolist() == pytest.approx([0.65, 0.5])
    assert runs["learning_accuracy"].tolist() == pytest.approx([0.85, 0.5])
    assert runs["forgetting"].tolist() == pytest.approx([0.4, 0.0])
    assert runs["status"].tolist() == ["done", "done"]
    assert runs[["gradient_evaluations", "train_seconds", "peak_memory", "forward_transfer"]].isna().all(axis=None)
    assert accuracy[HEADER].to_numpy().tolist() == [
        [*LABELS, seed, i, j, a]
        for seed, entries in ((0, [(0, 0, 0.9), (1, 0, 0.5), (1, 1, 0.8)]), (1, [(0, 0, 1), (1, 0, 1), (1, 1, 0)]))
        for i, j, a in entries
    ]


def test_what_was_not_evaluated_leaves_a_metric_undefined(tmp_path):
    runs, _ = read_matrices(written(tmp_path / "joint.csv", matrix(entries=((1, 0, 0.5), (1, 1, 0.8)))))
    assert runs["average_accuracy"].tolist() == pytest.approx([0.65])
    assert np.isnan(runs["learning_accuracy"]).all()


def test_our_own_accuracies_come_back(tmp_path):
    folder = make(tmp_path / "own", TWO, lambda labels, seed: two_experiences(0.9, 0.8, 0.5 + 0.1 * seed))
    write_report(folder)
    runs, accuracy = load_results(folder.path)
    same, entries = read_matrices(folder.path / "accuracy.csv")
    assert same[["run", "rule", "seed", "forgetting", "average_accuracy"]].equals(
        runs[["run", "rule", "seed", "forgetting", "average_accuracy"]]
    )
    assert entries.equals(accuracy)
    with pytest.raises(UserError, match="is also in the result folders; each run may be given once"):
        with_imported(collect(folder), [folder.path / "accuracy.csv"])


def changed(line, column, value):
    rows = matrix()
    rows[line - 2][HEADER.index(column)] = value
    return rows


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        (changed(3, "accuracy", 50), "line 3: accuracy must be a fraction from 0 to 1; got '50'; divide percentages"),
        (changed(3, "accuracy", -0.1), "line 3: accuracy must be a fraction from 0 to 1; got '-0.1'$"),
        (changed(4, "accuracy", ""), "line 4: accuracy must be a fraction from 0 to 1; got ''"),
        (changed(4, "accuracy", "nan"), "line 4: accuracy must be a fraction"),
        (changed(2, "trained", 0.5), "line 2: trained must be a whole number >= 0; got '0.5'"),
        (changed(2, "evaluated", -1), "line 2: evaluated must be a whole number >= 0; got '-1'"),
        (changed(2, "seed", "first"), "line 2: seed must be a whole number >= 0; got 'first'"),
        (changed(2, "rule", " "), "line 2: rule must not be empty"),
        ([row[:-1] for row in matrix()], "line 2: must have 8 values, one per column; got 7"),
        ([[*row, 1] for row in matrix()], "line 2: must have 8 values, one per column; got 9"),
        (
            matrix() + matrix(),
            "line 5: duplicate accuracy of split-digits, naive, none, sgd, seed 0 for trained 0.* line 2",
        ),
        (matrix()[:-1], "lacks accuracies after the last experience, trained 1: on 1 "),
        (
            matrix(entries=((1, 1, 0.9), (2, 1, 0.5), (2, 2, 0.8))),
            r"trained 2: on 0 \(experiences are numbered from 0\)",
        ),
        (
            matrix() + matrix(seed=1, entries=((0, 0, 0.9),)),
            "seed 1 has 1 experience, .* seed 0 has 2: runs of one stream must have the same number",
        ),
        ([], "contains no accuracies"),
    ],
)
def test_invalid_matrices_are_refused(tmp_path, rows, message):
    with pytest.raises(UserError, match=message):
        read_matrices(written(tmp_path / "other.csv", rows))


@pytest.mark.parametrize(
    ("header", "message"),
    [
        (["acc" if name == "accuracy" else name for name in HEADER], "lacks the column 'accuracy'; did you mean 'acc'"),
        (["task" if name == "stream" else name for name in HEADER], r"lacks the column 'stream' \(its columns: task"),
    ],
)
def test_the_nearest_column_is_named(tmp_path, header, message):
    with pytest.raises(UserError, match=message):
        read_matrices(written(tmp_path / "other.csv", matrix(), header))


def test_files_that_are_no_tables(tmp_path):
    with pytest.raises(UserError, match="cannot be read"):
        read_matrices(tmp_path / "nowhere.csv")
    (tmp_path / "picture.csv").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(UserError, match="cannot be read"):
        read_matrices(tmp_path / "picture.csv")
    (tmp_path / "empty.csv").write_text("")
    with pytest.raises(UserError, match=r"lacks the column 'stream' \(its columns: none\)"):
        read_matrices(tmp_path / "empty.csv")


@pytest.mark.parametrize(
    ("ids", "message"),
    [
        (["a", "a", "b"], "a and b are both split-digits, naive, none, sgd, seed 0"),
        (["a", "b", "b"], "a and b are both"),
    ],
)
def test_runs_are_what_they_are_called(tmp_path, ids, message):
    rows = [[run, *row] for run, row in zip(ids, matrix(), strict=True)]
    with pytest.raises(UserError, match=message):
        read_matrices(written(tmp_path / "other.csv", rows, ["run", *HEADER]))
    rows = [["a", *row] for row in matrix() + matrix(seed=1)]
    with pytest.raises(UserError, match="line 5: run a is .* seed 1 here, but .* seed 0 in line 2"):
        read_matrices(written(tmp_path / "other.csv", rows, ["run", *HEADER]))


@pytest.fixture
def beside(tmp_path):
    """Our runs of two rules, and two runs of another framework that has the same labels and seeds."""
    folder = make(tmp_path / "own", TWO, lambda labels, seed: two_experiences(0.9, 0.8, 0.5 + 0.1 * seed))
    other = written(tmp_path / "other.csv", [*matrix(), *matrix(seed=1)])
    return folder, other


def test_imported_runs_are_marked_and_paired_with_nothing(beside):
    folder, other = beside
    alone = collect_all([folder])
    found = with_imported(alone, [other])
    assert summary_table(found)["rule"].tolist() == ["none", "sam", "none [imported]"]
    assert summary_table(found)["average_accuracy_mean"].tolist()[2] == pytest.approx(0.65)
    assert comparison_table(found).equals(comparison_table(alone))
    assert (status_counts(found), verdict(found)) == (status_counts(alone), verdict(alone))
    assert shared_seeds(found.without_imported()) == 2
    with pytest.raises(UserError, match="unknown rule to compare with"):
        comparison_table(found, baseline="none [imported]")
    assert "these runs are in no paired comparison and no ranking" in found.problems[-1]


def test_imported_runs_are_in_no_ranking(tmp_path):
    names = {"a": "split-digits", "b": "split-mnist"}
    streams = [{"name": name, "experiences": 2, "label": label} for label, name in names.items()]
    folder = make(tmp_path / "own", {**TWO, "streams": streams}, lambda labels, seed: two_experiences(0.9, 0.8, 0.5))
    rows = [row for label in "ab" for row in matrix(labels=(label, *LABELS[1:]))]
    alone = collect_all([folder])
    found = with_imported(alone, [written(tmp_path / "other.csv", rows)])
    drawn = charts_of(found)[ACROSS_STREAMS]
    assert drawn
    assert drawn == charts_of(alone)[ACROSS_STREAMS]


def test_a_stream_has_one_length(beside, tmp_path):
    folder, _ = beside
    entries = ((2, 0, 0.5), (2, 1, 0.6), (2, 2, 0.7))
    longer = written(tmp_path / "longer.csv", matrix(entries=entries))
    with pytest.raises(UserError, match="has 3 experiences of the stream 'split-digits', run .* of the result folders"):
        with_imported(collect_all([folder]), [longer])
    elsewhere = written(tmp_path / "elsewhere.csv", matrix(labels=("split-digit", *LABELS[1:]), entries=entries))
    found = with_imported(collect_all([folder]), [elsewhere])
    assert "the stream 'split-digit' is in none of the folders; did you mean 'split-digits'?" in str(found.problems[-1])


def test_the_same_file_twice_is_refused(beside):
    folder, other = beside
    with pytest.raises(UserError, match=r"run imported-\w+ is also in .*other.csv; each run may be given once"):
        with_imported(collect_all([folder]), [other, other])


@pytest.mark.slow
def test_the_report_shows_them(beside, tmp_path):
    folder, other = beside
    assert "needs --out" in command("report", folder.path, "--with", other).stderr
    done = command("report", folder.path, "--with", other, "--out", tmp_path / "both")
    assert done.returncode == 0, done.stderr
    target = ResultFolder(tmp_path / "both")
    assert target.read_table("results")["rule"].tolist() == ["none"] * 2 + ["sam"] * 2 + ["none [imported]"] * 2
    assert len(target.read_table("accuracy")) == 18
    page = target.report_path.read_text()
    assert "none [imported]" in page
    assert "these runs are in no paired comparison and no ranking" in page
    assert "nan" not in re.sub(r"<script.*?</script>", "", page, flags=re.S).lower()
    assert set(target.read_table("comparisons")["rule"]) == {"sam"}
    columns = target.read_table("columns")
    assert columns.loc[columns["column"] == "imported", "file"].tolist() == ["results.csv"]
    assert columns["definition"].notna().all()
    again = collect_all([target])  # from tables alone
    assert again.imported == collect(target).imported == set(target.read_table("results")["run"][4:])
    assert list(again.runs.columns) == list(collect(folder).runs.columns)
    assert set(comparison_table(again)["rule"]) == {"sam"}


def test_the_documented_script_writes_such_a_file(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (code,) = re.findall(r"```python\n(import csv\n\nlabels.*?)```", DOCS.read_text(encoding="utf-8"), flags=re.S)
    exec(compile(code, "other-frameworks.md", "exec"), {})
    runs, accuracy = read_matrices("mammoth.csv")
    assert accuracy["accuracy"].tolist() == pytest.approx([0.991, 0.762, 0.984])
    assert runs["forgetting"].tolist() == pytest.approx([0.991 - 0.762])


RUN = ["run", *HEADER]


def refused(path, message):
    """A short message, within a few seconds and megabytes."""
    began = time.process_time()
    tracemalloc.start()
    with pytest.raises(UserError, match=message) as caught:
        read_matrices(path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert time.process_time() - began < 20
    assert peak < 300e6
    assert len(str(caught.value)) < 1000 + len(str(path))
    assert str(caught.value).isprintable()


@pytest.mark.parametrize("number", ["300000000", "1e300", "1000000", "1000", "9" * 5000, "1e400", "inf"])
@pytest.mark.parametrize("column", ["trained", "evaluated"])
def test_more_experiences_than_any_stream_has_are_refused(tmp_path, number, column):
    rows = changed(3, column, number)
    reason = "a whole number >= 0" if number in ("1e400", "inf") or len(number) > 4000 else "at most 999"
    refused(written(tmp_path / "other.csv", rows), f"line 3: {column} must be {reason}; got")


def test_missing_accuracies_are_counted(tmp_path):
    refused(
        written(tmp_path / "other.csv", [[*LABELS, 0, 999, 0, 0.5]]),
        r"trained 999: on 1, 2, .*, 20 and 979 more \(experiences are numbered from 0\)",
    )


@pytest.mark.parametrize("seed", ["4294967296", "1e300", "-1", "1e400", "9" * 5000])
def test_seeds_are_those_of_a_study(tmp_path, seed):
    refused(written(tmp_path / "other.csv", changed(2, "seed", seed)), "line 2: seed must be ")


@pytest.mark.parametrize("column", [*HEADER[:4], "run"])
@pytest.mark.parametrize(
    ("label", "message"),
    [("x" * 201, "at most 200 printable"), ("a\x1b[2J", "printable"), ("a\0b", "printable"), ("a\u202eb", "printable")],
)
def test_labels_are_lines_of_limited_length(tmp_path, column, label, message):
    row = dict(zip(RUN, ["a", *matrix()[0]], strict=True)) | {column: label}
    refused(written(tmp_path / "other.csv", [list(row.values())], RUN), f"line 2: {column} must be .*{message}")


def test_a_field_of_any_size_is_refused(tmp_path):
    refused(written(tmp_path / "other.csv", changed(2, "rule", "x" * 200_000)), r"cannot be read \(field larger than")
    refused(
        written(tmp_path / "other.csv", matrix(), ["x" * 200_000, *HEADER[1:]]), r"cannot be read \(field larger than"
    )
    refused(written(tmp_path / "other.csv", matrix(), ["x" * 100_000, *HEADER[1:]]), "lacks the column 'stream'")
    refused(written(tmp_path / "other.csv", [], [f"c{i}" for i in range(500_000)]), "lacks .*more")
    refused(written(tmp_path / "other.csv", [], ["\x1b]0;x\x07", "b"]), r"its columns: \\x1b\]0;x\\x07, b")


@pytest.mark.parametrize("column", HEADER)
def test_a_column_that_is_there_twice_is_refused(tmp_path, column):
    refused(written(tmp_path / "other.csv", [], [*HEADER, column, column]), f"has the column '{column}' 3 times")
    rows = [[*row, 1, 2] for row in matrix()]
    assert len(read_matrices(written(tmp_path / "other.csv", rows, [*HEADER, "more", "more"]))[0]) == 1


def test_what_is_no_file_is_refused_without_waiting(tmp_path):
    os.mkfifo(tmp_path / "fifo.csv")
    refused(tmp_path / "fifo.csv", r"cannot be read \(fifo.csv is not a regular file\)")
    refused(tmp_path, r"cannot be read \(")
    refused(Path("/dev/zero"), r"cannot be read \(zero is not a regular file\)")
    with (tmp_path / "huge.csv").open("wb") as file:
        file.truncate(2**32)
    refused(tmp_path / "huge.csv", r"cannot be read \(huge.csv is larger than 64 MiB\)")
    (tmp_path / "latin.csv").write_bytes(",".join(HEADER).encode() + b"\ncaf\xe9")
    refused(tmp_path / "latin.csv", r"cannot be read \(not UTF-8: byte 71\)")


def test_many_streams_of_other_names_take_no_time(tmp_path, beside):
    folder, _ = beside
    rows = [[f"stream {i}", *LABELS[1:], 0, 0, 0, 0.5] for i in range(1000)]
    began = time.process_time()
    found = with_imported(collect_all([folder]), [written(tmp_path / "many.csv", rows)])
    assert time.process_time() - began < 30
    assert len(found.problems) < 10
    assert found.problems[-1].endswith("997 more streams are in none of the folders")


def test_more_runs_than_a_report_can_take_are_refused(tmp_path):
    rows = [[*LABELS, seed, 0, 0, 0.5] for seed in range(10_001)]
    refused(written(tmp_path / "other.csv", rows), "contains more than 10,000 runs")
