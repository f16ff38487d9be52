"""Small variants of all models of a study file."""

from importlib.util import find_spec

import pytest
import torch

from lifelong_lb.config import MODEL_ENTRIES
from lifelong_lb.data.shape import Shape

SHAPE = Shape((3, 32, 32), 4, classes=20, classes_an_experience=5, mean=(0.5, 0.4, 0.3), std=(0.2, 0.3, 0.4))
TINY_VIT = {"patch_size": 4, "embed_dim": 24, "depth": 2, "num_heads": 3}
SMALL = {
    "mlp": {"hidden": (16,)},
    "linear": {},
    "small-cnn": {"width": 4},
    "reduced-resnet18": {"width": 4},
    "stable-sgd-resnet18": {"width": 4},
    "resnet18": {"width": 4},
    "resnet34": {"width": 2},
    "resnet50": {"width": 2},
    "resnet32": {"width": 2},
    "timm": {"image_size": 16, "settings": TINY_VIT},
}
NEEDS_TIMM = pytest.mark.skipif(find_spec("timm") is None, reason="timm is an extra")
NAMES = [pytest.param(name, marks=NEEDS_TIMM if name == "timm" else ()) for name in MODEL_ENTRIES]
CONVOLUTIONAL = ["small-cnn", "reduced-resnet18", "stable-sgd-resnet18", "resnet18", "resnet34", "resnet50", "resnet32"]


def small_model(name, **changes):
    return MODEL_ENTRIES[name](**{**SMALL[name], **changes})


def images(n=6, image=SHAPE.image):
    return torch.randint(0, 256, (n, *image), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))


def count(model):
    return sum(parameter.numel() for parameter in model.parameters())
