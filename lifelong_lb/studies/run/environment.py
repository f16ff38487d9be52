"""Versions of the code and its dependencies, and a description of the machine."""

import hashlib
import platform
import re
import subprocess
from functools import cache
from pathlib import Path
from typing import Any

from lifelong_lb import __version__
from lifelong_lb.studies.devices import cores

_PACKAGES = ("torch", "torchvision", "avalanche-lib", "numpy", "pandas")
MODEL = r"^model name\s*:\s*(.+)$"
DRIVER = r"^NVRM version:.*?\s(\d+\.[\d.]+)\s"


def code_version() -> dict[str, str]:
    """Read the version of the package and, in a git checkout, its commit.

    Returns:
        ``lifelong_lb``; ``sources``, a hash of its modules; and, if known, ``commit``, with ``+changes`` if files
        differ from it.
    """
    package = Path(__file__).resolve().parents[2]
    known = {"lifelong_lb": __version__, "sources": _hash_of(package)}
    commit = _git(package, "rev-parse", "--short=12", "HEAD") if (package.parent / ".git").exists() else ""
    if commit:
        changed = _git(package, "status", "--porcelain", "--untracked-files=no", "--", ".")
        known["commit"] = commit + ("+changes" if changed else "")
    return known


@cache
def versions() -> dict[str, str]:
    """Read the versions of Python and of the packages that affect results, without importing them.

    Returns:
        Name to version.
    """
    from importlib.metadata import version

    packages = {name.removesuffix("-lib"): version(name) for name in _PACKAGES}
    return {"python": platform.python_version(), **packages}


@cache
def machine() -> dict[str, Any]:
    """Describe this machine.

    Returns:
        ``platform``, ``processor`` (its model, if known), ``cores`` available to this process, ``memory_gib``, and
        ``driver``, the version of the NVIDIA driver, if installed.
    """
    import psutil

    known: dict[str, Any] = {
        "platform": platform.platform(),
        "processor": first_match(MODEL, Path("/proc/cpuinfo")) or platform.processor(),
        "cores": cores(),
        "memory_gib": round(psutil.virtual_memory().total / 2**30, 1),
        "driver": first_match(DRIVER, Path("/proc/driver/nvidia/version")),
    }
    return {key: value for key, value in known.items() if value}


def first_match(pattern: str, path: Path) -> str:
    """Search a file for the group of a pattern.

    Args:
        pattern: a regular expression with one group.
        path: the file.

    Returns:
        The text of the first match; empty if there is none or the file cannot be read.
    """
    try:
        match = re.search(pattern, path.read_text(encoding="utf-8", errors="replace"), re.MULTILINE)
    except OSError:
        return ""
    return match[1].strip() if match else ""


def _hash_of(package: Path) -> str:
    digest = hashlib.sha256()
    for path in sorted(package.rglob("*.py")):
        content = path.read_bytes()
        digest.update(f"{path.relative_to(package).as_posix()} {len(content)} ".encode() + content)
    return digest.hexdigest()[:16]


def _git(folder: Path, *arguments: str) -> str:
    try:
        completed = subprocess.run(
            ["git", *arguments], cwd=folder, capture_output=True, text=True, timeout=10, check=True
        )
    except (OSError, subprocess.SubprocessError):
        return ""
    return completed.stdout.strip()
