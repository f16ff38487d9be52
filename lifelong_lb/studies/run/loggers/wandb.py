"""Weights & Biases: a project a study, kept below the result folder, and sent where there is a key."""

import hashlib
import os
import re
import shutil
from collections.abc import Mapping
from typing import Any

from lifelong_lb.studies.run.loggers.base import LogFn, RunInfo

_SERVER = "https://api.wandb.ai"
_MAX_NAME = 128
"""Characters of a name."""


class WandbLogger:
    """Logs a run in ``wandb/``: offline, for ``wandb sync``, unless there is a key or ``WANDB_MODE`` says otherwise."""

    def start(self, info: RunInfo, log: LogFn) -> None:
        """Begin the run anew. Its id is always the same, so that a later copy replaces an earlier one.

        Args:
            info: the run.
            log: is told where the run can be seen.
        """
        import wandb

        name = f"{info.run}-{hashlib.sha256(str(info.folder).encode()).hexdigest()[:6]}"
        for earlier in (info.folder / "wandb").glob(f"*run-*-{name}"):
            shutil.rmtree(earlier)
        settings: dict[str, Any] = {"silent": True, "console": "off", "disable_git": True, "x_disable_stats": True}
        self._run = wandb.init(
            project=re.sub(r"[/\\#?%:]", "-", info.study)[:_MAX_NAME],
            group=info.group[:_MAX_NAME],
            name=info.title[:_MAX_NAME],
            id=name,
            dir=str(info.folder),
            config=dict(info.config),
            mode=_mode(),
            reinit="create_new",
            settings=wandb.Settings(**settings),
        )
        if not self._run.offline:
            log(f"wandb: {self._run.url}")

    def experience(self, values: Mapping[str, float], step: int) -> None:
        """Write a point of each curve.

        Args:
            values: its numbers.
            step: its experience.
        """
        self._run.log(dict(values), step=step)

    def end(self, metrics: Mapping[str, float], status: str) -> None:
        """Write the run's summary.

        Args:
            metrics: its numbers.
            status: how the run ended.
        """
        self._run.summary.update({**metrics, "status": status})
        self._run.finish(exit_code=0 if status == "done" else 1)


def _mode() -> Any:
    """None leaves it to wandb, which reads ``WANDB_MODE``; it would ask for a key where there is none."""
    from requests.utils import get_netrc_auth

    if os.environ.get("WANDB_MODE"):
        return None
    logged_in = get_netrc_auth(os.environ.get("WANDB_BASE_URL", _SERVER)) is not None
    return "online" if os.environ.get("WANDB_API_KEY") or logged_in else "offline"
