"""Tables and page of a study while it runs."""

import json
import re

import pytest
from helpers.tiny_study import TINY
from reports.folders import TWO, make, two_experiences

from lifelong_lb import run_study
from lifelong_lb.config import UserError
from lifelong_lb.reports import write_report
from lifelong_lb.reports.page import render
from lifelong_lb.studies import ProgressObserver, updates
from lifelong_lb.studies.progress import dispatch
from lifelong_lb.studies.updates import SECONDS_BETWEEN_PAGES, Updates


@pytest.fixture
def clock(monkeypatch):
    now = [100.0]
    monkeypatch.setattr(updates.time, "monotonic", lambda: now[0])
    return now


def half(labels, seed):
    return two_experiences(0.9, 0.8, 0.5) if seed == 0 else None


def test_the_page_follows_the_runs_at_intervals(tmp_path, clock):
    folder = make(tmp_path, TWO, half)
    update = Updates(folder)
    update()
    assert len(folder.read_table("results")) == 2
    assert not folder.report_path.exists()
    clock[0] += SECONDS_BETWEEN_PAGES
    update()
    page = folder.report_path.read_text()
    assert re.search(r"2 of 4 runs done \(2 not run yet\) at \d\d:\d\d, still running; this page renews itself", page)
    assert '<meta http-equiv="refresh" content="60">' in page
    data = re.search(r'<script type="application/json" id="data">(.*?)</script>', page)
    assert json.loads(data[1])["columns"]["status"] == ["done", "done"]
    folder.report_path.unlink()
    update()  # not due yet
    assert not folder.report_path.exists()


def test_the_last_page_does_not_renew_itself(tmp_path):
    folder = make(tmp_path, TWO, lambda labels, seed: two_experiences(0.9, 0.8, 0.5))
    write_report(folder)
    page = folder.report_path.read_text()
    assert "4 of 4 runs done" in page
    assert "still running" not in page
    assert 'http-equiv="refresh"' not in page


def test_another_launcher_that_writes_is_not_waited_for(tmp_path, clock):
    folder = make(tmp_path, TWO, half)
    update = Updates(folder)
    clock[0] += SECONDS_BETWEEN_PAGES
    with folder.locked():
        update()
    assert not folder.report_path.exists()


class Problems(ProgressObserver):
    def __init__(self):
        self.texts = []

    def problem(self, text):
        self.texts.append(text)


@pytest.mark.parametrize(
    ("error", "named"),
    [
        (ZeroDivisionError("a chart\nwithout rows"), "ZeroDivisionError: a chart without rows"),
        (OSError(28, "No space left on device"), "No space left on device"),
        (UserError("x" * 1000), "UserError: xxx"),
    ],
)
def test_a_page_that_cannot_be_written_does_not_end_the_study(tmp_path, monkeypatch, error, named):
    drawn, whole = [], render.render_page

    def fails(*args, now="", **others):
        drawn.append(now)
        if now:
            raise error
        return whole(*args, now=now, **others)

    monkeypatch.setattr(render, "render_page", fails)
    for module, name in ((updates, "SECONDS_BETWEEN_PAGES"), (updates, "SHARE"), (dispatch, "SECONDS_BETWEEN_TABLES")):
        monkeypatch.setattr(module, name, 1e9 if name == "SHARE" else 0.0)
    observer = Problems()
    results = run_study(
        {**TINY, "strategies": "naive"}, tmp_path, executor="in-process", observer=observer, columns=["forgetting"]
    )
    assert len([now for now in drawn if now]) == 4  # after each run, in spite of the error
    assert list(results.runs["status"]) == ["done"] * 4
    (text,) = observer.texts
    assert text.startswith("tables or page could not be written while runs were active (")
    assert named in text
    assert len(text) < 300
    assert list(results.problems) == [text]
    assert text.split("(")[0] in (tmp_path / "report.html").read_text()


def test_tables_are_written_before_the_page(tmp_path, clock, monkeypatch):
    folder = make(tmp_path, TWO, half)
    update = Updates(folder)
    monkeypatch.setattr(render, "render_page", lambda *args, **others: 1 / 0)
    clock[0] += SECONDS_BETWEEN_PAGES
    assert len(update()) == 1
    assert len(folder.read_table("results")) == 2
    clock[0] += SECONDS_BETWEEN_PAGES
    assert update() == []
    assert len(update.problems) == 1
