"""Backbones that a study file can name, and their heads."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal, Self, get_args

from pydantic import BeforeValidator, Field, field_validator, model_validator

from lifelong_lb.config.entries.fields import (
    AtLeastOne,
    Fraction,
    FromStudyFolder,
    PlainValues,
    Positive,
    Settings,
    file_path,
)
from lifelong_lb.config.errors import unknown_name
from lifelong_lb.untrusted import quoted

Head = Literal["auto", "single", "masked", "multi", "growing"]
HEADS_OF_SCENARIO: dict[str, tuple[str, ...]] = {
    "task-incremental": ("multi", "masked"),
    "class-incremental": ("single", "growing"),
    "domain-incremental": ("single",),
}
"""Heads allowed by a scenario; ``auto`` is the first."""

Norm = Literal["batch", "group", "none"]


Tune = Literal["all", "head", "norm", "last-block", "lora"]
TUNES: tuple[str, ...] = get_args(Tune)
"""Parts of a model that can be trained."""


WITHOUT_PEFT = "tune: lora needs the package peft, which is not installed: pip install 'lifelong-lb[peft]'"
"""Message if low-rank adapters cannot be built."""


class Lora(Settings):
    """Low-rank adapters (Hu et al. 2022, arXiv 2106.09685): W x + (``alpha`` / ``rank``) B A x with trained A and B.

    ``targets`` are the ends of the names of the adapted layers, e.g. ``qkv``; null adapts every linear layer of the
    backbone, or every convolution if there is none. ``alpha: null`` is ``rank``, i.e. no scaling.
    """

    rank: AtLeastOne = 8
    """Number of rows of A."""
    alpha: Positive | None = None
    """Scale of the adapters times the rank; by default the rank."""
    targets: Annotated[tuple[Annotated[str, Field(min_length=1)], ...], Field(min_length=1)] | None = None
    """Ends of the names of adapted layers, e.g. ``[qkv]``; by default all linear layers."""


class ModelEntry(FromStudyFolder):
    """A backbone with its head.

    ``tune`` is the part of the model that is trained, besides the head: ``all``; nothing (``head``); the scales and
    shifts of normalisation layers (``norm``); the last block of the backbone and what follows it (``last-block``); or
    low-rank adapters (``lora``). The rest is frozen, with the statistics of its BatchNorm layers. ``head_hidden`` are
    the widths of hidden layers, each with ReLU, between backbone and head; they count as part of the head.
    """

    name: str
    """Name of the model, see ``lifelong-lb list models``."""
    head: Head = "auto"
    """``multi``: one head per task; ``masked``: one head, the classes of other tasks masked; ``single``: one head over
    all classes; ``growing``: one head that grows with the classes seen; ``auto``: the first that the stream's scenario
    allows."""
    classifier: Literal["linear", "cosine"] = "linear"
    """Layer of the head. ``linear``: weights and a bias. ``cosine``: the cosine of features and the weights of a class,
    times one learned scale, so that the lengths of weights of old and new classes have no effect (Hou et al. 2019,
    "Learning a Unified Classifier Incrementally via Rebalancing", CVPR)."""
    tune: Tune = "all"
    """Part of the backbone that is trained: ``all``, nothing (``head``), scales and shifts of normalisation layers
    (``norm``), the last block (``last-block``), or low-rank adapters (``lora``)."""
    lora: Lora | None = None
    """Settings of low-rank adapters, for ``tune: lora``."""
    head_hidden: tuple[AtLeastOne, ...] = ()
    """Widths of hidden layers between backbone and head, e.g. ``[256]``; trained with the head."""

    @field_validator("tune", mode="before")
    @classmethod
    def _known_part(cls, tune: Any) -> Any:
        if tune not in TUNES:
            raise ValueError(unknown_name("part", tune, TUNES))
        return tune

    @model_validator(mode="before")
    @classmethod
    def _defaults_of_lora(cls, values: Any) -> Any:
        if isinstance(values, Mapping) and values.get("tune") == "lora" and values.get("lora") is None:
            return {**values, "lora": {}}
        return values

    @model_validator(mode="after")
    def _lora_is_used(self) -> Self:
        if self.lora is not None and self.tune != "lora":
            raise ValueError(f"needs tune: lora if lora is set; got tune: {self.tune}")
        return self


class MLP(ModelEntry):
    """Multilayer perceptron on the flattened image."""

    name: Literal["mlp"] = "mlp"
    hidden: Annotated[tuple[AtLeastOne, ...], Field(min_length=1)] = (256, 256)
    """Units of each hidden layer."""
    activation: Literal["relu", "tanh"] = "relu"
    """Activation of the hidden layers."""
    dropout: Fraction = 0.0
    """Probability of dropping a hidden unit."""
    input_dropout: Fraction = 0.0
    """Probability of dropping a pixel."""


class Linear(ModelEntry):
    """No hidden layers: the head is a linear classifier of pixels or features."""

    name: Literal["linear"] = "linear"


class Convolutional(ModelEntry):
    """Convolutional network with optional normalisation and dropout."""

    width: AtLeastOne
    """Filters of the first layer."""
    norm: Norm = "batch"
    """Normalisation after the convolutions."""
    dropout: Fraction = 0.0
    """Probability of dropping a unit."""


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


class ResNet32(Convolutional):
    """ResNet-32 for CIFAR, as in PyCIL (He et al. 2016, arXiv 1512.03385, section 4.2): three stages."""

    name: Literal["resnet32"] = "resnet32"
    width: AtLeastOne = 16


class Timm(ModelEntry):
    """Any image model of the package timm, e.g. ViT-Tiny (Dosovitskiy et al. 2021, arXiv 2010.11929).

    Images are resized to ``image_size``, null for the model's default size (224 for most). ``weights`` is a file of
    pretrained weights (safetensors, or a dict of tensors saved by torch), searched like the ``source`` of images, in
    the folder of the study file first; ``weights: pretrained`` is the same as ``pretrained: true``, for those that timm
    downloads. Nothing else is downloaded. ``settings`` are further keywords of timm's ``create_model``.
    """

    name: Literal["timm"] = "timm"
    model: Annotated[str, Field(min_length=1)] = "vit_tiny_patch16_224"
    """Name of timm's model."""
    pretrained: bool = False
    """Whether to download pretrained weights."""
    image_size: AtLeastOne | None = None
    """Pixels per side to which images are resized, e.g. 224; by default the model's size."""
    settings: PlainValues = {}
    """Further keywords of timm's ``create_model``, e.g. ``{drop_path_rate: 0.1}``."""
    weights: Annotated[str, BeforeValidator(file_path("a file of weights, or pretrained"))] | None = None
    """File of pretrained weights, or ``pretrained`` for those that timm downloads."""

    @model_validator(mode="before")
    @classmethod
    def _pretrained(cls, values: Any) -> Any:
        if isinstance(values, Mapping) and values.get("weights") == "pretrained":
            return {**values, "weights": None, "pretrained": True}
        return values

    @model_validator(mode="after")
    def _one_source(self) -> Self:
        if self.pretrained and self.weights is not None:
            raise ValueError(f"needs weights or pretrained: true, not both; got weights: {quoted(self.weights)}")
        return self

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
    "resnet32": ResNet32,
    "timm": Timm,
}
