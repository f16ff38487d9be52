"""Hooks that plugins override."""

from typing import Any


def does_something(plugin: Any, hook: str) -> bool:
    """Whether a plugin has a hook other than the empty ones of Avalanche's base classes.

    Args:
        plugin: any plugin.
        hook: name of the hook.

    Returns:
        True if the plugin or its class defines it.
    """
    return hook in vars(plugin) or overrides(type(plugin), hook)


def overrides(kind: type, hook: str) -> bool:
    """Whether a plugin class has a hook other than the empty ones of Avalanche's base classes.

    Args:
        kind: any class.
        hook: name of the hook.

    Returns:
        True if the class, or a base class outside ``avalanche.core``, defines it.
    """
    owner = next((each for each in kind.__mro__ if hook in vars(each)), None)
    return owner is not None and not owner.__module__.startswith("avalanche.core")


def is_empty(kind: type, hook: str) -> bool:
    """Whether a plugin class has the empty hook of Avalanche's base classes.

    Args:
        kind: any class.
        hook: name of the hook.

    Returns:
        True if it inherits the empty hook; False if it overrides it or has none.
    """
    plain = kind.__getattribute__ is object.__getattribute__  # type: ignore[comparison-overlap]
    return plain and hasattr(kind, hook) and not overrides(kind, hook)
