"""Backbones that a study file can name, and their heads."""

from typing import Annotated, Any, Literal

from pydantic import Field, field_validator

from lifelong_lb.config.entries.fields import AtLeastOne, Fraction, PlainValues, Settings
from lifelong_lb.untrusted import quoted

Head = Literal["auto", "single", "masked", "multi", "growing"]
HEADS_OF_SCENARIO: dict[str, tuple[str, ...]] = {
    "task-incremental": ("multi", "masked"),
    "class-incremental": ("single", "growing"),
    "domain-incremental": ("single",),
}
"""Heads allowed by a scenario; ``auto`` is the first."""

Norm = Literal["batch", "group", "none"]


class ModelEntry(Settings):
    """A backbone with its head."""

    name: str
    head: Head = "auto"


class MLP(ModelEntry):
    """Multilayer perceptron on the flattened image.

    ``dropout`` is the probability of dropping a hidden unit, ``input_dropout`` that of dropping a pixel.
    """

    name: Literal["mlp"] = "mlp"
    hidden: Annotated[tuple[AtLeastOne, ...], Field(min_length=1)] = (256, 256)
    activation: Literal["relu", "tanh"] = "relu"
    dropout: Fraction = 0.0
    input_dropout: Fraction = 0.0


class Linear(ModelEntry):
    """No hidden layers: the head is a linear classifier of pixels or features."""

    name: Literal["linear"] = "linear"


class Convolutional(ModelEntry):
    """Convolutional network with ``width`` filters in the first layer, and optional normalisation and dropout."""

    width: AtLeastOne
    norm: Norm = "batch"
    dropout: Fraction = 0.0


class SmallCNN(Convolutional):
    """Two convolutions with pooling and one hidden layer, similar to LeNet-5; for images of at least 8 x 8."""

    name: Literal["small-cnn"] = "small-cnn"
    width: AtLeastOne = 32
    norm: Norm = "none"


class ReducedResNet18(Convolutional):
    """The reduced ResNet-18 used with GEM (Lopez-Paz & Ranzato 2017, arXiv 1706.08840): 20 base filters."""

    name: Literal["reduced-resnet18"] = "reduced-resnet18"
    width: AtLeastOne = 20


class StableSGDResNet18(Convolutional):
    """Reduced ResNet-18 of Stable SGD's and TAG's code (arXiv 2006.06958, 2105.05155), one convolution per block."""

    name: Literal["stable-sgd-resnet18"] = "stable-sgd-resnet18"
    width: AtLeastOne = 20


class ResNet18(Convolutional):
    """ResNet-18 for small images (He et al. 2016, arXiv 1512.03385): a 3 x 3 first layer and no max pooling."""

    name: Literal["resnet18"] = "resnet18"
    width: AtLeastOne = 64


class ResNet34(Convolutional):
    """ResNet-34 (He et al. 2016, arXiv 1512.03385), with the first layer of resnet18."""

    name: Literal["resnet34"] = "resnet34"
    width: AtLeastOne = 64


class ResNet50(Convolutional):
    """ResNet-50 of bottleneck blocks (He et al. 2016, arXiv 1512.03385), with the first layer of resnet18."""

    name: Literal["resnet50"] = "resnet50"
    width: AtLeastOne = 64


class Timm(ModelEntry):
    """Any image model of the package timm, e.g. ViT-Tiny (Dosovitskiy et al. 2021, arXiv 2010.11929).

    Images are resized to ``image_size``, null for the model's default size (224 for most). Nothing is downloaded
    unless ``pretrained`` is true. ``settings`` are further keywords of timm's ``create_model``.
    """

    name: Literal["timm"] = "timm"
    model: Annotated[str, Field(min_length=1)] = "vit_tiny_patch16_224"
    pretrained: bool = False
    image_size: AtLeastOne | None = None
    settings: PlainValues = {}

    @field_validator("settings")
    @classmethod
    def _keywords(cls, settings: dict[str, Any]) -> dict[str, Any]:
        bad = next((key for key in settings if key in _SET_ELSEWHERE or not key.isidentifier()), None)
        if bad is not None:
            raise ValueError(f"must have identifiers other than {', '.join(_SET_ELSEWHERE)} as keys; got {quoted(bad)}")
        return settings


_SET_ELSEWHERE = ("model_name", "pretrained", "num_classes", "in_chans", "img_size")
"""Keywords of timm that are set by the stream or by other settings."""

MODEL_ENTRIES: dict[str, type[ModelEntry]] = {
    "mlp": MLP,
    "linear": Linear,
    "small-cnn": SmallCNN,
    "reduced-resnet18": ReducedResNet18,
    "stable-sgd-resnet18": StableSGDResNet18,
    "resnet18": ResNet18,
    "resnet34": ResNet34,
    "resnet50": ResNet50,
    "timm": Timm,
}
