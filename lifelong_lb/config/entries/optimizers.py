"""Base optimizers that a study file can name: torch's, with its defaults except for learning rates, and others."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from lifelong_lb.config.entries.fields import (
    AtLeastOne,
    DottedName,
    Fraction,
    Int,
    NonNegative,
    OpenFraction,
    PlainValues,
    Positive,
    WholeNumber,
    Within,
)
from lifelong_lb.config.entries.optimizer_base import OptimizerEntry
from lifelong_lb.hyperparameters import NEWTON_SCHULZ_STEPS, MuonAdjustment
from lifelong_lb.untrusted import quoted

LearningRate = Annotated[Positive, Field(description="Learning rate.")]
WeightDecay = Annotated[NonNegative, Field(description="Weight decay.")]
Momentum = Annotated[Fraction, Field(description="Momentum.")]
Beta1 = Annotated[Fraction, Field(description="Decay of the mean gradient.")]
Beta2 = Annotated[Fraction, Field(description="Decay of the mean squared gradient.")]
Epsilon = Annotated[Positive, Field(description="Added to the denominator.")]


class SGD(OptimizerEntry):
    """Stochastic gradient descent, with optional momentum."""

    name: Literal["sgd"] = "sgd"
    lr: LearningRate = 0.1
    momentum: Momentum = 0.0
    weight_decay: WeightDecay = 0.0
    nesterov: bool = False
    """Whether to use Nesterov's momentum."""

    @model_validator(mode="after")
    def _nesterov_needs_momentum(self) -> "SGD":
        if self.nesterov and self.momentum == 0:
            raise ValueError("nesterov: true needs a momentum above 0")
        return self


class Adam(OptimizerEntry):
    """Adam (Kingma & Ba 2015, arXiv 1412.6980)."""

    name: Literal["adam"] = "adam"
    lr: LearningRate = 1e-3
    beta1: Beta1 = 0.9
    beta2: Beta2 = 0.999
    eps: Epsilon = 1e-8
    weight_decay: WeightDecay = 0.0


class AdamW(OptimizerEntry):
    """Adam with decoupled weight decay (Loshchilov & Hutter 2019, arXiv 1711.05101)."""

    name: Literal["adamw"] = "adamw"
    lr: LearningRate = 1e-3
    beta1: Beta1 = 0.9
    beta2: Beta2 = 0.999
    eps: Epsilon = 1e-8
    weight_decay: WeightDecay = 0.01


class LBFGS(OptimizerEntry):
    """L-BFGS on each minibatch (Liu & Nocedal 1989), with its own passes; restarts when a head grows."""

    one_group = True
    name: Literal["lbfgs"] = "lbfgs"
    lr: LearningRate = 1.0
    max_iter: AtLeastOne = 20
    """Iterations per minibatch."""
    max_eval: AtLeastOne | None = None
    """Largest number of loss evaluations per minibatch, e.g. 10; by default 1.25 ``max_iter``."""
    tolerance_grad: NonNegative = 1e-7
    """Stop if all entries of the gradient are at most this large."""
    tolerance_change: NonNegative = 1e-9
    """Stop if loss or weights change by less."""
    history_size: AtLeastOne = 100
    """Steps in the approximation of the Hessian."""
    line_search_fn: Literal["strong_wolfe"] | None = None
    """Line search; null takes fixed steps."""

    @property
    def takes_passes(self) -> bool:
        """True: up to ``max_iter`` iterations, each with an optional line search."""
        return True


class RMSprop(OptimizerEntry):
    """RMSprop (Tieleman & Hinton 2012, Coursera lecture 6.5; ``centered``: Graves 2013, arXiv 1308.0850)."""

    name: Literal["rmsprop"] = "rmsprop"
    lr: LearningRate = 1e-3
    alpha: Fraction = 0.99
    """Decay of the mean squared gradient."""
    eps: Epsilon = 1e-8
    weight_decay: WeightDecay = 0.0
    momentum: Momentum = 0.0
    centered: bool = False
    """Whether the gradient's mean is subtracted in its variance."""


class Adagrad(OptimizerEntry):
    """Adagrad (Duchi, Hazan & Singer 2011, JMLR 12)."""

    not_grouped = ("initial_accumulator_value",)  # torch reads it once, for all parameters
    name: Literal["adagrad"] = "adagrad"
    lr: LearningRate = 1e-2
    lr_decay: NonNegative = 0.0
    """Decay of the rate with the number of steps."""
    weight_decay: WeightDecay = 0.0
    initial_accumulator_value: NonNegative = 0.0
    """Initial sum of squared gradients."""
    eps: Epsilon = 1e-10


class NAdam(OptimizerEntry):
    """Adam with Nesterov momentum (Dozat 2016, ICLR workshop)."""

    name: Literal["nadam"] = "nadam"
    lr: LearningRate = 2e-3
    beta1: Beta1 = 0.9
    beta2: Beta2 = 0.999
    eps: Epsilon = 1e-8
    weight_decay: WeightDecay = 0.0
    momentum_decay: NonNegative = 4e-3
    """Decay of the momentum schedule."""
    decoupled_weight_decay: bool = False
    """Whether the weight decay is decoupled, as in AdamW."""


