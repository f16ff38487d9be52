"""Workers, devices and time limit of a launcher."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from lifelong_lb.studies.devices import cores, devices
from lifelong_lb.studies.executors.cluster_options import DEFAULT_WORKERS, PACKAGES, wants_gpus
from lifelong_lb.studies.options import RunOptions


@dataclass(frozen=True)
class Limits:
    """Workers, devices and time limit of a launcher.

    Attributes:
        workers: number of concurrent runs, or cluster jobs, >= 1.
        devices: assigned to the workers round-robin; at least one. On a cluster, a single device option that each
            machine resolves.
        options: the options that they were derived from.
    """

    workers: int
    devices: Sequence[str]
    options: RunOptions

    @classmethod
    def of(cls, options: RunOptions) -> "Limits":
        """Resolve options on this machine.

        Args:
            options: the options. Without a number of workers: one per core, or one per accelerator but no more than
                cores; on a cluster, :data:`~lifelong_lb.studies.executors.cluster_options.DEFAULT_WORKERS`.

        Returns:
            The limits; on a cluster, ``auto`` is cuda if GPUs are requested.

        Raises:
            UserError: if a device does not exist.
        """
        if options.executor in PACKAGES:
            device = "cuda" if wants_gpus(options) and options.device == "auto" else options.device
            return cls(options.workers or DEFAULT_WORKERS, [device], options)
        names = devices(options.device)
        default = cores() if names == ["cpu"] else min(cores(), len(names))
        return cls(options.workers or default, names, options)

    @property
    def seconds(self) -> float | None:
        """Time limit per run; None for no limit."""
        return self.options.timeout

    @property
    def slurm(self) -> Mapping[str, Any]:
        """Settings of SLURM jobs."""
        return self.options.slurm or {}

    def device(self, worker: int) -> str:
        """Device of a worker.

        Args:
            worker: its index, 0 to workers - 1.

        Returns:
            A torch device name.
        """
        return self.devices[worker % len(self.devices)]
