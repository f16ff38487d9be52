"""Whole runs on the device, with the results of the CPU."""

import math
import os
from pathlib import Path

import pandas as pd
import pytest
import simulated_device
import torch
import yaml
from helpers.strategy_cases import AVALANCHES_OWN_WARNINGS, ENTRIES
from helpers.tiny_study import command

from lifelong_lb import measure_landscape, run_study
from lifelong_lb.devices import accelerators
from lifelong_lb.store import ResultFolder, model_path, stored_models
from lifelong_lb.strategies import SamplesSeen
from lifelong_lb.studies.run.checkpoints import Checkpoints

pytestmark = [
    *AVALANCHES_OWN_WARNINGS,
    # the simulated device computes mse_loss through a variant with an output that it resizes
    pytest.mark.filterwarnings("ignore:An output with one or more elements was resized:UserWarning"),
]

STUDY = {
    "name": "device",
    "streams": [{"name": "split-digits", "first": 2, "images_per_class": 20}],
    "model": {"name": "mlp", "hidden": [16]},
    "train": {"batch_size": 8},
    "evaluation": {"save_models": True, "batch_size": 400},
    "skip_unsupported": True,
}
MODELS = {
    "resnet": ({"name": "resnet18", "width": 2}, "float32"),
    "small-cnn in bfloat16": ({"name": "small-cnn"}, "bfloat16"),
}


def results(study, out, device, **options):
    run_study(study, out, executor="in-process", device=device, **options)
    table = pd.read_csv(out / "results.csv")
    failed = table[table["status"] != "done"]
    assert failed.empty, failed[["strategy", "rule", "message"]].to_string()
    return table


def weights(out):
    folder = out / "runs"
    return {
        (run.name, i): torch.load(model_path(run, i))
        for run in sorted(folder.iterdir())
        if not run.name.startswith(".")
        for i in stored_models(run)
    }


def assert_same_weights(out, expected, tolerance):
    got, expected = weights(out), weights(expected)
    assert got
    assert got.keys() == expected.keys()
    for place, values in expected.items():
        for name, value in values.items():
            assert got[place][name].device.type == "cpu"
            message = f"{place} {name}: {{}}".format
            torch.testing.assert_close(got[place][name], value, rtol=tolerance, atol=tolerance, msg=message)


def test_every_strategy(kind, tmp_path):
    """With and without a rule: the same accuracies, and the same weights up to rounding."""
    study = STUDY | {
        "strategies": list(ENTRIES.values()),
        "rules": ["none", "sam", {"name": "lookbehind-sam", "k": 2}],
    }
    tables = [results(study, tmp_path / device, device) for device in (kind, "cpu")]
    assert len(tables[0]) >= 2 * len(ENTRIES)
    columns = ["run", "strategy", "rule", "average_accuracy", "forgetting", "gradient_evaluations", "samples_seen"]
    pd.testing.assert_frame_equal(tables[0][columns], tables[1][columns], check_exact=False, rtol=0, atol=0.02)
    assert_same_weights(tmp_path / kind, tmp_path / "cpu", 1e-4)


def test_everything_that_is_measured(kind, tmp_path):
    """Accuracies during training, diagnostics, confusion and the loss landscape, also at stored models."""
    study = STUDY | {
        "model": {"name": "small-cnn"},
        "rules": [{"name": "lookbehind-sam", "k": 2}],
        "evaluation": {
            **STUDY["evaluation"],
            **{"every": 2, "diagnostics_every": 2, "confusion": True, "experiences": "all"},
            "landscape": {"images": 16, "measures": ["ball", "hessian", "interpolation", "noise"]},
        },
    }
    for device in (kind, "cpu"):
        results(study, tmp_path / device, device)
    tables = sorted(path.name for path in next((tmp_path / "cpu" / "runs").iterdir()).glob("*.csv"))
    assert {"accuracy.csv", "confusion.csv", "diagnostics.csv", "landscape.csv"} <= set(tables)
    assert_same_weights(tmp_path / kind, tmp_path / "cpu", 1e-4)
    for name in tables:
        got, expected = (pd.read_csv(next((tmp_path / d / "runs").glob(f"*/{name}"))) for d in (kind, "cpu"))
        pd.testing.assert_frame_equal(got, expected, check_exact=False, rtol=2e-2, atol=2e-3)
    measure_landscape(tmp_path / kind, overrides=["images=8"], device=accelerators()[-1])


@pytest.mark.parametrize("case", MODELS)
def test_models(kind, tmp_path, case):
    model, precision = MODELS[case]
    study = STUDY | {
        "model": model,
        "train": {"batch_size": 20, "precision": precision},
        "rules": ["sam"],
        "optimizers": [{"name": "adam", "lr": 0.001}],
    }
    tables = [results(study, tmp_path / device, device) for device in (kind, "cpu")]
    exact = precision == "float32"
    assert math.isclose(*(t["average_accuracy"].item() for t in tables), abs_tol=0.02 if exact else 0.2)
    assert 0 < tables[0]["peak_memory"].item() < 2**28
    assert_same_weights(tmp_path / kind, tmp_path / "cpu", 1e-3 if exact else 0.05)


