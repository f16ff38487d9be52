"""Progress of preparing images is shown on stderr, where it takes time."""

import pytest
from helpers.image_files import write_cifar_parquet, write_folders

from lifelong_lb.cli.preparing import showing_progress
from lifelong_lb.data import prepare_images, user_source
from lifelong_lb.data.progress import note, report, reporting


class RecordingReporter:
    def __init__(self):
        self.steps, self.notes = [], []

    def progress(self, what, done, total):
        self.steps.append((what, done, total))

    def note(self, text):
        self.notes.append(text)


@pytest.mark.parametrize("write", [write_folders, write_cifar_parquet])
def test_every_image_is_reported_and_the_end(tmp_path, write):
    write(tmp_path / "mine")
    reporter = RecordingReporter()
    with reporting(reporter):
        images = prepare_images(user_source(str(tmp_path / "mine"), []), tmp_path / "cache")
    count = len(images.train.y) + len(images.test.y)
    decoding = [step for step in reporter.steps if step[0].startswith("decoding ")]
    assert len({(done, total) for _, done, total in decoding if done < total}) > count / 2
    assert any(done == total for _, done, total in decoding)
    report("outside", 0, 1)
    note("outside")
    assert "outside" not in [step[0] for step in reporter.steps]


def test_a_terminal_has_a_bar_that_is_taken_away(monkeypatch, capsys):
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("TERM", "xterm")
    now = iter(range(1000))
    monkeypatch.setattr("lifelong_lb.cli.preparing.time.monotonic", lambda: next(now))
    with showing_progress():
        for done in range(5):
            report("decoding [it]", done, 5)
    printed, said = capsys.readouterr()
    assert printed == ""
    assert "decoding [it]" in said
