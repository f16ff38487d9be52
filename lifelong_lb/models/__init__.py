"""Models: small backbones with ``features(x)``, and heads for each scenario."""

from collections.abc import Callable

import torch
from torch import nn

import lifelong_lb.avalanche_import  # noqa: F401  first: Avalanche creates a folder when it is imported
from lifelong_lb.config import ModelEntry
from lifelong_lb.config.entries.models import Timm
from lifelong_lb.config.plugins.register import factory_of
from lifelong_lb.data.shape import Shape
from lifelong_lb.models.cifar_resnet import ResNet32
from lifelong_lb.models.classifier import Classifier, FeaturesOf, TaskAwareClassifier
from lifelong_lb.models.from_timm import FromTimm
from lifelong_lb.models.heads import MaskedHead, MultiHead, growing_head, hidden_layers, single_head
from lifelong_lb.models.linear import Linear
from lifelong_lb.models.mlp import MLP
from lifelong_lb.models.normalise import Normalise
from lifelong_lb.models.resnet import ReducedResNet18, ResNet18, ResNet34, ResNet50, StableSGDResNet18
from lifelong_lb.models.small_cnn import SmallCNN
from lifelong_lb.models.tuning import partly_trained

MODELS: dict[str, Callable[..., nn.Module]] = {
    "mlp": MLP,
    "linear": Linear,
    "small-cnn": SmallCNN,
    "reduced-resnet18": ReducedResNet18,
    "stable-sgd-resnet18": StableSGDResNet18,
    "resnet18": ResNet18,
    "resnet34": ResNet34,
    "resnet50": ResNet50,
    "resnet32": ResNet32,
    "timm": FromTimm,
}
"""Backbones by their name in a study file."""


def build_model(
    entry: ModelEntry, shape: Shape, precision: str = "float32", *, load_pretrained: bool = True
) -> nn.Module:
    """Build a model for a stream.

    Weights are initialised with torch's global generator.

    Args:
        entry: the model's entry in the study file; ``head`` must not be ``auto``.
        shape: image size, number of classes and normalisation of the stream.
        precision: ``"float32"``, or ``"bfloat16"`` for autocast.
        load_pretrained: whether pretrained weights are loaded, which may download them; False if stored weights
            replace them.

    Returns:
        A module with ``features(x)``, in train mode on the CPU.

    Raises:
        UserError: if weights do not fit the backbone, or it has no part to tune.
    """
    if shape.features:
        assert entry.tune == "head", entry
        backbone: nn.Module = nn.Flatten()
        normalise, features = Normalise((0.0,), (1.0,)), shape.image[0]
    else:
        random = torch.get_rng_state()
        normalise, backbone = build_backbone(entry, shape, load_pretrained=load_pretrained)
        features = backbone.feature_size  # type: ignore[assignment]
        if entry.tune == "head":  # so that the head is the same on stored features
            torch.set_rng_state(random)
    if entry.head_hidden:
        backbone = nn.Sequential(backbone, *hidden_layers(features, entry.head_hidden))
        features = entry.head_hidden[-1]
    head: nn.Module
    if entry.head in ("multi", "masked"):
        head_class = MultiHead if entry.head == "multi" else MaskedHead
        head = head_class(features, shape.experiences, shape.classes_an_experience, entry.classifier)
        return TaskAwareClassifier(normalise, backbone, head, precision)
    assert entry.head in ("single", "growing"), entry.head
    head = (single_head if entry.head == "single" else growing_head)(features, shape, entry.classifier)
    return Classifier(normalise, backbone, head, precision)


def build_backbone(entry: ModelEntry, shape: Shape, *, load_pretrained: bool = True) -> tuple[Normalise, nn.Module]:
    """Build a model without its head, of which the part that the entry names is trained.

    Args:
        entry: the model's entry in the study file.
        shape: image size and normalisation of the stream.
        load_pretrained: as for :func:`build_model`.

    Returns:
        The normalisation of its images, and the backbone, with an attribute ``feature_size``.

    Raises:
        UserError: if weights do not fit the backbone, or it has no part to tune.
    """
    settings = {key: value for key, value in entry if key not in ModelEntry.model_fields}
    if not load_pretrained and isinstance(entry, Timm):
        settings["load_pretrained"] = False
    backbone: nn.Module = factory_of("model", entry.name, MODELS)(image=shape.image, **settings)
    if entry.tune != "all":
        backbone = partly_trained(backbone, entry.tune, entry.lora)
    channels_last = _prefers_channels_last(backbone)
    if channels_last:
        backbone = backbone.to(memory_format=torch.channels_last)
    # a pretrained backbone needs the statistics of its pretraining data
    mean, std = getattr(backbone, "statistics", None) or (shape.mean, shape.std)
    return Normalise(mean, std, channels_last=channels_last), backbone


def _prefers_channels_last(backbone: nn.Module) -> bool:
    """Check whether the channels-last memory format is faster and safe for a backbone.

    It makes convolutions 6 to 14 % faster and GroupNorm slower. On a CPU, oneDNN writes out of bounds in this format
    when it computes the weight gradient of a strided 1 x 1 convolution with fewer input channels than fit into a
    register (at most 16; github.com/uxlfoundation/oneDNN/issues/6035).

    Args:
        backbone: the model without its head.

    Returns:
        True if channels-last should be used.
    """
    modules = list(backbone.modules())
    convolutions = [module for module in modules if isinstance(module, nn.Conv2d)]
    affected = any(c.kernel_size == (1, 1) and c.stride != (1, 1) and c.in_channels < 16 for c in convolutions)
    return bool(convolutions) and not affected and not any(isinstance(module, nn.GroupNorm) for module in modules)


__all__ = [
    "MODELS",
    "Classifier",
    "FeaturesOf",
    "FromTimm",
    "TaskAwareClassifier",
    "build_backbone",
    "build_model",
]
