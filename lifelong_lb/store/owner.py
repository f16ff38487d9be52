"""Identity of a process across machines and restarts, and whether it is still alive."""

import os
import platform
import sys
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from typing import Any

from lifelong_lb.store.values import real_number, short_text, whole_number

_MAX_PID = 2**31 - 1


@dataclass(frozen=True)
class Owner:
    """A process, identified among all machines that share a file system.

    Attributes:
        host: name of its machine.
        space: PID namespace; containers may share a host name.
        pid: process id.
        started: start time, which distinguishes it from a later process with the same id; by a monotonic clock where
            the platform has one.
        boot: boot id of its kernel, which distinguishes machines of the same name; empty if unknown, as in files of
            earlier versions.
    """

    host: str
    space: str
    pid: int
    started: float
    boot: str = ""

    @classmethod
    def here(cls) -> "Owner":
        """The current process.

        Returns:
            Its identity.
        """
        started = _started(os.getpid())
        assert started is not None
        return cls(platform.node(), _space(), os.getpid(), started, _boot())

    @classmethod
    def from_json(cls, raw: Mapping[str, Any]) -> "Owner":
        """Restore from :meth:`to_json`.

        Args:
            raw: plain values.

        Returns:
            The process.

        Raises:
            LookupError: if a value is missing.
            TypeError: if ``raw`` is not a mapping.
            ValueError: if a value is invalid.
        """
        host, space, boot = (short_text(value, "a name") for value in (raw["host"], raw["space"], raw.get("boot", "")))
        return cls(host, space, whole_number(raw["pid"], "pid", _MAX_PID), real_number(raw["started"], "started"), boot)

    def to_json(self) -> dict[str, Any]:
        """Convert to plain JSON values.

        Returns:
            A mapping.
        """
        return asdict(self)

    def is_observable(self) -> bool:
        """Whether this process can determine if the process is alive.

        Returns:
            True for processes of this machine since it was booted.
        """
        return self.shares_host_name() and self.boot in ("", _boot())

    def shares_host_name(self) -> bool:
        """Whether host name and PID namespace are those of this process; ignores the boot id.

        Returns:
            True for processes of this machine, before or after a restart, and of machines of the same name.
        """
        return (self.host, self.space) == (platform.node(), _space())

    def is_known_dead(self) -> bool:
        """Whether the process is known to have ended.

        Returns:
            False if it is alive, and for processes of other machines.
        """
        return self.is_observable() and _started(self.pid) != self.started


def _space() -> str:
    """PID namespace; empty except on Linux."""
    try:
        return str(Path("/proc/self/ns/pid").readlink())
    except OSError:
        return ""


@cache
def _boot() -> str:
    """Boot id of the kernel; empty except on Linux."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    except OSError:
        return ""


def _started(pid: int) -> float | None:
    """Start time of a process; None if it does not exist."""
    import psutil

    try:
        process = psutil.Process(pid)
        if process.status() in (psutil.STATUS_ZOMBIE, psutil.STATUS_DEAD):
            return None
        if sys.platform == "linux":
            # ticks since boot: the time that psutil computes from them changes when the clock is set
            return float(Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[19])
        return process.create_time()
    except (psutil.NoSuchProcess, OSError):
        return None
