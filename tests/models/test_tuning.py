"""The part of a model that is trained: which parameters, frozen statistics, and bad settings."""

import copy

import pytest
import torch
from helpers.small_models import NAMES, NEEDS_TIMM, SHAPE, images, small_model
from torch import nn
from torch.nn.functional import cross_entropy
from torch.optim import SGD

from lifelong_lb.config import UserError, expand, parse_study
from lifelong_lb.config.entries.models import Lora
from lifelong_lb.models import build_model
from lifelong_lb.models.tuning import NORM_LAYERS, last_block, partly_trained
from lifelong_lb.optim import SAM
from lifelong_lb.studies.checks import check_models


def built(name, tune="all", seed=0, **changes):
    torch.manual_seed(seed)
    return build_model(small_model(name, head="single", tune=tune, **changes), SHAPE)


def trained(model):
    return {name for name, p in model.named_parameters() if p.requires_grad}


LAST = {
    "mlp": ["layers.1.weight", "layers.1.bias"],
    "small-cnn": ["layers.7.weight", "layers.7.bias"],
    "reduced-resnet18": ["blocks.7."],
    "resnet50": ["blocks.15."],
    "timm": ["model.blocks.1.", "model.norm."],
}
"""Beginnings of the names of the parameters of the last block."""


@pytest.mark.parametrize(
    "name", [name for name in NAMES if (name.values[0] if hasattr(name, "values") else name) in LAST]
)
def test_the_trained_part(name):
    everything = built(name)
    assert trained(everything) == {key for key, _ in everything.named_parameters()}
    assert trained(built(name, "head")) == {"head.weight", "head.bias"}
    names = [key for key, _ in everything.backbone.named_parameters()]
    expected = {f"backbone.model.{key}" for key in names if any(map(key.startswith, LAST[name]))}
    assert expected
    assert trained(built(name, "last-block")) == expected | {"head.weight", "head.bias"}


@pytest.mark.parametrize("name", ["reduced-resnet18", pytest.param("timm", marks=NEEDS_TIMM)])
def test_norm_trains_scales_and_shifts(name):
    model = built(name, "norm")
    layers = [module for module in model.modules() if isinstance(module, NORM_LAYERS)]
    expected = {id(p) for layer in layers for p in (layer.weight, layer.bias)} | {
        id(p) for p in model.head.parameters()
    }
    assert {id(p) for p in model.parameters() if p.requires_grad} == expected


@pytest.mark.parametrize("name", [each for each in NAMES if each.values != ("linear",)])
def test_adapters_start_as_the_backbone_itself(name):
    pytest.importorskip("peft")
    plain, adapted = built(name), built(name, "lora", lora={"rank": 2, "alpha": 4.0})
    assert torch.allclose(plain.eval().features(images()), adapted.eval().features(images()), atol=1e-5)
    assert all("lora_" in key or key.startswith("head.") for key in trained(adapted))
    assert any("lora_" in key for key in trained(adapted))


def test_a_linear_layer_with_an_adapter_by_hand():
    pytest.importorskip("peft")
    model = built("mlp", "lora", lora={"rank": 2, "alpha": 6.0, "targets": ["1"]})
    layer = model.backbone.model.layers[1]
    a, b = layer.lora_A["default"].weight, layer.lora_B["default"].weight
    with torch.no_grad():
        b.normal_()
    x = torch.randn(5, 3 * 32 * 32)
    weight = layer.base_layer.weight + 6.0 / 2 * b @ a
    assert a.shape == (2, 3 * 32 * 32)
    assert torch.allclose(layer(x), x @ weight.T + layer.base_layer.bias, atol=1e-4)


@pytest.mark.parametrize("tune", ["head", "last-block", "lora"])
def test_frozen_statistics_and_dropout_stay_as_they_are(tune):
    if tune == "lora":
        pytest.importorskip("peft")
    model = built("reduced-resnet18", tune, dropout=0.5).train()
    frozen = {
        name: module
        for name, module in model.named_modules()
        if isinstance(module, nn.BatchNorm2d) and not any(p.requires_grad for p in module.parameters())
    }
    before = {name: copy.deepcopy(module.state_dict()) for name, module in frozen.items()}
    assert len(frozen) == {"head": 20, "last-block": 18, "lora": 20}[tune]
    optimizer = SGD([p for p in model.parameters() if p.requires_grad], lr=0.1)
    x, y = images(), torch.arange(6)

    def closure():
        optimizer.zero_grad()
        loss = cross_entropy(model(x), y)
        loss.backward()
        return loss

    SAM().step(optimizer, closure, model=model)
    for name, module in frozen.items():
        assert all(torch.equal(value, before[name][key]) for key, value in module.state_dict().items())
    if tune == "head":
        assert torch.equal(model.features(x), model.features(x))  # no masks are drawn
    dropout = [block.dropout.training for block in model.backbone.model.blocks]
    assert dropout == {"head": [False] * 8, "last-block": [False] * 7 + [True], "lora": [True] * 8}[tune]
    model.eval()
    assert not any(module.training for module in model.modules())
    own = [m for m in model.modules() if isinstance(m, nn.BatchNorm2d) and m not in frozen.values()]
    assert all(m.num_batches_tracked == 1 for m in own)  # the trained ones count the first pass