def test_float16(kind, tmp_path):
    """Almost the weights of float32 on the CPU: after the steps that were skipped, so few that they hardly matter."""
    study = STUDY | {
        "strategies": ["naive", ENTRIES["ewc"], ENTRIES["agem"]],
        "rules": ["none", "sam", {"name": "lookbehind-sam", "k": 2}],
        "optimizers": [{"name": "sgd", "lr": 0.01}],
    }
    for device, precision in ((kind, "float16"), ("cpu", "float32")):
        results(study | {"train": {"batch_size": 8, "precision": precision}}, tmp_path / device, device)
    runs = {
        out: {
            (record.config["strategy"]["name"], record.config["rule"]["name"]): record
            for run, _ in weights(tmp_path / out)
            for record in [ResultFolder(tmp_path / out).read_run(run)]
        }
        for out in (kind, "cpu")
    }
    assert len(runs[kind]) == 9
    for entries, record in runs[kind].items():
        assert record.data["skipped_steps"] <= 3
        expected = runs["cpu"][entries]
        for i in range(2):
            found, reference = (
                torch.load(model_path(tmp_path / out / "runs" / one.run, i))
                for out, one in ((kind, record), ("cpu", expected))
            )
            for name, value in reference.items():
                torch.testing.assert_close(found[name], value, rtol=0, atol=0.01)


class _Stopped(BaseException):
    pass


@pytest.mark.parametrize("strategy", ["naive", "ewc", "agem", "der"])
def test_resuming_on_another_device(kind, tmp_path, monkeypatch, strategy):
    """A run that was stopped on the last device continues on the first one, to the same weights."""
    study = STUDY | {
        "strategies": [ENTRIES[strategy]],
        "rules": [{"name": "lookahead-sam", "k": 4}],
        "optimizers": [{"name": "sgd", "lr": 0.05, "momentum": 0.9}],
    }
    results(study, tmp_path / "whole", kind)
    save = Checkpoints.after

    def save_and_stop(self, *of_the_run):
        save(self, *of_the_run)
        raise _Stopped

    monkeypatch.setattr(Checkpoints, "after", save_and_stop)
    with pytest.raises(_Stopped):
        run_study(study, tmp_path / "parts", executor="in-process", device=accelerators()[-1], checkpoint_every=0)
    monkeypatch.undo()
    results(study, tmp_path / "parts", f"{kind}:0", checkpoint_every=0)
    run, _ = next(iter(weights(tmp_path / "parts")))
    assert ResultFolder(tmp_path / "parts").read_run(run).environment["continued"] == 1
    assert_same_weights(tmp_path / "parts", tmp_path / "whole", 0.0)


@pytest.mark.slow
def test_workers_of_the_command_line(kind, tmp_path):
    """Processes of runs import the file that registers the device, and share the devices."""
    imports = {"imports": ["simulated_device.registered"]} if kind == simulated_device.NAME else {}
    study = STUDY | imports | {"seeds": 2, "rules": ["none", "sam"]}
    (tmp_path / "study.yaml").write_text(yaml.safe_dump(study))
    path = os.pathsep.join([str(Path(simulated_device.__file__).parents[1]), os.environ.get("PYTHONPATH", "")])
    options = ("--device", kind, "--workers", 2)
    done = command(
        "run", tmp_path / "study.yaml", "--out", tmp_path / "out", *options, env={**os.environ, "PYTHONPATH": path}
    )
    assert done.returncode == 0, done.stdout + done.stderr
    results(STUDY | {"seeds": 2, "rules": ["none", "sam"]}, tmp_path / "cpu", "cpu")
    assert_same_weights(tmp_path / "out", tmp_path / "cpu", 1e-4)
    records = [ResultFolder(tmp_path / "out").read_run(run) for run, _ in weights(tmp_path / "out")]
    assert {record.environment["device"] for record in records} == {torch.get_device_module(kind).get_device_name()}


@pytest.mark.parametrize("strategy", ["naive", "cumulative", "replay"])
def test_traffic_of_a_run(kind, tmp_path, counts, monkeypatch, strategy):
    """After a minibatch has been copied asynchronously, the host waits once per iteration with every rule."""
    seen = {}
    count = SamplesSeen.after_training_iteration

    def count_traffic(self, strategy, *args, **kwargs):
        count(self, strategy)
        place = self, strategy.clock.train_exp_counter, strategy.clock.train_exp_epochs
        seen.setdefault(place, []).append(counts())

    monkeypatch.setattr(SamplesSeen, "after_training_iteration", count_traffic)
    study = STUDY | {"strategies": [ENTRIES[strategy]], "rules": ["none", "sam", {"name": "lookbehind-sam", "k": 3}]}
    results(study, tmp_path / "out", kind)
    assert len(seen) == 6
    for steps in seen.values():
        assert steps[1:] == [{"scalars": 1}] * (len(steps) - 1), "the first step includes what precedes the epoch"
        assert len(steps) > 2
