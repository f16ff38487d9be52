"""Claims on runs: how several launchers that are at work in one folder share it.

A claim is a file ``.<run>.claim-N`` that only one process can create. Its owner renews it now and then. That of a
process which is gone is taken over by creating the one with the next number, which again only one process can do.
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

from lifelong_lb.store.files import named_in_errors
from lifelong_lb.store.owner import Owner
from lifelong_lb.store.reading import read_mapping
from lifelong_lb.store.run_record import STATUSES
from lifelong_lb.store.values import real_number, whole_number

RENEW_SECONDS = 15.0
"""How often a launcher renews its claims."""
STALE_SECONDS = 180.0
"""How long a claim of another machine must have been left alone for its launcher to be taken for dead. A file system
that machines share may show a change a minute late."""
_NAME = re.compile(r"\.(?P<run>.+)\.claim-(?P<number>[1-9][0-9]{0,8})")
_LATEST, _LATEST_NS = 2.0**34, 2**63 - 1
"""Times after these, some centuries from now, cannot be written as a date."""


@dataclass(frozen=True)
class Session:
    """What a launcher has come for, as far as it concerns others.

    Attributes:
        began: when it began, in nanoseconds by the clock of the file system.
        retry: statuses of ended runs that it tries again.
    """

    began: int = 0
    retry: tuple[str, ...] = ()

    def has_retried(self, status: str, published: int) -> bool:
        """Whether a run has ended since the launcher began that it would have tried again otherwise.

        Args:
            status: how the run ended.
            published: when, in nanoseconds by the clock of the file system.

        Returns:
            True when whoever comes later need not try it again, too.
        """
        return status in self.retry and published > self.began


@dataclass(frozen=True)
class Claim:
    """A claim on a run.

    Attributes:
        path: its file.
        run: the run's id.
        number: 1, and one more for each time that it was taken over.
        owner: the launcher; None while it is just being written, or was left half written.
        since: when it was made, by the owner's clock.
        session: what the owner has come for.
    """

    path: Path
    run: str
    number: int
    owner: Owner | None
    since: float
    session: Session

    def is_abandoned(self) -> bool:
        """Whether the owner has ended, as far as can be seen at once from here.

        Returns:
            True when it has.
        """
        return self.owner is not None and self.owner.is_known_dead()


def read_claims(runs_path: Path, run: str | None = None) -> dict[str, list[Claim]]:
    """All claims of a folder.

    Args:
        runs_path: the folder of the runs; it need not exist.
        run: the run whose claims are wanted; None for all runs.

    Returns:
        Run id to its claims, the one that counts last.
    """
    listed = list_claims(runs_path)
    wanted = listed if run is None else {run: listed[run]} if run in listed else {}
    return {run: _read_all(runs_path, run, numbers) for run, numbers in wanted.items()}


def list_claims(runs_path: Path) -> dict[str, list[int]]:
    """Which claims a folder holds, none of which is opened.

    Args:
        runs_path: the folder of the runs; it need not exist.

    Returns:
        Run id to the numbers of its claims, rising.
    """
    try:
        names = os.listdir(runs_path)  # noqa: PTH208  one quick look at what may be many thousands
    except OSError:
        return {}
    found: dict[str, list[int]] = {}
    for name in names:
        if (matched := _NAME.fullmatch(name)) is not None:
            found.setdefault(matched["run"], []).append(int(matched["number"]))
    return {run: sorted(numbers) for run, numbers in found.items()}


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
    """What the launchers that have claims have come for, those left out that are known to be gone.

    Args:
        runs_path: the folder of the runs; it need not exist.

    Returns:
        Each once.
    """
    last = [claims[-1] for claims in read_claims(runs_path).values()]
    return {claim.session for claim in last if not claim.is_abandoned()}


def remove_abandoned_claims(runs_path: Path) -> None:
    """Remove the claims of launchers of this machine that have died; nothing happens where that is not permitted.

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
    """The claims of a launcher, renewed by a thread between entering and leaving; leaving gives them up.

    Args:
        runs_path: the folder of the runs; it must exist.
        owner: who claims; None for this process.
        clock: seconds by a clock that is never set.
        session: what the owner has come for; None for nothing that concerns others.
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
        self._left = threading.Event()
        self._thread = threading.Thread(target=self._keep_renewing, name="claims", daemon=True)

    def __enter__(self) -> "Claims":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._left.set()
        self._thread.join()
        for run in list(self._held):
            self.release(run)

    @property
    def owner(self) -> Owner:
        """Who claims."""
        return self._owner

    def listed(self) -> dict[str, list[int]]:
        """Which claims the folder holds, as :func:`list_claims` finds them.

        Returns:
            Run id to the numbers of its claims.
        """
        return list_claims(self._runs_path)

    def take(self, run: str, known: Mapping[str, Sequence[int]] | None = None) -> bool:
        """Claim a run. Whoever has got it must look whether it was published in the meantime.

        Args:
            run: the run's id.
            known: what :meth:`listed` has found a moment ago; None to look here.

        Returns:
            False when it is in other hands, or in these.
        """
        before = _read_all(self._runs_path, run, (self.listed() if known is None else known).get(run, []))
        if before and not self._is_abandoned(before[-1]):
            return False
        claim = self._create(run, before[-1].number + 1 if before else 1)
        if claim is None:
            return False
        others = [other for other in read_claims(self._runs_path, run).get(run, []) if other != claim]
        if any(other not in before for other in others):  # made by somebody who had looked at another time
            claim.path.unlink(missing_ok=True)
            return False
        for other in others:
            other.path.unlink(missing_ok=True)
        self._held[run] = claim
        return True

    def release(self, run: str) -> None:
        """Give up a claim.

        Args:
            run: the run's id.
        """
        claim = self._held.pop(run)
        if _read(claim.path, claim.run, claim.number) == claim:
            claim.path.unlink(missing_ok=True)

    def holds(self, run: str) -> bool:
        """Whether a run is this launcher's.

        Args:
            run: the run's id.

        Returns:
            False also when others have taken it over because this launcher, frozen, gave no sign of life.
        """
        claim = self._held.get(run)
        return claim is not None and claim.path.exists()

    def is_claimed_elsewhere(self, run: str) -> bool:
        """Whether a run is another launcher's.

        Args:
            run: the run's id.

        Returns:
            True when its claim is not one of these, nor left by a process that is known to be gone.
        """
        found = read_claims(self._runs_path, run).get(run, [])
        return bool(found) and run not in self._held and not self._is_abandoned(found[-1])

    def remove_abandoned(self) -> None:
        """Remove claims of processes that are gone, whatever has become of their runs."""
        for run in read_claims(self._runs_path):
            if self.take(run):
                self.release(run)

    def renew(self) -> None:
        """Give a sign of life for all that is held; the thread does so."""
        for claim in list(self._held.values()):
            try:
                os.utime(claim.path)
            except OSError:  # gone, see holds(), or a file system that is away for a moment
                continue

    def _keep_renewing(self) -> None:
        while not self._left.wait(RENEW_SECONDS):
            self.renew()

    def _create(self, run: str, number: int) -> Claim | None:
        """Make a claim's file; None when somebody else has."""
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
        """Whether a claim's owner is gone; from another machine it takes some watching to know."""
        if claim.owner is not None and claim.owner.is_observable():
            return claim.owner.is_known_dead()
        try:
            sign = claim.path.stat().st_mtime_ns
        except FileNotFoundError:
            return False
        before = self._watched.get(claim)
        if before is None or before[0] != sign:
            self._watched[claim] = (sign, self._clock())
            return False
        return self._clock() - before[1] >= STALE_SECONDS
