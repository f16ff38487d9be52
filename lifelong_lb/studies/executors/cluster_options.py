"""Settings and checks of runs on a cluster (SLURM or Ray)."""

import shutil
from collections.abc import Mapping
from importlib.util import find_spec
from typing import Any

from lifelong_lb.config import UserError, unknown_name
from lifelong_lb.studies.options import RunOptions
from lifelong_lb.untrusted import quoted

DEFAULT_WORKERS = 256
"""Default number of concurrent SLURM jobs or Ray tasks."""
PACKAGES = {"ray": "ray", "slurm": "submitit"}
"""Cluster executors and the packages they need; the extras have the same names as the executors."""
SLURM_TARGETS = ("slurm", "local", "debug")
"""Targets of submitit: SLURM, processes of this machine, or this process."""
SETTINGS: dict[str, type] = {
    "cluster": str,
    "timeout_min": int,
    "name": str,
    "mem_gb": float,
    "cpus_per_task": int,
    "gpus_per_node": int,
    "partition": str,
    "account": str,
    "qos": str,
    "constraint": str,
    "gres": str,
    "nodelist": str,
    "exclude": str,
    "exclusive": bool,
    "mem_per_cpu": str,
    "mem_per_gpu": str,
    "cpus_per_gpu": int,
    "gpus_per_task": int,
    "dependency": str,
    "comment": str,
    "mail_type": str,
    "mail_user": str,
    "wckey": str,
    "signal_delay_s": int,
    "use_srun": bool,
    "setup": list,
    "srun_args": list,
    "additional_parameters": dict,
}
"""Settings of SLURM jobs: ``cluster``, one of :data:`SLURM_TARGETS`, and those of ``submitit.AutoExecutor``."""
GENERIC = ("timeout_min", "name", "mem_gb", "cpus_per_task", "gpus_per_node")
"""Settings common to all targets of submitit; the others need the prefix ``slurm_`` there."""
_TYPE_NAMES: dict[type, str] = {
    str: "a text",
    int: "a whole number",
    float: "a number",
    bool: "true or false",
    list: "a list of texts",
    dict: "a mapping",
}


def wants_gpus(options: RunOptions) -> bool:
    """Whether GPUs are requested, so that a run without one would be a mistake.

    Args:
        options: the options.

    Returns:
        True for a share of a GPU, or a SLURM setting that requests GPUs.
    """
    by_slurm = ("gpus_per_node", "gpus_per_task", "gres", "mem_per_gpu", "cpus_per_gpu")
    return options.gpus_per_run > 0 or any((options.slurm or {}).get(name) for name in by_slurm)


def check_cluster(options: RunOptions) -> None:
    """Check cluster options against the executor, and that the executor is available.

    Args:
        options: the options.

    Raises:
        UserError: if an option is invalid, or the executor is not available.
    """
    executor = options.executor
    _check_shares(options)
    if executor in PACKAGES:
        _check_device(options)
        if find_spec(PACKAGES[executor]) is None:
            raise UserError(
                f"executor {executor} needs the package {PACKAGES[executor]}, which is not installed: "
                f"pip install 'lifelong-lb[{executor}]'"
            )
    if executor == "slurm":
        _check_settings(options.slurm or {})
        _check_slurm(options.slurm or {}, options.timeout)


def _check_shares(options: RunOptions) -> None:
    executor = options.executor
    if options.slurm and executor != "slurm":
        raise UserError(f"slurm settings need the executor slurm; got {quoted(executor)}")
    if options.runs_per_job > 1 and executor != "slurm":
        raise UserError(f"runs_per_job needs the executor slurm; got {quoted(executor)}")
    if options.gpus_per_run and executor != "ray":
        raise UserError(f"gpus_per_run needs the executor ray; got {quoted(executor)}")


def _check_device(options: RunOptions) -> None:
    if options.device not in ("auto", "cpu", "cuda") and not _is_kind(options.device):
        raise UserError(
            f"device {options.device}: with the executor {options.executor} it must be auto, cpu, cuda or another kind "
            "of device of torch; the cluster assigns the device"
        )
    if options.device == "cpu" and wants_gpus(options):
        raise UserError("device cpu: the requested GPUs would not be used; remove the device or the GPUs")


def _check_settings(settings: Mapping[str, Any]) -> None:
    for name, value in settings.items():
        if name not in SETTINGS:
            raise UserError(unknown_name("slurm setting", name, SETTINGS))
        if not _has_type(SETTINGS[name], value):
            raise UserError(f"slurm: {name} must be {_TYPE_NAMES[SETTINGS[name]]}; got {quoted(value)}")
    if (target := settings.get("cluster", "slurm")) not in SLURM_TARGETS:
        raise UserError(f"slurm: {unknown_name('cluster', target, SLURM_TARGETS)}")
    if settings.get("timeout_min", 1) < 1:
        raise UserError(f"slurm: timeout_min must be at least 1; got {settings['timeout_min']}")


def _check_slurm(settings: Mapping[str, Any], timeout: float | None) -> None:
    if timeout is None and "timeout_min" not in settings:
        raise UserError(
            "slurm: jobs need a time limit: set timeout (the time limit per run) or timeout_min (minutes per job)"
        )
    missing = [program for program in ("sbatch", "srun") if shutil.which(program) is None]
    if settings.get("cluster", "slurm") == "slurm" and missing:
        raise UserError(
            f"executor slurm: {' and '.join(missing)} not found: start it on a login node, or try it with "
            "cluster=local, which uses processes of this machine"
        )


def _is_kind(device: str) -> bool:
    from lifelong_lb.devices import is_kind

    return is_kind(device)


def _has_type(kind: type, value: Any) -> bool:
    if kind is list:
        return isinstance(value, list) and all(isinstance(entry, str) for entry in value)
    if kind is float:
        return isinstance(value, int | float) and not isinstance(value, bool)
    return isinstance(value, kind) and (kind is bool or not isinstance(value, bool))


def parsed_settings(assignments: list[str]) -> dict[str, Any]:
    """Parse settings of SLURM jobs from the command line.

    >>> parsed_settings(["partition=7", "gpus_per_node=1", "mem_gb=7.5", "setup=[module load cuda]"])
    {'partition': '7', 'gpus_per_node': 1, 'mem_gb': 7.5, 'setup': ['module load cuda']}

    Args:
        assignments: ``name=value`` each, with a YAML value.

    Returns:
        Name to value; neither names nor types are checked.

    Raises:
        UserError: if one is not an assignment.
    """
    import yaml

    settings: dict[str, Any] = {}
    for assignment in assignments:
        name, equals, text = assignment.partition("=")
        if not equals:
            raise UserError(f"--slurm must be NAME=VALUE, e.g. partition=gpu; got {quoted(assignment)}")
        try:
            settings[name] = text if SETTINGS.get(name) is str else yaml.safe_load(text)
        except yaml.YAMLError:
            raise UserError(f"--slurm {name}: not YAML: {quoted(text)}") from None
    return settings
