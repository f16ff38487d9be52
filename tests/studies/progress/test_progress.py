"""Progress observers: lines, JSON, terminal, dispatch."""

import io
import json
import threading
import time

import pytest
from rich.console import Console

from lifelong_lb.evaluation import AccuracyMatrix
from lifelong_lb.store import RunProgress, RunRecord, read_progress, write_progress
from lifelong_lb.studies import LineObserver, ProgressObserver
from lifelong_lb.studies.progress.console import ConsoleObserver, seconds_left
from lifelong_lb.studies.progress.dispatch import EventDispatcher
from lifelong_lb.studies.progress.json_lines import JsonObserver

FIRST = AccuracyMatrix.unmeasured(2).with_row(0, [0.75])
DONE = RunRecord("abc", {}, "done", FIRST.with_row(1, [0.25, 0.5]))
FAILED = RunRecord("def", {}, "failed", message="no [memory]")


def study(observer):
    """Four runs: one failed before, one is done elsewhere, one given up."""
    observer.start(4, {"failed": 1})
    observer.begun("abc", "naive sam")
    observer.begun("def", "naive none")
    observer.learnt("abc", "naive sam", 0, 2, 0.75)
    observer.given_up("def")
    observer.learnt("abc", "naive sam", 1, 2, 0.375)
    observer.ended("naive sam", DONE, elsewhere=False)
    observer.waiting(1)
    observer.problem("no page\n")
    observer.ended("naive none", FAILED, elsewhere=True)
    observer.stop()


LINES = [
    "4 runs, 1 of them ended earlier",
    "[2/4, 0 s] naive sam: average accuracy 0.375",
    "waiting for 1 run in progress elsewhere; lifelong-lb status shows where",
    "Note: no page\\n",
    "[3/4, 0 s] naive none (elsewhere): FAILED: no [memory]",
]


def test_lines(capsys):
    study(LineObserver())
    assert capsys.readouterr().out.splitlines() == LINES


def test_lines_where_there_is_no_terminal():
    stream = io.StringIO()
    study(ConsoleObserver(Console(file=stream, width=30)))
    assert stream.getvalue().splitlines() == LINES


def test_json():
    stream = io.StringIO()
    study(JsonObserver(stream))
    events = [json.loads(line) for line in stream.getvalue().splitlines()]
    assert all(event.pop("time") > 1e9 for event in events)
    sam, none = {"run": "abc", "title": "naive sam"}, {"run": "def", "title": "naive none"}
    assert events == [
        {"event": "start", "runs": 4, "present": {"failed": 1}},
        {"event": "run started", **sam},
        {"event": "run started", **none},
        {"event": "experience ended", **sam, "experience": 0, "experiences": 2, "accuracy": 0.75},
        {"event": "run given up", "run": "def"},
        {"event": "experience ended", **sam, "experience": 1, "experiences": 2, "accuracy": 0.375},
        {"event": "run ended", **sam, "status": "done", "message": "", "average_accuracy": 0.375, "elsewhere": False},
        {"event": "waiting", "runs": 1},
        {"event": "problem", "text": "no page\n"},
        {
            **{"event": "run ended", **none, "status": "failed", "message": "no [memory]"},
            **{"average_accuracy": None, "elsewhere": True},
        },
        {"event": "end", "runs": 4, "statuses": {"failed": 2, "done": 1}},
    ]


def shown(observer):
    console = Console(file=io.StringIO(), width=100)
    console.print(observer.board())
    return [line.rstrip() for line in console.file.getvalue().splitlines()]


def test_the_live_display(monkeypatch):
    stream = io.StringIO()
    observer = ConsoleObserver(Console(file=stream, width=100, force_terminal=True))
    observer.start(4, {"failed": 1})
    try:
        observer.begun("abc", "naive [sam]")
        observer.begun("def", "naive none")
        head, *runs = shown(observer)
        assert head.endswith(" 1/4: 0 done, 1 failed, 2 running; 0 s")
        assert [line.split()[-2:] for line in runs] == [["naive", "[sam]"], ["naive", "none"]]
        observer.learnt("abc", "naive [sam]", 0, 2, 0.75)
        monkeypatch.setattr(time, "monotonic", lambda clock=time.monotonic: clock() + 60)
        head, *runs = shown(observer)
        assert head.endswith(" 1/4: 0 done, 1 failed, 2 running; 60 s, about 5 min left")
        assert runs[0].endswith(" 1/2 naive [sam] accuracy 0.750")
        observer.ended("naive [sam]", DONE, elsewhere=False)
        observer.given_up("def")
        head, *runs = shown(observer)
        assert head.endswith(" 2/4: 1 done, 1 failed, 0 running; 60 s, about 2 min left")
        assert runs == []
    finally:
        observer.stop()
    assert "naive [sam]: average accuracy 0.375" in stream.getvalue()


