"""A retry resumes a run that died or timed out, and restarts one that raised an exception."""

import pytest
import torch
from helpers.dying_optimizer import DyingSGD
from helpers.tiny_study import TINY, tables_alone

from lifelong_lb import run_study
from lifelong_lb.store import ResultFolder

pytestmark = pytest.mark.slow

SMALL = {**TINY, "strategies": "naive", "rules": "none", "seeds": 1, "evaluation": {"save_models": True}}
ENDS = {
    "been killed": ("failed", "the run's process was killed by signal 9 (out of memory?)", {"checkpoint_every": 0}, 1),
    "hung": ("timeout", "stopped after 6 s, the time limit per run", {"timeout": 6.0}, 1),
    "raised": ("failed", "RuntimeError: raised", {"checkpoint_every": 0}, 0),
}


@pytest.fixture(autouse=True)
def _no_page(monkeypatch):
    monkeypatch.setattr("lifelong_lb.studies.study.write_report", tables_alone)


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """The uninterrupted run; this also warms up the fork server."""
    folder = tmp_path_factory.mktemp("whole")
    run_study({**SMALL, "optimizers": {"name": "sgd", "lr": 0.1}}, folder, workers=1)
    return folder


def only_run(folder):
    (path,) = [path for path in (folder / "runs").iterdir() if not path.name.startswith(".")]
    return path, ResultFolder(folder).read_run(path.name)


@pytest.mark.parametrize("how", ENDS)
def test_what_is_tried_again_goes_on_unless_it_raised(how, whole, tmp_path):
    status, message, options, continued = ENDS[how]
    settings = {"lr": 0.1, "folder": str(tmp_path), "how": how}
    target = f"{DyingSGD.__module__}.{DyingSGD.__name__}"
    study = {**SMALL, "optimizers": {"name": "external", "target": target, "settings": settings}}
    run_study(study, tmp_path, workers=1, **options)
    path, record = only_run(tmp_path)
    assert (record.status, record.message) == (status, message)
    assert {"lifelong_lb", "torch", "python"} <= set(record.environment)
    assert (path.parent / f".{path.name}.checkpoint").exists() == bool(continued)
    run_study(study, tmp_path, workers=1, retry=status, **options)
    (expected_path, expected), (path, record) = only_run(whole), only_run(tmp_path)
    assert (record.status, record.environment["continued"]) == ("done", continued)
    assert [entry.name for entry in path.parent.iterdir()] == [path.name]
    assert ("resumed after experience 0" in (path / "log.txt").read_text()) == bool(continued)
    assert record.accuracy == expected.accuracy
    assert record.gradient_evaluations == expected.gradient_evaluations
    for i in range(5):
        models = [torch.load(folder / "models" / f"after-{i}.pt") for folder in (expected_path, path)]
        assert models[0].keys() == models[1].keys() != set()
        assert all(torch.equal(models[0][key], models[1][key]) for key in models[0])
