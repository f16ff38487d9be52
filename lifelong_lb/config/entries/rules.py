"""Update rules that a study file can name, with hyper-parameters, ranges and the defaults of their papers."""

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import BeforeValidator, ConfigDict, model_validator

from lifelong_lb.config.entries.fields import Entry, Float, Int, WholeNumber, Within
from lifelong_lb.config.errors import unknown_name
from lifelong_lb.hyperparameters import (
    ADAPTIVE_INTERPOLATION,
    DECAY,
    ETA,
    GAM_ALPHA,
    GAM_BETA,
    GAM_GAMMA,
    GSAM_ALPHA,
    INTERPOLATION,
    LAMB,
    LEVEL,
    LOOKSAM_ALPHA,
    MIDPOINT,
    RATE,
    RHO,
    SIGMA,
    STEEPNESS,
    STEPS,
    AdaptiveAlpha,
    BatchNormUpdates,
    DropoutMasks,
    FriendlyAverage,
    MultistepGradient,
)


def _alpha(value: Any) -> Any:
    """Validate ``alpha`` of Lookbehind.

    Args:
        value: value in the study file.

    Returns:
        A float or a name.

    Raises:
        ValueError: if the value is invalid.
    """
    if isinstance(value, str) and value in ADAPTIVE_INTERPOLATION:
        return value
    try:
        number = float("nan") if isinstance(value, bool) else float(value)
    except (TypeError, ValueError, OverflowError):
        number = float("nan")
    if number not in ADAPTIVE_INTERPOLATION:
        raise ValueError(f"must be {ADAPTIVE_INTERPOLATION}")
    return number


Rho = Annotated[Float, Within(RHO)]
Eta = Annotated[Float, Within(ETA)]
K = Annotated[Int, Within(STEPS)]
Interpolation = Annotated[Float, Within(INTERPOLATION)]
AdaptiveInterpolation = Annotated[Interpolation | AdaptiveAlpha, BeforeValidator(_alpha)]
Lamb = Annotated[Float, Within(LAMB)]


def _with_radius_that_follows(schema: dict[str, Any]) -> None:
    """Allow ``rho: {follows: lr, at: 0.05}`` in the JSON Schema of a rule with a radius."""
    rho = schema.get("properties", {}).get("rho")
    if rho is not None:
        number = {key: rho.pop(key) for key in list(rho) if key not in ("default", "description", "title")}
        follows = {"type": "object", "properties": {"follows": {"const": "lr"}, "at": number}, "required": ["follows"]}
        rho["anyOf"] = [number, {**follows, "additionalProperties": False}]


