"""Weights & Biases logger: one project per study, stored in the result folder and uploaded if a key is set."""

import hashlib
import os
import re
import shutil
from collections.abc import Mapping
from typing import Any

from lifelong_lb.studies.run.loggers.base import LogFn, RunInfo

_SERVER = "https://api.wandb.ai"
_MAX_NAME = 128
"""Maximum length of a name."""


class WandbLogger:
    """Log a run to ``wandb/``: offline, for ``wandb sync``, unless a key or ``WANDB_MODE`` is set."""

    def start(self, info: RunInfo, log: LogFn) -> None:
        """Create the run. Its id is fixed, so that a later upload replaces an earlier one.

        Args:
            info: the run.
            log: receives the URL of the run.
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
            values: values by name.
            step: the experience.
        """
        self._run.log(dict(values), step=step)

    def end(self, metrics: Mapping[str, float], status: str) -> None:
        """Write the run's summary.

        Args:
            metrics: values by name.
            status: how the run ended.
        """
        self._run.summary.update({**metrics, "status": status})
        self._run.finish(exit_code=0 if status == "done" else 1)


def _mode() -> Any:
    """Mode for wandb, which would prompt for a missing key; None if ``WANDB_MODE`` is set, which wandb reads itself."""
    from requests.utils import get_netrc_auth

    if os.environ.get("WANDB_MODE"):
        return None
    logged_in = get_netrc_auth(os.environ.get("WANDB_BASE_URL", _SERVER)) is not None
    return "online" if os.environ.get("WANDB_API_KEY") or logged_in else "offline"
