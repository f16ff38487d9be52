"""Landscape of a run: training is not affected, and measuring later gives the same numbers."""

import pickle
import random
import shutil

import numpy as np
import pandas as pd
import pytest
import torch
from helpers.tiny_study import command

import lifelong_lb
from lifelong_lb.config import UserError, expand, parse_study
from lifelong_lb.evaluation import LANDSCAPE_MEASURES
from lifelong_lb.store import ResultFolder, model_path, read_landscape, stored_models
from lifelong_lb.studies.run.execute import RunState, execute

pytestmark = pytest.mark.filterwarnings("ignore:Call to deprecated function update:DeprecationWarning")

LITTLE = {
    "images": 12,
    "steps": 2,
    "m": 5,
    "radii": [0.1, 0.3],
    "adaptive_radii": [1.0],
    "eigenvalues": 2,
    "trace_draws": 2,
    "points": 3,
    "noise_scales": [0, 0.5],
    "noise_draws": 3,
}
DAMAGED = [("landscape.json", "[1e400]"), ("landscape.csv", "trained\n1\n")]
STUDY = {
    "streams": {"name": "split-digits", "experiences": 2, "scenario": "class-incremental"},
    "model": {"name": "mlp", "hidden": [8], "dropout": 0.2},
    "train": {"batch_size": 64},
    "strategies": {"name": "replay", "mem_size": 30},
    "rules": {"name": "lookbehind-sam", "k": 2},
}


def executed(landscape=None, save=False, **changes):
    """A run: its measurements, stored models, and the state of the random generators afterwards."""
    raw = {**STUDY, **changes, "evaluation": {"landscape": landscape, "save_models": save}}
    progress, models = RunState(), {}
    config = expand(parse_study(raw))[0].config
    execute(config, progress, roots=(), device="cpu", log=lambda line: None, keep=models.__setitem__)
    generators = (torch.get_rng_state().tolist(), np.random.get_state()[1].tolist(), random.getstate())  # noqa: NPY002
    return progress, models, generators


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"model": {"name": "mlp", "hidden": [8], "head": "growing"}},
        {"streams": {"name": "split-digits", "experiences": 2}},
        {"streams": {"name": "split-digits", "experiences": 2}, "model": {"name": "mlp", "head": "masked"}},
        {"streams": {"name": "split-digits", "experiences": 2, "chunk": 40}, "strategies": "naive", "rules": "sam"},
        {"strategies": "joint"},
        {"strategies": {"name": "gdumb", "mem_size": 30}},
        {"train": {"batch_size": 64, "precision": "bfloat16"}},
    ],
    ids=["single", "growing", "multi", "masked", "online", "joint", "gdumb", "bfloat16"],
)
def test_training_does_not_change(changes):
    plain, without, before = executed(save=True, **changes)
    progress, models, after = executed({**LITTLE, "experiences": "seen"}, save=True, **changes)
    assert progress.accuracy == plain.accuracy
    assert models == without  # bit for bit
    assert before == after
    last = 1
    trained = [last] if changes.get("strategies") == "joint" else range(last + 1)
    assert list(models) == list(trained)
    frame = pd.DataFrame(progress.landscape, columns=["trained", "measured", "measure", "at", "value", "std"])
    losses = frame[frame["measure"] == "loss"]
    assert [*zip(losses["trained"], losses["measured"], strict=True)] == [(i, j) for i in trained for j in range(i + 1)]
    assert np.isfinite(frame["value"]).all()
    lines = frame[frame["measure"] == "barrier"]
    joined = [] if "growing" in str(changes) or len(trained) == 1 else range(1, last + 1)
    assert [*zip(lines["trained"], lines["measured"], strict=True)] == [(i, j) for i in joined for j in (i - 1, i)]
    assert (frame.loc[frame["measure"] == "barrier_above_line", "value"] >= -1e-6).all()