class Muon(OptimizerEntry):
    """Muon for hidden matrices, AdamW for the rest (Jordan et al. 2024, kellerjordan.github.io/posts/muon).

    Hidden matrices are weights of two or more dimensions outside the head, convolutions as matrices of one row per
    filter; biases, norms, embeddings (names with ``embed``) and the head are trained by AdamW with the ``adamw_``
    settings. Defaults are those of the authors' code. ``adjust_lr: match_rms_adamw`` and ``weight_decay`` follow Liu et
    al. 2025 (arXiv 2502.16982).
    """

    name: Literal["muon"] = "muon"
    lr: LearningRate = 0.02
    momentum: Momentum = 0.95
    nesterov: bool = True
    """Whether to use Nesterov's momentum."""
    weight_decay: WeightDecay = 0.0
    ns_steps: Annotated[Int, Within(NEWTON_SCHULZ_STEPS)] = 5
    """Newton-Schulz iterations that orthogonalise a matrix."""
    adjust_lr: MuonAdjustment = "original"
    """Scale of the steps with the shape of a matrix; ``match_rms_adamw`` gives them the size of AdamW's (Liu et al.
    2025, arXiv 2502.16982)."""
    adamw_lr: Positive = 3e-4
    """Learning rate of AdamW."""
    adamw_beta1: Fraction = 0.9
    """Decay of AdamW's mean gradient."""
    adamw_beta2: Fraction = 0.95
    """Decay of AdamW's mean squared gradient."""
    adamw_eps: Positive = 1e-10
    """Added to AdamW's denominator."""
    adamw_weight_decay: NonNegative = 0.0
    """Weight decay of AdamW."""


class Lion(OptimizerEntry):
    """Lion, the sign of a momentum (Chen et al. 2023, arXiv 2302.06675), with decoupled weight decay."""

    requires = "pytorch-optimizer>=4"
    name: Literal["lion"] = "lion"
    lr: LearningRate = 1e-4
    beta1: Fraction = 0.9
    """Weight of the mean gradient in the direction of a step."""
    beta2: Fraction = 0.99
    """Decay of the mean gradient."""
    weight_decay: WeightDecay = 0.0


class ScheduleFree(OptimizerEntry):
    """Schedule-free AdamW or SGD, evaluated at averaged weights (Defazio et al. 2024, arXiv 2405.15682).

    ``beta2`` and ``eps`` belong to AdamW. Defaults are those of the authors' code; with ``base: sgd`` that of ``lr`` is
    1.
    """

    requires = "pytorch-optimizer>=4"
    averages = True
    not_grouped = ("base",)
    name: Literal["schedule-free"] = "schedule-free"
    base: Literal["adamw", "sgd"] = "adamw"
    """The optimizer that is made schedule-free."""
    lr: LearningRate = 2.5e-3
    beta1: OpenFraction = 0.9
    """The paper's beta, the weight of the average in the weights at which gradients are taken."""
    beta2: Beta2 = 0.999
    eps: Epsilon = 1e-8
    weight_decay: WeightDecay = 0.0
    warmup_steps: WholeNumber = 0
    """Steps over which the rate rises from 0."""
    r: NonNegative = 0.0
    """Power of the step number that weights steps in the average."""
    weight_lr_power: NonNegative = 2.0
    """Power of the largest rate so far that weights steps in the average."""

    @model_validator(mode="before")
    @classmethod
    def _rate_of_sgd(cls, value: Any) -> Any:
        is_sgd = isinstance(value, Mapping) and value.get("base") == "sgd"
        return {"lr": 1.0, **value} if is_sgd else value

    @model_validator(mode="after")
    def _only_adamw_has_moments(self) -> "ScheduleFree":
        fields = type(self).model_fields
        given = next((key for key in ("beta2", "eps") if getattr(self, key) != fields[key].default), None)
        if self.base == "sgd" and given is not None:
            raise ValueError(f"{given} has no effect with base: sgd; got {given}: {getattr(self, given):g}")
        return self


class External(OptimizerEntry):
    """Any importable torch optimizer: settings and classes are its keywords, closure: it evaluates the loss itself.

    ``groups`` may change the keywords in ``settings``.
    """

    name: Literal["external"] = "external"
    target: DottedName = "torch.optim.SGD"
    """Dotted name of the optimizer's class."""
    settings: PlainValues = {}
    """Keywords of the class with plain values, e.g. ``{lr: 0.01}``."""
    classes: dict[str, DottedName] = {}
    """Keywords whose value is a class, e.g. ``{base_optimizer: torch.optim.SGD}``."""
    closure: bool = False
    """Whether the optimizer's ``step`` evaluates the loss itself."""
    restart: bool = False
    """Whether it is created again, without its state, when the model's parameters change."""

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

    def group_settings(self) -> dict[str, Any]:
        """The keywords in ``settings``.

        Returns:
            Their values for the other parameters.
        """
        return dict(self.settings)

    def with_changes(self, changes: Mapping[str, Any]) -> dict[str, Any]:
        """Raw settings of this entry for one of its groups.

        Args:
            changes: keywords of the group.

        Returns:
            A mapping for the validation of an entry of this class, without groups.
        """
        return {**self.hyper_parameters(), "settings": {**self.settings, **changes}}

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
    "rmsprop": RMSprop,
    "adagrad": Adagrad,
    "nadam": NAdam,
    "muon": Muon,
    "lion": Lion,
    "schedule-free": ScheduleFree,
    "external": External,
}