class RuleEntry(Entry):
    """An update rule: it turns gradients into steps of the base optimizer.

    :class:`lifelong_lb.optim.Passes` explains ``batch_norm`` and ``dropout``. Class attributes: ``spans``, see
    :meth:`spans_iterations`, and ``gradients_per_step``, the gradient evaluations per step if they are constant.
    """

    model_config = ConfigDict(json_schema_extra=_with_radius_that_follows)
    spans: ClassVar[bool] = False
    gradients_per_step: ClassVar[int] = 2
    batch_norm: BatchNormUpdates = "first"
    """Passes that update BatchNorm's running statistics; ``recomputed``: as ``first``, and again after experiences."""
    dropout: DropoutMasks = "same"
    """Whether the passes of a step share their dropout masks."""
    from_experience: WholeNumber = 0
    """First experience that uses the rule, counted from 0; earlier ones are trained as with ``none``."""
    rho_follows: Literal["lr"] | None = None
    """``lr``: the schedule of the learning rate also multiplies ``rho``; the same as ``rho: {follows: lr}``."""

    @model_validator(mode="before")
    @classmethod
    def _radius_that_follows(cls, values: Any) -> Any:
        rho = values.get("rho") if isinstance(values, Mapping) else None
        if not isinstance(rho, Mapping):
            return values
        if unknown := [key for key in rho if key not in ("follows", "at")]:
            raise ValueError(unknown_name("key of rho", unknown[0], ("follows", "at")))
        rest = {key: value for key, value in values.items() if key != "rho"}
        return {**rest, **({"rho": rho["at"]} if "at" in rho else {}), "rho_follows": rho.get("follows")}

    @model_validator(mode="after")
    def _has_a_radius(self) -> Self:
        if self.rho_follows is not None and "rho" not in type(self).model_fields:
            raise ValueError(f"has no rho that could follow the learning rate; got rho_follows: {self.rho_follows}")
        return self

    def spans_iterations(self) -> bool:
        """Whether the rule spans several minibatches, so that the end of an epoch interrupts it.

        Returns:
            ``spans``, unless it depends on the hyper-parameters.
        """
        return self.spans

    def keeps_weights(self) -> bool:
        """Whether the rule keeps fast and slow weights over several minibatches.

        Returns:
            The same as the attribute of :class:`lifelong_lb.optim.UpdateRule`.
        """
        return False

    def interpolates(self) -> bool:
        """Whether the rule itself moves the weights, besides the base optimizer.

        Returns:
            The same as the attribute of :class:`lifelong_lb.optim.UpdateRule`.
        """
        return False

    def gradients(self, step: int) -> tuple[int, int]:
        """Gradient evaluations on one minibatch, known without torch and before a run.

        Args:
            step: number of the minibatch in its epoch, 0 for the first.

        Returns:
            Minimum and maximum, equal unless they depend on the data.

        Example:
            >>> LookSAM(k=2).gradients(0), LookSAM(k=2).gradients(1), CFlatPlus().gradients(0)
            ((2, 2), (1, 1), (1, 4))
        """
        return self.gradients_per_step, self.gradients_per_step

    def most_gradients(self) -> float:
        """Maximum number of gradient evaluations per minibatch, averaged over steps.

        Returns:
            The maximum of ``gradients(0)``, unless steps differ.
        """
        return self.gradients(0)[1]

    def passes(self) -> dict[str, Any]:
        """Options common to all rules.

        Returns:
            Keyword arguments of :class:`lifelong_lb.optim.Passes`.
        """
        return {"batch_norm": self.batch_norm, "dropout": self.dropout}

    def hyper_parameters(self) -> dict[str, Any]:
        """Hyper-parameters specific to this rule.

        Returns:
            Keyword arguments of the rule's class.
        """
        return self.model_dump(exclude={"name", "label", "batch_norm", "dropout", "from_experience", "rho_follows"})


class NoRule(RuleEntry):
    """The base optimizer alone."""

    gradients_per_step = 1
    name: Literal["none"] = "none"

    @model_validator(mode="after")
    def _nothing_begins(self) -> "NoRule":
        if self.from_experience:
            raise ValueError(f"must not have from_experience, which has no effect here; got {self.from_experience}")
        return self


class SAM(RuleEntry):
    """Sharpness-aware minimization (Foret et al. 2021, arXiv 2010.01412)."""

    name: Literal["sam"] = "sam"
    rho: Rho = 0.05


class ASAM(RuleEntry):
    """Adaptive SAM (Kwon et al. 2021, arXiv 2102.11600)."""

    name: Literal["asam"] = "asam"
    rho: Rho = 0.5
    eta: Eta = 0.01


class MultistepSAM(RuleEntry):
    """k SAM ascent steps, one descent (Foret et al. 2021, arXiv 2010.01412; Mordido et al. 2024, arXiv 2307.16704)."""

    name: Literal["multistep-sam"] = "multistep-sam"
    rho: Rho = 0.05
    k: K = 5
    gradient: MultistepGradient = "last"

    def gradients(self, step: int) -> tuple[int, int]:
        """At w and at each of the k perturbed points."""
        return self.k + 1, self.k + 1


