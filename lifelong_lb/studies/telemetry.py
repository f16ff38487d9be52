"""Disable usage statistics and error reports that packages send to their developers."""

import os

SWITCHES = {
    "DO_NOT_TRACK": "true",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "RAY_USAGE_STATS_ENABLED": "0",
    "WANDB_ERROR_REPORTING": "false",
}
"""Environment variables, read when the packages are imported or used."""


def switch_off_telemetry() -> None:
    """Set the variables that disable telemetry, except those that the user has set."""
    for name, value in SWITCHES.items():
        os.environ.setdefault(name, value)
