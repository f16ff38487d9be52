"""Base optimizers a study file can name: torch's own, with torch's defaults except for learning rates, and others."""

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
    """A base optimizer: what a rule's gradient is handed to.

    ``state: keep`` lets momentum and moments go on from one experience to the next, but for a tensor that has grown,
    which begins anew; ``state: reset`` empties them where an experience begins. ``schedule`` changes ``lr`` while a run
    trains, see :class:`lifelong_lb.config.entries.schedules.ScheduleEntry`.
    """

    state: Literal["keep", "reset"] = "keep"
    schedule: Schedule = None

    @property
    def takes_passes(self) -> bool:
        """Whether it evaluates the loss itself, so that no rule but ``none`` can be applied to it."""
        return False

    def distinctions(self) -> dict[str, Any]:
        """As for any entry, the schedule in short.

        Returns:
            A mapping of plain values.
        """
        return {**self.identity(), "schedule": "none" if self.schedule is None else self.schedule.short_text()}

    def hyper_parameters(self) -> dict[str, Any]:
        """What is this optimizer's own.

        Returns:
            Values by the names of this entry's fields.
        """
        return self.model_dump(exclude={"name", "label", "state", "schedule"})


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


class LBFGS(OptimizerEntry):
    """L-BFGS over each minibatch (Liu & Nocedal 1989), by passes of its own; begins anew when a head grows."""

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
        """It does: ``max_iter`` iterations, each with a line search on request."""
        return True


class External(OptimizerEntry):
    """Any importable torch optimizer: settings and classes are its keywords, closure: it evaluates the loss itself.

    ``restart``: it begins anew, instead of going on with the state that it has, when the model's parameters change.
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
            raise ValueError(f"must have words other than params as keys of settings and classes; got {quoted(bad)}")
        both = [key for key in self.settings if key in self.classes]
        if both:
            raise ValueError(f"must have {quoted(both[0])} in settings or in classes, not in both")
        return self

    @property
    def takes_passes(self) -> bool:
        """As the study file says."""
        return self.closure

    @property
    def called(self) -> str:
        """The name of its class."""
        return self.target.rpartition(".")[2]

    def distinctions(self) -> dict[str, Any]:
        """Keywords beside the fields, each under its own name where that is free.

        Returns:
            A mapping of plain values.
        """
        own = super().distinctions()
        keywords = {"settings": own.pop("settings"), "classes": own.pop("classes")}
        for group, values in keywords.items():
            own.update({f"{group}.{key}" if key in External.model_fields else key: v for key, v in values.items()})
        return own


OPTIMIZER_ENTRIES: dict[str, type[OptimizerEntry]] = {
    "sgd": SGD,
    "adam": Adam,
    "adamw": AdamW,
    "lbfgs": LBFGS,
    "external": External,
}
