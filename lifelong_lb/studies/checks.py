"""Checks of studies and options before anything runs or is written."""

from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from lifelong_lb.config import GridRun, Study, UserError, unknown_name
from lifelong_lb.config.checks.stream_overrides import stream_settings
from lifelong_lb.config.entries.models import WITHOUT_PEFT, Timm
from lifelong_lb.config.plugins.importing import MAIN
from lifelong_lb.config.plugins.register import origins_of
from lifelong_lb.data import data_roots
from lifelong_lb.data.progress import note
from lifelong_lb.data.weights import with_found_weights
from lifelong_lb.store import STATUSES
from lifelong_lb.studies.devices import no_float16
from lifelong_lb.studies.executors.cluster_options import PACKAGES, check_cluster
from lifelong_lb.studies.executors.registry import EXECUTORS
from lifelong_lb.studies.options import RunOptions
from lifelong_lb.studies.run.loggers.registry import check_loggers
from lifelong_lb.studies.stream_images import find_source, prepared


def check_options(options: RunOptions) -> None:
    """Check the names in options, and that what they need is installed.

    Args:
        options: the options.

    Raises:
        UserError: if a name is unknown, options exclude each other, or a package is missing.
    """
    if options.executor not in EXECUTORS:
        raise UserError(unknown_name("executor", options.executor, EXECUTORS))
    if options.timeout is not None and options.executor == "in-process":
        raise UserError("timeout needs the executor local, slurm or ray: runs in this process cannot be stopped")
    check_cluster(options)
    check_loggers(options.loggers)
    for status in options.retry:
        if status not in STATUSES or status == "done":
            raise UserError(unknown_name("status to retry", status, [s for s in STATUSES if s != "done"]))


def check_precision(studies: Sequence[Study], devices: Sequence[str], executor: str) -> None:
    """Check that the devices can train in the precision of a study.

    Args:
        studies: the studies.
        devices: names of the devices.
        executor: name of the executor; on the machines of a cluster, each run checks its device.

    Raises:
        UserError: if one cannot.
    """
    trains = [stream_settings(study.model, study.train, stream)[1] for study in studies for stream in study.streams]
    if executor in PACKAGES or all(train.precision != "float16" for train in trains):
        return
    from lifelong_lb.devices import takes_float16

    for name in devices:
        if not takes_float16(name.partition(":")[0]):
            raise UserError(no_float16(name))


def check_extensions(study: Study, executor: str) -> None:
    """Refuse entries defined in ``__main__`` unless runs execute in this process.

    Args:
        study: the study.
        executor: name of the executor.

    Raises:
        UserError: for such an entry.
    """
    if executor == "in-process":
        return
    axes: dict[str, Sequence[Any]] = {
        "rule": study.rules,
        "strategy": study.strategies,
        "stream": study.streams,
        "model": (study.model,),
    }
    for kind, entries in axes.items():
        for entry in entries:
            if MAIN in origins_of({kind: entry}):
                raise UserError(
                    f"the {kind} {entry.name} is defined in the script or notebook, which other processes "
                    "cannot import: define it in a file and name that under imports, or use the executor in-process"
                )


def checked_data(studies: Sequence[Study], options: RunOptions) -> tuple[Path, ...]:
    """Check the images of all streams, and prepare them.

    Args:
        studies: the studies.
        options: where the data sets are, and whether they may be downloaded.

    Returns:
        The folders of the data sets.

    Raises:
        UserError: if images are missing, or do not fit a stream's settings.
    """
    roots = tuple(root.absolute() for root in data_roots(options.data))
    streams = list({repr(stream): stream for study in studies for stream in study.streams}.values())
    sources = [find_source(stream, roots, download=options.download) for stream in streams]
    for stream, source in zip(streams, sources, strict=True):  # slow checks come after the fast ones
        prepared(stream, source)
        for sentence in source.notes():
            note(sentence)
    return roots


def check_weights(study: Study, roots: Sequence[Path]) -> None:
    """Check that the files of weights that a study names are found, without reading them.

    Args:
        study: the study.
        roots: folders of the data sets, in which weights are searched.

    Raises:
        UserError: if one is not found; the message begins with the line that names it.
    """
    for index, stream in enumerate(study.streams):
        model, _ = stream_settings(study.model, study.train, stream)
        try:
            with_found_weights(model.with_study_folder(study.folder), roots)
        except UserError as error:
            raise UserError(f"{study.place_of_model(index)}: {error}") from None


def check_models(study: Study, runs: Sequence[GridRun], roots: Sequence[Path]) -> None:
    """Build timm models, and those of which a part is trained, once; weights are downloaded before runs need them.

    Args:
        study: the study.
        runs: runs with all models of the study.
        roots: folders of the data sets, in which weights are searched.

    Raises:
        UserError: if one cannot be built; the message begins with the line of the model, or of its weights.
    """
    for run in {repr(run.config.model): run for run in runs}.values():
        model, place = run.config.model, study.place_of_model(run.entries["streams"])
        if model.tune == "lora" and find_spec("peft") is None:
            raise UserError(f"{place}: {WITHOUT_PEFT}")
        if isinstance(model, Timm) or (model.tune != "all" and not origins_of({"model": model})):
            from lifelong_lb.data.shape import Shape
            from lifelong_lb.models import build_backbone

            try:
                build_backbone(with_found_weights(model, roots), Shape((3, 32, 32), 1, 1, 1, (0.0,) * 3, (1.0,) * 3))
            except UserError as error:
                raise UserError(f"{place}: {error}") from None