def test_statistics_of_batch_norm_do_not_change():
    changes = {
        "streams": {"name": "split-digits", "experiences": 2, "scenario": "class-incremental"},
        "model": {"name": "reduced-resnet18", "width": 8},
        "strategies": "naive",
        "rules": "none",
    }
    landscape = {"measures": ["ball", "interpolation"], "images": 6, "radii": [0.1], "steps": 2, "points": 3}
    _, without, before = executed(save=True, **changes)
    progress, models, after = executed(landscape, save=True, **changes)
    assert models == without
    assert before == after
    assert len(progress.landscape) == 2 * (1 + 3) + 2 * (2 * 3 + 2)


@pytest.mark.slow
def test_numbers_that_are_known_another_way():
    progress, _, _ = executed({**LITTLE, "images": 10_000, "experiences": "seen"})
    frame = pd.DataFrame(progress.landscape, columns=["trained", "measured", "measure", "at", "value", "std"])
    assert set(frame["measure"]) == set(LANDSCAPE_MEASURES)
    accuracy = frame[frame["measure"] == "test_accuracy"]
    assert [
        *zip(accuracy["trained"], accuracy["measured"], accuracy["value"], strict=True)
    ] == progress.accuracy.entries()
    silent = frame[(frame["measure"] == "noisy_accuracy") & (frame["at"] == 0)]
    assert silent["value"].tolist() == accuracy["value"].tolist()
    values = {key: rows["value"].tolist() for key, rows in frame.groupby(["trained", "measured", "measure"])}
    before, now = values[1, 0, "path_loss"], values[1, 1, "path_loss"]
    assert before[0] == pytest.approx(values[0, 0, "loss"][0], rel=1e-6)
    assert (before[-1], now[-1]) == pytest.approx((values[1, 0, "loss"][0], values[1, 1, "loss"][0]), rel=1e-6)
    for place in {(i, j) for i, j, _ in values}:
        assert values[*place, "hessian_eigenvalue"] == sorted(values[*place, "hessian_eigenvalue"], reverse=True)
        assert all(a <= b + 1e-6 for a, b in zip(values[*place, "rise_one_step"], values[*place, "rise"], strict=True))


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A study with models and landscapes: a head that is single and one that grows."""
    out = tmp_path_factory.mktemp("landscape") / "out"
    study = {
        **STUDY,
        "streams": [
            {"name": "split-digits", "experiences": 2, "scenario": "class-incremental"},
            {"name": "split-digits", "experiences": 2, "scenario": "class-incremental", "model": {"head": "growing"}},
        ],
        "rules": "none",
        "strategies": "naive",
        "evaluation": {"landscape": LITTLE, "save_models": True},
    }
    lifelong_lb.run_study(study, out, executor="in-process")
    return out


@pytest.mark.slow
def test_measuring_later_gives_the_same_numbers(folder, tmp_path):
    shutil.copytree(folder, tmp_path / "out")
    at_once = lifelong_lb.load_landscape(tmp_path / "out")
    for path in (tmp_path / "out" / "runs").glob("*/landscape.*"):
        path.unlink()
    with pytest.raises(UserError, match=r"no landscape here; a study measures it with evaluation: \{landscape: \{\}\}"):
        lifelong_lb.load_landscape(tmp_path / "out")
    threads, state = torch.get_num_threads(), torch.get_rng_state()
    lifelong_lb.measure_landscape(tmp_path / "out")
    pd.testing.assert_frame_equal(lifelong_lb.load_landscape(tmp_path / "out"), at_once, check_exact=True)
    for run, (name, content) in zip((tmp_path / "out" / "runs").iterdir(), DAMAGED, strict=True):
        (run / name).write_text(content)
    lifelong_lb.measure_landscape(tmp_path / "out")  # what is damaged is measured again
    pd.testing.assert_frame_equal(lifelong_lb.load_landscape(tmp_path / "out"), at_once, check_exact=True)
    assert torch.get_num_threads() == threads
    assert torch.equal(torch.get_rng_state(), state)
    assert (tmp_path / "out" / "landscape.csv").is_file()


@pytest.mark.slow
def test_runs_measured_with_the_same_settings_are_left_alone(folder, tmp_path):
    shutil.copytree(folder, tmp_path / "out")
    lines = []
    lifelong_lb.measure_landscape(tmp_path / "out", log=lines.append)
    assert lines == []
    lifelong_lb.measure_landscape(
        tmp_path / "out", {"measures": ["ball"], "radii": [0.2]}, overrides=["images=5"], log=lines.append
    )
    assert [line for line in lines if line.startswith("[")][-1].startswith("[2/2] run ")
    assert set(lifelong_lb.load_landscape(tmp_path / "out")["measure"]) == {
        "loss",
        "rise_one_step",
        "rise",
        "m_sharpness",
    }


@pytest.mark.slow
def test_the_command(folder, tmp_path):
    shutil.copytree(folder, tmp_path / "out")
    done = command("landscape", tmp_path / "out", "--set", "measures=[noise]", "--set", "images=5")
    assert done.returncode == 0, done.stderr
    assert done.stdout.endswith("report.html\n")
    assert "landscape measured in" in done.stderr
    assert "Traceback" not in done.stderr
    bad = command("landscape", tmp_path / "out", "--set", "radius=[1]")
    assert (bad.returncode, bad.stdout) == (2, "")
    assert "landscape: unknown key 'radius'; did you mean 'radii'?" in bad.stderr


class Evil:
    def __reduce__(self):
        return (print, ("code in a model file has run",))


@pytest.mark.slow
def test_model_files_that_cannot_be_used(folder, tmp_path, capsys):
    shutil.copytree(folder, tmp_path / "out")
    run = next((tmp_path / "out" / "runs").iterdir())
    place = model_path(run, 1)
    whole = place.read_bytes()
    for content in (whole[: len(whole) // 2], b"", pickle.dumps(Evil())):
        place.write_bytes(content)
        with pytest.raises(UserError, match=r"after-1\.pt: cannot be read \("):
            lifelong_lb.measure_landscape(tmp_path / "out", {"images": 4, "measures": ["noise"]})
    assert "has run" not in capsys.readouterr().out


def test_folders_without_models(tmp_path):
    study = {**STUDY, "strategies": "naive", "rules": "none"}
    lifelong_lb.run_study(study, tmp_path / "out", executor="in-process")
    with pytest.raises(UserError, match=r"no run has stored models; to store them, set evaluation: \{save_mod"):
        lifelong_lb.measure_landscape(tmp_path / "out")
    with pytest.raises(UserError, match="no results here"):
        lifelong_lb.measure_landscape(tmp_path)


def test_icarl_keeps_its_models_but_has_no_landscape(tmp_path):
    study = {
        **STUDY,
        "strategies": {"name": "icarl", "mem_size": 20},
        "model": {"name": "mlp", "hidden": [32]},
        "rules": "none",
        "evaluation": {"save_models": True},
    }
    lifelong_lb.run_study(study, tmp_path / "out", executor="in-process")
    (run,) = (tmp_path / "out" / "runs").iterdir()
    assert stored_models(run) == [0, 1]
    torch.load(model_path(run, 1), weights_only=True)
    with pytest.raises(UserError, match="no run has stored models"):
        lifelong_lb.measure_landscape(tmp_path / "out")


@pytest.mark.slow
def test_what_is_stored_of_a_run(folder):
    results, _ = lifelong_lb.load_results(folder)
    assert len(results)
    for run in results["run"]:
        path = ResultFolder(folder).run_path(run)
        frame = read_landscape(path)
        assert list(frame.columns) == ["trained", "measured", "measure", "at", "value", "std"]
        assert (frame.loc[~frame["measure"].str.startswith(("path", "barrier")), "trained"].diff().dropna() >= 0).all()
        assert not any(p.name.startswith(".") for p in path.rglob("*"))
