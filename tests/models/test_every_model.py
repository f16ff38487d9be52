"""Properties of every model: image sizes, seeding, copies, storage, memory format, training."""

import copy
import inspect
import io
import pickle

import pytest
import torch
from helpers.small_models import CONVOLUTIONAL, NAMES, SHAPE, images, small_model
from torch import nn
from torch.nn.functional import cross_entropy
from torch.nn.modules.batchnorm import _BatchNorm

from lifelong_lb.config import ModelEntry
from lifelong_lb.data.shape import Shape
from lifelong_lb.models import MODELS, build_model
from lifelong_lb.optim import SAM, LookbehindSAM

IMAGES = [(1, 8, 8), (1, 28, 28), (3, 32, 32), (3, 64, 64)]


def shape_of(image):
    return Shape(image, 2, classes=6, classes_an_experience=3, mean=(0.5,) * image[0], std=(0.2,) * image[0])


def built(name, seed=0, head="single", **changes):
    torch.manual_seed(seed)
    return build_model(small_model(name, head=head, **changes), SHAPE)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("image", IMAGES)
def test_every_image_size_works(name, image):
    model = build_model(small_model(name, head="single"), shape_of(image))
    x = images(5, image)
    assert model(x).shape == (5, 6)
    assert model.features(x).shape == (5, model.backbone.feature_size)
    assert torch.allclose(model.eval()(x), model.head(model.features(x)))


@pytest.mark.parametrize("name", NAMES)
def test_study_file_and_python_have_equal_settings_and_defaults(name):
    entry = type(small_model(name))()
    settings = {key: value for key, value in entry if key not in ModelEntry.model_fields}
    parameters = inspect.signature(MODELS[name]).parameters
    defaults = {
        key: parameter.default for key, parameter in parameters.items() if key not in ("image", "load_pretrained")
    }
    assert {key: value or None for key, value in defaults.items()} == {k: v or None for k, v in settings.items()}


@pytest.mark.parametrize("name", NAMES)
def test_weights_depend_on_the_seed_alone(name):
    first, again, other = built(name), built(name), built(name, seed=1)
    assert all(torch.equal(a, b) for a, b in zip(first.parameters(), again.parameters(), strict=True))
    assert not torch.equal(first(images()), other(images()))


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("head", ["single", "growing", "multi", "masked"])
def test_models_can_be_copied_pickled_and_loaded(name, head):
    model = built(name, head=head).eval()
    arguments = [images(4), *([torch.tensor([0, 1, 2, 3])] if head in ("multi", "masked") else [])]
    stored = io.BytesIO()
    torch.save(model.state_dict(), stored)
    stored.seek(0)
    loaded = built(name, seed=1, head=head).eval()
    loaded.load_state_dict(torch.load(stored, weights_only=True))
    for twin in (copy.deepcopy(model), pickle.loads(pickle.dumps(model)), loaded):
        assert torch.equal(twin(*arguments), model(*arguments))


@pytest.mark.parametrize("name", CONVOLUTIONAL)
@pytest.mark.parametrize("norm", ["batch", "group", "none"])
def test_each_normalisation(name, norm):
    model = built(name, norm=norm)
    kinds = {type(module) for module in model.backbone.modules()}
    assert any(issubclass(kind, _BatchNorm) for kind in kinds) == (norm == "batch")
    assert (nn.GroupNorm in kinds) == (norm == "group")
    biased = {module.bias is not None for module in model.modules() if isinstance(module, nn.Conv2d)}
    assert biased == {norm == "none"}
    alone, together = model.eval()(images(6)[:1]), model(images(6))[:1]
    assert torch.allclose(alone, together, atol=1e-5)
    alone, together = model.train()(images(6)[:1]), model(images(6))[:1]
    assert torch.allclose(alone, together, atol=1e-5) == (norm != "batch")  # only BatchNorm couples images


@pytest.mark.parametrize("name", ["mlp", *CONVOLUTIONAL])
def test_dropout_acts_in_training_only(name):
    plain, dropping = built(name), built(name, dropout=0.5)
    assert all(torch.equal(a, b) for a, b in zip(plain.parameters(), dropping.parameters(), strict=True))
    assert not torch.equal(dropping(images()), dropping(images()))
    fresh = built(name, dropout=0.5).eval()
    assert torch.equal(fresh(images()), plain.eval()(images()))


@pytest.mark.parametrize(
    ("name", "changes", "channels_last"),
    [
        ("small-cnn", {}, True),
        ("small-cnn", {"norm": "group"}, False),
        ("reduced-resnet18", {"width": 16}, True),
        ("reduced-resnet18", {"width": 16, "norm": "none"}, True),
        ("reduced-resnet18", {"width": 16, "norm": "group"}, False),
        ("reduced-resnet18", {"width": 15}, False),
        ("stable-sgd-resnet18", {"width": 4}, False),
    ],
)
def test_memory_format_changes_no_gradients(name, changes, channels_last):
    """Includes strided 1 x 1 convolutions of few channels, which oneDNN breaks in channels-last."""
    model = built(name, **changes)
    kernels = [m.weight for m in model.modules() if isinstance(m, nn.Conv2d) and m.kernel_size > (1, 1)]
    assert {kernel.is_contiguous(memory_format=torch.channels_last) for kernel in kernels} == {channels_last}
    exact = copy.deepcopy(model).to(memory_format=torch.contiguous_format).double()
    for each in (model, exact):
        each(images()).square().sum().backward()
    for ours, theirs in zip(model.parameters(), exact.parameters(), strict=True):
        assert (ours.grad - theirs.grad).norm() < 0.02 * theirs.grad.norm() + 1e-4


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("rule", [SAM(), LookbehindSAM(k=2)], ids=["sam", "lookbehind-sam"])
def test_training_reduces_the_loss(name, rule):
    """Eight noise images are memorised in a few steps."""
    torch.manual_seed(0)
    model = build_model(small_model(name, head="single"), shape_of((3, 16, 16)))
    optimizer = torch.optim.SGD(model.named_parameters(), lr=0.03, momentum=0.9)
    x, y = images(8, (3, 16, 16)), torch.arange(8) % 2

    def closure():
        optimizer.zero_grad()
        loss = cross_entropy(model(x), y)
        loss.backward()
        return loss

    losses = [rule.step(optimizer, closure).item() for _ in range(8)]
    assert losses[-1] < 0.7 * losses[0]
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in model.backbone.parameters())
