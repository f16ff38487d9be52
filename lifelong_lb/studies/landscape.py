"""Measure the loss landscape of finished runs at their stored models."""

import os
import warnings
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from lifelong_lb.config import Landscape, RunConfig, UserError
from lifelong_lb.config.entries.models import Timm
from lifelong_lb.config.parse import parse_settings
from lifelong_lb.config.plugins.importing import import_named
from lifelong_lb.config.plugins.register import factory_of, is_stored_only
from lifelong_lb.config.problems import Problems
from lifelong_lb.config.study import apply_override
from lifelong_lb.data import data_roots
from lifelong_lb.reports import Results, write_report
from lifelong_lb.store import DamagedRunError, ResultFolder, StudyFile, stored_models
from lifelong_lb.store.locks import measuring
from lifelong_lb.store.tuned import no_study_message
from lifelong_lb.studies.devices import devices
from lifelong_lb.studies.telemetry import switch_off_telemetry
from lifelong_lb.untrusted import quoted


def measure_landscape(
    out: str | os.PathLike[str],
    settings: Landscape | Mapping[str, Any] | None = None,
    *,
    overrides: Sequence[str] = (),
    data: str | os.PathLike[str] | None = None,
    device: str = "auto",
    log: Callable[[str], None] = lambda line: None,
    imports: str | Sequence[str] = (),
) -> Results:
    """Measure flatness and robustness of all done runs with stored models, and write the report.

    Args:
        out: result folder of a study with ``evaluation: {save_models: true}``. Runs that were measured with the same
            settings before are skipped.
        settings: what to measure; None for the study's settings or else the defaults.
        overrides: assignments, e.g. ``"images=64"``.
        data: folder of the data sets; None for the default locations.
        device: see :func:`~lifelong_lb.studies.devices.devices`; of several devices, the first is used.
        log: receives progress messages.
        imports: modules or files that register the custom models and streams of the runs. They are executed; modules
            named in the folder are not imported.

    Returns:
        The results of all runs in the folder.

    Raises:
        UserError: if the folder has no such runs, or settings, models or images cannot be used. If this concerns only
            some runs, the others have been measured and the report has been written.
    """
    import_named(imports)
    switch_off_telemetry()
    folder = ResultFolder(Path(out).absolute())
    file = folder.read_study()
    if file is None:
        raise UserError(no_study_message(Path(out), "no results here (no study.json)"))
    landscape = _settings(settings, file, overrides)
    target_device = devices(device)[0]
    configs = _measurable(folder, file)
    if not configs:
        raise UserError(f"{out}: no run has stored models; to store them, set evaluation: {{save_models: true}}")
    _check_sources(configs.values())
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="no QP solver found")  # issued when avalanche is imported
        from lifelong_lb.devices import activate
        from lifelong_lb.studies.run.landscape import measure_stored
    with measuring(folder.path):
        roots = data_roots(data)
        failures = measure_stored(folder, configs, landscape, roots, activate(target_device), log)
        if len(failures) < len(configs):
            with folder.locked():
                results = write_report(folder)
    if failures:  # the others have been measured and reported
        raise UserError("\n".join(dict.fromkeys(failures)))
    return results


def _settings(given: Landscape | Mapping[str, Any] | None, file: StudyFile, overrides: Sequence[str]) -> Landscape:
    if given is None:
        given = file.study.evaluation.landscape or Landscape()
    raw = given.model_dump() if isinstance(given, Landscape) else dict(given)
    for assignment in overrides:
        apply_override(raw, assignment)
    problems = Problems()
    settings = parse_settings(Landscape, raw, "landscape", problems)
    problems.raise_if_any("settings")
    assert settings is not None
    return settings


def _measurable(folder: ResultFolder, file: StudyFile) -> dict[str, RunConfig]:
    """Configurations of the done runs with stored models and a loss."""
    return {
        run: config
        for run, config in file.configurations().items()
        if config.strategy.name != "icarl" and stored_models(folder.run_path(run)) and _is_done(folder, file, run)
    }


TIMM_FILES = ("checkpoint_path", "pretrained_cfg", "pretrained_cfg_overlay", "cache_dir")
"""timm settings that name files or addresses of weights."""


def _check_sources(configs: Iterable[RunConfig]) -> None:
    """Check that models and streams can be built without importing or loading anything named in the folder."""
    for config in configs:
        for kind, entry in (("stream", config.stream), ("model", config.model)):
            if is_stored_only(kind, entry.name):
                factory_of(kind, entry.name, {})
        settings = config.model.settings if isinstance(config.model, Timm) else {}
        present = [key for key in TIMM_FILES if key in settings]
        if present:
            raise UserError(
                f"the stored timm model has {present[0]}: {quoted(settings[present[0]])}, a source of weights; "
                "files named in a result folder are not loaded"
            )


def _is_done(folder: ResultFolder, file: StudyFile, run: str) -> bool:
    """Whether a run is done and readable; the report lists unreadable ones."""
    try:
        return folder.read_run(run, file.seeds()[run], file.expected_config).status == "done"
    except DamagedRunError:
        return False
