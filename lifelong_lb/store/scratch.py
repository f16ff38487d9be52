"""Scratch folders of runs in progress: their files, and what dead processes leave behind."""

import shutil
from contextlib import suppress
from pathlib import Path

from lifelong_lb.store.claims import Claims
from lifelong_lb.store.owner import Owner
from lifelong_lb.store.reading import read_mapping, read_tail

LOG = "log.txt"
"""A run's log, in its folder."""
OWNER = "owner.json"
"""File in a scratch folder that names the process it belongs to."""
CHECKPOINT = ".checkpoint"
"""Suffix of the checkpoint folder of a run in progress."""
_MAX_LOG_CHARACTERS = 2**24
"""Most characters kept from the end of the log of a run whose process died."""


def log_of_dead_process(runs_path: Path, run: str) -> str:
    """Read the log of a run whose process died before publishing.

    Args:
        runs_path: folder of the runs.
        run: the run's id.

    Returns:
        Its text; empty if there is none.
    """
    logs: dict[float, str] = {}
    for path in runs_path.glob(f".{run}.*/{LOG}"):
        with suppress(OSError, ValueError):  # it may be removed meanwhile
            logs[path.stat().st_mtime] = read_tail(path, _MAX_LOG_CHARACTERS)
    return logs[max(logs)] if logs else ""


def remove_leftovers(runs_path: Path, claims: Claims, run: str = "*") -> None:
    """Remove scratch folders of dead processes of this machine.

    Folders from before a restart of this machine are removed only while the launcher holds the run's claim.

    Args:
        runs_path: folder of the runs.
        claims: the launcher's claims; folders of runs that other launchers have claimed are kept.
        run: id of the run; ``"*"`` for all.
    """
    for scratch in runs_path.glob(f".{run}.*"):
        if not scratch.is_dir() or scratch.suffix == CHECKPOINT:
            continue
        run_id = scratch.name[1:].rpartition(".")[0]
        try:
            owner = Owner.from_json(read_mapping(scratch / OWNER))
            restarted = owner.shares_host_name() and not owner.is_observable()
            dead = owner.is_known_dead() or (restarted and claims.holds(run_id))
        except FileNotFoundError:
            dead = True  # killed before it wrote the file
        except (OSError, ValueError, TypeError, LookupError):
            continue
        if dead and not claims.is_claimed_elsewhere(run_id):
            shutil.rmtree(scratch, ignore_errors=True)


def remove_scratch(runs_path: Path, run: str) -> None:
    """Remove the scratch folders of a run, whichever machine made them; no process may be computing it.

    Args:
        runs_path: folder of the runs.
        run: the run's id.
    """
    for scratch in runs_path.glob(f".{run}.*"):
        if (scratch / OWNER).is_file():
            shutil.rmtree(scratch, ignore_errors=True)
