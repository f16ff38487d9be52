"""Options that the commands share which run something: ``run`` and ``tune``."""

from typing import Annotated

import typer

Workers = Annotated[str | None, typer.Option(metavar="N", help="Runs at a time; default: one a core or GPU.")]
Executor = Annotated[str, typer.Option(help="in-process, local (a process a run), slurm or ray.")]
Device = Annotated[str, typer.Option(help="cpu, cuda, auto, or some CUDA devices: cuda:0,cuda:2.")]
Download = Annotated[bool, typer.Option("--download", help="Let torchvision fetch a data set not found.")]
Retry = Annotated[
    list[str] | None, typer.Option(metavar="STATUS", help="Run again what ended as failed, diverged or timeout.")
]
Timeout = Annotated[
    str | None,
    typer.Option(metavar="TIME", help="Stop a run that takes longer: seconds, or 30m, 2h; default: never."),
]
AsJson = Annotated[
    bool, typer.Option("--json", help="Tell of progress in JSON, an object a line; the summary goes to stderr.")
]
CheckpointEvery = Annotated[
    str,
    typer.Option(
        metavar="SECONDS",
        help="Work after which a run saves itself to go on from there if it is killed; 0: after each experience; "
        "never.",
    ),
]
Loggers = Annotated[
    list[str] | None,
    typer.Option("--logger", metavar="NAME", help="Tell it how runs go: tensorboard, wandb or mlflow; repeatable."),
]
Imports = Annotated[
    list[str] | None,
    typer.Option(
        "--imports",
        metavar="FILE",
        help="Run a file, or a module, that registers entries or metrics of your own; repeatable. Name only what you "
        "trust: nothing that a result folder names is run.",
    ),
]
Slurm = Annotated[
    list[str] | None, typer.Option(metavar="NAME=VALUE", help="A setting of SLURM's jobs, e.g. partition=gpu.")
]
RunsPerJob = Annotated[str, typer.Option(metavar="N", help="Runs that a job of SLURM does one after the other.")]
GpusPerRun = Annotated[str, typer.Option(metavar="SHARE", help="How much of a GPU Ray keeps for a run.")]
