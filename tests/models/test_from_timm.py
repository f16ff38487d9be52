"""Models of timm: found by name, built for the images, nothing fetched, and one message for each mistake."""

import socket

import pytest
import torch
from small_models import NEEDS_TIMM, SHAPE, TINY_VIT, count, images, small_model
from tiny import TINY

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
    assert count(backbone) == 5_717_416 - (192 + 1) * 1000  # the usual ViT-Tiny, less its classifier
    assert backbone.training


@NEEDS_TIMM
@pytest.mark.parametrize("image", [(1, 8, 8), (3, 32, 32), (3, 20, 12)])
def test_images_are_resized_to_what_the_model_is_built_for(image):
    backbone = FromTimm(image, image_size=16, settings=TINY_VIT).eval()
    assert backbone.model.patch_embed.grid_size == (4, 4)
    x = torch.randn(2, *image)
    resized = torch.nn.functional.interpolate(x, (16, 16), mode="bilinear", antialias=True)
    assert torch.equal(backbone(x), backbone(resized))
    assert torch.equal(backbone(resized), backbone.model(resized))


@NEEDS_TIMM
def test_a_convolutional_model_takes_images_as_large_as_one_likes():
    backbone = FromTimm((3, 32, 32), "resnet10t", image_size=32)
    assert backbone(torch.randn(2, 3, 32, 32)).shape == (2, 512)


@NEEDS_TIMM
def test_pretrained_models_see_images_as_they_were_pretrained(monkeypatch):
    import timm

    create, asked = timm.create_model, []

    def create_model(name, pretrained, **keywords):
        asked.append(pretrained)
        return create(name, pretrained=False, **keywords)

    monkeypatch.setattr(timm, "create_model", create_model)
    models = [build_model(small_model("timm", head="single", pretrained=each), SHAPE) for each in (False, True)]
    assert asked == [False, True]
    own, pretrained = (model.normalise(images()) for model in models)
    std, mean = torch.tensor(SHAPE.std).reshape(-1, 1, 1), torch.tensor(SHAPE.mean).reshape(-1, 1, 1)
    assert torch.allclose(own * std + mean, images() / 255, atol=1e-6)
    assert torch.allclose(pretrained * 0.5 + 0.5, images() / 255, atol=1e-6)  # ViT-Tiny's mean and deviation are 0.5


USELESS = {
    "misspelt": (
        {"model": "vit_tiny_patch_224"},
        "has no model 'vit_tiny_patch_224'; did you mean 'vit_tiny_patch16_224'?",
    ),
    "hub": ({"model": "hf_hub:timm/resnet18"}, "has no model 'hf_hub:timm/resnet18'"),
    "keyword": ({"settings": {"heads": 3}}, "unexpected keyword argument 'heads'"),
    "heads": (
        {"settings": {"num_heads": 5}},
        "of 224 x 224 and (pretrained=False, num_heads=5, in_chans=3): AssertionError",
    ),
    "no vector": ({"settings": {"global_pool": ""}, "image_size": 32}, "gives no vector of features for an image"),
}


@NEEDS_TIMM
@pytest.mark.parametrize("case", USELESS)
def test_a_mistake_ends_in_one_line_before_anything_runs(tmp_path, case):
    changes, message = USELESS[case]
    with pytest.raises(UserError) as error:
        run_study({**TINY, "model": {"name": "timm", **changes}}, tmp_path / "out")
    assert str(error.value).startswith("model: timm")
    assert message in str(error.value)
    assert not (tmp_path / "out").exists()


def test_without_timm_the_message_says_what_to_install(monkeypatch):
    monkeypatch.setattr("lifelong_lb.models.from_timm.find_spec", lambda name: None)
    with pytest.raises(UserError, match=r"not installed: pip install 'lifelong-lb\[timm\]'"):
        FromTimm((3, 32, 32))


@NEEDS_TIMM
def test_a_study_with_a_model_of_timm(tmp_path):
    model = {"name": "timm", "image_size": 8, "settings": {**TINY_VIT, "drop_path_rate": 0.1}}
    changes = {"model": model, "strategies": "naive", "seeds": 1, "train": {"batch_size": 100}}
    results = run_study({**TINY, **changes}, tmp_path / "out", executor="in-process")
    assert list(results.runs["status"]) == ["done", "done"]
