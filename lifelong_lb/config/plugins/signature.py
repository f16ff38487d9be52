"""Conversion of a function's parameters to settings of a study file."""

import inspect
from collections.abc import Callable, Collection, Sequence
from typing import Annotated, Any, get_args, get_origin

from pydantic import StrictBool

from lifelong_lb.config.entries.fields import Float, Int
from lifelong_lb.config.errors import UserError

_STRICT: dict[Any, Any] = {float: Float, int: Int, bool: StrictBool}
"""Strict types for study files: ``true`` is not a number, and 1 is not ``true``."""


def settings_of(
    factory: Callable[..., Any],
    called: str,
    *,
    given: Sequence[str],
    needed: Sequence[str] = (),
    reserved: Collection[str] = (),
) -> dict[str, tuple[Any, Any]]:
    """Derive the settings of a factory.

    Args:
        factory: a function, or a class.
        called: name of the factory in messages.
        given: required parameters that are not settings.
        needed: required settings.
        reserved: names that settings cannot have.

    Returns:
        Name to type and default, ``...`` for none.

    Raises:
        UserError: if a parameter is missing, cannot be passed by keyword, has no type, or has a reserved name.

    Example:
        >>> def half(passes, *, rho: float = 0.05): ...
        >>> list(settings_of(half, "rule half", given=["passes"]))
        ['rho']
    """
    try:
        parameters = inspect.signature(factory, eval_str=True).parameters
    except (NameError, TypeError, ValueError) as error:
        raise UserError(f"{called}: its parameters cannot be read ({error})") from None
    missing = [name for name in (*given, *needed) if name not in parameters]
    if missing:
        raise UserError(f"{called}: must take {', '.join((*given, *needed))}; {missing[0]} is missing")
    return {name: _setting(p, called, reserved) for name, p in parameters.items() if name not in given}


def _setting(parameter: inspect.Parameter, called: str, reserved: Collection[str]) -> tuple[Any, Any]:
    name = parameter.name
    if parameter.kind not in (parameter.POSITIONAL_OR_KEYWORD, parameter.KEYWORD_ONLY):
        raise UserError(f"{called}: its settings must be parameters that can be passed by keyword; got {parameter}")
    if name in reserved:
        raise UserError(f"{called}: {name} is a reserved name in study files; rename the parameter")
    if parameter.annotation is parameter.empty:
        raise UserError(f"{called}: the parameter {name} needs a type, e.g. {name}: float = 0.1")
    return _strict(parameter.annotation), ... if parameter.default is parameter.empty else parameter.default


def _strict(kind: Any) -> Any:
    if get_origin(kind) is Annotated:
        bare, *constraints = get_args(kind)
        return Annotated[(_STRICT.get(bare, bare), *constraints)]
    return _STRICT.get(kind, kind)
