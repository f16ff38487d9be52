"""How much a launcher takes on."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from lifelong_lb.studies.devices import cores
from lifelong_lb.studies.executors.cluster_options import DEFAULT_WORKERS, Cluster


@dataclass(frozen=True)
class Limits:
    """How much a launcher takes on.

    Attributes:
        workers: runs, or jobs of a cluster, at a time, >= 1.
        devices: what they compute on, in turn; at least one. On a cluster it is one word, which machines there
            understand each for themselves.
        seconds: how long a run may take; None for as long as it likes.
        cluster: how runs are given to a cluster.
    """

    workers: int
    devices: Sequence[str]
    seconds: float | None = None
    cluster: Cluster = field(default_factory=Cluster)

    @classmethod
    def of_cluster(cls, workers: int | None, device: str, seconds: float | None, cluster: Cluster) -> "Limits":
        """Limits for runs that are done elsewhere.

        Args:
            workers: runs or jobs at a time; None for the usual number.
            device: what they compute on: auto, cpu or cuda.
            seconds: how long a run may take.
            cluster: how runs are given to it.

        Returns:
            The limits; auto is cuda where GPUs were asked for.
        """
        word = "cuda" if cluster.wants_gpus else device
        return cls(workers or DEFAULT_WORKERS, [word], seconds, cluster)

    @classmethod
    def of(cls, workers: int | None, devices: Sequence[str], seconds: float | None) -> "Limits":
        """Limits with the usual number of workers where none is given.

        Args:
            workers: runs at a time; None for one a core, or one a CUDA device but no more than cores.
            devices: what they compute on.
            seconds: how long a run may take.

        Returns:
            The limits.
        """
        usual = cores() if list(devices) == ["cpu"] else min(cores(), len(devices))
        return cls(workers or usual, devices, seconds)

    def device(self, worker: int) -> str:
        """The device of one of the workers.

        Args:
            worker: its number, 0 to workers - 1.

        Returns:
            A name as torch knows it.
        """
        return self.devices[worker % len(self.devices)]
