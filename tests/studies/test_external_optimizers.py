"""Studies with optimizers that come from elsewhere, from the command line."""

import json
import sys

import pandas as pd
import pytest
from helpers.tiny_study import command, write_study

from lifelong_lb.cli import main

SAM = {
    "name": "external",
    "target": "pytorch_optimizer.SAM",
    "settings": {"rho": 0.05, "lr": 0.1},
    "classes": {"base_optimizer": "torch.optim.SGD"},
    "closure": True,
}
ADAGRAD = {"name": "external", "target": "torch.optim.Adagrad", "settings": {"lr": 0.05}}


@pytest.mark.slow
def test_they_learn_and_their_passes_are_counted(tmp_path):
    lbfgs = {"name": "lbfgs", "lr": 1, "max_iter": 4, "history_size": 10, "line_search_fn": "strong_wolfe"}
    streams = [
        {"name": "split-digits", "label": "multi"},
        {"name": "split-digits", "label": "growing", "scenario": "class-incremental", "model": {"head": "growing"}},
    ]
    changes = {"strategies": "naive", "streams": streams, "seeds": 1}
    first = write_study(tmp_path / "a.yaml", rules="none", optimizers=["sgd", lbfgs, SAM, ADAGRAD], **changes)
    done = command("run", first, "--out", tmp_path / "out")
    assert done.returncode == 0, done.stderr
    wider = write_study(tmp_path / "b.yaml", rules=["none", "sam"], optimizers=["sgd", ADAGRAD], **changes)
    done = command("run", wider, "--out", tmp_path / "out")
    assert done.returncode == 0, done.stderr
    results = pd.read_csv(tmp_path / "out" / "results.csv")
    assert len(results) == 12
    assert set(results["status"]) == {"done"}
    assert set(results["base_optimizer"]) == {"sgd", "lbfgs", "SAM", "Adagrad"}
    assert results["learning_accuracy"].min() > 0.8
    table = results.set_index(["stream", "rule", "base_optimizer"])["gradient_evaluations"]
    for stream in ("multi", "growing"):
        passes = table[stream]
        assert passes["none", "SAM"] == 2 * passes["none", "sgd"] == passes["sam", "Adagrad"]
        assert passes["none", "Adagrad"] == passes["none", "sgd"] < passes["none", "lbfgs"]
    same = results.set_index(["stream", "rule", "base_optimizer"])["average_accuracy"]
    assert same["multi", "none", "SAM"] == pytest.approx(same["multi", "sam", "sgd"], abs=0.01)


USELESS = {
    "misspelt": ({**ADAGRAD, "target": "torch.optim.Adagard"}, "did you mean 'torch.optim.Adagrad'?"),
    "missing": ({**ADAGRAD, "target": "no_such_package.Adagrad"}, "No module named 'no_such_package'"),
    "keyword": ({**ADAGRAD, "settings": {"learning_rate": 1}}, "unexpected keyword argument 'learning_rate'"),
    "closure": ({**SAM, "closure": False}, "needs closure: true"),
}


def refused(monkeypatch, capsys, *words):
    """What the command line, in this process, writes to stderr before it exits with 2."""
    monkeypatch.setattr(sys, "argv", ["lifelong-lb", *map(str, words)])
    with pytest.raises(SystemExit) as stop:
        main()
    assert stop.value.code == 2
    return capsys.readouterr().err


@pytest.mark.parametrize("case", USELESS)
def test_a_mistake_ends_in_one_line_before_anything_runs(tmp_path, case, monkeypatch, capsys):
    entry, message = USELESS[case]
    study = write_study(tmp_path / "s.yaml", optimizers=["sgd", entry], rules="none")
    error = refused(monkeypatch, capsys, "run", study, "--out", tmp_path / "out")
    assert error.startswith("error: optimizers[1]: ")
    assert message in error
    assert len(error.splitlines()) == 1
    assert not (tmp_path / "out").exists()


def test_a_pair_that_cannot_work_is_refused(tmp_path, monkeypatch, capsys):
    study = write_study(tmp_path / "s.yaml", optimizers=["lbfgs"])
    for words in (["validate", study], ["run", study, "--out", tmp_path / "out"]):
        error = refused(monkeypatch, capsys, *words)
        assert "lbfgs evaluates the loss itself and cannot be combined with the rule lookbehind-sam" in error
    assert not (tmp_path / "out").exists()


@pytest.mark.slow
def test_what_only_the_model_shows_is_recorded_as_a_failure(tmp_path):
    """The trial before the study sees a small layer; what fails in the run itself fails that run alone."""
    (tmp_path / "late.py").write_text(
        "import torch\n"
        "class Late(torch.optim.SGD):\n"
        "    def step(self, closure=None):\n"
        "        if self.param_groups[0]['params'][0].shape[1] > 60:\n"
        "            raise RuntimeError('these weights are too many')\n"
        "        return super().step(closure)\n"
    )
    entry = {"name": "external", "target": "late.Late", "settings": {"lr": 0.1}}
    study = write_study(tmp_path / "s.yaml", optimizers=["sgd", entry], strategies="naive", rules="none", seeds=1)
    done = command("run", study, "--out", tmp_path / "out", cwd=tmp_path)
    assert done.returncode == 1, done.stderr
    results = pd.read_csv(tmp_path / "out" / "results.csv").set_index("base_optimizer")
    assert results["status"].to_dict() == {"sgd": "done", "Late": "failed"}
    result = json.loads((tmp_path / "out" / "runs" / results.loc["Late", "run"] / "result.json").read_text())
    assert result["message"] == "RuntimeError: these weights are too many"
