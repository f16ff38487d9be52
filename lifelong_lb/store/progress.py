"""Progress of unfinished runs: a small file in each scratch folder."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from lifelong_lb.evaluation import AccuracyMatrix, average_accuracy_curve
from lifelong_lb.store.files import write_json
from lifelong_lb.store.reading import read_mapping
from lifelong_lb.store.values import real_number, whole_number

PROGRESS = "how_far.json"
"""Name of the file; it is not kept with the run."""


@dataclass(frozen=True)
class RunProgress:
    """Progress of a run.

    Attributes:
        experiences: T, number of experiences of its stream.
        accuracies: ``(trained, accuracy)``: index of each experience after which accuracy was measured, in 0..T-1, and
            the mean accuracy on the experiences seen so far, a fraction.
    """

    experiences: int
    accuracies: Sequence[tuple[int, float]]

    @classmethod
    def of(cls, R: AccuracyMatrix) -> "RunProgress":
        """Average the rows of an accuracy matrix.

        >>> RunProgress.of(AccuracyMatrix.from_entries([(0, 0, 0.9), (1, 0, 0.5), (1, 1, 0.8)], 3)).accuracies
        [(0, 0.9), (1, 0.65)]

        Args:
            R: the accuracies measured so far.

        Returns:
            The means over the experiences seen so far.
        """
        if not R.experiences:
            return cls(0, [])
        curve = average_accuracy_curve(R)
        return cls(R.experiences, [(i, float(curve[i])) for i in R.measured_after])


def write_progress(scratch: Path, progress: RunProgress) -> None:
    """Write the progress of a run.

    Args:
        scratch: its scratch folder.
        progress: its progress.
    """
    raw = {"experiences": progress.experiences, "accuracies": [list(pair) for pair in progress.accuracies]}
    write_json(scratch / PROGRESS, raw)


def read_progress(runs_path: Path) -> dict[str, RunProgress]:
    """Read the progress of unfinished runs.

    Args:
        runs_path: folder of the runs.

    Returns:
        Run id to the latest progress written; runs that have not finished an experience are left out.
    """
    latest: dict[str, tuple[float, RunProgress]] = {}
    for path in runs_path.glob(f".*.*/{PROGRESS}"):
        run = path.parent.name[1:].rpartition(".")[0]
        try:
            written, raw = path.stat().st_mtime, read_mapping(path)
            T = whole_number(raw["experiences"], "experiences")
            pairs = [(whole_number(i, "an experience"), real_number(a, "an accuracy", 1)) for i, a in raw["accuracies"]]
        except (OSError, ValueError, TypeError, LookupError):
            continue
        if run not in latest or written > latest[run][0]:
            latest[run] = (written, RunProgress(T, pairs))
    return {run: progress for run, (_, progress) in latest.items()}