def test_a_head_has_hidden_layers_and_is_the_same_for_every_backbone():
    first, second = (built("mlp", "head", head_hidden=(7, 5), hidden=(width, 16)) for width in (8, 30))
    assert first.features(images()).shape == (6, 5)
    for key in ("backbone.1.weight", "backbone.3.bias", "head.weight"):
        assert key in trained(first)
        assert torch.equal(dict(first.named_parameters())[key], dict(second.named_parameters())[key])


class OneLayer(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(2, 3)


def test_backbones_without_the_part_are_refused():
    with pytest.raises(UserError, match=r"tune: norm: the backbone has no normalisation layers .* use tune: head"):
        built("mlp", "norm")
    with pytest.raises(
        UserError, match=r"tune: last-block: the backbone has no sequence of blocks; use tune: head or norm"
    ):
        last_block(OneLayer())
    pytest.importorskip("peft")
    with pytest.raises(UserError, match=r"lora\.targets: unknown layer 'conv3'; did you mean 'conv[12]'\?"):
        built("reduced-resnet18", "lora", lora={"targets": ["conv3"]})


class OwnConvolution(nn.Conv2d):
    def __init__(self, channels, *, image_size):
        super().__init__(channels, channels, 1)
        self.image_size = image_size


def test_layers_that_peft_cannot_build_are_refused_with_their_class():
    pytest.importorskip("peft")
    backbone = nn.Sequential(OwnConvolution(3, image_size=8), nn.Conv2d(3, 4, 1))
    backbone.feature_size = 4
    with pytest.raises(
        UserError, match=r"tune: lora: peft cannot adapt layers of Conv2d, OwnConvolution: .*; name other"
    ):
        partly_trained(backbone, "lora", Lora())
    plain = nn.Sequential(OwnConvolution(3, image_size=8), nn.Conv2d(3, 4, 1))
    plain.feature_size = 4
    adapted = partly_trained(plain, "lora", Lora(targets=("1",)))
    assert adapted(torch.zeros(1, 3, 2, 2)).shape == (1, 4, 2, 2)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"tune": "nrom"}, r"model\.tune: unknown part 'nrom'; did you mean 'norm'\?"),
        ({"tune": "head", "lora": {"rank": 2}}, r"model: needs tune: lora if lora is set; got tune: head"),
        ({"tune": "lora", "lora": {"rank": 0}}, r"model\.lora\.rank: must be .*; got 0"),
        ({"tune": "lora", "lora": {"targets": []}}, r"model\.lora\.targets: must not be empty; got \[\]"),
        ({"tune": "lora", "lora": {"r": 2}}, r"model\.lora: unknown key 'r'"),
        ({"head_hidden": [0]}, r"model\.head_hidden\[0\]: must be .*; got 0"),
    ],
)
def test_bad_settings(changes, message):
    with pytest.raises(UserError, match=message):
        parse_study({"streams": "split-digits", "model": {"name": "mlp", **changes}})


def test_adapters_without_peft_and_missing_parts_are_refused_before_any_run(monkeypatch):
    studies = [
        parse_study({"streams": "split-digits", "model": {"name": "mlp", "tune": tune}}) for tune in ("lora", "norm")
    ]
    lora, norm = ((study, expand(study), []) for study in studies)
    with pytest.raises(UserError, match=r"model: tune: norm: the backbone has no normalisation layers"):
        check_models(*norm)
    monkeypatch.setattr("lifelong_lb.studies.checks.find_spec", lambda name: None)
    with pytest.raises(UserError, match=r"model: tune: lora needs the package peft.*pip install 'lifelong-lb\[peft\]'"):
        check_models(*lora)
