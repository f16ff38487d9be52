"""Runs whose gradients are clipped, from the study file to the weights."""

import math

import pytest
import torch
from helpers.tiny_study import TINY

from lifelong_lb import run_study
from lifelong_lb.store import ResultFolder, model_path, stored_models

LR, IMAGES, BATCH = 0.1, 60, 20
STUDY = {
    **TINY,
    "streams": [{"name": "split-digits", "images_per_class": IMAGES // 2}],
    "model": {"name": "mlp", "hidden": [12], "head": "masked"},
    "optimizers": {"name": "sgd", "lr": LR},
    "strategies": ["naive", {"name": "agem", "patterns_per_exp": 20, "sample_size": 20}],
    "rules": ["none", "sam", {"name": "lookbehind-sam", "k": 2, "alpha": 1.0}],
    "seeds": 1,
    "evaluation": {"save_models": True},
}
BASE_STEPS = {"none": 1, "sam": 1, "lookbehind-sam": 2}


def models(out, **train):
    """Strategy and rule to the weights after each experience, as vectors."""
    run_study({**STUDY, "train": {"batch_size": BATCH, **train}}, out, executor="in-process", device="cpu")
    found = {}
    for path in sorted((out / "runs").iterdir()):
        if path.name.startswith("."):
            continue
        config = ResultFolder(out).read_run(path.name).config
        weights = [torch.load(model_path(path, i)) for i in stored_models(path)]
        vectors = [torch.cat([value.double().flatten() for value in each.values()]) for each in weights]
        found[config["strategy"]["name"], config["rule"]["name"]] = vectors
    return found


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:Call to deprecated function:DeprecationWarning")
def test_clip_norm_limits_the_length_of_each_base_step(tmp_path):
    """Tiny steps have similar directions, so that together they move the weights by almost their total length."""
    limit = 1e-3
    clipped, free = models(tmp_path / "clipped", clip_norm=limit), models(tmp_path / "free")
    loose = models(tmp_path / "loose", clip_norm=1e6)
    assert len(clipped) == len(free) == 6
    for (strategy, rule), weights in clipped.items():
        longest = LR * limit * BASE_STEPS[rule] * math.ceil(IMAGES / BATCH)
        for i in range(4):
            moved = float((weights[i + 1] - weights[i]).norm())
            assert 0.5 * longest < moved <= longest * 1.001, (strategy, rule, i)
        assert float((free[strategy, rule][1] - free[strategy, rule][0]).norm()) > 20 * longest
        assert all(map(torch.equal, loose[strategy, rule], free[strategy, rule]))
