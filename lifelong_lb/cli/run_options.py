"""Command-line options made from the fields of RunOptions and TuneOptions."""

import inspect
from collections.abc import Callable
from typing import Annotated, Any

import typer

from lifelong_lb.cli.numbers import number, seconds_or_never, whole_number
from lifelong_lb.cli.options import names
from lifelong_lb.studies.durations import seconds
from lifelong_lb.studies.executors.cluster_options import parsed_settings
from lifelong_lb.studies.options import Flag, RunOptions, flags

PARSERS: dict[str, Callable[[str, Any], Any]] = {
    "N": whole_number,
    "SHARE": number,
    "TIME": seconds,
    "SECONDS": seconds_or_never,
    "NAME,NAME": lambda name, text: names(text),
    "NAME=VALUE": lambda name, texts: parsed_settings(texts),
}
"""Argument of an option, as the help shows it, to its parser; other arguments are used as they are."""


def takes_options(kind: type[RunOptions]) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Give a command the command-line options of a class of options.

    Args:
        kind: the class. The command's parameter ``options`` receives a value of it.

    Returns:
        A decorator, to be applied before ``app.command()``.
    """

    def decorate(command: Callable[..., None]) -> Callable[..., None]:
        def call(**values: Any) -> None:
            texts = {name: values.pop(name) for name in flags(kind)}
            command(**values, options=_parsed(kind, texts))

        own = inspect.signature(command).parameters
        parameters = [one for name in own for one in (_parameters(kind) if name == "options" else [own[name]])]
        call.__name__, call.__doc__ = command.__name__, command.__doc__
        call.__annotations__ = {one.name: one.annotation for one in parameters}
        vars(call)["__signature__"] = inspect.Signature([
            one.replace(kind=inspect.Parameter.KEYWORD_ONLY) for one in parameters
        ])
        return call

    return decorate


def _parsed(kind: type[RunOptions], texts: dict[str, Any]) -> RunOptions:
    """Options from the arguments of a command; absent ones keep their defaults."""
    values = {}
    for name, (flag, _) in flags(kind).items():
        if texts[name] is not None:
            parse = PARSERS.get(flag.argument or "")
            values[name] = texts[name] if parse is None else parse(_option(name, flag), texts[name])
    return kind(**values)


def _parameters(kind: type[RunOptions]) -> list[inspect.Parameter]:
    return [_parameter(name, flag, default) for name, (flag, default) in flags(kind).items()]


def _parameter(name: str, flag: Flag, default: Any) -> inspect.Parameter:
    """Parameter of a command; numbers are texts there, so that our own messages name the option."""
    given = typer.Option(_option(name, flag), metavar=flag.argument, help=flag.help)
    types: Any
    if flag.repeatable:
        types, default = list[str] | None, None
    elif isinstance(default, bool):
        types = bool
    elif default is None:
        types = str | None
    else:
        types, default = str, f"{default:g}" if isinstance(default, int | float) else default
    return inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=Annotated[types, given])


def _option(name: str, flag: Flag) -> str:
    return f"--{(flag.name or name).replace('_', '-')}"
