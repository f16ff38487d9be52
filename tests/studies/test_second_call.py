"""Messages about runs that are not done, and about folders of tune."""

import json
import shutil
from types import SimpleNamespace

import pytest
from tiny import command

from lifelong_lb.cli.exit_status import MOST_LISTED, about_runs_not_done
from lifelong_lb.config import UserError
from lifelong_lb.reports import collect, load_diagnostics
from lifelong_lb.store import ResultFolder
from lifelong_lb.store.tuned import folder_to_report, tuned_folders, without_study


@pytest.fixture
def copied(finished, tmp_path):
    """The finished study, elsewhere, and its runs."""
    shutil.copytree(finished.out, tmp_path / "out")
    runs = sorted(path for path in (tmp_path / "out" / "runs").iterdir() if not path.name.startswith("."))
    return SimpleNamespace(study=finished.study, out=tmp_path / "out", runs=runs)


def changed(run, **changes):
    path = run / "result.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))


def messages(copied, requested=None):
    return list(about_runs_not_done(copied.out, collect(ResultFolder(copied.out)), requested))


def test_nothing_is_said_where_all_runs_are_done(copied):
    assert messages(copied) == []


def test_a_second_call_repeats_what_failed_and_how_to_retry(copied):
    changed(copied.runs[0], status="failed", message="RuntimeError: no luck\nat all" + 300 * "!")
    changed(copied.runs[1], status="timeout", message="stopped after 8 s")
    first, second, last = sorted(messages(copied), key=lambda line: ("not done" in line, line))
    assert any("failed: RuntimeError: no luck at all!!!" in line and len(line) < 300 for line in (first, second))
    assert any(line.endswith("timeout: stopped after 8 s") for line in (first, second))
    assert last == "not done: 2 runs, as listed; --retry failed --retry timeout runs them again"
    assert messages(copied, requested={copied.runs[2].name}) == []
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
        about_runs_not_done(copied.out, SimpleNamespace(runs=labels, records=results.records, left_out=()), None)
    )
    assert len(lines) == MOST_LISTED + 2
    assert lines[-2:] == ["  and 20 more", "not done: 30 runs, as listed; --retry failed runs them again"]


def test_what_is_left_out_can_be_computed_again(copied):
    data = json.loads((copied.runs[0] / "result.json").read_text())["data"]
    changed(copied.runs[0], data={**data, "sha256": "0" * 64})
    place, advice = messages(copied)
    assert place == f"  {copied.runs[0]}"
    assert advice.startswith("left out: 1 run, for the reason given above; once the folders listed are removed")
    shutil.rmtree(copied.runs[0])
    again = command("run", copied.study, "--out", copied.out)
    assert again.returncode == 0
    assert "left out" not in again.stdout


@pytest.fixture
def tuned(copied, tmp_path):
    """A folder as tune leaves it."""
    folder = tmp_path / "tuned"
    for name in ("tuning", "report"):
        shutil.copytree(copied.out, folder / name)
    return folder


def test_commands_find_the_report_of_a_tuned_study(tuned):
    status = command("status", tuned)
    assert (status.returncode, status.stdout) == (0, f"{tuned / 'tuning'}: 8 done\n{tuned / 'report'}: 8 done\n")
    report = command("report", tuned)
    assert report.returncode == 0, report.stderr
    assert f"report: {tuned / 'report' / 'report.html'}" in report.stdout
    assert not (tuned / "report.html").exists()
    landscape = command("landscape", tuned)
    assert landscape.returncode == 2
    assert f"{tuned / 'report'}: no run has stored models" in landscape.stderr


def test_a_search_under_way_has_no_report(tuned):
    shutil.rmtree(tuned / "report")
    assert tuned_folders(tuned) == [tuned / "tuning"]
    with pytest.raises(UserError, match="tune has not finished its search; its runs are in .*tuning$"):
        folder_to_report(tuned)


def test_what_is_no_folder_of_tune_is_left_as_it_is(copied, tmp_path):
    assert folder_to_report(copied.out) == copied.out
    assert folder_to_report(tmp_path / "missing") == tmp_path / "missing"
    assert without_study(tmp_path, "nothing here") == f"{tmp_path}: nothing here"


def test_python_points_to_the_folders_of_tune(tuned):
    with pytest.raises(
        UserError, match="no study.json.; lifelong-lb tune has put its studies into .*tuning and .*report"
    ):
        load_diagnostics(tuned)
