"""How runs are given to a cluster."""

import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.util import find_spec
from typing import Any

from lifelong_lb.config import UserError, unknown_name
from lifelong_lb.untrusted import quoted

DEFAULT_WORKERS = 256
"""Runs, or jobs of several, that a launcher has a cluster do at a time unless told otherwise."""
PACKAGES = {"ray": "ray", "slurm": "submitit"}
"""Executors of clusters, and what they need; the extras are called as the executors are."""
SLURM_TARGETS = ("slurm", "local", "debug")
"""Where submitit's jobs may go: to SLURM, to processes of this machine, or into this process."""
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
"""Settings of SLURM jobs: ``cluster`` is one of :data:`SLURM_TARGETS`; the rest are those of submitit's ``AutoExecutor``."""
GENERIC = ("timeout_min", "name", "mem_gb", "cpus_per_task", "gpus_per_node")
"""Those that are not SLURM's alone; the others have the prefix ``slurm_`` in submitit."""
_TYPE_NAMES: dict[type, str] = {
    str: "a text",
    int: "a whole number",
    float: "a number",
    bool: "true or false",
    list: "a list of texts",
    dict: "a mapping",
}


@dataclass(frozen=True)
class Cluster:
    """How runs are given to a cluster.

    Attributes:
        slurm: settings of SLURM's jobs, see :data:`SETTINGS`.
        runs_per_job: runs that are done one after the other in a job of SLURM.
        gpus_per_run: how much of a GPU Ray keeps for a run.
    """

    slurm: Mapping[str, Any] = field(default_factory=dict)
    runs_per_job: int = 1
    gpus_per_run: float = 0.0

    @property
    def wants_gpus(self) -> bool:
        """Whether GPUs were asked for, so that a run without one would be a mistake."""
        by_slurm = ("gpus_per_node", "gpus_per_task", "gres", "mem_per_gpu", "cpus_per_gpu")
        return self.gpus_per_run > 0 or any(self.slurm.get(name) for name in by_slurm)

    def check(self, executor: str, device: str, timeout: float | None) -> None:
        """See that all this goes together with the executor, and that it can be used here.

        Args:
            executor: its name.
            device: what runs compute on.
            timeout: seconds that a run may take.

        Raises:
            UserError: when something does not.
        """
        self._check_shares(executor)
        if executor in PACKAGES:
            self._check_device(executor, device)
            if find_spec(PACKAGES[executor]) is None:
                raise UserError(
                    f"the executor {executor} needs the package {PACKAGES[executor]}, which is not installed: "
                    f"pip install 'lifelong-lb[{executor}]'"
                )
        if executor == "slurm":
            self._check_settings()
            self._check_slurm(timeout)

    def _check_shares(self, executor: str) -> None:
        if self.slurm and executor != "slurm":
            raise UserError(f"settings of slurm need the executor slurm; got {quoted(executor)}")
        if self.runs_per_job < 1:
            raise UserError(f"runs_per_job must be at least 1; got {self.runs_per_job}")
        if self.runs_per_job > 1 and executor != "slurm":
            raise UserError(f"runs_per_job needs the executor slurm; got {quoted(executor)}")
        if not 0 <= self.gpus_per_run <= 1:
            raise UserError(f"gpus_per_run must be between 0 and 1, as a run uses one GPU; got {self.gpus_per_run}")
        if self.gpus_per_run and executor != "ray":
            raise UserError(f"gpus_per_run needs the executor ray; got {quoted(executor)}")

    def _check_device(self, executor: str, device: str) -> None:
        if device not in ("auto", "cpu", "cuda"):
            raise UserError(
                f"device {device}: with the executor {executor} it must be auto, cpu or cuda; which GPU is the "
                "cluster's choice"
            )
        if device == "cpu" and self.wants_gpus:
            raise UserError("device cpu: GPUs are asked for, which would lie idle; leave one of the two out")

    def _check_settings(self) -> None:
        for name, value in self.slurm.items():
            if name not in SETTINGS:
                raise UserError(unknown_name("setting of slurm", name, SETTINGS))
            if not _has_type(SETTINGS[name], value):
                raise UserError(f"slurm: {name} must be {_TYPE_NAMES[SETTINGS[name]]}; got {quoted(value)}")
        if (target := self.slurm.get("cluster", "slurm")) not in SLURM_TARGETS:
            raise UserError(f"slurm: {unknown_name('cluster', target, SLURM_TARGETS)}")
        if self.slurm.get("timeout_min", 1) < 1:
            raise UserError(f"slurm: timeout_min must be at least 1; got {self.slurm['timeout_min']}")

    def _check_slurm(self, timeout: float | None) -> None:
        if timeout is None and "timeout_min" not in self.slurm:
            raise UserError(
                "slurm: jobs need a time limit: give a timeout, the time that one run may take, or timeout_min, the "
                "minutes of a job"
            )
        missing = [program for program in ("sbatch", "srun") if shutil.which(program) is None]
        if self.slurm.get("cluster", "slurm") == "slurm" and missing:
            raise UserError(
                f"the executor slurm finds no {' and no '.join(missing)} here: start it where jobs are submitted, or "
                "try it out with cluster=local, in processes of this machine"
            )


def _has_type(kind: type, value: Any) -> bool:
    if kind is list:
        return isinstance(value, list) and all(isinstance(entry, str) for entry in value)
    if kind is float:
        return isinstance(value, int | float) and not isinstance(value, bool)
    return isinstance(value, kind) and (kind is bool or not isinstance(value, bool))


def parsed_settings(assignments: list[str]) -> dict[str, Any]:
    """Settings of SLURM's jobs as the command line has them.

    >>> parsed_settings(["partition=7", "gpus_per_node=1", "mem_gb=7.5", "setup=[module load cuda]"])
    {'partition': '7', 'gpus_per_node': 1, 'mem_gb': 7.5, 'setup': ['module load cuda']}

    Args:
        assignments: ``name=value`` each, the value as YAML has it.

    Returns:
        Name to value; names and values are as they came, right or wrong.

    Raises:
        UserError: when one is no assignment.
    """
    import yaml

    settings: dict[str, Any] = {}
    for assignment in assignments:
        name, equals, text = assignment.partition("=")
        if not equals:
            raise UserError(f"--slurm must be NAME=VALUE, such as partition=gpu; got {quoted(assignment)}")
        try:
            settings[name] = text if SETTINGS.get(name) is str else yaml.safe_load(text)
        except yaml.YAMLError:
            raise UserError(f"--slurm {name}: not YAML: {quoted(text)}") from None
    return settings
