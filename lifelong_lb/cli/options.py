"""Arguments and options shared by several commands."""

from pathlib import Path
from typing import Annotated

import typer


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


StudyArgument = Annotated[Path, typer.Argument(metavar="STUDY.yaml", help="The study file, or preset:NAME.")]
FolderArgument = Annotated[Path, typer.Argument(metavar="DIR", help="A result folder.")]
DataFolder = Annotated[
    Path | None,
    typer.Option(
        "--data", metavar="DIR", help="Folder of the data sets; default: LIFELONG_LB_DATA, then the cache folder."
    ),
]
Assignments = Annotated[
    list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="Change a setting, e.g. train.batch_size=64.")
]
Workers = Annotated[
    str | None, typer.Option(metavar="N", help="Number of parallel runs; default: one per core or GPU.")
]
Executor = Annotated[str, typer.Option(help="in-process, local (one process per run), slurm or ray.")]
Device = Annotated[str, typer.Option(help="cpu, cuda, auto, or a list of CUDA devices: cuda:0,cuda:2.")]
Download = Annotated[bool, typer.Option("--download", help="Download missing data sets with torchvision.")]
Retry = Annotated[
    list[str] | None, typer.Option(metavar="STATUS", help="Repeat runs that ended as failed, diverged or timeout.")
]
Timeout = Annotated[
    str | None,
    typer.Option(metavar="TIME", help="Time limit per run: seconds, or 30m, 2h; default: none."),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print progress as JSON Lines; the summary goes to stderr.")]
CheckpointEvery = Annotated[
    str,
    typer.Option(
        metavar="SECONDS",
        help="Least training time between checkpoints, from which a killed run resumes; 0: after each experience; "
        "never.",
    ),
]
Loggers = Annotated[
    list[str] | None,
    typer.Option("--logger", metavar="NAME", help="Log runs to tensorboard, wandb or mlflow; repeatable."),
]
Imports = Annotated[
    list[str] | None,
    typer.Option(
        "--imports",
        metavar="FILE",
        help="File or module to import, which registers custom entries or metrics; repeatable. Name only code you "
        "trust: files and modules named in a result folder are not imported.",
    ),
]
Slurm = Annotated[
    list[str] | None, typer.Option(metavar="NAME=VALUE", help="Setting of SLURM jobs, e.g. partition=gpu.")
]
RunsPerJob = Annotated[str, typer.Option(metavar="N", help="Consecutive runs per SLURM job.")]
GpusPerRun = Annotated[str, typer.Option(metavar="SHARE", help="Share of a GPU that Ray reserves per run.")]
