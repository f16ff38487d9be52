"""MLflow logger: one experiment per study, in the result folder or on the configured server."""

import os
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING

from lifelong_lb.studies.run.loggers.base import LogFn, RunInfo

if TYPE_CHECKING:
    from mlflow.tracking import MlflowClient

_MAX_PARAMS = 100
"""Maximum number of parameters per MLflow request."""


class MLflowLogger:
    """Log a run to ``mlruns/``, or to ``MLFLOW_TRACKING_URI``."""

    def start(self, info: RunInfo, log: LogFn) -> None:
        """Create the run, and delete what an earlier process logged of it.

        Args:
            info: the run.
            log: not used.
        """
        from mlflow.entities import Param
        from mlflow.tracking import MlflowClient

        address = os.environ.get("MLFLOW_TRACKING_URI")
        if not address:
            os.environ.setdefault("MLFLOW_ALLOW_FILE_STORE", "true")  # required by new versions
            address = (info.folder / "mlruns").as_uri()
        self._client = MlflowClient(tracking_uri=address)
        experiment = _experiment(self._client, info)
        tags = {"lifelong_lb.run": info.run, "lifelong_lb.folder": str(info.folder)}
        for earlier in self._client.search_runs([experiment], f"tags.`lifelong_lb.run` = '{info.run}'"):
            if earlier.data.tags.get("lifelong_lb.folder") == str(info.folder):
                self._client.delete_run(earlier.info.run_id)
        created = self._client.create_run(experiment, tags={**tags, **info.labels}, run_name=info.title)
        self._run: str = created.info.run_id
        settings = [Param(key, str(value)) for key, value in info.settings().items()]
        for first in range(0, len(settings), _MAX_PARAMS):
            self._client.log_batch(self._run, params=settings[first : first + _MAX_PARAMS])

    def experience(self, values: Mapping[str, float], step: int) -> None:
        """Write a point of each curve.

        Args:
            values: values by name.
            step: the experience.
        """
        from mlflow.entities import Metric

        now = int(time.time() * 1000)
        self._client.log_batch(self._run, metrics=[Metric(name, v, now, step) for name, v in values.items()])

    def end(self, metrics: Mapping[str, float], status: str) -> None:
        """Write the metrics.

        Args:
            metrics: values by name.
            status: how the run ended.
        """
        self.experience(metrics, 0)
        self._client.set_tag(self._run, "status", status)
        self._client.set_terminated(self._run, "FINISHED" if status == "done" else "FAILED")


def _experiment(client: "MlflowClient", info: RunInfo) -> str:
    """Id of the study's experiment, created under a lock by the first run."""
    import filelock

    with filelock.FileLock(info.folder / ".mlflow.lock", timeout=60):
        found = client.get_experiment_by_name(info.study)
        return str(client.create_experiment(info.study) if found is None else found.experiment_id)
