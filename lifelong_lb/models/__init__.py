"""Models: small backbones with ``features(x)``, and heads that fit the scenario."""

from collections.abc import Callable

import torch
from torch import nn

from lifelong_lb.config import ModelEntry
from lifelong_lb.data.shape import Shape
from lifelong_lb.models.classifier import Classifier, TaskAwareClassifier
from lifelong_lb.models.heads import MaskedHead, MultiHead, growing_head, single_head
from lifelong_lb.models.mlp import MLP
from lifelong_lb.models.normalise import Normalise
from lifelong_lb.models.reduced_resnet import ReducedResNet18
from lifelong_lb.models.small_cnn import SmallCNN

MODELS: dict[str, Callable[..., nn.Module]] = {
    "mlp": MLP,
    "small-cnn": SmallCNN,
    "reduced-resnet18": ReducedResNet18,
}
"""Names that a study file knows, and the backbones they build."""


def build_model(entry: ModelEntry, shape: Shape, precision: str = "float32") -> nn.Module:
    """Build a model for a stream. Weights are drawn from torch's global generator.

    Args:
        entry: what the study file says, its head not ``auto``.
        shape: what the model has to fit.
        precision: ``"float32"``, or ``"bfloat16"`` to take products in bfloat16 under autocast.

    Returns:
        A module with ``features(x)``, in train mode on the CPU.
    """
    settings = {key: value for key, value in entry if key not in ("name", "head")}
    backbone = MODELS[entry.name](image=shape.image, **settings)
    convolutional = any(isinstance(module, nn.Conv2d) for module in backbone.modules())
    if convolutional:
        backbone = backbone.to(memory_format=torch.channels_last)
    normalise = Normalise(shape.mean, shape.std, channels_last=convolutional)
    size: int = backbone.feature_size  # type: ignore[assignment]  # every backbone of MODELS has it
    head: nn.Module
    if entry.head in ("multi", "masked"):
        kind = MultiHead if entry.head == "multi" else MaskedHead
        head = kind(size, shape.experiences, shape.classes_an_experience)
        return TaskAwareClassifier(normalise, backbone, head, precision)
    assert entry.head in ("single", "growing"), entry.head
    head = (single_head if entry.head == "single" else growing_head)(size, shape)
    return Classifier(normalise, backbone, head, precision)


__all__ = ["MODELS", "Classifier", "TaskAwareClassifier", "build_model"]
