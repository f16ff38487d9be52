"""Base optimizers a study file can name: torch's own, with torch's defaults except for the learning rate."""

from typing import Literal

from pydantic import model_validator

from lifelong_lb.config.fields import Entry, Fraction, NonNegative, Positive


class OptimizerEntry(Entry):
    """A base optimizer: what a rule's gradient is handed to."""


class SGD(OptimizerEntry):
    """Stochastic gradient descent, with momentum on request."""

    name: Literal["sgd"] = "sgd"
    lr: Positive = 0.1
    momentum: Fraction = 0.0
    weight_decay: NonNegative = 0.0
    nesterov: bool = False

    @model_validator(mode="after")
    def _nesterov_needs_momentum(self) -> "SGD":
        if self.nesterov and self.momentum == 0:
            raise ValueError("nesterov: true needs a momentum above 0")
        return self


class Adam(OptimizerEntry):
    """Adam (Kingma & Ba 2015, arXiv 1412.6980)."""

    name: Literal["adam"] = "adam"
    lr: Positive = 1e-3
    beta1: Fraction = 0.9
    beta2: Fraction = 0.999
    eps: Positive = 1e-8
    weight_decay: NonNegative = 0.0


class AdamW(OptimizerEntry):
    """Adam with decoupled weight decay (Loshchilov & Hutter 2019, arXiv 1711.05101)."""

    name: Literal["adamw"] = "adamw"
    lr: Positive = 1e-3
    beta1: Fraction = 0.9
    beta2: Fraction = 0.999
    eps: Positive = 1e-8
    weight_decay: NonNegative = 0.01


OPTIMIZER_ENTRIES: dict[str, type[OptimizerEntry]] = {"sgd": SGD, "adam": Adam, "adamw": AdamW}
