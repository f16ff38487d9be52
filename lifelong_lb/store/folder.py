"""A result folder: the only place that knows what its files are called."""

import os
import re
import shutil
import stat
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from lifelong_lb.config import UserError
from lifelong_lb.store.checkpoints import CheckpointFolder
from lifelong_lb.store.checks import ConfigLookup
from lifelong_lb.store.claims import Claims
from lifelong_lb.store.files import named_in_errors, write_bytes, write_json, write_text
from lifelong_lb.store.owner import Owner
from lifelong_lb.store.progress import PROGRESS
from lifelong_lb.store.reading import exists, read_frame, read_json, read_mapping, read_tail
from lifelong_lb.store.recorded import (
    read_confusion,
    read_continual,
    read_diagnostics,
)
from lifelong_lb.store.run_files import DamagedRunError, read_record, write_record
from lifelong_lb.store.run_record import RunRecord
from lifelong_lb.store.spreadsheets import without_formulas
from lifelong_lb.store.study_file import StudyFile
from lifelong_lb.untrusted import quoted, shortened

LOG = "log.txt"
"""A run's log, in its folder."""
OWNER = "owner.json"
"""Which process a scratch folder belongs to."""
LOCK_TIMEOUT_SECONDS = 600.0
"""How long to wait for another process that writes into the folder; a report takes seconds."""
_SAFE = re.compile(r"[\w-]{1,80}", re.ASCII)
CHECKPOINT = ".checkpoint"
"""Suffix of the folder in which a run in progress saves itself."""
MOST_STUDY_BYTES = 256 * 2**20
"""Size limit of ``study.json``: a million runs fit."""
_MOST_LOG = 2**24
"""Most characters of the log of a run whose process died that are kept, from its end."""


