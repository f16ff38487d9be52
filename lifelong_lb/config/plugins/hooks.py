"""Detection of misspelt method names in a user's class."""

from collections.abc import Iterator

from lifelong_lb.config.errors import UserError, closest, listed_names

LIBRARIES = ("lifelong_lb.", "avalanche.", "torch.")
"""Prefixes of modules whose classes call overridden methods of their subclasses."""

SIMILAR = 0.8
"""Similarity to a hook's name, 0 to 1, from which a name counts as a misspelling."""


def check_hooks(cls: type, called: str, *, must_override: bool = False) -> None:
    """Check that the methods of a class override the intended hooks.

    A method counts as misspelt if its name is similar to a hook that the class does not override.

    Args:
        cls: a class that derives from a library's class.
        called: name of the class in messages, e.g. ``"rule half-sam"``.
        must_override: whether at least one method must override a hook.

    Raises:
        UserError: naming the method and the nearest hook.
    """
    methods = [name for each in cls.__mro__ if not _of_library(each) for name in _methods(each)]
    hooks = {name for each in cls.__mro__ if _of_library(each) for name in _methods(each)}
    not_overridden = sorted(hooks - set(methods))
    if not hooks:
        return
    for name in methods:
        match = closest(name, not_overridden, SIMILAR) if name not in hooks else None
        if match is not None:
            raise UserError(f"{called}: the method {name} is never called; did you mean {match}?")
    if must_override and methods and not hooks & set(methods):
        raise UserError(
            f"{called}: its methods are never called ({listed_names(methods)}); it must override one of the "
            f"methods of {cls.__mro__[1].__name__}: {listed_names(not_overridden)}"
        )


def check_forward(cls: type, called: str) -> None:
    """Check that a torch module defines ``forward``.

    Args:
        cls: a class.
        called: name of the class in messages.

    Raises:
        UserError: if it derives from torch's ``Module`` and has no ``forward``.
    """
    if getattr(getattr(cls, "forward", None), "__name__", "") == "_forward_unimplemented":
        methods = [name for each in cls.__mro__ if not _of_library(each) for name in _methods(each)]
        match = closest("forward", methods)
        hint = f"; did you misspell it as {match}?" if match is not None else ""
        raise UserError(f"{called}: must have a method forward that returns the features of images{hint}")


def _methods(cls: type) -> Iterator[str]:
    """Methods and properties of a class, without special methods."""
    for name, value in vars(cls).items():
        is_method = callable(value) or isinstance(value, property | staticmethod | classmethod)
        if is_method and not isinstance(value, type) and not name.startswith("__"):
            yield name


def _of_library(cls: type) -> bool:
    return cls is object or cls.__module__ in ("abc", "builtins", "typing") or cls.__module__.startswith(LIBRARIES)
