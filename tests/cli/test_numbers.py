"""Numbers on the command line."""

import pytest
from typer.testing import CliRunner

from lifelong_lb import RunOptions
from lifelong_lb.cli import app
from lifelong_lb.config import UserError


def validate(path, *words):
    return CliRunner().invoke(app, ["validate", str(path), *words], standalone_mode=False)


@pytest.mark.parametrize(("workers", "came"), [("-3", "at least 1; got -3"), ("0", "at least 1; got 0")])
def test_less_than_one_worker(tmp_path, workers, came):
    path = tmp_path / "s.yaml"
    path.write_text("streams: split-digits\n")
    for words in (["--estimate"], []):
        done = validate(path, "--workers", workers, *words)
        assert isinstance(done.exception, UserError)
        assert str(done.exception) == f"--workers must be {came}"
    for command in ("run", "tune"):
        words = [command, str(path), "--out", str(tmp_path / "out"), "--workers", workers]
        done = CliRunner().invoke(app, words, standalone_mode=False)
        assert str(done.exception) == f"--workers must be {came}"
    with pytest.raises(UserError, match=f"workers must be {came}"):
        RunOptions(workers=int(workers))
