"""Tables and page of a study while it runs."""

import json
import re

import pytest
from reports.folders import TWO, make, two_experiences

from lifelong_lb.reports import write_report
from lifelong_lb.studies import updates
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
