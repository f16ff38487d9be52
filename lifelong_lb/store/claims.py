"""Claims on runs, by which several launchers share one result folder.

A claim is a file ``.<run>.claim-N``, created exclusively by one process and renewed by it periodically. The claim of a
dead process is taken over by creating the file with the next number, again exclusively.
"""

import json
import os
import re
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from lifelong_lb.interrupts import uninterrupted
from lifelong_lb.store.files import named_in_errors
from lifelong_lb.store.owner import Owner
from lifelong_lb.store.reading import read_mapping
from lifelong_lb.store.run_record import STATUSES
from lifelong_lb.store.values import real_number, whole_number

RENEW_SECONDS = 15.0
"""Interval at which a launcher renews its claims."""
STALE_SECONDS = 180.0
"""Time without renewal after which a launcher on another machine counts as dead. A shared file system may show changes
a minute late."""
_NAME = re.compile(r"\.(?P<run>.+)\.claim-(?P<number>[1-9][0-9]{0,8})")
_LATEST, _LATEST_NS = 2.0**34, 2**63 - 1
"""Latest accepted times, in seconds and nanoseconds; later ones cannot be formatted as a date."""


@dataclass(frozen=True)
class Session:
    """A launcher's start time and retry options, stored in its claims for other launchers.

    Attributes:
        began: start time in nanoseconds, by the clock of the file system.
        retry: statuses of ended runs that it retries.
    """

    began: int = 0
    retry: tuple[str, ...] = ()

    def has_retried(self, status: str, published: int) -> bool:
        """Whether a run with a status to retry ended after the launcher started.

        Args:
            status: how the run ended.
            published: when, in nanoseconds by the clock of the file system.

        Returns:
            True if later launchers need not retry the run.
        """
        return status in self.retry and published > self.began


@dataclass(frozen=True)
class Claim:
    """A claim on a run.

    Attributes:
        path: its file.
        run: the run's id.
        number: 1 plus the number of times it was taken over.
        owner: the launcher; None if the file is incomplete.
        since: creation time, by the owner's clock.
        session: the owner's session.
    """

    path: Path
    run: str
    number: int
    owner: Owner | None
    since: float
    session: Session

    def is_abandoned(self) -> bool:
        """Whether the owner is known to be dead, without waiting.

        Returns:
            False also if that cannot be determined from this machine.
        """
        return self.owner is not None and self.owner.is_known_dead()


def read_claims(runs_path: Path, run: str | None = None) -> dict[str, list[Claim]]:
    """Read the claims of a folder.

    Args:
        runs_path: the folder of the runs; it need not exist.
        run: id of the run; None for all runs.

    Returns:
        Run id to its claims; the last one is in force.
    """
    listed = list_claims(runs_path)
    wanted = listed if run is None else {run: listed[run]} if run in listed else {}
    return {run: _read_all(runs_path, run, numbers) for run, numbers in wanted.items()}


def list_claims(runs_path: Path) -> dict[str, list[int]]:
    """List the claims of a folder without opening any.

    Args:
        runs_path: the folder of the runs; it need not exist.

    Returns:
        Run id to the numbers of its claims, ascending.
    """
    try:
        names = os.listdir(runs_path)  # noqa: PTH208  faster for many thousands of files
    except OSError:
        return {}
    claims: dict[str, list[int]] = {}
    for name in names:
        if (matched := _NAME.fullmatch(name)) is not None:
            claims.setdefault(matched["run"], []).append(int(matched["number"]))
    return {run: sorted(numbers) for run, numbers in claims.items()}


def _read_all(runs_path: Path, run: str, numbers: Iterable[int]) -> list[Claim]:
    return [_read(runs_path / f".{run}.claim-{number}", run, number) for number in numbers]


def _read(path: Path, run: str, number: int) -> Claim:
    try:
        raw = read_mapping(path)
        retry = tuple(status for status in STATUSES if status in raw["retry"])
        session = Session(whole_number(raw["began"], "began", _LATEST_NS), retry)
        return Claim(path, run, number, Owner.from_json(raw), real_number(raw["since"], "since", _LATEST), session)
    except (OSError, ValueError, TypeError, LookupError):
        return Claim(path, run, number, None, 0.0, Session())


def active_sessions(runs_path: Path) -> set[Session]:
    """Read the sessions of launchers that hold claims and are not known to be dead.

    Args:
        runs_path: the folder of the runs; it need not exist.

    Returns:
        The sessions.
    """
    last = [claims[-1] for claims in read_claims(runs_path).values()]
    return {claim.session for claim in last if not claim.is_abandoned()}


def remove_abandoned_claims(runs_path: Path) -> None:
    """Remove the claims of dead launchers of this machine; ignore missing permissions.

    Args:
        runs_path: the folder of the runs; it need not exist.
    """
    for run, claims in read_claims(runs_path).items():
        if claims[-1].is_abandoned():
            with suppress(OSError):
                mine = Claims(runs_path)
                if mine.take(run):
                    mine.release(run)


