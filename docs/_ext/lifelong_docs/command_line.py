"""Reference of the command line, from the commands themselves."""

from collections.abc import Iterator
from typing import Any

import typer.main

from lifelong_docs.markdown import inline, table
from lifelong_lb.cli import app


def commands() -> Iterator[tuple[str, Any]]:
    """Walk all commands.

    Yields:
        Name, such as ``data list``, and the command that Typer built.
    """
    yield from _walk("", typer.main.get_command(app))


def _walk(path: str, command: Any) -> Iterator[tuple[str, Any]]:
    if not hasattr(command, "commands"):
        yield path, command
        return
    for name, each in command.commands.items():
        yield from _walk(f"{path} {name}".strip(), each)


def command_line() -> str:
    """Describe every command with its arguments and options.

    Returns:
        Markdown, one section per command.
    """
    return "\n\n".join(_section(path, command) for path, command in commands())


def _section(path: str, command: Any) -> str:
    shown = [parameter for parameter in command.params if not parameter.hidden]
    needed = [_name(each) for each in shown if each.param_type_name == "argument" or each.required]
    optional = " [OPTIONS]" * (len(needed) < len(shown))
    usage = " ".join(["lifelong-lb", path, *needed]) + optional
    parts = [f"## `{path}`", *map(inline, (command.help or "").split("\n\n")), f"```text\n{usage}\n```"]
    if shown:
        parts.append(table(["argument or option", "default", "meaning"], map(_row, shown)))
    return "\n\n".join(parts)


def _name(parameter: Any) -> str:
    """An argument or option as it is typed."""
    value = parameter.metavar or parameter.name.upper()
    if parameter.param_type_name == "argument":
        return value if parameter.required or value.startswith("[") else f"[{value}]"
    words = "/".join([*parameter.opts, *parameter.secondary_opts])
    return words if parameter.is_flag else f"{words} {value}"


def _row(parameter: Any) -> list[str]:
    empty = parameter.default in (None, False, "", ()) or callable(parameter.default)
    default = "required" if parameter.required else "" if empty else f"`{parameter.default}`"
    again = " May be repeated." if parameter.multiple and "repeatable" not in (parameter.help or "") else ""
    return [f"`{_name(parameter)}`", default, inline(parameter.help or "") + again]
