"""TensorBoard logger: event files in the result folder."""

import json
import shutil
from collections.abc import Mapping

from lifelong_lb.studies.run.loggers.base import LogFn, RunInfo


class TensorBoardLogger:
    """Write to ``tensorboard/<title>-<run id>/``; ``tensorboard --logdir DIR/tensorboard`` shows all runs."""

    def start(self, info: RunInfo, log: LogFn) -> None:
        """Create the run's folder, and delete that of an earlier process.

        Args:
            info: the run.
            log: not used.
        """
        from torch.utils.tensorboard import SummaryWriter

        place = info.folder / "tensorboard"
        for earlier in place.glob(f"*-{info.run}"):
            shutil.rmtree(earlier)
        self._settings = info.settings()
        self._writer: SummaryWriter = SummaryWriter(str(place / info.file_name))
        configuration = json.dumps(info.config, indent=4)
        self._writer.add_text("configuration", "\n".join(f"    {line}" for line in configuration.splitlines()))
        self._writer.flush()

    def experience(self, values: Mapping[str, float], step: int) -> None:
        """Write a point of each curve.

        Args:
            values: values by name.
            step: the experience.
        """
        for name, value in values.items():
            self._writer.add_scalar(name, value, step)
        self._writer.flush()

    def end(self, metrics: Mapping[str, float], status: str) -> None:
        """Write the run's row of the hyper-parameter table.

        Args:
            metrics: values by name.
            status: how the run ended.
        """
        self._writer.add_hparams({**self._settings, "status": status}, dict(metrics), run_name=".")
        self._writer.close()
