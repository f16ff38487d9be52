"""Claimed runs, pickled for execution on another machine."""

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
    """A run with the claim of its launcher.

    Attributes:
        job: the run.
        stamp: earlier publication time, see :meth:`lifelong_lb.store.ResultFolder.stamp`.
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
        """Whether the run has been published after it was claimed.

        Returns:
            True if it has.
        """
        return self.folder.stamp(self.job.config.run_id) not in (None, self.stamp)

    def holder(self) -> Owner | None:
        """Read the current holder of the run's claim.

        Returns:
            The launcher, another launcher that has taken the run over, or None if no claim is visible.
        """
        run = self.job.config.run_id
        claims = read_claims(self.folder.runs_path, run).get(run, [])
        return claims[-1].owner if claims else None


@dataclass(frozen=True)
class JobBundle:
    """Pickled claimed runs, with the module search path needed to unpickle them.

    Attributes:
        path: the launcher's ``sys.path``.
        content: the pickled list of runs.
    """

    path: tuple[str, ...]
    content: bytes

    @classmethod
    def of(cls, claimed_jobs: Sequence[ClaimedJob]) -> "JobBundle":
        """Pickle claimed runs.

        Args:
            claimed_jobs: the runs.

        Returns:
            The bundle.
        """
        return cls(tuple(entry or os.getcwd() for entry in sys.path), pickle.dumps(list(claimed_jobs)))  # noqa: PTH109

    def unpack(self) -> list[ClaimedJob]:
        """Extend ``sys.path`` and unpickle the runs.

        Returns:
            The runs.
        """
        sys.path.extend(entry for entry in self.path if entry not in sys.path)
        claimed_jobs: Any = pickle.loads(self.content)
        return list(claimed_jobs)