class MultistepASAM(RuleEntry):
    """k ASAM ascent steps, one descent (Kwon et al. 2021, arXiv 2102.11600; Mordido et al. 2024, arXiv 2307.16704)."""

    name: Literal["multistep-asam"] = "multistep-asam"
    rho: Rho = 0.5
    eta: Eta = 0.01
    k: K = 5
    gradient: MultistepGradient = "last"

    def gradients(self, step: int) -> tuple[int, int]:
        """At w and at each of the k perturbed points."""
        return self.k + 1, self.k + 1


class Lookahead(RuleEntry):
    """k steps forward on k minibatches, one step back (Zhang et al. 2019, arXiv 1907.08610)."""

    spans = True
    gradients_per_step = 1
    name: Literal["lookahead"] = "lookahead"
    k: K = 5
    alpha: Interpolation = 0.5

    def keeps_weights(self) -> bool:
        """Unless k = 1."""
        return self.k > 1

    def interpolates(self) -> bool:
        """Unless alpha = 1."""
        return self.alpha != 1


class LookaheadSAM(RuleEntry):
    """Lookahead with SAM steps (Zhang et al. 2019, arXiv 1907.08610; Mordido et al. 2024, arXiv 2307.16704)."""

    spans = True
    name: Literal["lookahead-sam"] = "lookahead-sam"
    rho: Rho = 0.05
    k: K = 5
    alpha: Interpolation = 0.5

    def keeps_weights(self) -> bool:
        """Unless k = 1."""
        return self.k > 1

    def interpolates(self) -> bool:
        """Unless alpha = 1."""
        return self.alpha != 1


class LookaheadASAM(RuleEntry):
    """Lookahead with ASAM steps (Zhang et al. 2019, arXiv 1907.08610; Mordido et al. 2024, arXiv 2307.16704)."""

    spans = True
    name: Literal["lookahead-asam"] = "lookahead-asam"
    rho: Rho = 0.5
    eta: Eta = 0.01
    k: K = 5
    alpha: Interpolation = 0.5

    def keeps_weights(self) -> bool:
        """Unless k = 1."""
        return self.k > 1

    def interpolates(self) -> bool:
        """Unless alpha = 1."""
        return self.alpha != 1


class LookbehindSAM(RuleEntry):
    """Lookbehind over SAM (Mordido et al. 2024, arXiv 2307.16704)."""

    name: Literal["lookbehind-sam"] = "lookbehind-sam"
    rho: Rho = 0.05
    k: K = 5
    alpha: AdaptiveInterpolation = 0.5
    minibatch_switching: bool = False

    def spans_iterations(self) -> bool:
        """Only with minibatch switching."""
        return self.minibatch_switching

    def keeps_weights(self) -> bool:
        """Only with minibatch switching and k > 1."""
        return self.minibatch_switching and self.k > 1

    def interpolates(self) -> bool:
        """Unless alpha = 1."""
        return self.alpha != 1

    def gradients(self, step: int) -> tuple[int, int]:
        """At w and at each of the k perturbed points; two with minibatch switching."""
        taken = 2 if self.minibatch_switching else self.k + 1
        return taken, taken


class LookbehindASAM(RuleEntry):
    """Lookbehind over ASAM (Mordido et al. 2024, arXiv 2307.16704)."""

    name: Literal["lookbehind-asam"] = "lookbehind-asam"
    rho: Rho = 0.5
    eta: Eta = 0.01
    k: K = 5
    alpha: AdaptiveInterpolation = 0.5
    minibatch_switching: bool = False

    def spans_iterations(self) -> bool:
        """Only with minibatch switching."""
        return self.minibatch_switching

    def keeps_weights(self) -> bool:
        """Only with minibatch switching and k > 1."""
        return self.minibatch_switching and self.k > 1

    def interpolates(self) -> bool:
        """Unless alpha = 1."""
        return self.alpha != 1

    def gradients(self, step: int) -> tuple[int, int]:
        """At w and at each of the k perturbed points; two with minibatch switching."""
        taken = 2 if self.minibatch_switching else self.k + 1
        return taken, taken


