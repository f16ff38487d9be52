"""``new`` creates a repository whose tests pass and whose study runs, in an empty folder only.

The commands are those of docs/how-to/own-benchmark.md.
"""

import os
import subprocess
import sys

import pytest
import yaml
from helpers.tiny_study import commands
from typer.testing import CliRunner

from lifelong_lb.cli import app
from lifelong_lb.config import UserError
from lifelong_lb.scaffold import FILES, PLACEHOLDER


def new(folder):
    return CliRunner().invoke(app, ["new", str(folder)])


@pytest.mark.slow
def test_its_tests_pass_and_its_study_runs(tmp_path):
    folder = tmp_path / "Flat Minima"
    assert new(folder).exit_code == 0
    words = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"]
    tested = subprocess.run(words, cwd=folder, capture_output=True, text=True, timeout=300, check=False)
    assert "4 passed" in tested.stdout, tested.stdout + tested.stderr
    done = commands(
        ["validate", "study.yaml"],
        ["run", "study.yaml", "--set", "seeds=1", "--set", "strategies=naive", "--executor", "in-process"],
        cwd=folder,
    )
    assert done.returncode == 0, done.stderr
    assert "study.yaml: a valid study of 18 runs" in done.stdout
    assert "unnormalised-sam" in (folder / "results" / "flat-minima" / "results.csv").read_text()


@pytest.mark.slow
def test_its_code_is_formatted_and_passes_a_linter(tmp_path):
    new(tmp_path / "mine")
    for words in (["check", "--select", "E,F,W,I,UP,B"], ["format", "--check"]):
        ruff = [sys.executable, "-m", "ruff", *words, "--line-length", "120", "."]
        done = subprocess.run(ruff, cwd=tmp_path / "mine", capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout


def test_it_is_named_after_its_folder(tmp_path):
    folder = tmp_path / "Flat Minima_2"
    done = new(folder)
    assert {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()} == set(FILES)
    assert done.stdout.rstrip().endswith("then lifelong-lb run study.yaml")
    for name in FILES:
        assert PLACEHOLDER not in (folder / name).read_text(encoding="utf-8")
    assert yaml.safe_load((folder / "study.yaml").read_text())["name"] == "flat-minima-2"
    assert 'name = "flat-minima-2"' in (folder / "pyproject.toml").read_text()


def test_a_clone_of_an_empty_repository_is_used(tmp_path):
    (tmp_path / ".git").mkdir()
    assert new(tmp_path).exit_code == 0
    assert (tmp_path / "rules.py").is_file()


def test_what_is_there_is_left_alone(tmp_path):
    (tmp_path / "notes.txt").write_text("dear to me\n")
    done = new(tmp_path)
    assert isinstance(done.exception, UserError)
    assert str(done.exception) == f"{tmp_path}: not empty, it holds 'notes.txt'; choose the name of a new folder"
    file = tmp_path / "notes.txt"
    assert str(new(file).exception) == f"{file}: is a file; choose the name of a new folder"
    assert [path.name for path in tmp_path.iterdir()] == ["notes.txt"]


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_where_nothing_can_be_written(tmp_path):
    tmp_path.chmod(0o500)
    assert "cannot be written" in str(new(tmp_path / "mine").exception)
