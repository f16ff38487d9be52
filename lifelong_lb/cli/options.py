"""Arguments and options shared by several commands."""

from pathlib import Path
from typing import Annotated

import typer

from lifelong_lb.studies.options import RunOptions, flags


def output_folder(text: str) -> Path:
    """Parse the path of an output folder; an empty text, e.g. of an unset variable, is refused.

    Args:
        text: the argument.

    Returns:
        The path.

    Raises:
        BadParameter: if it is empty.
    """
    if not text:
        raise typer.BadParameter("must name a folder, such as . for the current one; got an empty text")
    return Path(text)


def names(text: str) -> list[str]:
    """Parse names separated by commas.

    Args:
        text: the argument.

    Returns:
        The names.
    """
    return [name.strip() for name in text.split(",")]


StudyArgument = Annotated[Path, typer.Argument(metavar="STUDY.yaml", help="The study file, or preset:NAME.")]
FolderArgument = Annotated[Path, typer.Argument(metavar="DIR", help="A result folder.")]
DataFolder = Annotated[Path | None, typer.Option("--data", metavar="DIR", help=flags(RunOptions)["data"][0].help)]
Assignments = Annotated[
    list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="Change a setting, e.g. train.batch_size=64.")
]
AsJson = Annotated[bool, typer.Option("--json", help="Print progress as JSON Lines; the summary goes to stderr.")]
Columns = Annotated[
    str | None, typer.Option("--columns", metavar="NAME,NAME", help=flags(RunOptions)["columns"][0].help)
]
Explain = Annotated[bool, typer.Option("--explain", help="Print all findings and rows, and define the numbers.")]
Imports = Annotated[
    list[str] | None,
    typer.Option(
        "--imports",
        metavar="FILE",
        help="File or module to import, which registers custom entries or metrics; repeatable. Name only code you "
        "trust: files and modules named in a result folder are not imported.",
    ),
]
