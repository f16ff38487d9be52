"""Options of running: one declaration for Python and the command line."""

import inspect
from dataclasses import fields

import pytest
import typer
import yaml
from helpers.tiny_study import TINY
from typer.testing import CliRunner

from lifelong_lb import RunOptions, TuneOptions, UserError, run_study, tune_study
from lifelong_lb.cli import app
from lifelong_lb.cli.run_options import PARSERS, takes_options
from lifelong_lb.config.errors import COMMAND_LINE
from lifelong_lb.studies.keywords import with_keywords
from lifelong_lb.studies.options import flags


def parsed(kind, *words):
    """The options that a command receives for words of the command line."""
    received, command_line = [], typer.Typer()

    @command_line.command()
    @takes_options(kind)
    def command(study: str, *, options, quick: bool = False) -> None:
        received.append((study, options, quick))

    done = CliRunner().invoke(command_line, ["a.yaml", *words], standalone_mode=False)
    if done.exception is not None:
        raise done.exception
    assert received[0][::2] == ("a.yaml", False)
    return received[0][1]


def test_a_command_without_options_has_the_defaults():
    assert parsed(RunOptions) == RunOptions()
    assert parsed(TuneOptions) == TuneOptions()


def test_a_command_with_every_option():
    words = (
        "--workers 3 --executor slurm --device cuda --data d --download --retry failed --retry timeout --timeout 2h "
        "--checkpoint-every never --logger wandb --logger mlflow --slurm partition=7 --slurm mem_gb=2 --runs-per-job 4 "
        "--gpus-per-run 0.5 --columns forgetting,train_seconds"
    )
    expected = {
        "workers": 3,
        "executor": "slurm",
        "device": "cuda",
        "data": "d",
        "download": True,
        "retry": ["failed", "timeout"],
        "timeout": 7200.0,
        "checkpoint_every": None,
        "loggers": ["wandb", "mlflow"],
        "slurm": {"partition": "7", "mem_gb": 2},
        "runs_per_job": 4,
        "gpus_per_run": 0.5,
        "columns": ["forgetting", "train_seconds"],
    }
    assert expected.keys() == flags(RunOptions).keys()
    assert parsed(RunOptions, *words.split()) == RunOptions(**expected)
    assert parsed(TuneOptions, *words.split(), "--trials", "2") == TuneOptions(**expected, trials=2)


def test_numbers_have_a_parser():
    """A number without one would reach the options as text."""
    kinds = {name: str(inspect.signature(TuneOptions).parameters[name].annotation) for name in flags(TuneOptions)}
    numbers = [name for name, kind in kinds.items() if "int" in kind or "float" in kind]
    assert {"workers", "trials", "gpus_per_run"} <= set(numbers)
    for name in numbers:
        assert flags(TuneOptions)[name][0].argument in PARSERS, name


@pytest.mark.parametrize(("command", "kind"), [("run", RunOptions), ("tune", TuneOptions)])
def test_help(command, kind):
    done = CliRunner().invoke(app, [command, "--help"], env={"COLUMNS": "300", "TERM": "dumb"})
    assert "workers" in flags(kind)
    for name, (flag, _) in flags(kind).items():
        assert f"--{(flag.name or name).replace('_', '-')} " in done.output
        assert flag.help in done.output


def test_an_option_in_a_study_file_is_recognised():
    assert flags(RunOptions).keys() <= COMMAND_LINE.keys()


def test_keywords_are_the_fields():
    @with_keywords(TuneOptions)
    def function(config, out, options):
        return config, out, options

    assert function("a", "b", workers=2, trials=3) == ("a", "b", TuneOptions(workers=2, trials=3))
    assert function(config="a", out="b") == ("a", "b", TuneOptions())
    given = TuneOptions(workers=2, timeout=9.0)
    assert function("a", "b", options=given)[2] == given
    assert function("a", "b", options=given, timeout=None)[2] == TuneOptions(workers=2)
    with pytest.raises(TypeError, match="unexpected keyword argument 'wrkers'"):
        function("a", "b", wrkers=2)
    for public, kind in ((run_study, RunOptions), (tune_study, TuneOptions)):
        keywords = list(inspect.signature(public).parameters)
        assert keywords == ["config", "out", "options", *(one.name for one in fields(kind))]


def test_one_name_is_a_list_of_one():
    options = RunOptions(retry="failed", loggers=["wandb", "wandb"])
    assert (options.retry, options.loggers) == (("failed",), ("wandb",))


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("workers", 0, "workers must be at least 1; got 0"),
        ("timeout", float("inf"), "timeout must be a positive number of seconds; got inf"),
        ("timeout", 0.0, "timeout must be a positive number of seconds; got 0.0"),
        ("checkpoint_every", -1.0, "checkpoint_every must be a number of seconds >= 0, or None; got -1.0"),
        ("checkpoint_every", float("nan"), "checkpoint_every must be a number of seconds >= 0, or None; got nan"),
        ("runs_per_job", 0, "runs_per_job must be at least 1; got 0"),
        ("gpus_per_run", 1.5, "gpus_per_run must be in [0, 1], because a run uses one GPU; got 1.5"),
        ("trials", 0, "trials must be at least 1; got 0"),
    ],
)
def test_numbers_out_of_range(field, value, message):
    with pytest.raises(UserError) as error:
        TuneOptions(**{field: value})
    assert str(error.value) == message


@pytest.mark.parametrize("function", [run_study, tune_study])
def test_an_empty_folder_name(function, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    tuned = {"streams": "split-digits", "tuning": {"search": {"sgd": {"lr": [0.1, 0.2]}}}}
    with pytest.raises(UserError, match="out must name a folder, e.g. . for the current one; got an empty text"):
        function(tuned, "")
    assert not list(tmp_path.iterdir())


def test_columns_of_the_report(tmp_path):
    study = {**TINY, "strategies": "naive", "seeds": 1}
    run_study(study, tmp_path / "named", executor="in-process", columns=("train_seconds", "stability"))
    heading = next(line for line in (tmp_path / "named" / "summary.md").read_text().splitlines() if "rule" in line)
    assert "training time" in heading
    assert "stability" in heading
    assert "forgetting" not in heading
    for wrong in ("forgeting", "stability_gap"):  # misspelt, and not measured without evaluation.every
        with pytest.raises(UserError, match=f"unknown column '{wrong}'"):
            run_study(study, tmp_path / "not", executor="in-process", columns=[wrong])
    assert not (tmp_path / "not").exists()


def test_run_prints_the_columns_and_explains_them(tmp_path):
    file = tmp_path / "study.yaml"
    file.write_text(yaml.safe_dump({**TINY, "strategies": "naive", "seeds": 1}))
    words = ["run", str(file), "--out", str(tmp_path / "out"), "--executor", "in-process"]
    done = CliRunner().invoke(app, [*words, "--columns", "train_seconds", "--explain"])
    assert done.exit_code == 0, done.output
    assert "training time: wall-clock seconds" in " ".join(done.stdout.split())
    assert "learning accuracy" not in done.stdout.replace("\n", " ")
