"""Progress of decoding images on stderr."""

from helpers.image_files import write_folders

from lifelong_lb.cli.preparing import showing_progress
from lifelong_lb.data import prepare_images, user_source
from lifelong_lb.data.progress import note, report


def test_short_tasks_are_not_shown(tmp_path, capsys):
    write_folders(tmp_path / "mine")
    with showing_progress():
        prepare_images(user_source(str(tmp_path / "mine"), []), tmp_path / "cache")
    assert capsys.readouterr() == ("", "")


def test_long_tasks_are_shown_on_stderr_in_lines(capsys, monkeypatch):
    now = iter(range(1000))
    monkeypatch.setattr("lifelong_lb.cli.preparing.time.monotonic", lambda: next(now))
    with showing_progress():
        for done in range(25):
            report("decoding it", done, 25)
        report("decoding it", 25, 25)
        note("one thing")
        note("one thing")
    printed, text = capsys.readouterr()
    assert printed == ""
    lines = text.splitlines()
    assert lines[0].startswith("decoding it: ")
    assert 2 <= len(lines) - 1 <= 6
    assert lines[-1] == "note: one thing"
