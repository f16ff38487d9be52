"""What a pass at other weights has to fire again inside an Avalanche strategy, as a visible table.

The plugin repeats forward, criterion and backward on the same minibatch. A strategy plugin that takes part in the
loss or the gradient through a forward or backward hook must either be fired again or held still; what is not in the
table and overrides such a hook is refused, so that no penalty is ever dropped silently.
"""

from collections.abc import Sequence
from typing import Any

from avalanche.core import SupervisedPlugin
from avalanche.training.plugins import EWCPlugin, LwFPlugin, MASPlugin

HOOKS = ("before_forward", "after_forward", "before_backward", "after_backward")
"""Hooks through which a plugin can change the loss or the gradient of a pass."""

FIRED_AGAIN: dict[type, tuple[str, ...]] = {
    EWCPlugin: ("before_backward",),
    MASPlugin: ("before_backward",),
    LwFPlugin: ("before_backward",),
}
"""Plugins whose hooks belong to the objective: their penalty enters every pass of a step."""


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
        if plugin is own or not isinstance(plugin, SupervisedPlugin):
            continue  # evaluators and clocks are no strategy plugins and see the first pass only
        overridden = [hook for hook in HOOKS if getattr(type(plugin), hook) is not getattr(SupervisedPlugin, hook)]
        known = next((FIRED_AGAIN[kind] for kind in type(plugin).__mro__ if kind in FIRED_AGAIN), None)
        unknown = [hook for hook in overridden if known is None or hook not in known]
        if unknown:
            raise TypeError(
                f"SharpnessAwarePlugin does not know what {type(plugin).__name__}.{unknown[0]} means for a pass at "
                f"other weights, and would rather stop than drop it silently "
                f"(known: {', '.join(kind.__name__ for kind in FIRED_AGAIN)})"
            )
        found += [(hook, plugin) for hook in overridden]
    return found
