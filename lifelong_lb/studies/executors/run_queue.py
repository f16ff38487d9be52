"""The runs that a launcher wants, shared with other launchers at work in the same folder."""

import time
from collections.abc import Mapping, Sequence

from lifelong_lb.store import Claims, DamagedRunError, ResultFolder
from lifelong_lb.studies.executors.remote_job import ClaimedJob
from lifelong_lb.studies.job import Job
from lifelong_lb.studies.progress.observer import ProgressObserver

POLL_SECONDS = 1.0
"""How often a launcher that could do more looks whether a run that others are at has ended or was left."""


class RunQueue:
    """Hands out runs, each of them to one launcher.

    A run is claimed before it is begun. One that another launcher has claimed stays in the queue until it has ended
    there, or is left by a launcher that has died or was interrupted: then it is handed out here.

    Args:
        folder: the result folder.
        jobs: the runs that are missing.
        stamps: when each of them had been published before it was found missing, by id, see
            :meth:`lifelong_lb.store.ResultFolder.stamp`; another stamp means that somebody has done it since.
        claims: this launcher's claims.
        observer: is told of runs that begin and end.

    Attributes:
        folder: the result folder.
    """

    def __init__(
        self,
        folder: ResultFolder,
        jobs: Sequence[Job],
        stamps: Mapping[str, int | None],
        claims: Claims,
        observer: ProgressObserver,
    ) -> None:
        self.folder = folder
        self._open = list(jobs)
        self._stamps, self._claims, self._observer = stamps, claims, observer
        self._has_waited = False

    @property
    def has_more(self) -> bool:
        """Whether runs are left that were neither handed out nor have ended elsewhere."""
        return bool(self._open)

    def take(self) -> Job | None:
        """Claim the next run that is free.

        Returns:
            The run, to be given to :meth:`ended` or :meth:`put_back` afterwards; None when none is free at the moment.
        """
        known = self._claims.listed() if self._open else {}  # once: a shared folder may hold thousands of files
        for job in list(self._open):
            run = job.config.run_id
            if self._has_ended_elsewhere(job) or not self._claims.take(run, known):
                continue
            if self._has_ended_elsewhere(job):  # and was given up, just before it was claimed here
                self._claims.release(run)
                continue
            self.folder.remove_leftovers(self._claims, run)
            self._open.remove(job)
            self._observer.begun(run, job.title)
            return job
        return None

    def claimed(self, job: Job) -> ClaimedJob:
        """What must be known where a run is done on this launcher's behalf.

        Args:
            job: the run, handed out.

        Returns:
            The run with its claim.
        """
        return ClaimedJob(job, self._stamps[job.config.run_id], self._claims.owner)

    def is_ours(self, job: Job) -> bool:
        """Whether a run that was handed out is still this launcher's.

        Args:
            job: the run.

        Returns:
            False when another launcher has taken it over, because this one seemed to be dead.
        """
        return self._claims.holds(job.config.run_id)

    def was_published(self, job: Job) -> bool:
        """Whether a run has been published since it was found missing.

        Args:
            job: the run.

        Returns:
            True when it has.
        """
        run = job.config.run_id
        return self.folder.stamp(run) not in (None, self._stamps[run])

    def ended(self, job: Job) -> None:
        """Give up the claim on a run that was handed out and has been published, and tell of it.

        Args:
            job: the run.
        """
        record = self.folder.read_run(job.config.run_id)
        if record.status == "done":  # its process may have been ended just before it did so
            self.folder.checkpoint(job.config.run_id).remove()
        self._claims.release(job.config.run_id)
        self._observer.ended(job.title, record, elsewhere=False)

    def put_back(self, job: Job) -> None:
        """Give up a run that was handed out and has not ended.

        Args:
            job: the run.
        """
        self._claims.release(job.config.run_id)
        self._open.append(job)
        self._observer.given_up(job.config.run_id)

    def wait(self) -> None:
        """Let others go on for a moment, where all runs that are left are in their hands."""
        if not self._open:
            return
        if not self._has_waited:
            self._has_waited = True
            self._observer.waiting(len(self._open))
        time.sleep(POLL_SECONDS)

    def _has_ended_elsewhere(self, job: Job) -> bool:
        if not self.was_published(job):
            return False
        try:
            record = self.folder.read_run(job.config.run_id, job.config.seed, job.config.expected_config)
        except DamagedRunError:
            return False
        self._open.remove(job)
        self._observer.ended(job.title, record, elsewhere=True)
        return True