class Claims:
    """The claims of a launcher; as a context manager, a thread renews them, and exiting releases them.

    Args:
        runs_path: the folder of the runs; it must exist.
        owner: the claiming process; None for this one.
        clock: a monotonic clock, in seconds.
        session: the launcher's session; None for one that retries nothing.
    """

    def __init__(
        self,
        runs_path: Path,
        owner: Owner | None = None,
        clock: Callable[[], float] = time.monotonic,
        session: Session | None = None,
    ) -> None:
        self._session = session or Session()
        self._runs_path, self._owner, self._clock = runs_path, owner or Owner.here(), clock
        self._held: dict[str, Claim] = {}
        self._watched: dict[Claim, tuple[int, float]] = {}
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._keep_renewing, name="claims", daemon=True)

    def __enter__(self) -> "Claims":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()
        for run in list(self._held):
            self.release(run)

    @property
    def owner(self) -> Owner:
        """The claiming process."""
        return self._owner

    def listed(self) -> dict[str, list[int]]:
        """List the claims of the folder, see :func:`list_claims`.

        Returns:
            Run id to the numbers of its claims.
        """
        return list_claims(self._runs_path)

    def take(self, run: str, known: Mapping[str, Sequence[int]] | None = None) -> bool:
        """Claim a run; afterwards check whether it has been published in the meantime.

        Args:
            run: the run's id.
            known: a recent result of :meth:`listed`; None to list the claims again.

        Returns:
            False if the run is claimed already, by another launcher or this one.
        """
        before = _read_all(self._runs_path, run, (self.listed() if known is None else known).get(run, []))
        if before and not self._is_abandoned(before[-1]):
            return False
        with uninterrupted():
            claim = self._create(run, before[-1].number + 1 if before else 1)
            if claim is None:
                return False
            self._held[run] = claim  # from now on, an interrupt releases it
        others = [other for other in read_claims(self._runs_path, run).get(run, []) if other != claim]
        if any(other not in before for other in others):  # made by a launcher that listed the claims at another time
            claim.path.unlink(missing_ok=True)
            del self._held[run]
            return False
        for other in others:
            other.path.unlink(missing_ok=True)
        return True

    def release(self, run: str) -> None:
        """Release a claim.

        Args:
            run: the run's id.
        """
        claim = self._held[run]
        if _read(claim.path, claim.run, claim.number) == claim:
            claim.path.unlink(missing_ok=True)
        del self._held[run]  # last, so that an interrupt before it does not leave the file behind

    def holds(self, run: str) -> bool:
        """Whether this launcher has claimed a run.

        Args:
            run: the run's id.

        Returns:
            False also if another launcher took the claim over because this one was suspended and did not renew it.
        """
        claim = self._held.get(run)
        return claim is not None and claim.path.exists()

    def is_claimed_elsewhere(self, run: str) -> bool:
        """Whether another launcher has claimed a run.

        Args:
            run: the run's id.

        Returns:
            False if that launcher is known to be dead.
        """
        claims = read_claims(self._runs_path, run).get(run, [])
        return bool(claims) and run not in self._held and not self._is_abandoned(claims[-1])

    def remove_abandoned(self) -> None:
        """Remove the claims of dead processes."""
        for run in read_claims(self._runs_path):
            if self.take(run):
                self.release(run)

    def renew(self) -> None:
        """Renew all claims held, by updating their modification time; called by the thread."""
        for claim in list(self._held.values()):
            try:
                os.utime(claim.path)
            except OSError:  # taken over, see holds(), or the file system is unavailable for a moment
                continue

    def _keep_renewing(self) -> None:
        while not self._stop.wait(RENEW_SECONDS):
            self.renew()

    def _create(self, run: str, number: int) -> Claim | None:
        """Create the file of a claim; None if it exists."""
        path, since = self._runs_path / f".{run}.claim-{number}", time.time()
        try:
            file = path.open("x", encoding="utf-8")
        except FileExistsError:
            return None
        try:
            with named_in_errors(path), file:
                json.dump({**self._owner.to_json(), "since": since, **asdict(self._session)}, file)
        except BaseException:
            path.unlink(missing_ok=True)
            raise
        return Claim(path, run, number, self._owner, since, self._session)

    def _is_abandoned(self, claim: Claim) -> bool:
        """Whether the owner of a claim is dead; for other machines, judged by missing renewals between calls."""
        if claim.owner is not None and claim.owner.is_observable():
            return claim.owner.is_known_dead()
        try:
            renewed = claim.path.stat().st_mtime_ns
        except FileNotFoundError:
            return False
        before = self._watched.get(claim)
        if before is None or before[0] != renewed:
            self._watched[claim] = (renewed, self._clock())
            return False
        return self._clock() - before[1] >= STALE_SECONDS
