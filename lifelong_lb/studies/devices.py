"""Available devices and cores."""

import os
import re
import shutil
from pathlib import Path

from lifelong_lb.config import UserError, unknown_name

KINDS = ("auto", "cpu", "cuda")


def devices(wanted: str) -> list[str]:
    """Resolve a device option to device names.

    Args:
        wanted: ``"cpu"``; ``"cuda"``, every CUDA device; ``"auto"``, every CUDA device or else the CPU; or a list of
            CUDA devices, e.g. ``"cuda:0"`` or ``"cuda:0,cuda:2"``.

    Returns:
        Torch device names; at least one.

    Raises:
        UserError: if a device does not exist.
    """
    names = [name.strip() for name in wanted.split(",")]
    one_by_one = all(re.fullmatch(r"cuda:[0-9]+", name) for name in names)
    if wanted not in KINDS and not one_by_one:
        raise UserError(f"{unknown_name('device', wanted, KINDS)}, or CUDA devices, e.g. cuda:0,cuda:1")
    if wanted == "cpu" or (wanted == "auto" and not _has_driver()):
        return ["cpu"]
    import torch

    available = [f"cuda:{i}" for i in range(torch.cuda.device_count())] if torch.cuda.is_available() else []
    if wanted == "auto":
        return available or ["cpu"]
    if not available:
        raise UserError(f"device {wanted}: torch finds no CUDA device on this machine; use cpu or auto")
    for name in names if one_by_one else ():
        if name not in available:
            raise UserError(unknown_name("device", name, available))
    return names if one_by_one else available


def _has_driver() -> bool:
    """Whether a GPU driver is installed; avoids importing torch, which takes seconds, on machines without one."""
    return shutil.which("nvidia-smi") is not None or any(
        map(Path.exists, (Path("/proc/driver/nvidia"), Path("/dev/nvidiactl"), Path("/dev/dxg"), Path("/dev/kfd")))
    )


def cores() -> int:
    """Count the processor cores available to this process.

    Returns:
        Their number.
    """
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