class GSAM(RuleEntry):
    """Surrogate-gap-guided SAM (Zhuang et al. 2022, arXiv 2203.08065)."""

    name: Literal["gsam"] = "gsam"
    rho: Rho = 0.05
    alpha: Annotated[Float, Within(GSAM_ALPHA)] = 0.4


class LookSAM(RuleEntry):
    """SAM's ascent once in k steps, its direction reused in between (Liu et al. 2022, arXiv 2203.02714)."""

    spans = True
    name: Literal["looksam"] = "looksam"
    rho: Rho = 0.05
    k: K = 5
    alpha: Annotated[Float, Within(LOOKSAM_ALPHA)] = 0.7

    def gradients(self, step: int) -> tuple[int, int]:
        """Two in one of k steps, one in the others; the count restarts with each epoch."""
        taken = 1 if step % self.k else 2
        return taken, taken

    def most_gradients(self) -> float:
        """One more in each k steps."""
        return (self.k + 1) / self.k


class FriendlySAM(RuleEntry):
    """SAM along the gradient minus the running mean of gradients (Li et al. 2024, arXiv 2403.12350)."""

    name: Literal["friendly-sam"] = "friendly-sam"
    rho: Rho = 0.05
    sigma: Annotated[Float, Within(SIGMA)] = 1.0
    decay: Annotated[Float, Within(DECAY)] = 0.9
    average: FriendlyAverage = "updated"


class GAM(RuleEntry):
    """First-order flatness from gradients alone (Zhang et al. 2023, arXiv 2303.03108)."""

    name: Literal["gam"] = "gam"
    rho: Rho = 0.2
    rho_prime: Rho = 0.02
    alpha: Annotated[Float, Within(GAM_ALPHA)] = 0.6
    beta: Annotated[Float, Within(GAM_BETA)] = 0.5
    gamma: Annotated[Float, Within(GAM_GAMMA)] = 0.03

    def gradients(self, step: int) -> tuple[int, int]:
        """Four, without those whose weight is zero by alpha, beta or gamma."""
        taken = 4 if self.alpha < 1 else 3 if self.beta < 1 and self.gamma else 2
        return taken, taken


class CFlat(RuleEntry):
    """Zeroth- and first-order flatness for continual learning (Bian et al. 2024, arXiv 2404.00986)."""

    name: Literal["c-flat"] = "c-flat"
    rho: Rho = 0.2
    lamb: Lamb = 0.2

    def gradients(self, step: int) -> tuple[int, int]:
        """Four; two without lamb."""
        taken = 4 if self.lamb else 2
        return taken, taken


class CFlatPlus(RuleEntry):
    """C-Flat if the gradient is larger than recently, else the base step (Li et al. 2025, arXiv 2508.18860)."""

    name: Literal["c-flat-plus"] = "c-flat-plus"
    rho: Rho = 0.2
    lamb: Lamb = 0.2
    level: Annotated[Float, Within(LEVEL)] = 5.0
    steepness: Annotated[Float, Within(STEEPNESS)] = 0.1
    midpoint: Annotated[Float, Within(MIDPOINT)] = 80.0
    rate: Annotated[Float, Within(RATE)] = 0.8

    def gradients(self, step: int) -> tuple[int, int]:
        """One, or all of C-Flat's, depending on the norm of the gradient."""
        return 1, 4 if self.lamb else 2


RULE_ENTRIES: dict[str, type[RuleEntry]] = {
    "none": NoRule,
    "sam": SAM,
    "asam": ASAM,
    "multistep-sam": MultistepSAM,
    "multistep-asam": MultistepASAM,
    "lookahead": Lookahead,
    "lookahead-sam": LookaheadSAM,
    "lookahead-asam": LookaheadASAM,
    "lookbehind-sam": LookbehindSAM,
    "lookbehind-asam": LookbehindASAM,
    "gsam": GSAM,
    "looksam": LookSAM,
    "friendly-sam": FriendlySAM,
    "gam": GAM,
    "c-flat": CFlat,
    "c-flat-plus": CFlatPlus,
}
