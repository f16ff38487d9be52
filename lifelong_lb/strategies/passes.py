"""What a pass at other weights has to fire again inside an Avalanche strategy, as a visible table.

The plugin repeats forward, criterion and backward on the same minibatch. A plugin that takes part in the loss or the
gradient through a forward or backward hook must either be fired again or held still; what is not in the table and has
such a hook is refused, and so is a strategy with a training loop of its own, so that no part of an objective is ever
dropped silently.
"""

from collections.abc import Sequence
from typing import Any

from avalanche.training.plugins import EvaluationPlugin, EWCPlugin, LwFPlugin, MASPlugin
from avalanche.training.plugins.clock import Clock
from avalanche.training.templates import SupervisedTemplate
from avalanche.training.templates.base_sgd import PeriodicEval

HOOKS = ("before_forward", "after_forward", "before_backward", "after_backward")
"""Hooks through which a plugin can change the loss or the gradient of a pass."""

FIRED_AGAIN: dict[type, tuple[str, ...]] = {
    EWCPlugin: ("before_backward",),
    MASPlugin: ("before_backward",),
    LwFPlugin: ("before_backward",),
}
"""Plugins whose hooks belong to the objective: their penalty enters every pass of a step."""

ONLOOKERS: tuple[type, ...] = (EvaluationPlugin, Clock, PeriodicEval)
"""Plugins that change nothing; they see the first pass only."""

LOOP = (
    "training_epoch",
    *(f"_{hook}" for hook in HOOKS),
    *("_before_training_iteration", "_after_training_iteration", "_before_update", "_after_update"),
)
"""Methods of a strategy that make up its training loop; forward, criterion and backward are called and may differ."""


def check_loop(strategy: Any) -> None:
    """See that a strategy trains with Avalanche's ordinary loop, whose passes can be repeated.

    Args:
        strategy: the Avalanche strategy.

    Raises:
        TypeError: when it has a loop of its own.
    """
    for name in LOOP:
        if getattr(type(strategy), name, None) is not getattr(SupervisedTemplate, name):
            raise TypeError(
                f"SharpnessAwarePlugin cannot repeat the passes of {type(strategy).__name__}, which has a {name} of "
                "its own; it works with strategies that train with Avalanche's ordinary loop"
            )


def hooks_to_fire(plugins: Sequence[Any], own: Any) -> list[tuple[str, Any]]:
    """Hooks that every further pass of a step fires again.

    Args:
        plugins: the strategy's plugins.
        own: the plugin that takes the passes.

    Returns:
        Pairs of hook name and plugin, in the strategy's order.

    Raises:
        TypeError: when a plugin takes part in the passes in a way the table does not know.
    """
    found = []
    for plugin in plugins:
        if plugin is own or isinstance(plugin, ONLOOKERS):
            continue
        hooks = [hook for hook in HOOKS if _does_something(plugin, hook)]
        known = next((FIRED_AGAIN[kind] for kind in type(plugin).__mro__ if kind in FIRED_AGAIN), ())
        unknown = [hook for hook in hooks if hook not in known]
        if unknown:
            raise TypeError(
                f"SharpnessAwarePlugin does not know what {type(plugin).__name__}.{unknown[0]} means for a pass at "
                f"other weights, and would rather stop than drop it silently "
                f"(known: {', '.join(kind.__name__ for kind in FIRED_AGAIN)})"
            )
        found += [(hook, plugin) for hook in hooks]
    return found


def _does_something(plugin: Any, hook: str) -> bool:
    """Whether a plugin has a hook other than the empty ones of Avalanche's base classes."""
    if hook in vars(plugin):
        return True
    owner = next((kind for kind in type(plugin).__mro__ if hook in vars(kind)), None)
    return owner is not None and not owner.__module__.startswith("avalanche.core")
