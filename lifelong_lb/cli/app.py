"""The Typer application."""

from typing import Annotated

import typer

from lifelong_lb.cli.output import show

app = typer.Typer(
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    help="Compare optimizers across continual-learning task sequences.",
)

data_app = typer.Typer(no_args_is_help=True, help="List, prepare and verify data sets.")
app.add_typer(data_app, name="data")


def _version(wanted: bool) -> None:
    if wanted:
        from lifelong_lb import __version__

        show(f"lifelong_lb {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version and exit.")
    ] = False,
) -> None:
    """Options without a command."""