@dataclass(frozen=True)
class ResultFolder:
    """A folder with ``study.json``, one folder a run under ``runs/``, and the tables made from them.

    Attributes:
        path: the folder; it need not exist yet.
        parquet: whether tables are written as Parquet, too.
    """

    path: Path
    parquet: bool = False

    @property
    def study_path(self) -> Path:
        """Where ``study.json`` lies."""
        return self.path / "study.json"

    @property
    def runs_path(self) -> Path:
        """Folder of the runs."""
        return self.path / "runs"

    @property
    def figures_path(self) -> Path:
        """Folder of the figures."""
        return self.path / "figures"

    @property
    def report_path(self) -> Path:
        """The page."""
        return self.path / "report.html"

    def run_path(self, run: str) -> Path:
        """Folder of one run.

        Args:
            run: the run's id.

        Returns:
            A path that exists once the run has ended.

        Raises:
            UserError: if the id could lead out of the folder of the runs.
        """
        if not _SAFE.fullmatch(run):
            raise UserError(f"a run id must be letters, digits, - and _; got {quoted(run)}")
        return self.runs_path / run

    def check_writable(self) -> None:
        """Make sure that results can be written, before anything is computed.

        Raises:
            UserError: when they cannot.
        """
        try:
            self.runs_path.mkdir(parents=True, exist_ok=True)
            for folder in (self.path, self.runs_path):
                with tempfile.TemporaryFile(dir=folder):
                    pass
        except OSError as error:
            raise UserError(f"{self.path}: not a folder that can be written to ({error.strerror})") from None

    def read_study(self) -> StudyFile | None:
        """The study of this folder.

        Returns:
            The study, or None when the folder holds none.

        Raises:
            UserError: when ``study.json`` is damaged or of another version.
        """
        try:
            raw = read_json(self.study_path, MOST_STUDY_BYTES)
        except FileNotFoundError:
            return None
        except NotADirectoryError:
            raise UserError(f"{self.path}: must be a result folder, the --out of a run; it is a file") from None
        except (OSError, ValueError) as error:
            raise UserError(f"{self.study_path}: cannot be read ({error})") from None
        try:
            return StudyFile.from_json(raw, str(self.study_path))
        except UserError:
            raise
        except (ValueError, TypeError, LookupError, ArithmeticError, AttributeError, RecursionError) as error:
            raise UserError(f"{self.study_path}: damaged ({shortened(repr(error), 200)})") from None

    def write_study(self, file: StudyFile) -> None:
        """Write ``study.json``.

        Args:
            file: its content.
        """
        write_json(self.study_path, file.to_json())

    def study_stamp(self) -> int:
        """When ``study.json`` was written; it must be there.

        Returns:
            Nanoseconds by the clock that :meth:`stamp` goes by.
        """
        return self.study_path.stat().st_mtime_ns

    def has_run(self, run: str) -> bool:
        """Whether a run has ended, in whatever way.

        Args:
            run: the run's id.

        Returns:
            True when its folder holds a result.
        """
        return os.path.isfile(self.run_path(run) / "result.json")  # noqa: PTH113  False where it may not be looked at

    def has_folder(self, run: str) -> bool:
        """Whether anything lies where a run's folder belongs.

        Args:
            run: the run's id.

        Returns:
            True also for something other than a folder.
        """
        return exists(self.run_path(run))

    def has_runs(self) -> bool:
        """Whether the folder of the runs holds anything but files of runs in progress.

        Returns:
            False also where it may not be looked into.
        """
        try:
            return any(not name.startswith(".") for name in os.listdir(self.runs_path))  # noqa: PTH208
        except OSError:
            return False

    def stamp(self, run: str) -> int | None:
        """When a run was published, to tell one publication from the next.

        Args:
            run: the run's id.

        Returns:
            Nanoseconds of some clock; None for a run that has not ended.
        """
        try:
            return (self.run_path(run) / "result.json").stat().st_mtime_ns
        except OSError:
            return None

    def read_run(self, run: str, seed: int | None = None, expected: ConfigLookup | None = None) -> RunRecord:
        """What a run left behind.

        Args:
            run: the run's id.
            seed: the seed it must have; None for any.
            expected: knows the configuration that it must have, such as :meth:`StudyFile.expected_config`; None for any.

        Returns:
            Its record.

        Raises:
            DamagedRunError: when a file of it is missing or broken, or holds another run.
        """
        return read_record(self.run_path(run), run, seed, expected)

    def read_diagnostics(self, run: str) -> pd.DataFrame | None:
        """Read what was recorded along the passes of a run, see :func:`~lifelong_lb.store.recorded.read_diagnostics`.

        Args:
            run: the run's id.

        Returns:
            A table, or None.
        """
        return read_diagnostics(self.run_path(run))

    def read_continual(self, run: str) -> pd.DataFrame | None:
        """Read the accuracies during training, see :func:`~lifelong_lb.store.recorded.read_continual`.

        Args:
            run: the run's id.

        Returns:
            A table, or None.
        """
        return read_continual(self.run_path(run))

    def read_confusion(self, run: str) -> pd.DataFrame | None:
        """Read the confusion counts of a run, see :func:`~lifelong_lb.store.recorded.read_confusion`.

        Args:
            run: the run's id.

        Returns:
            A table, or None.
        """
        return read_confusion(self.run_path(run))

    @contextmanager
    def new_run(self, run: str) -> Iterator[Path]:
        """A scratch folder for a run in progress, gone when the block ends.

        Args:
            run: the run's id.

        Yields:
            The scratch folder; what lies there when :meth:`write_run` is called is kept with the run.
        """
        self.runs_path.mkdir(parents=True, exist_ok=True)
        with named_in_errors(self.runs_path):
            scratch = Path(tempfile.mkdtemp(dir=self.runs_path, prefix=f".{run}."))
        try:
            write_json(scratch / OWNER, Owner.here().to_json())
            yield scratch
        finally:
            shutil.rmtree(scratch, ignore_errors=True)

    def checkpoint(self, run: str) -> CheckpointFolder:
        """Where a run in progress saves what it would need to go on.

        Args:
            run: the run's id.

        Returns:
            A folder that nothing but the run touches.
        """
        return CheckpointFolder(self.runs_path / f".{run}{CHECKPOINT}")

    def salvaged_log(self, run: str) -> str:
        """The log of a run whose process died before it could publish anything.

        Args:
            run: the run's id.

        Returns:
            Its text; empty when none is found.
        """
        found: dict[float, str] = {}
        for path in self.runs_path.glob(f".{run}.*/{LOG}"):
            with suppress(OSError, ValueError):  # it may go while it is looked at
                found[path.stat().st_mtime] = read_tail(path, _MOST_LOG)
        return found[max(found)] if found else ""

    def write_run(
        self,
        record: RunRecord,
        scratch: Path,
        diagnostics: Sequence[Mapping[str, float]] = (),
        continual: Sequence[tuple[int, int, int, float]] = (),
        confusion: Sequence[tuple[int, int, int, int, int]] = (),
        *,
        keep_checkpoint: bool = False,
    ) -> None:
        """Publish a run: its files are completed in the scratch folder, which then takes its final name.

        Args:
            record: what the run left behind.
            scratch: folder from :meth:`new_run`.
            diagnostics: one mapping a recorded pass.
            continual: accuracies measured during training, the values of :data:`CONTINUAL_COLUMNS`.
            confusion: which classes were predicted, the values of :data:`CONFUSION_COLUMNS`.
            keep_checkpoint: whether the run may be gone on from its checkpoint when it is tried again.
        """
        write_record(scratch, record, diagnostics, continual, confusion)
        for name in (OWNER, PROGRESS):
            (scratch / name).unlink(missing_ok=True)
        scratch.chmod(0o755)
        if not keep_checkpoint and record.status != "done":
            self.checkpoint(record.run).remove()  # first: whoever tries it again must not find one
        self._publish(record, scratch)
        if not keep_checkpoint:
            self.checkpoint(record.run).remove()

    def _publish(self, record: RunRecord, scratch: Path) -> None:
        """Give a complete scratch folder its final name. A run that is done is never replaced by another."""
        final = self.run_path(record.run)
        for attempt in range(100):
            try:
                scratch.rename(final)
                return
            except OSError:
                if attempt == 99 or not final.exists():
                    raise
            if self._is_done(record):
                return
            old = scratch.with_name(f"{scratch.name}.old{attempt}")
            with suppress(FileNotFoundError):  # somebody else was faster
                final.rename(old)
            shutil.rmtree(old, ignore_errors=True)

    def _is_done(self, newer: RunRecord) -> bool:
        try:
            return self.read_run(newer.run, newer.config.get("seed"), lambda _: newer.config).status == "done"
        except DamagedRunError:
            return False

    def write_table(self, name: str, frame: pd.DataFrame) -> None:
        """Write a table as CSV with unrounded numbers, and as Parquet where that is wanted or lies there already.

        Texts that a spreadsheet would take for formulas get an apostrophe in front, see :func:`without_formulas`.

        Args:
            name: file name without ending, such as ``"results"``.
            frame: the table.
        """
        write_text(self.path / f"{name}.csv", without_formulas(frame).to_csv(index=False))
        self.write_parquet(name, frame)

    def write_parquet(self, name: str, frame: pd.DataFrame) -> None:
        """Write a table as Parquet alone, where that is wanted or lies there already, so that no file is out of date.

        Args:
            name: file name without ending.
            frame: the table.
        """
        if self.wants_parquet(name):
            write_bytes(self.path / f"{name}.parquet", frame.to_parquet(engine="pyarrow", index=False))

    def wants_parquet(self, name: str) -> bool:
        """Whether a table is written as Parquet.

        Args:
            name: file name without ending.

        Returns:
            True where that is wanted or has been done before.
        """
        return self.parquet or (self.path / f"{name}.parquet").exists()

    def read_table(self, name: str) -> pd.DataFrame:
        """Read a table written by :meth:`write_table`.

        Args:
            name: file name without ending.

        Returns:
            The table.

        Raises:
            UserError: when it is not there or cannot be read.
        """
        path = self.path / f"{name}.csv"
        try:
            table = read_frame(path, dtype=_TEXT, keep_default_na=False, na_values=[""])
        except (OSError, ValueError) as error:
            raise UserError(f"{path}: cannot be read ({error})") from None
        return table

    def write_file(self, name: str, content: str | bytes) -> None:
        """Write any other file of the report.

        Args:
            name: path below the folder, such as ``"report.html"``.
            content: text or bytes.
        """
        write = write_text if isinstance(content, str) else write_bytes
        write(self.path / name, content)  # type: ignore[arg-type]

    def remove_leftovers(self, claims: Claims, run: str = "*") -> None:
        """Remove scratch folders of processes that are gone (of this machine; another machine's are left alone).

        What this machine may have left before it was restarted goes when the run's claim has been taken over.

        Args:
            claims: the launcher's; what belongs to runs of other launchers is left to them.
            run: the run whose folders they are; ``"*"`` for all.
        """
        for scratch in self.runs_path.glob(f".{run}.*"):
            if not scratch.is_dir() or scratch.suffix == CHECKPOINT:
                continue
            its_run = scratch.name[1:].rpartition(".")[0]
            try:
                owner = Owner.from_json(read_mapping(scratch / OWNER))
                restarted = owner.shares_host_name() and not owner.is_observable()
                gone = owner.is_known_dead() or (restarted and claims.holds(its_run))
            except FileNotFoundError:
                gone = True  # killed before it could say whose it is
            except (OSError, ValueError, TypeError, LookupError):
                continue
            if gone and not claims.is_claimed_elsewhere(its_run):
                shutil.rmtree(scratch, ignore_errors=True)

    def remove_scratch(self, run: str) -> None:
        """Remove what processes on any machine have left of a run; for who knows that none is at it any more.

        Args:
            run: the run's id.
        """
        for scratch in self.runs_path.glob(f".{run}.*"):
            if (scratch / OWNER).is_file():
                shutil.rmtree(scratch, ignore_errors=True)

    @contextmanager
    def locked(self, seconds: float = LOCK_TIMEOUT_SECONDS) -> Iterator[None]:
        """Be alone in writing ``study.json`` or the tables, which takes moments; the folder must exist.

        Args:
            seconds: how long to wait for another process that does so.

        Yields:
            None.

        Raises:
            TimeoutError: when that takes longer.
        """
        if (lock := _lock(self.path / ".lock", seconds)) is None:
            raise TimeoutError(f"{self.path}: another lifelong-lb is writing into this folder and does not end")
        with lock:
            yield

    @contextmanager
    def measuring(self) -> Iterator[None]:
        """Be alone in measuring the landscapes of runs that are done; the folder must exist.

        Yields:
            None.

        Raises:
            UserError: when another process does so.
        """
        if (lock := _lock(self.path / ".landscape.lock", 0)) is None:
            raise UserError(f"{self.path}: another lifelong-lb landscape is at work in this folder; wait for it")
        with lock:
            yield


def _lock(path: Path, seconds: float) -> AbstractContextManager[Any] | None:
    """A lock that the operating system lets go of when this process dies; None when another keeps it for so long."""
    import filelock

    if exists(path) and not stat.S_ISREG(path.lstat().st_mode):
        raise UserError(f"{path}: must be a regular file, as a lock; remove it")
    try:
        return filelock.FileLock(path).acquire(timeout=seconds)
    except filelock.Timeout:
        return None


_TEXT = dict.fromkeys(("run", "stream", "strategy", "rule", "base_optimizer", "status", "class_name"), str)
