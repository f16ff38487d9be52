"""Interface of progress observers."""

from collections.abc import Mapping

from lifelong_lb.store import RunRecord


class ProgressObserver:
    """Receive progress events of a study, one call at a time; methods do nothing unless overridden."""

    def phase(self, name: str, text: str, numbers: Mapping[str, float]) -> None:
        """Called before each phase of tuning; a phase lasts from :meth:`start` to :meth:`stop`.

        Args:
            name: ``"trial"`` for a round of trials, or ``"chosen"`` for the study with the chosen settings.
            text: one-line description.
            numbers: progress of the search; ``seconds`` since its start.
        """

    def start(self, total: int, present: Mapping[str, int]) -> None:
        """Called once at the start of the study or phase.

        Args:
            total: number of runs.
            present: status to number of runs that ended earlier and are kept.
        """

    def begun(self, run: str, title: str) -> None:
        """Called when a run starts here.

        Args:
            run: its id.
            title: one-line description.
        """

    def learnt(self, run: str, title: str, experience: int, experiences: int, accuracy: float) -> None:
        """Called when a run started here has finished an experience and its evaluation.

        Args:
            run: its id.
            title: one-line description.
            experience: its index, 0..T-1.
            experiences: T.
            accuracy: mean accuracy on the experiences seen so far, a fraction.
        """

    def ended(self, title: str, record: RunRecord, *, elsewhere: bool) -> None:
        """Called when a run has ended.

        Args:
            title: one-line description.
            record: its record.
            elsewhere: whether another launcher executed it.
        """

    def given_up(self, run: str) -> None:
        """Called when a run started here is returned to the queue.

        Either another launcher has taken it over, or it is restarted because its fork server or job died.

        Args:
            run: its id.
        """

    def waiting(self, runs: int) -> None:
        """Called once when all remaining runs are in progress elsewhere.

        Args:
            runs: their number.
        """

    def problem(self, text: str) -> None:
        """Called once per problem that does not affect the runs, e.g. if the page cannot be written.

        Args:
            text: one sentence.
        """

    def stop(self) -> None:
        """Called at the end, also after an exception."""
