"""Files of the last report, listed in ``.report.json``, so that the next report leaves none of them out of date."""

import hashlib
import re
from collections.abc import Collection
from pathlib import Path

from lifelong_lb.store.files import write_json
from lifelong_lb.store.reading import MAX_BYTES, read_mapping
from lifelong_lb.untrusted import read_bytes

LIST = ".report.json"
NUMBERS = ("accuracy.csv", "results.csv")
"""Files that decide whether figures are out of date."""
FIGURES = "figures"
"""Folder of the figures."""
_OURS = re.compile(rf"[^./\\:][^/\\:]*\.(csv|md|tex|html|parquet)|{FIGURES}/[^./\\:][^/\\:]*\.(svg|pdf|png)")


def remove_stale(folder: Path, written: Collection[str], *, from_runs: bool = True) -> None:
    """Remove files of the last report that this one has not written, and list the files of this one.

    A file that has changed since the last report wrote it, or that no report wrote, is kept. Figures are kept if this
    report has written none and the numbers are the same, or if their folder is a link, which may lead anywhere.

    Args:
        folder: the result folder.
        written: names of the files that this report has written, relative to the folder.
        from_runs: whether the report was made from runs. A report made from tables alone removes nothing, because it
            cannot write what was made from the runs.
    """
    before, now = _listed(folder), {name: _digest(folder / name) for name in sorted(written)}
    unchanged = all(before.get(name) == now.get(name) for name in NUMBERS)
    keeps_figures = unchanged and not any(name.startswith(f"{FIGURES}/") for name in written)
    keeps_figures |= (folder / FIGURES).is_symlink()
    kept = {}
    for name in before.keys() - now.keys():
        if not from_runs or (keeps_figures and name.startswith(f"{FIGURES}/")):
            kept[name] = before[name]
        elif before[name] and _digest(folder / name) == before[name]:
            (folder / name).unlink(missing_ok=True)
    write_json(folder / LIST, {"files": {**kept, **now}})


def _listed(folder: Path) -> dict[str, str]:
    """Digests of the files of the last report, by name; empty if they are not known."""
    try:
        files = read_mapping(folder / LIST)["files"].items()
    except (OSError, ValueError, TypeError, LookupError, AttributeError):
        return {}
    return {name: digest for name, digest in files if _OURS.fullmatch(name) and isinstance(digest, str)}


def _digest(path: Path) -> str:
    """SHA-256 of a file; empty for one that is missing, too large, or no regular file."""
    try:
        return hashlib.sha256(read_bytes(path, MAX_BYTES)).hexdigest()
    except (OSError, ValueError):
        return ""
