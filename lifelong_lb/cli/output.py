"""Printing; all output of the command line goes through here."""

import typer

from lifelong_lb.untrusted import printable


def show(text: object, *, err: bool = False) -> None:
    """Print a text with control characters escaped.

    Args:
        text: lines of text; line breaks and tabs stay.
        err: whether to print to stderr.
    """
    typer.echo(printable(str(text)), err=err)
