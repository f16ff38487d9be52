"""Backbones a study file can name, and the heads that may sit on them."""

from typing import Annotated, Literal

from pydantic import Field

from lifelong_lb.config.fields import AtLeastOne, Fraction, Settings

Head = Literal["auto", "single", "masked", "multi", "growing"]
HEADS_OF_SCENARIO: dict[str, tuple[str, ...]] = {
    "task-incremental": ("multi", "masked"),
    "class-incremental": ("single", "growing"),
    "domain-incremental": ("single",),
}
"""Heads that a scenario allows; the first is what ``auto`` stands for."""


class ModelEntry(Settings):
    """A backbone with its head."""

    name: str
    head: Head = "auto"


class MLP(ModelEntry):
    """Multilayer perceptron on the flattened image.

    ``dropout`` is the probability with which each hidden unit is left out of a minibatch.
    """

    name: Literal["mlp"] = "mlp"
    hidden: Annotated[tuple[AtLeastOne, ...], Field(min_length=1)] = (256, 256)
    activation: Literal["relu", "tanh"] = "relu"
    dropout: Fraction = 0.0


class SmallCNN(ModelEntry):
    """Two convolutions with pooling and one hidden layer; for images of at least 8 x 8."""

    name: Literal["small-cnn"] = "small-cnn"
    width: AtLeastOne = 32


class ReducedResNet18(ModelEntry):
    """The reduced ResNet-18 used with GEM (Lopez-Paz & Ranzato 2017, arXiv 1706.08840): 20 base filters."""

    name: Literal["reduced-resnet18"] = "reduced-resnet18"
    width: AtLeastOne = 20


MODEL_ENTRIES: dict[str, type[ModelEntry]] = {
    "mlp": MLP,
    "small-cnn": SmallCNN,
    "reduced-resnet18": ReducedResNet18,
}
