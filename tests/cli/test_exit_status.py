"""Messages about runs that are not done."""

import json
import shutil
from types import SimpleNamespace

import pytest
from helpers.tiny_study import command
from reports.folders import TWO, make, wave

from lifelong_lb.cli import main
from lifelong_lb.cli.exit_status import MAX_LISTED, unfinished_run_lines
from lifelong_lb.reports import collect
from lifelong_lb.reports.results.comparability import incomparable_runs
from lifelong_lb.store import ResultFolder


def changed(run, **changes):
    path = run / "result.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))


def messages(copied, run_ids=None):
    return list(unfinished_run_lines(copied.out, collect(ResultFolder(copied.out)), run_ids))


def test_no_messages_if_all_runs_are_done(copied):
    assert messages(copied) == []


def test_a_second_call_repeats_what_failed_and_how_to_retry(copied):
    changed(copied.runs[0], status="failed", message="RuntimeError: no luck\nat all" + 300 * "!")
    changed(copied.runs[1], status="timeout", message="stopped after 8 s")
    first, second, last = sorted(messages(copied), key=lambda line: ("not done" in line, line))
    assert any("failed: RuntimeError: no luck at all!!!" in line and len(line) < 300 for line in (first, second))
    assert any(line.endswith("timeout: stopped after 8 s") for line in (first, second))
    assert last == "not done: 2 runs; --retry failed --retry timeout runs them again"
    assert messages(copied, run_ids={copied.runs[2].name}) == []
    again = command("run", copied.study, "--out", copied.out)
    assert again.returncode == 1
    assert "RuntimeError: no luck" in again.stdout
    assert "--retry failed --retry timeout runs them again" in again.stdout


def test_many_failed_runs_are_counted(copied):
    for run in copied.runs:
        changed(run, status="failed", message="x")
    results = collect(ResultFolder(copied.out))
    record = next(iter(results.records.values()))
    results.records.clear()
    results.records.update({f"{i}": record for i in range(30)})
    labels = results.runs.iloc[[0] * 30].assign(run=[f"{i}" for i in range(30)])
    lines = list(
        unfinished_run_lines(copied.out, SimpleNamespace(runs=labels, records=results.records, left_out=()), None)
    )
    assert len(lines) == MAX_LISTED + 2
    assert lines[-2:] == [f"  and {30 - MAX_LISTED} more", "not done: 30 runs; --retry failed runs them again"]


def test_what_is_left_out_can_be_computed_again(copied):
    data = json.loads((copied.runs[0] / "result.json").read_text())["data"]
    changed(copied.runs[0], data={**data, "sha256": "0" * 64})
    place, advice = messages(copied)
    assert place == f"  {copied.runs[0]}"
    assert advice.startswith("left out: 1 run, for the reason in the notes below; remove the folders listed")
    reported = command("report", copied.out)
    assert reported.returncode == 1
    assert reported.stdout.index("in the notes below") < reported.stdout.index(
        "Note: split-digits: 1 run left out, not "
    )
    shutil.rmtree(copied.runs[0])
    again = command("run", copied.study, "--out", copied.out)
    assert again.returncode == 0
    assert "left out" not in again.stdout


@pytest.mark.parametrize(
    ("key", "advice"),
    [
        ("sha256", "remove the folders listed, and lifelong-lb run computes these runs again"),
        (
            "weights_sha256",
            "either restore the file of weights (model.weights) of the other runs and remove the folders listed, or "
            "keep the file of these runs and remove the folders of the other runs; lifelong-lb run computes again "
            "what was removed",
        ),
    ],
)
def test_with_changed_weights_both_ways_are_named(tmp_path, key, advice):
    folder = make(tmp_path, {**TWO, "seeds": 3}, lambda labels, seed: wave(2, seed))
    runs = sorted(path for path in folder.runs_path.iterdir() if not path.name.startswith("."))
    for run, value in zip(runs, "aaaaab", strict=True):
        data = json.loads((run / "result.json").read_text())["data"]
        changed(run, data={**data, key: value * 64})
    place, line = unfinished_run_lines(tmp_path, collect(folder), None)
    assert place == f"  {runs[-1]}"
    assert line == f"left out: 1 run, for the reason in the notes below; {advice}"


def test_the_status_names_runs_that_reports_leave_out(tmp_path, monkeypatch, capsys):
    folder = make(tmp_path, {**TWO, "seeds": 3}, lambda labels, seed: wave(2, seed))
    monkeypatch.setattr("sys.argv", ["lifelong-lb", "status", str(tmp_path)])
    assert incomparable_runs(folder) == []
    runs = sorted(path for path in folder.runs_path.iterdir() if not path.name.startswith("."))
    for run, value in zip(runs, "aaaaab", strict=True):
        data = json.loads((run / "result.json").read_text())["data"]
        changed(run, data={**data, "weights_sha256": value * 64})
    with pytest.raises(SystemExit) as stop:
        main()
    assert not stop.value.code
    assert capsys.readouterr().out.splitlines() == [
        "6 done",
        "not in the report: split-digits: 1 run left out, not comparable with the others (different weights of the "
        f"model): {runs[-1].name}",
    ]
