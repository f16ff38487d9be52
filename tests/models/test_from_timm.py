"""timm models: lookup by name, image sizes, no download, and one message per error."""

import socket

import pytest
import torch
from helpers.small_models import NEEDS_TIMM, SHAPE, TINY_VIT, count, images, small_model
from helpers.tiny_study import TINY

from lifelong_lb.config import UserError
from lifelong_lb.models import FromTimm, build_model
from lifelong_lb.studies import run_study


@NEEDS_TIMM
def test_vit_tiny_without_its_classifier_and_without_the_network(monkeypatch):
    monkeypatch.setattr(socket, "socket", None)
    with torch.random.fork_rng():
        backbone = FromTimm((3, 32, 32))
    assert backbone.size == 224
    assert backbone.feature_size == 192
    assert count(backbone) == 5_717_416 - (192 + 1) * 1000  # ViT-Tiny without its classifier
    assert backbone.training


@NEEDS_TIMM
@pytest.mark.parametrize("image", [(1, 8, 8), (3, 32, 32), (3, 20, 12)])
def test_images_are_resized_to_the_size_of_the_model(image):
    backbone = FromTimm(image, image_size=16, settings=TINY_VIT).eval()
    assert backbone.model.patch_embed.grid_size == (4, 4)
    x = torch.randn(2, *image)
    resized = torch.nn.functional.interpolate(x, (16, 16), mode="bilinear", antialias=True)
    assert torch.equal(backbone(x), backbone(resized))
    assert torch.equal(backbone(resized), backbone.model(resized))


@NEEDS_TIMM
def test_a_convolutional_model_accepts_any_image_size():
    backbone = FromTimm((3, 32, 32), "resnet10t", image_size=32)
    assert backbone(torch.randn(2, 3, 32, 32)).shape == (2, 512)


@NEEDS_TIMM
def test_pretrained_models_use_the_statistics_of_pretraining(monkeypatch):
    import timm

    create, requests = timm.create_model, []

    def create_model(name, pretrained, **keywords):
        requests.append(pretrained)
        return create(name, pretrained=False, **keywords)

    monkeypatch.setattr(timm, "create_model", create_model)
    models = [build_model(small_model("timm", head="single", pretrained=each), SHAPE) for each in (False, True)]
    stored = build_model(small_model("timm", head="single", pretrained=True), SHAPE, load_pretrained=False)
    assert requests == [False, True, False]
    untrained, pretrained = (model.normalise(images()) for model in models)
    std, mean = torch.tensor(SHAPE.std).reshape(-1, 1, 1), torch.tensor(SHAPE.mean).reshape(-1, 1, 1)
    assert torch.allclose(untrained * std + mean, images() / 255, atol=1e-6)
    assert torch.allclose(pretrained * 0.5 + 0.5, images() / 255, atol=1e-6)  # mean and std of ViT-Tiny are 0.5
    assert torch.equal(stored.normalise(images()), pretrained)


INVALID = {
    "misspelt": (
        {"model": "vit_tiny_patch_224"},
        "has no model 'vit_tiny_patch_224'; did you mean 'vit_tiny_patch16_224'?",
    ),
    "hub": ({"model": "hf_hub:timm/resnet18"}, "has no model 'hf_hub:timm/resnet18'"),
    "keyword": ({"settings": {"heads": 3}}, "unexpected keyword argument 'heads'"),
    "heads": (
        {"settings": {"num_heads": 5}},
        "with 224 x 224 images and (pretrained=False, num_heads=5, in_chans=3): AssertionError",
    ),
    "no vector": ({"settings": {"global_pool": ""}, "image_size": 32}, "does not return a feature vector per image"),
}


@pytest.mark.slow
@NEEDS_TIMM
@pytest.mark.parametrize("case", INVALID)
def test_errors_are_one_line_and_precede_any_run(tmp_path, case):
    changes, message = INVALID[case]
    with pytest.raises(UserError) as error:
        run_study({**TINY, "model": {"name": "timm", **changes}}, tmp_path / "out")
    assert str(error.value).startswith("study: model: timm")
    assert message in str(error.value)
    assert not (tmp_path / "out").exists()


def test_without_timm_the_message_names_the_extra(monkeypatch):
    monkeypatch.setattr("lifelong_lb.models.from_timm.find_spec", lambda name: None)
    with pytest.raises(UserError, match=r"not installed: pip install 'lifelong-lb\[timm\]'"):
        FromTimm((3, 32, 32))


@pytest.mark.slow
@NEEDS_TIMM
def test_a_study_with_a_timm_model(tmp_path):
    model = {"name": "timm", "image_size": 8, "settings": {**TINY_VIT, "drop_path_rate": 0.1}}
    changes = {"model": model, "strategies": "naive", "seeds": 1, "train": {"batch_size": 100}}
    results = run_study({**TINY, **changes}, tmp_path / "out", executor="in-process")
    assert list(results.runs["status"]) == ["done", "done"]
