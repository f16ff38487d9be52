"""Dispatch of the hooks of training iterations to the plugins that have them."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from avalanche.training.templates import SupervisedTemplate

from lifelong_lb.strategies.hooks import is_empty

ITERATION = (
    "before_training_iteration",
    "before_forward",
    "after_forward",
    "before_backward",
    "after_backward",
    "before_update",
    "after_update",
    "after_training_iteration",
)
"""Hooks of a training iteration, in the order of Avalanche's loop; a strategy calls each in a method ``_<hook>``."""


class Dispatch:
    """Calls a hook of a strategy's plugins in their order, like the strategy's own method, but skips empty hooks.

    The list of plugins is read at every call, so that plugins may be added, removed and replaced at any time, and so
    may hooks of an instance. A hook added to a class is called from the next epoch on.

    Args:
        strategy: the Avalanche strategy.
        hook: name of the hook.
    """

    def __init__(self, strategy: Any, hook: str) -> None:
        self._strategy, self._hook = strategy, hook
        self._empty: set[type] = set()  # classes seen so far

    def __call__(self, **kwargs: Any) -> None:
        """Call the hook.

        Args:
            kwargs: handed to the plugins.
        """
        strategy, hook, empty = self._strategy, self._hook, self._empty
        for plugin in strategy.plugins:
            if type(plugin) in empty and hook not in plugin.__dict__:
                continue
            if is_empty(type(plugin), hook):
                empty.add(type(plugin))
            if hasattr(plugin, hook):
                getattr(plugin, hook)(strategy, **kwargs)


@contextmanager
def dispatching(strategy: Any) -> Iterator[None]:
    """Skip empty hooks in the iterations of an epoch.

    Methods that the strategy overrides are left as they are.

    Args:
        strategy: the Avalanche strategy, whose methods are replaced on the instance.

    Yields:
        None.
    """
    for hook in ITERATION:
        name = f"_{hook}"
        if name not in vars(strategy) and getattr(type(strategy), name) is getattr(SupervisedTemplate, name):
            setattr(strategy, name, Dispatch(strategy, hook))
    try:
        yield
    finally:
        stop_dispatching(strategy)


def stop_dispatching(strategy: Any) -> None:
    """Restore a strategy's own methods, also those of a copy that was made within an epoch.

    Args:
        strategy: the Avalanche strategy.
    """
    for hook in ITERATION:
        if isinstance(vars(strategy).get(f"_{hook}"), Dispatch):
            delattr(strategy, f"_{hook}")
