"""The Typer application."""

import typer

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    help="Compare optimizers across continual-learning task sequences.",
)

data_app = typer.Typer(no_args_is_help=True, help="List, prepare and verify data sets.")
app.add_typer(data_app, name="data")