def test_of_many_runs_those_that_have_come_furthest_are_shown():
    observer = ConsoleObserver(Console(file=io.StringIO(), width=100))
    observer.start(200, {})
    for number in range(100):
        observer.begun(str(number), f"run {number}")
    observer.learnt("70", "run 70", 0, 2, 0.75)
    head, first, *others = shown(observer)
    assert "100 running" in head
    assert first.endswith(" 1/2 run 70 accuracy 0.750")
    assert [line.split()[-1] for line in others] == [str(number) for number in range(15)]


def test_time_left():
    assert seconds_left(60.0, 0, [0.0, 0.0], 8) is None
    assert seconds_left(60.0, 2, [], 4) == 120.0
    assert seconds_left(60.0, 1, [0.25, 0.75], 3) == 60.0
    assert seconds_left(60.0, 1, [], 0) == 0.0


class Noting(ProgressObserver):
    def __init__(self):
        self.lines = []
        self.learnt_one = threading.Event()

    def learnt(self, run, title, experience, experiences, accuracy):
        self.lines.append((run, title, experience, experiences, accuracy))
        self.learnt_one.set()

    def ended(self, title, record, *, elsewhere):
        self.lines.append((record.run, elsewhere))


def test_each_experience_is_reported_once(tmp_path, monkeypatch):
    monkeypatch.setattr("lifelong_lb.studies.progress.dispatch.POLL_SECONDS", 0.01)
    for name in (".abc.1", ".def.1"):
        (tmp_path / name).mkdir()
        write_progress(tmp_path / name, RunProgress.of(FIRST))
    observer = Noting()
    with EventDispatcher(observer, list, tmp_path) as dispatcher:
        dispatcher.begun("abc", "sam")
        assert observer.learnt_one.wait(10)
        dispatcher.update_progress("abc", RunProgress.of(FIRST))
        dispatcher.ended("sam", DONE, elsewhere=False)
        dispatcher.update_progress("abc", RunProgress.of(DONE.accuracy))
        dispatcher.ended("none", FAILED, elsewhere=True)
    assert observer.lines == [("abc", "sam", 0, 2, 0.75), ("abc", "sam", 1, 2, 0.375), ("abc", False), ("def", True)]


def test_tables_are_brought_up_to_date_now_and_then(tmp_path, monkeypatch):
    updates = []
    dispatcher = EventDispatcher(ProgressObserver(), lambda: updates.append(1) or ["no page"], tmp_path)
    dispatcher.ended("sam", DONE, elsewhere=True)
    assert not updates
    monkeypatch.setattr("lifelong_lb.studies.progress.dispatch.SECONDS_BETWEEN_TABLES", 0)
    dispatcher.ended("sam", DONE, elsewhere=True)
    assert len(updates) == 1


def test_an_observer_that_cannot_write_does_not_end_the_study(tmp_path):
    class Full(ProgressObserver):
        def start(self, total, present):
            raise OSError(28, "No space left on device")

    dispatcher = EventDispatcher(Full(), list, tmp_path)
    dispatcher.start(3, {})
    dispatcher.start(3, {})
    assert dispatcher.problems == ["progress could not be shown to the end (No space left on device)"]


@pytest.mark.parametrize("content", ["", "{}", "[]", '{"experiences": 2, "accuracies": [3]}'])
def test_how_far_a_run_has_come(tmp_path, content):
    (tmp_path / ".abc.broken").mkdir()
    (tmp_path / ".abc.broken" / "how_far.json").write_text(content)
    (tmp_path / ".abc.claim-1").write_text("")
    assert read_progress(tmp_path) == {}
    (tmp_path / ".abc.x").mkdir()
    joint = RunProgress.of(AccuracyMatrix.unmeasured(3).with_row(2, [0.5, 0.5, 0.8]))
    write_progress(tmp_path / ".abc.x", joint)
    assert read_progress(tmp_path) == {"abc": joint}
    assert joint == RunProgress(3, [(2, pytest.approx(0.6))])
