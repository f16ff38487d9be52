"""Base optimizers that a study file can name: torch's, with its defaults except for learning rates, and others."""

from typing import Any, Literal

from pydantic import model_validator

from lifelong_lb.config.entries.fields import (
    AtLeastOne,
    DottedName,
    Entry,
    Fraction,
    NonNegative,
    PlainValues,
    Positive,
)
from lifelong_lb.config.entries.schedules import Schedule
from lifelong_lb.untrusted import quoted


class OptimizerEntry(Entry):
    """A base optimizer, which takes the steps with a rule's gradients.

    ``state: keep`` carries momentum and moments over to the next experience, except for a tensor that has grown, whose
    state is reset; ``state: reset`` clears them at the start of each experience. ``schedule`` changes ``lr`` during
    training, see :class:`lifelong_lb.config.entries.schedules.ScheduleEntry`.
    """

    state: Literal["keep", "reset"] = "keep"
    schedule: Schedule = None

    @property
    def takes_passes(self) -> bool:
        """Whether it evaluates the loss itself, so that only the rule ``none`` can be used with it."""
        return False

    def distinctions(self) -> dict[str, Any]:
        """Settings that can distinguish entries with the same name, with a short text for the schedule.

        Returns:
            A mapping of plain values.
        """
        return {**self.identity(), "schedule": "none" if self.schedule is None else self.schedule.short_text()}

    def hyper_parameters(self) -> dict[str, Any]:
        """Hyper-parameters specific to this optimizer.

        Returns:
            Values by field name.
        """
        return self.model_dump(exclude={"name", "label", "state", "schedule"})


class SGD(OptimizerEntry):
    """Stochastic gradient descent, with optional momentum."""

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


class LBFGS(OptimizerEntry):
    """L-BFGS on each minibatch (Liu & Nocedal 1989), with its own passes; restarts when a head grows."""

    name: Literal["lbfgs"] = "lbfgs"
    lr: Positive = 1.0
    max_iter: AtLeastOne = 20
    max_eval: AtLeastOne | None = None
    tolerance_grad: NonNegative = 1e-7
    tolerance_change: NonNegative = 1e-9
    history_size: AtLeastOne = 100
    line_search_fn: Literal["strong_wolfe"] | None = None

    @property
    def takes_passes(self) -> bool:
        """True: up to ``max_iter`` iterations, each with an optional line search."""
        return True


class External(OptimizerEntry):
    """Any importable torch optimizer: settings and classes are its keywords, closure: it evaluates the loss itself.

    ``restart``: whether it is created again, without its state, when the model's parameters change.
    """

    name: Literal["external"] = "external"
    target: DottedName = "torch.optim.SGD"
    settings: PlainValues = {}
    classes: dict[str, DottedName] = {}
    closure: bool = False
    restart: bool = False

    @model_validator(mode="after")
    def _keywords(self) -> "External":
        keywords = [*self.settings, *self.classes]
        bad = next((key for key in keywords if not key.isidentifier() or key == "params"), None)
        if bad is not None:
            raise ValueError(
                f"must have identifiers other than params as keys of settings and classes; got {quoted(bad)}"
            )
        both = [key for key in self.settings if key in self.classes]
        if both:
            raise ValueError(f"must have {quoted(both[0])} in settings or in classes, not in both")
        return self

    @property
    def takes_passes(self) -> bool:
        """The setting ``closure``."""
        return self.closure

    @property
    def called(self) -> str:
        """Name of its class."""
        return self.target.rpartition(".")[2]

    def distinctions(self) -> dict[str, Any]:
        """Fields and keywords; a keyword with the name of a field gets a prefix.

        Returns:
            A mapping of plain values.
        """
        values = super().distinctions()
        keywords = {"settings": values.pop("settings"), "classes": values.pop("classes")}
        for group, given in keywords.items():
            values.update({f"{group}.{key}" if key in External.model_fields else key: v for key, v in given.items()})
        return values


OPTIMIZER_ENTRIES: dict[str, type[OptimizerEntry]] = {
    "sgd": SGD,
    "adam": Adam,
    "adamw": AdamW,
    "lbfgs": LBFGS,
    "external": External,
}
