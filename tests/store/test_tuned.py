"""Folders of ``lifelong-lb tune``."""

import shutil

import pytest
from helpers.tiny_study import command

from lifelong_lb.config import UserError
from lifelong_lb.reports import load_diagnostics
from lifelong_lb.store.tuned import folder_to_report, no_study_message, tuned_folders


@pytest.fixture
def tuned(copied, tmp_path):
    """A folder of tune."""
    folder = tmp_path / "tuned"
    for name in ("tuning", "report"):
        shutil.copytree(copied.out, folder / name)
    return folder


@pytest.mark.slow
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


def test_an_unfinished_search_has_no_report(tuned):
    shutil.rmtree(tuned / "report")
    assert tuned_folders(tuned) == [tuned / "tuning"]
    with pytest.raises(UserError, match="tune has not finished its search; its runs are in .*tuning$"):
        folder_to_report(tuned)


def test_other_folders_are_returned_unchanged(copied, tmp_path):
    assert folder_to_report(copied.out) == copied.out
    assert folder_to_report(tmp_path / "missing") == tmp_path / "missing"
    assert no_study_message(tmp_path, "nothing here") == f"{tmp_path}: nothing here"


def test_python_points_to_the_folders_of_tune(tuned):
    with pytest.raises(UserError, match="no study.json.; the studies of lifelong-lb tune are in .*tuning and .*report"):
        load_diagnostics(tuned)
