"""Hooks of plugins."""

from typing import Any


def does_something(plugin: Any, hook: str) -> bool:
    """Whether a plugin has a hook other than the empty ones of Avalanche's base classes.

    Args:
        plugin: any plugin.
        hook: its name.

    Returns:
        True or false.
    """
    if hook in vars(plugin):
        return True
    owner = next((kind for kind in type(plugin).__mro__ if hook in vars(kind)), None)
    return owner is not None and not owner.__module__.startswith("avalanche.core")
