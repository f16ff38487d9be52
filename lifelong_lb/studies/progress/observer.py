"""Being told how a study goes."""

from collections.abc import Mapping

from lifelong_lb.store import RunRecord


class ProgressObserver:
    """Somebody who is told how a study goes, a call at a time; each method does nothing unless it is overridden."""

    def phase(self, name: str, text: str, numbers: Mapping[str, float]) -> None:
        """Called where something begins that is done in several parts, each from :meth:`start` to :meth:`stop`.

        Args:
            name: ``"trial"``, one of each search, or ``"chosen"``, the study with what they have led to.
            text: what begins, for people.
            numbers: how far it is; ``seconds`` since the beginning of all parts.
        """

    def start(self, total: int, present: Mapping[str, int]) -> None:
        """Called once, at the beginning (of each part).

        Args:
            total: runs in the study.
            present: status to number of those that have ended already and stay as they are.
        """

    def begun(self, run: str, title: str) -> None:
        """Called when a run is begun here.

        Args:
            run: its id.
            title: what it is, in a line.
        """

    def learnt(self, run: str, title: str, experience: int, experiences: int, accuracy: float) -> None:
        """Called when a run that was begun here has learnt an experience and measured its accuracy.

        Args:
            run: its id.
            title: what it is.
            experience: which, in 0..T-1.
            experiences: T.
            accuracy: mean accuracy on the experiences seen so far, a fraction.
        """

    def ended(self, title: str, record: RunRecord, *, elsewhere: bool) -> None:
        """Called when a run has ended.

        Args:
            title: what it was.
            record: what it left behind.
            elsewhere: whether another launcher has done it.
        """

    def given_up(self, run: str) -> None:
        """Called when a run that was begun here is put back.

        It is left to another launcher, which took this one for dead, or begun again, as what it needed had died.

        Args:
            run: its id.
        """

    def waiting(self, runs: int) -> None:
        """Called once when all runs that are left are in progress elsewhere.

        Args:
            runs: how many they are.
        """

    def stop(self) -> None:
        """Called at the end, however it comes."""
