"""The one place from which the command line prints."""

import typer

from lifelong_lb.untrusted import printable


def show(text: object, *, err: bool = False) -> None:
    """Print a text, with whatever a terminal would act on shown escaped.

    Args:
        text: lines of text; line breaks and tabs stay.
        err: whether to print to stderr.
    """
    typer.echo(printable(str(text)), err=err)
