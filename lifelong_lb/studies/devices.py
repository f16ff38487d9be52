"""Devices of runs by the option ``device``, and cores."""

import os
import shutil
import sys
from importlib.metadata import entry_points
from pathlib import Path

from lifelong_lb.config import UserError, unknown_name

DRIVERS = ("/proc/driver/nvidia", "/dev/nvidiactl", "/dev/dxg", "/dev/kfd", "/dev/dri", "/dev/accel")


def devices(wanted: str) -> list[str]:
    """Resolve a device option to device names.

    Args:
        wanted: ``"cpu"``; a kind of accelerator, e.g. ``"cuda"``, ``"mps"`` or ``"xpu"``: every one of this machine;
            ``"auto"``, every accelerator or else the CPU; or a list of accelerators, e.g. ``"cuda:0"`` or
            ``"cuda:0,cuda:2"``.

    Returns:
        Torch device names; at least one.

    Raises:
        UserError: if a device does not exist.
    """
    if wanted == "cpu" or (wanted == "auto" and not _may_have_accelerator()):
        return ["cpu"]
    from lifelong_lb.devices import accelerators, is_kind

    available = accelerators()
    if wanted == "auto":
        return available or ["cpu"]
    known = list(dict.fromkeys(["cpu", *(name.partition(":")[0] for name in available)]))
    if wanted in known:
        return available
    names = [name.strip() for name in wanted.split(",")]
    for name in names:
        if name in available:
            continue
        kind = name.partition(":")[0]
        if kind not in known and is_kind(kind):
            raise UserError(
                f"device {wanted}: torch finds no {kind} device on this machine; use {' or '.join([*known, 'auto'])}"
            )
        raise UserError(unknown_name("device", wanted if name in known else name, ["auto", *known, *available]))
    return names


def no_float16(name: str) -> str:
    """Message about a device that cannot train in float16.

    Args:
        name: device name.

    Returns:
        A sentence.
    """
    return (
        f"train.precision: float16 needs an accelerator whose autocast takes float16; got the device {name}: use "
        "precision: bfloat16, or another device"
    )


def _may_have_accelerator() -> bool:
    """Whether to ask torch; avoids importing it, which takes seconds, on machines without a driver."""
    return (
        "torch" in sys.modules
        or sys.platform == "darwin"
        or bool(entry_points(group="torch.backends"))  # packages that register a device when torch is imported
        or shutil.which("nvidia-smi") is not None
        or any(Path(path).exists() for path in DRIVERS)
    )


def cores() -> int:
    """Count the processor cores available to this process.

    Returns:
        Their number.
    """
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
