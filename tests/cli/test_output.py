"""Output of the command line contains no control characters, whatever the source of the text."""

import io
import json

import click
import pytest
from reports.folders import TWO, make, two_experiences
from rich.console import Console
from typer.testing import CliRunner

from lifelong_lb import UserError, cli
from lifelong_lb.cli.output import show
from lifelong_lb.store import ResultFolder, RunRecord
from lifelong_lb.studies.progress.console import ConsoleObserver
from lifelong_lb.studies.progress.json_lines import JsonObserver
from lifelong_lb.studies.progress.lines import LineObserver

HOSTILE = "\x1b[2J\x07\x1b]0;title\x07\x9b31m\u202e[red]done[/red]"
SHOWN = r"\x1b[2J\x07\x1b]0;title\x07\x9b31m\u202e[red]done[/red]"
RECORD = RunRecord(run="0" * 12, config={}, status="failed", message=HOSTILE)


def harmless(text):
    return not set(text) & {"\x1b", "\x07", "\x9b", "\u202e", "\r", "\x08"}


def test_show_escapes(capsys):
    show(HOSTILE)
    show(HOSTILE + "\n\tnext", err=True)
    out, err = capsys.readouterr()
    assert out == SHOWN + "\n"
    assert err == SHOWN + "\n\tnext\n"


@pytest.mark.parametrize("error", ["UserError", "OSError", "RuntimeError", "UsageError"])
def test_errors_are_escaped(error, monkeypatch, capsys):
    errors = {
        "UserError": UserError(HOSTILE),
        "OSError": OSError(2, HOSTILE, "/tmp/" + HOSTILE),
        "RuntimeError": RuntimeError(HOSTILE),
        "UsageError": click.UsageError(HOSTILE),
    }

    def fail(**_):
        raise errors[error]

    monkeypatch.setattr(cli, "app", fail)
    with pytest.raises(SystemExit) as stop:
        cli.main()
    assert stop.value.code == {"UserError": 2, "UsageError": 2}.get(error, 1)
    text = capsys.readouterr().err
    assert SHOWN in text
    assert harmless(text)


@pytest.mark.parametrize("terminal", [False, True])
def test_progress_shows_markup_and_escapes_as_text(terminal):
    stream = io.StringIO()
    console = Console(file=stream, force_terminal=terminal, width=200, color_system=None, legacy_windows=False)
    observer = ConsoleObserver(console)
    observer.phase("trial", HOSTILE, {})
    observer.begun("a", HOSTILE)
    observer.learnt("b", HOSTILE, 0, 5, 0.5)
    observer.ended(HOSTILE, RECORD, elsewhere=False)
    console.print(observer.board())
    text = stream.getvalue()
    assert text.count(SHOWN) == 5  # the phase, two active runs, title and message of the ended one
    assert harmless(text)


def test_plain_lines_are_escaped():
    lines = []
    LineObserver(lines.append).ended(f"run\n{HOSTILE}", RECORD, elsewhere=True)
    assert SHOWN in lines[0]
    assert "\n" not in lines[0]
    assert harmless(lines[0])


def test_json_lines_are_escaped():
    stream = io.StringIO()
    JsonObserver(stream).ended(HOSTILE, RECORD, elsewhere=False)
    (line,) = stream.getvalue().splitlines()
    assert line.isascii()
    assert line.isprintable()
    assert json.loads(line)["title"] == HOSTILE


@pytest.fixture
def folder(tmp_path):
    """Results whose messages, environment and claims hold what a terminal acts on."""
    fill = {0: two_experiences(0.9, 0.8, 0.5), 1: "failed"}
    made = make(tmp_path / "out", TWO, lambda labels, seed: fill[seed], message=HOSTILE)
    for run in made.runs_path.iterdir():
        environment = json.loads((run / "environment.json").read_text())
        (run / "environment.json").write_text(json.dumps({**environment, "torch": run.name + HOSTILE}))
    return made


def test_status_and_report_are_escaped(folder):
    for words in (["status"], ["report"]):
        result = CliRunner().invoke(cli.app, [*words, str(folder.path)])
        assert SHOWN in result.output.replace("\n", " ") or words == ["report"]
        assert harmless(result.output)
    assert "left out" in result.output or r"\x1b" in result.output
    assert harmless((folder.path / "summary.md").read_text())


def test_a_heading_of_another_file_is_escaped(folder, tmp_path):
    (tmp_path / "other.csv").write_text(f"{HOSTILE},b\n1,2\n")
    words = ["report", str(folder.path), "--with", str(tmp_path / "other.csv"), "--out", str(tmp_path / "both")]
    result = CliRunner().invoke(cli.app, words)
    assert SHOWN in str(result.exception)
    assert harmless(str(result.exception))
    assert not ResultFolder(tmp_path / "both").study_path.exists()
