"""Update rules that a study file can name, with hyper-parameters, ranges and the defaults of their papers."""

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, model_validator

from lifelong_lb.config.entries.fields import Float, Int, Within
from lifelong_lb.config.entries.rule_base import RuleEntry
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
