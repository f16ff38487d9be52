"""What the command line does with few words: version, default folder, completion."""

import os
from importlib.metadata import version
from pathlib import Path

import pytest
from helpers.tiny_study import command, write_study
from typer.testing import CliRunner

import lifelong_lb
from lifelong_lb.cli import app
from lifelong_lb.cli.options import MAX_NAME_CHARACTERS, default_folder

ONE_RUN = {"strategies": "naive", "rules": "none", "seeds": 1}


def test_the_version_is_that_of_the_installed_package():
    done = CliRunner().invoke(app, ["--version"])
    assert (done.exit_code, done.stdout) == (0, f"lifelong_lb {version('lifelong_lb')}\n")
    assert lifelong_lb.__version__ == version("lifelong_lb")


@pytest.mark.slow
def test_run_without_a_folder_names_one_after_the_study(tmp_path):
    study = write_study(tmp_path / "study.yaml", name="SAM: a/b?", **ONE_RUN)
    done = command("run", study, "--executor", "in-process", "--json", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert f"results: {Path('results', 'SAM-a-b')}\n" in done.stderr
    assert (tmp_path / "results" / "SAM-a-b" / "results.csv").is_file()


@pytest.mark.slow
def test_short_options(tmp_path):
    study = write_study(tmp_path / "study.yaml", **ONE_RUN)
    done = command("run", study, "-o", "first", "--executor", "in-process", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "results:" not in done.stderr
    assert command("report", "first", "-o", "second", cwd=tmp_path).returncode == 0
    assert (tmp_path / "second" / "report.html").is_file()
    untuned = CliRunner().invoke(app, ["tune", str(study), "-o", str(tmp_path / "third")])
    assert "tuning" in str(untuned.exception)  # -o is parsed before the study is refused


@pytest.mark.parametrize("name", ["x" * 500, "..", ".hidden", "a/../b", "C:\\x", "con", "COM1.txt", "日" * 100, "- -"])
def test_every_name_of_a_study_is_a_folder(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    folder = default_folder(name)
    folder.mkdir(parents=True)
    assert [path.name for path in (tmp_path / "results").iterdir()] == [folder.name]
    assert 0 < len(folder.name) <= MAX_NAME_CHARACTERS + len("-study")
    assert folder.stem.lower() not in {"con", "com1"}
    assert not set('<>:"/\\|?* ') & set(folder.name)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("line", "answers"), [("va", {"validate"}), ("run study.yaml --o", {"--out"}), ("list r", {"rules"})]
)
def test_completion_of_the_shell(line, answers):
    words = f"lifelong-lb {line}"
    asked = {"_LIFELONG_LB_COMPLETE": "complete_bash", "COMP_WORDS": words, "COMP_CWORD": str(words.count(" "))}
    done = command(env={**os.environ, **asked})
    assert set(done.stdout.split()) == answers, done.stderr
