"""Status of a result folder."""

import os
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from lifelong_lb.config import UserError
from lifelong_lb.store.claims import STALE_SECONDS, Claim, read_claims, remove_abandoned_claims
from lifelong_lb.store.folder import ResultFolder
from lifelong_lb.store.progress import RunProgress, read_progress
from lifelong_lb.store.reading import exists
from lifelong_lb.store.run_files import DamagedRunError
from lifelong_lb.store.tuned import no_study_message


@dataclass(frozen=True)
class FolderStatus:
    """Status of a result folder.

    Attributes:
        counts: number of runs by status; ``running`` are those claimed by a launcher, ``missing`` all others that have
            not ended.
        running: a line for each claimed run, with its launcher and progress.
        troubles: a line for each run that ended but is not done, or whose folder is damaged.
    """

    counts: Counter[str]
    running: Sequence[str] = field(default_factory=list)
    troubles: Sequence[str] = field(default_factory=list)


def folder_status(folder: ResultFolder) -> FolderStatus:
    """Determine the status of every run of a result folder.

    Args:
        folder: a result folder.

    Returns:
        The status.

    Raises:
        UserError: if the folder holds no study.
    """
    file = folder.read_study()
    if file is None:
        raise UserError(no_study_message(folder.path, "no study here (study.json is missing)"))
    if exists(folder.runs_path) and not os.path.isdir(folder.runs_path):  # noqa: PTH112  False without permission
        raise UserError(f"{folder.runs_path}: must be the folder of the runs; it is a file")
    remove_abandoned_claims(folder.runs_path)
    counts: Counter[str] = Counter()
    seeds = file.seeds()
    running, troubles = [], file.problems()
    if file.left_out:
        counts["missing"] += len(file.left_out)
    progress = read_progress(folder.runs_path)
    claims = {run: claim[-1] for run, claim in read_claims(folder.runs_path).items()}
    for run, label in file.labels().items():
        title = f"{' '.join(label.values())} seed {seeds[run]}"
        claim = claims.get(run)
        if claim is not None and not claim.is_abandoned():
            counts["running"] += 1
            reason = folder.checkpoint(run).reason()
            unsaved = "" if reason is None else f"; no checkpoints: {reason}"
            running.append(f"{title}: {_in_progress(claim)}{_learnt(progress.get(run))}{unsaved}")
            continue
        if not folder.has_folder(run):
            counts["missing"] += 1
            continue
        try:
            record = folder.read_run(run, seeds[run], file.expected_config)
        except DamagedRunError as error:
            counts["missing"] += 1
            troubles.append(f"{title}: damaged ({error})")
            continue
        counts[record.status] += 1
        if record.status != "done":
            troubles.append(f"{title}: {record.status}: {record.message} (see {folder.run_path(run)})")
    return FolderStatus(counts, running, troubles)


def _learnt(progress: RunProgress | None) -> str:
    if progress is None or not progress.accuracies:
        return ""
    experience, accuracy = progress.accuracies[-1]
    return f"; {experience + 1} of {progress.experiences} experiences learnt, average accuracy so far {accuracy:.3f}"


def _in_progress(claim: Claim) -> str:
    if claim.owner is None:
        return "claimed by an unknown launcher"
    line = f"running since {time.strftime('%Y-%m-%d %H:%M:%S', time.localtime(claim.since))}, "
    line += f"process {claim.owner.pid} on {claim.owner.host}"
    try:
        seconds = time.time() - claim.path.stat().st_mtime
    except OSError:
        return f"{line}, just ended"
    if claim.owner.is_observable() or seconds < STALE_SECONDS:
        return line
    return f"{line}, not renewed for {seconds:.0f} s"
