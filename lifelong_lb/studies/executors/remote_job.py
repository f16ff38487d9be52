"""A run that is done elsewhere on behalf of a launcher."""

import os
import pickle
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from lifelong_lb.store import ResultFolder, read_claims
from lifelong_lb.store.owner import Owner
from lifelong_lb.studies.job import Job


@dataclass(frozen=True)
class ClaimedJob:
    """A run that a launcher has claimed, for a process on another machine.

    Attributes:
        job: the run.
        stamp: when it had been published before, see :meth:`lifelong_lb.store.ResultFolder.stamp`.
        owner: the launcher.
    """

    job: Job
    stamp: int | None
    owner: Owner

    @property
    def folder(self) -> ResultFolder:
        """The result folder."""
        return ResultFolder(self.job.out)

    def is_published(self) -> bool:
        """Whether the run has ended since the launcher looked.

        Returns:
            True when it has.
        """
        return self.folder.stamp(self.job.config.run_id) not in (None, self.stamp)

    def holder(self) -> Owner | None:
        """Whose the run is.

        Returns:
            The launcher, another one that has taken the run over, or None where no claim is to be seen.
        """
        run = self.job.config.run_id
        claims = read_claims(self.folder.runs_path, run).get(run, [])
        return claims[-1].owner if claims else None


@dataclass(frozen=True)
class JobBundle:
    """Errands on their way to another machine, opened where modules are found as they are here.

    Attributes:
        path: where Python looks for modules.
        content: the claimed_jobs, pickled.
    """

    path: tuple[str, ...]
    content: bytes

    @classmethod
    def of(cls, claimed_jobs: Sequence[ClaimedJob]) -> "JobBundle":
        """Pack claimed_jobs.

        Args:
            claimed_jobs: what to pack.

        Returns:
            The bundle.
        """
        return cls(tuple(entry or os.getcwd() for entry in sys.path), pickle.dumps(list(claimed_jobs)))  # noqa: PTH109

    def unpack(self) -> list[ClaimedJob]:
        """Unpack the claimed_jobs.

        Returns:
            What was packed.
        """
        sys.path.extend(entry for entry in self.path if entry not in sys.path)
        claimed_jobs: Any = pickle.loads(self.content)
        return list(claimed_jobs)
