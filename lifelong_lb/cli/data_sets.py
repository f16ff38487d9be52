"""Commands for data sets: ``data list``, ``data prepare`` and ``data verify``."""

from pathlib import Path
from typing import Annotated

import typer

from lifelong_lb.cli.app import data_app
from lifelong_lb.cli.exit_status import SOME_RUNS_NOT_DONE
from lifelong_lb.cli.options import DataFolder
from lifelong_lb.cli.output import show
from lifelong_lb.cli.preparing import showing_progress
from lifelong_lb.studies.options import RunOptions, flags


@data_app.command(name="list")
def list_data(data: DataFolder = None) -> None:
    """List where each data set is found, and which are prepared."""
    from lifelong_lb.config import UserError
    from lifelong_lb.data import DATASETS, cache_folder, data_roots, find_dataset
    from lifelong_lb.data.cache import features
    from lifelong_lb.data.cache.prepared import description, entries

    roots = data_roots(data)
    for name in DATASETS:
        try:
            where = find_dataset(name, roots).description
        except UserError:
            where = "not found"
        show(f"{name:<13} {where}")
    for entry in entries(cache_folder()):
        show(f"prepared      {entry} ({_megabytes(entry)}) from {description(entry)}")
    for entry in features.entries(cache_folder()):
        show(f"features      {entry} ({_megabytes(entry)})")
    for folder in features.unfinished(cache_folder()):
        show(f"unfinished    {folder} ({_megabytes(folder)})")


def _megabytes(entry: Path) -> str:
    return f"{sum(path.stat().st_size for path in entry.iterdir() if path.is_file()) / 1e6:.0f} MB"


@data_app.command(name="prepare")
def prepare_data(
    names: Annotated[
        list[str],
        typer.Argument(metavar="NAME...", help="Data sets, see lifelong-lb data list, or paths to your own data."),
    ],
    data: DataFolder = None,
    download: Annotated[bool, typer.Option("--download", help=flags(RunOptions)["download"][0].help)] = False,
) -> None:
    """Decode data sets into the cache, from which runs read them. Studies do this automatically."""
    from lifelong_lb.config import UserError, unknown_name
    from lifelong_lb.data import DATASETS, cache_folder, data_roots, find_dataset, prepare_images, user_source

    roots = data_roots(data)
    for name in names:
        if name not in DATASETS and not any((folder / Path(name).expanduser()).exists() for folder in (*roots, Path())):
            raise UserError(unknown_name("data set", name, DATASETS))
    for name in names:
        with showing_progress():
            source = find_dataset(name, roots, download) if name in DATASETS else user_source(name, roots)
            images = prepare_images(source, cache_folder())
            for note in source.notes():
                show(f"note: {note}", err=True)
        show(f"{name:<13} {len(images.train.y)} + {len(images.test.y)} images, digest {images.digest}")


@data_app.command(name="verify")
def verify_data() -> None:
    """Compare all prepared data sets and features with their stored hashes; remove damaged ones.

    Exit code 0 if all are intact, 1 if some were damaged (they are prepared again when needed).
    """
    import shutil

    from lifelong_lb.data import cache_folder
    from lifelong_lb.data.cache import features
    from lifelong_lb.data.cache.prepared import description, entries, verify

    damaged = False
    prepared = [(entry, verify(entry), f", from {description(entry)}") for entry in entries(cache_folder())]
    computed = [(entry, features.is_intact(entry), ", features") for entry in features.entries(cache_folder())]
    for entry, intact, what in [*prepared, *computed]:
        show(f"{entry}: {'intact' if intact else 'damaged, removed'}{what}")
        if not intact:
            damaged = True
            shutil.rmtree(entry)
    if damaged:
        raise typer.Exit(SOME_RUNS_NOT_DONE)
