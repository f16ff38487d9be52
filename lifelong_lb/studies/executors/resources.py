"""Workers, devices and time limit of a launcher."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from lifelong_lb.studies.devices import cores
from lifelong_lb.studies.executors.cluster_options import DEFAULT_WORKERS, Cluster


@dataclass(frozen=True)
class Limits:
    """Workers, devices and time limit of a launcher.

    Attributes:
        workers: number of concurrent runs, or cluster jobs, >= 1.
        devices: assigned to the workers round-robin; at least one. On a cluster, a single device option that each
            machine resolves.
        seconds: time limit per run; None for no limit.
        cluster: cluster options.
    """

    workers: int
    devices: Sequence[str]
    seconds: float | None = None
    cluster: Cluster = field(default_factory=Cluster)

    @classmethod
    def of_cluster(cls, workers: int | None, device: str, seconds: float | None, cluster: Cluster) -> "Limits":
        """Limits for runs on a cluster.

        Args:
            workers: number of concurrent jobs or tasks; None for the default.
            device: auto, cpu or a kind of accelerator.
            seconds: time limit per run.
            cluster: cluster options.

        Returns:
            The limits; ``auto`` is cuda if GPUs are requested.
        """
        chosen = "cuda" if cluster.wants_gpus and device == "auto" else device
        return cls(workers or DEFAULT_WORKERS, [chosen], seconds, cluster)

    @classmethod
    def of(cls, workers: int | None, devices: Sequence[str], seconds: float | None) -> "Limits":
        """Limits for runs on this machine.

        Args:
            workers: number of concurrent runs; None for one per core, or one per accelerator but no more than cores.
            devices: the devices.
            seconds: time limit per run.

        Returns:
            The limits.
        """
        default = cores() if list(devices) == ["cpu"] else min(cores(), len(devices))
        return cls(workers or default, devices, seconds)

    def device(self, worker: int) -> str:
        """Device of a worker.

        Args:
            worker: its index, 0 to workers - 1.

        Returns:
            A torch device name.
        """
        return self.devices[worker % len(self.devices)]
