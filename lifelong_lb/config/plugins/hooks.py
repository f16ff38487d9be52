"""Methods of a user's class that nothing calls, because their names are misspelt."""

from collections.abc import Iterator

from lifelong_lb.config.errors import UserError, closest, listed_names

LIBRARIES = ("lifelong_lb.", "avalanche.", "torch.")
"""Beginnings of the modules whose classes call the methods of those that derive from them."""

SIMILAR = 0.8
"""How similar a name must be to that of a hook to be taken for a misspelling of it, 0 to 1."""


def check_hooks(cls: type, called: str, *, must_override: bool = False) -> None:
    """See that a class overrides what it means to override.

    A method that has no hook's name, but nearly one that the class does not override, is taken for a misspelling.

    Args:
        cls: a class that derives from one of a library.
        called: what to call it in messages, such as ``"rule half-sam"``.
        must_override: whether methods of which none overrides a hook are refused, too.

    Raises:
        UserError: naming the method, and the hook that is meant.
    """
    methods = [name for each in cls.__mro__ if not _of_library(each) for name in _methods(each)]
    hooks = {name for each in cls.__mro__ if _of_library(each) for name in _methods(each)}
    not_overridden = sorted(hooks - set(methods))
    if not hooks:
        return
    for name in methods:
        match = closest(name, not_overridden, SIMILAR) if name not in hooks else None
        if match is not None:
            raise UserError(f"{called}: nothing calls the method {name}; did you mean {match}?")
    if must_override and methods and not hooks & set(methods):
        raise UserError(
            f"{called}: nothing calls any of its methods ({listed_names(methods)}); it must override one of the "
            f"methods of {cls.__mro__[1].__name__}: {listed_names(not_overridden)}"
        )


def check_forward(cls: type, called: str) -> None:
    """See that a module of torch says what its output is.

    Args:
        cls: a class.
        called: what to call it in messages.

    Raises:
        UserError: when it derives from torch's ``Module`` and no class has given it a ``forward``.
    """
    if getattr(getattr(cls, "forward", None), "__name__", "") == "_forward_unimplemented":
        methods = [name for each in cls.__mro__ if not _of_library(each) for name in _methods(each)]
        match = closest("forward", methods)
        hint = f"; did you mean it by {match}?" if match is not None else ""
        raise UserError(f"{called}: must have a method forward, which gives the features of images{hint}")


def _methods(cls: type) -> Iterator[str]:
    """Methods and properties of a class, without those that Python itself gives a meaning."""
    for name, value in vars(cls).items():
        is_method = callable(value) or isinstance(value, property | staticmethod | classmethod)
        if is_method and not isinstance(value, type) and not name.startswith("__"):
            yield name


def _of_library(cls: type) -> bool:
    return cls is object or cls.__module__ in ("abc", "builtins", "typing") or cls.__module__.startswith(LIBRARIES)
