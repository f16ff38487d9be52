"""Arguments and options shared by several commands."""

import re
from pathlib import Path
from typing import Annotated

import typer

from lifelong_lb.studies.options import RunOptions, flags

MAX_NAME_CHARACTERS = 60
"""Most characters of a folder named after a study; file systems take 255 bytes."""
RESERVED = {"con", "prn", "aux", "nul", *(f"{port}{number}" for port in ("com", "lpt") for number in range(10))}
"""Names that Windows gives to devices, with any ending."""


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


def default_folder(study: str) -> Path:
    """Folder of a study's results if none is given: its name below ``results``, as a file name of any platform.

    Args:
        study: name of the study.

    Returns:
        A relative path. Letters and digits of any script stay; other characters become hyphens.

    Example:
        >>> default_folder("first-study").as_posix(), default_folder("SAM vs. ASAM: α = 0.5").as_posix()
        ('results/first-study', 'results/SAM-vs.-ASAM-α-0.5')
        >>> default_folder("../..").as_posix(), default_folder("nul").as_posix()
        ('results/study', 'results/study-nul')
    """
    name = re.sub(r"[^\w.]+", "-", study)[:MAX_NAME_CHARACTERS].strip(".-") or "study"
    return Path("results", f"study-{name}" if name.partition(".")[0].lower() in RESERVED else name)


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
