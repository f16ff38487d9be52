"""From the parameters of a function to the settings that a study file may give."""

import inspect
from collections.abc import Callable, Collection, Sequence
from typing import Annotated, Any, get_args, get_origin

from pydantic import StrictBool

from lifelong_lb.config.entries.fields import Float, Int
from lifelong_lb.config.errors import UserError

_STRICT: dict[Any, Any] = {float: Float, int: Int, bool: StrictBool}
"""Types as a study file means them: true is no number, and 1 is not true."""


def settings_of(
    factory: Callable[..., Any],
    called: str,
    *,
    given: Sequence[str],
    needed: Sequence[str] = (),
    reserved: Collection[str] = (),
) -> dict[str, tuple[Any, Any]]:
    """The settings of a factory.

    Args:
        factory: a function, or a class.
        called: what to call it in messages.
        given: parameters that it must have and that are no settings.
        needed: parameters that it must have as settings.
        reserved: names that settings cannot have.

    Returns:
        Name to type and default, ``...`` where it has none.

    Raises:
        UserError: when a parameter is missing, cannot be given by name, has no type, or has a name that is reserved.

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
        raise UserError(f"{called}: its settings must be parameters that can be given by name; got {parameter}")
    if name in reserved:
        raise UserError(f"{called}: {name} has a meaning of its own in a study file; give the parameter another name")
    if parameter.annotation is parameter.empty:
        raise UserError(f"{called}: the parameter {name} needs a type, such as {name}: float = 0.1")
    return _strict(parameter.annotation), ... if parameter.default is parameter.empty else parameter.default


def _strict(kind: Any) -> Any:
    if get_origin(kind) is Annotated:
        bare, *constraints = get_args(kind)
        return Annotated[(_STRICT.get(bare, bare), *constraints)]
    return _STRICT.get(kind, kind)
