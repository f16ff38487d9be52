"""Tables of cases that several tests share."""

from torch.optim import SGD, Adam, AdamW

from helpers import reference_rules as reference
from lifelong_lb.optim import (
    ASAM,
    GAM,
    GSAM,
    SAM,
    CFlat,
    CFlatPlus,
    FriendlySAM,
    LookbehindASAM,
    LookbehindSAM,
    MultistepASAM,
    MultistepSAM,
)

ALPHAS = (0.5, 1.0, "adaptive", "adaptive-global")

GAM_SETTINGS = {
    "paper": {"rho": 0.2, "rho_prime": 0.05, "alpha": 0.6, "beta": 0.3, "gamma": 0.3},
    "alpha-0": {"rho": 0.1, "rho_prime": 0.05, "alpha": 0, "beta": 0, "gamma": 0.5},
    "alpha-1": {"rho": 0.1, "rho_prime": 0.05, "alpha": 1, "beta": 0.3, "gamma": 0.5},
    "gamma-0": {"rho": 0.1, "rho_prime": 0.05, "alpha": 0.4, "beta": 0.3, "gamma": 0},
}
C_FLAT_PLUS = {"rho": 0.1, "lamb": 0.3, "level": 1.0, "steepness": 1.0, "midpoint": 5.0, "rate": 0.5}

RULES = {
    "sam": (lambda: SAM(rho=0.05), reference.sam_step, {"rho": 0.05}, False),
    "asam": (lambda: ASAM(rho=0.5), reference.sam_step, {"rho": 0.5}, True),
    "gsam": (lambda: GSAM(rho=0.05, alpha=0.4), reference.gsam_step, {"rho": 0.05, "alpha": 0.4}, False),
    "c-flat": (lambda: CFlat(rho=0.1, lamb=0.3), reference.c_flat_step, {"rho": 0.1, "lamb": 0.3}, False),
    "c-flat-plus": (lambda: CFlatPlus(**C_FLAT_PLUS), reference.c_flat_plus_step, C_FLAT_PLUS, False),
    **{
        f"friendly-sam-{average}-sigma-{sigma}": (
            lambda sigma=sigma, average=average: FriendlySAM(rho=0.05, sigma=sigma, decay=0.8, average=average),
            reference.friendly_sam_step,
            {"rho": 0.05, "sigma": sigma, "decay": 0.8, "average": average},
            False,
        )
        for average in ("updated", "previous")
        for sigma in (1.0, 0.6)
    },
    **{
        f"gam-{name}": (lambda settings=settings: GAM(**settings), reference.gam_step, settings, False)
        for name, settings in GAM_SETTINGS.items()
    },
    **{
        f"multistep-{name}-k{k}-{gradient}": (
            lambda kind=kind, rho=rho, k=k, gradient=gradient: kind(rho=rho, k=k, gradient=gradient),
            reference.multistep_step,
            {"rho": rho, "k": k, "gradient": gradient},
            scaled,
        )
        for name, kind, rho, scaled in (("sam", MultistepSAM, 0.05, False), ("asam", MultistepASAM, 0.5, True))
        for k in (1, 3)
        for gradient in ("last", "mean")
    },
    **{
        f"lookbehind-{name}-k{k}-{alpha}": (
            lambda kind=kind, rho=rho, k=k, alpha=alpha: kind(rho=rho, k=k, alpha=alpha),
            reference.lookbehind_step,
            {"rho": rho, "k": k, "alpha": alpha},
            scaled,
        )
        for name, kind, rho, scaled in (("sam", LookbehindSAM, 0.05, False), ("asam", LookbehindASAM, 0.5, True))
        for k in (1, 2, 5)
        for alpha in ALPHAS
    },
}
"""Name to (our rule, naive step, its settings, whether weights are scaled by name)."""

BASES = {
    "sgd": lambda p: SGD(p, lr=0.1),
    "momentum": lambda p: SGD(p, lr=0.1, momentum=0.9),
    "momentum-decay": lambda p: SGD(p, lr=0.1, momentum=0.9, weight_decay=5e-4),
    "nesterov": lambda p: SGD(p, lr=0.1, momentum=0.9, weight_decay=5e-4, nesterov=True),
    "adam": lambda p: Adam(p, lr=1e-3),
    "adamw": lambda p: AdamW(p, lr=1e-3),
}
"""Name to base optimizer."""
