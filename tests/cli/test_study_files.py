"""The study file to start from: it is right, it runs, and it never takes the place of another."""

import pytest
import yaml
from jsonschema import Draft202012Validator
from typer.testing import CliRunner

from lifelong_lb import run_study
from lifelong_lb.cli import app
from lifelong_lb.config import UserError, expand, read_study
from lifelong_lb.config.schema import study_schema
from lifelong_lb.evaluation import seeds_needed


def init(*words):
    return CliRunner().invoke(app, ["init", *map(str, words)])


@pytest.mark.slow
def test_it_is_valid_and_runs(tmp_path):
    path = tmp_path / "mine.yaml"
    assert init(path).exit_code == 0
    Draft202012Validator(study_schema()).validate(yaml.safe_load(path.read_text()))
    assert len(expand(read_study(path))) == 18
    study = read_study(path, ["seeds=1", "strategies=naive"])
    assert run_study(study, tmp_path / "out", executor="in-process").runs["status"].tolist() == ["done"] * 3


def test_it_names_as_many_seeds_as_its_comparisons_need(tmp_path):
    path = tmp_path / "mine.yaml"
    init(path)
    study, text = read_study(path), " ".join(path.read_text().replace("#", " ").split())
    comparisons = len(study.streams) * len(study.strategies) * (len(study.rules) - 1)
    assert f"an exact test of the {comparisons} comparisons of this study" in text
    assert f"at least {seeds_needed(comparisons)}." in text


def test_what_stands_in_comments_is_valid_too(tmp_path):
    path = tmp_path / "mine.yaml"
    init(path)
    before, commented = path.read_text().split("# evaluation:\n")
    path.write_text(before + "evaluation:\n" + "\n".join(line.removeprefix("# ") for line in commented.splitlines()))
    evaluation = read_study(path).evaluation
    assert (evaluation.every, evaluation.landscape.measures) == (10, ("ball",))


def test_combinations_that_stand_in_comments_can_be_left_out(tmp_path):
    path = tmp_path / "mine.yaml"
    init(path)
    text = path.read_text().replace("# exclude:\n#   - ", "exclude:\n  - ")
    path.write_text(text)
    assert len(expand(read_study(path))) == 12


def test_its_name_without_one(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    done = init()
    assert [path.name for path in tmp_path.iterdir()] == ["study.yaml"]
    assert "lifelong-lb run study.yaml --out results/study" in done.stdout


def test_it_overwrites_by_force_only(tmp_path):
    path = tmp_path / "mine.yaml"
    path.write_text("dear to me\n")
    done = init(path)
    assert isinstance(done.exception, UserError)
    assert str(done.exception) == f"{path}: already exists; choose another name, or replace it with --force"
    assert path.read_text() == "dear to me\n"
    assert init(path, "--force").exit_code == 0
    assert read_study(path).name == "first-study"


@pytest.mark.parametrize("place", ["none/mine.yaml", "."])
def test_where_nothing_can_be_written(tmp_path, place):
    assert isinstance(init(tmp_path / place, "--force").exception, UserError)
