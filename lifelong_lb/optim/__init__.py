"""Update rules, which turn gradients into a step of a base optimizer. Pure torch, for any training loop.

rule = LookbehindSAM(rho=0.05, k=2, alpha=0.5)
loss = rule.step(optimizer, closure)  # closure: forward, backward, return the loss
"""

from collections.abc import Callable

from lifelong_lb.optim.base_optimizers.closure_optimizer import ClosureOptimizer
from lifelong_lb.optim.base_optimizers.external import ExternalOptimizer
from lifelong_lb.optim.base_optimizers.muon import MuonWithAdamW
from lifelong_lb.optim.base_optimizers.rebuilding import RebuiltOptimizer
from lifelong_lb.optim.diagnostics import Diagnostics
from lifelong_lb.optim.gradient_passes import GradientPass, GradientPasses
from lifelong_lb.optim.passes import NonFiniteGradientError, Passes, recomputed_statistics
from lifelong_lb.optim.rule import NoRule, UpdateRule
from lifelong_lb.optim.rule_optimizer import RuleOptimizer
from lifelong_lb.optim.rules.c_flat import CFlat
from lifelong_lb.optim.rules.c_flat_plus import CFlatPlus
from lifelong_lb.optim.rules.friendly_sam import FriendlySAM
from lifelong_lb.optim.rules.gam import GAM
from lifelong_lb.optim.rules.gsam import GSAM
from lifelong_lb.optim.rules.lookahead import Lookahead, LookaheadASAM, LookaheadSAM
from lifelong_lb.optim.rules.lookbehind import LookbehindASAM, LookbehindSAM
from lifelong_lb.optim.rules.looksam import LookSAM
from lifelong_lb.optim.rules.multistep import MultistepASAM, MultistepSAM
from lifelong_lb.optim.rules.sam import ASAM, SAM

RULES: dict[str, Callable[..., UpdateRule]] = {
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
"""Update rules by their name in a study file."""

__all__ = [
    "ASAM",
    "GAM",
    "GSAM",
    "RULES",
    "SAM",
    "CFlat",
    "CFlatPlus",
    "ClosureOptimizer",
    "Diagnostics",
    "ExternalOptimizer",
    "FriendlySAM",
    "GradientPass",
    "GradientPasses",
    "LookSAM",
    "Lookahead",
    "LookaheadASAM",
    "LookaheadSAM",
    "LookbehindASAM",
    "LookbehindSAM",
    "MultistepASAM",
    "MultistepSAM",
    "MuonWithAdamW",
    "NoRule",
    "NonFiniteGradientError",
    "Passes",
    "RebuiltOptimizer",
    "RuleOptimizer",
    "UpdateRule",
    "recomputed_statistics",
]
