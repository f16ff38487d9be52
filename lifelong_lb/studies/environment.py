"""Which code is running."""

import hashlib
import subprocess
from pathlib import Path

import lifelong_lb


def code_version() -> dict[str, str]:
    """Version of the package and, in a git checkout, its commit.

    Returns:
        ``lifelong_lb``, ``sources``, a hash of its modules, and, where known, ``commit`` with ``+changes`` when files
        differ from it.
    """
    from importlib.metadata import version

    package = Path(lifelong_lb.__file__).parent
    known = {"lifelong_lb": version("lifelong_lb"), "sources": _hash_of(package)}
    commit = _git(package, "rev-parse", "--short=12", "HEAD") if (package.parent / ".git").exists() else ""
    if commit:
        changed = _git(package, "status", "--porcelain", "--untracked-files=no", "--", ".")
        known["commit"] = commit + ("+changes" if changed else "")
    return known


def _hash_of(package: Path) -> str:
    whole = hashlib.sha256()
    for path in sorted(package.rglob("*.py")):
        content = path.read_bytes()
        whole.update(f"{path.relative_to(package).as_posix()} {len(content)} ".encode() + content)
    return whole.hexdigest()[:16]


def _git(folder: Path, *arguments: str) -> str:
    try:
        done = subprocess.run(["git", *arguments], cwd=folder, capture_output=True, text=True, timeout=10, check=True)
    except (OSError, subprocess.SubprocessError):
        return ""
    return done.stdout.strip()
