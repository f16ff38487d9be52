"""Hint for the message of a diverging run: a quadratic penalty too stiff for the learning rate."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from avalanche.training.plugins import EWCPlugin, MASPlugin, RWalkPlugin, SynapticIntelligencePlugin
from torch import Tensor
from torch.optim import SGD

from lifelong_lb.optim.wrapper import DelegatingOptimizer


@dataclass(frozen=True)
class Quadratic:
    """A penalty whose gradient at w is factor * weight * sum_e F_e (w - a_e), element by element.

    Attributes:
        setting: name of the weight in a study file.
        weight: its value.
        factor: 2, or 1 for a penalty that is halved.
        importances: F_e by parameter name, one mapping per past experience with a separate term.
    """

    setting: str
    weight: float
    factor: int
    importances: tuple[Mapping[str, Any], ...]

    def largest(self) -> float:
        """Largest sum of importances of any weight.

        Returns:
            A number, >= 0; 0 without importances.
        """
        by_name: dict[str, list[Tensor]] = {}
        for each in self.importances:
            for name, value in each.items():
                by_name.setdefault(name, []).append(value.data)
        return max((float(_sum(values).max()) for values in by_name.values()), default=0.0)


def _ewc(plugin: Any, strategy: Any) -> Quadratic:
    past = strategy.clock.train_exp_counter
    terms = range(past) if plugin.mode == "separate" else range(max(0, past - 1), past)
    return Quadratic("ewc_lambda", plugin.ewc_lambda, 2, tuple(plugin.importances.get(e, {}) for e in terms))


def _mas(plugin: Any, strategy: Any) -> Quadratic:
    return Quadratic("lambda_reg", plugin._lambda, 2, (plugin.importance or {},))


def _si(plugin: Any, strategy: Any) -> Quadratic:
    weights, experience = plugin.si_lambda, strategy.clock.train_exp_counter
    return Quadratic("si_lambda", weights[min(experience, len(weights) - 1)], 1, (plugin.ewc_data[1],))


def _rwalk(plugin: Any, strategy: Any) -> Quadratic:
    return Quadratic("ewc_lambda", plugin.ewc_lambda, 2, (plugin.exp_penalties or {},))


QUADRATIC: dict[type, Callable[[Any, Any], Quadratic]] = {
    EWCPlugin: _ewc,
    MASPlugin: _mas,
    SynapticIntelligencePlugin: _si,
    RWalkPlugin: _rwalk,
}
"""Plugins that add a quadratic penalty, and functions that read it from plugin and strategy."""


def stiffness_hint(strategy: Any) -> str:
    """Describe a quadratic penalty on which SGD diverges.

    Along a weight with the curvature c = factor * weight * importance, a step multiplies the distance from the minimum
    by 1 - lr c, which grows without bound when lr c is above 2; see :func:`limit_of` for momentum.

    Args:
        strategy: the Avalanche strategy, in training.

    Returns:
        Text to append to a message; empty if the base optimizer is not SGD or no penalty is too stiff.
    """
    optimizer = strategy.optimizer
    while isinstance(optimizer, DelegatingOptimizer):
        optimizer = optimizer.base
    if not isinstance(optimizer, SGD):
        return ""
    group = max(optimizer.param_groups, key=lambda group: float(group["lr"]))
    rate, limit = float(group["lr"]), limit_of(group["momentum"], nesterov=group["nesterov"])
    for plugin in strategy.plugins:
        for kind in (kind for kind in QUADRATIC if isinstance(plugin, kind)):
            penalty = QUADRATIC[kind](plugin, strategy)
            largest = penalty.largest()
            product = penalty.factor * rate * penalty.weight * largest
            if product > limit:
                twice = "2 x " if penalty.factor == 2 else ""
                return (
                    f"; the penalty is too stiff for this learning rate: {twice}rate {rate:.3g} x {penalty.setting} "
                    f"{penalty.weight:.3g} x largest importance {largest:.3g} = {product:.3g}, and above {limit:.3g} "
                    f"each step overshoots by more than the last one: lower the rate below "
                    f"{rate * limit / product:.2g}, or {penalty.setting} below {penalty.weight * limit / product:.2g}"
                )
    return ""


def limit_of(momentum: float, *, nesterov: bool = False) -> float:
    """Largest product of rate and curvature for which SGD converges on a quadratic.

    Args:
        momentum: in [0, 1).
        nesterov: whether it is Nesterov momentum.

    Returns:
        2 (1 + momentum), divided by 1 + 2 momentum for Nesterov's.

    Example:
        >>> limit_of(0.0), limit_of(0.9)
        (2.0, 3.8)
    """
    return 2 * (1 + momentum) / (1 + 2 * momentum if nesterov else 1)


def _sum(values: Iterable[Tensor]) -> Tensor:
    """Sum of tensors that may have grown; missing elements of smaller ones count as zero."""
    values = list(values)
    shape = [max(sizes) for sizes in zip(*(value.shape for value in values), strict=True)]
    total = torch.zeros(shape, dtype=torch.float64)
    for value in values:
        total[tuple(map(slice, value.shape))] += value.detach().cpu().double()
    return total
