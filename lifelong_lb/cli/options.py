"""Options shared by the commands ``run`` and ``tune``."""

from typing import Annotated

import typer

Workers = Annotated[
    str | None, typer.Option(metavar="N", help="Number of parallel runs; default: one per core or GPU.")
]
Executor = Annotated[str, typer.Option(help="in-process, local (one process per run), slurm or ray.")]
Device = Annotated[
    str, typer.Option(help="cpu, auto, a kind of accelerator (cuda, mps, xpu), or a list: cuda:0,cuda:2.")
]
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
