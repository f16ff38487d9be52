"""Which process something belongs to, and whether it is still there."""

import os
import platform
import sys
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from typing import Any

from lifelong_lb.store.values import real_number, short_text, whole_number

_LARGEST_PID = 2**31 - 1


@dataclass(frozen=True)
class Owner:
    """A process, known to whoever shares the file system.

    Attributes:
        host: its machine's name.
        space: where its number counts: containers of one name count for themselves.
        pid: its number.
        started: when it has started, to tell it from a later process with its number: by a clock that nobody sets where
            the platform has one.
        boot: what its machine, or rather its kernel, was called when that started, to tell machines of one name apart;
            empty where that is not known, as in what earlier versions have written.
    """

    host: str
    space: str
    pid: int
    started: float
    boot: str = ""

    @classmethod
    def here(cls) -> "Owner":
        """This process.

        Returns:
            It.
        """
        started = _started(os.getpid())
        assert started is not None
        return cls(platform.node(), _space(), os.getpid(), started, _boot())

    @classmethod
    def from_json(cls, raw: Mapping[str, Any]) -> "Owner":
        """Read what :meth:`to_json` has made.

        Args:
            raw: plain values.

        Returns:
            The process.

        Raises:
            LookupError: when a value is missing.
            TypeError: when one is of no use.
            ValueError: likewise.
        """
        host, space, boot = (short_text(value, "a name") for value in (raw["host"], raw["space"], raw.get("boot", "")))
        return cls(
            host, space, whole_number(raw["pid"], "pid", _LARGEST_PID), real_number(raw["started"], "started"), boot
        )

    def to_json(self) -> dict[str, Any]:
        """Plain values.

        Returns:
            A mapping for JSON.
        """
        return asdict(self)

    def is_observable(self) -> bool:
        """Whether it can be known from here if the process is still there.

        Returns:
            True for the processes of this machine, since it was started.
        """
        return self.shares_host_name() and self.boot in ("", _boot())

    def shares_host_name(self) -> bool:
        """Whether the process was of a machine called as this one: another, or this one before it was restarted.

        Returns:
            True also for the processes that can be seen.
        """
        return (self.host, self.space) == (platform.node(), _space())

    def is_known_dead(self) -> bool:
        """Whether the process has ended, as far as can be seen from here.

        Returns:
            True when it has; False when it is there, and for processes of other machines.
        """
        return self.is_observable() and _started(self.pid) != self.started


def _space() -> str:
    """The namespace that process numbers belong to, on Linux."""
    try:
        return str(Path("/proc/self/ns/pid").readlink())
    except OSError:
        return ""


@cache
def _boot() -> str:
    """What Linux calls the time since it was started."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    except OSError:
        return ""


def _started(pid: int) -> float | None:
    """When a process has started; None when there is none."""
    import psutil

    try:
        process = psutil.Process(pid)
        if process.status() in (psutil.STATUS_ZOMBIE, psutil.STATUS_DEAD):
            return None
        if sys.platform == "linux":  # in ticks since the machine was: what psutil makes of them shifts with the clock
            return float(Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[19])
        return process.create_time()
    except (psutil.NoSuchProcess, OSError):
        return None
