"""How far a result folder has come."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from lifelong_lb.config import UserError
from lifelong_lb.store.folder import ResultFolder
from lifelong_lb.store.run_files import DamagedRunError


@dataclass(frozen=True)
class FolderStatus:
    """How far a result folder has come.

    Attributes:
        counts: number of runs by status; ``missing`` are those asked for that have not ended.
        troubles: a line for each run that ended otherwise than done, or whose folder is damaged.
    """

    counts: Counter[str]
    troubles: Sequence[str] = field(default_factory=list)


def folder_status(folder: ResultFolder) -> FolderStatus:
    """Count the runs of a folder by how they ended.

    Args:
        folder: a result folder.

    Returns:
        The counts.

    Raises:
        UserError: when the folder holds no study.
    """
    file = folder.read_study()
    if file is None:
        raise UserError(f"{folder.path}: no study here (study.json is missing)")
    counts: Counter[str] = Counter()
    seeds = file.seeds()
    troubles = []
    for run, label in file.labels().items():
        title = f"{' '.join(label.values())} seed {seeds[run]}"
        if not folder.has_run(run):
            counts["missing"] += 1
            continue
        try:
            record = folder.read_run(run, seeds[run])
        except DamagedRunError as error:
            counts["missing"] += 1
            troubles.append(f"{title}: damaged ({error})")
            continue
        counts[record.status] += 1
        if record.status != "done":
            troubles.append(f"{title}: {record.status}: {record.message} (see {folder.run_path(run)})")
    return FolderStatus(counts, troubles)
