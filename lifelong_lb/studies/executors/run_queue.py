"""Queue of missing runs, shared by the launchers of a result folder through claims."""

import time
from collections.abc import Mapping, Sequence

from lifelong_lb.store import Claims, DamagedRunError, ResultFolder, remove_leftovers
from lifelong_lb.studies.executors.remote_job import ClaimedJob
from lifelong_lb.studies.job import Job
from lifelong_lb.studies.progress.observer import ProgressObserver

POLL_SECONDS = 1.0
"""Interval at which an idle launcher checks the runs of other launchers."""


class RunQueue:
    """Assign each missing run to exactly one launcher.

    A run is claimed before it starts. A run claimed by another launcher stays in the queue until it has ended there, or
    until that launcher died or was interrupted; then it can be taken here.

    Args:
        folder: the result folder.
        jobs: the missing runs.
        stamps: run id to publication time before the run was found missing, see
            :meth:`lifelong_lb.store.ResultFolder.stamp`; a different stamp means that the run was published again.
        claims: this launcher's claims.
        observer: receives the start and the end of each run.

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
        """Whether runs are left that were neither taken here nor ended elsewhere."""
        return bool(self._open)

    def take(self) -> Job | None:
        """Claim the next free run.

        Returns:
            The run, to be passed to :meth:`ended` or :meth:`put_back` later; None if no run is free at the moment.
        """
        # listed once per call, because a shared folder may hold thousands of files
        known = self._claims.listed() if self._open else {}
        for job in list(self._open):
            run = job.config.run_id
            if self._has_ended_elsewhere(job) or not self._claims.take(run, known):
                continue
            if self._has_ended_elsewhere(job):  # published and released just before it was claimed here
                self._claims.release(run)
                continue
            remove_leftovers(self.folder.runs_path, self._claims, run)
            self._open.remove(job)
            self._observer.begun(run, job.title)
            return job
        return None

    def claimed(self, job: Job) -> ClaimedJob:
        """Attach this launcher's claim to a run, for execution on another machine.

        Args:
            job: a run from :meth:`take`.

        Returns:
            The run with its claim.
        """
        return ClaimedJob(job, self._stamps[job.config.run_id], self._claims.owner)

    def is_ours(self, job: Job) -> bool:
        """Whether this launcher still holds the claim on a run.

        Args:
            job: a run from :meth:`take`.

        Returns:
            False if another launcher took it over because this one appeared dead.
        """
        return self._claims.holds(job.config.run_id)

    def was_published(self, job: Job) -> bool:
        """Whether a run has been published after it was found missing.

        Args:
            job: the run.

        Returns:
            True if it has.
        """
        run = job.config.run_id
        return self.folder.stamp(run) not in (None, self._stamps[run])

    def ended(self, job: Job) -> None:
        """Release the claim on a published run, and notify the observer.

        Args:
            job: a run from :meth:`take`.
        """
        record = self.folder.read_run(job.config.run_id)
        if record.status == "done":  # the run's process may have been killed before it removed the checkpoint
            self.folder.checkpoint(job.config.run_id).remove()
        self._claims.release(job.config.run_id)
        self._observer.ended(job.title, record, elsewhere=False)

    def put_back(self, job: Job) -> None:
        """Return an unfinished run to the queue.

        Args:
            job: a run from :meth:`take`.
        """
        self._claims.release(job.config.run_id)
        self._open.append(job)
        self._observer.given_up(job.config.run_id)

    def wait(self) -> None:
        """Sleep for a moment if all remaining runs are claimed by other launchers."""
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
