"""A result folder: the only place that knows what its files are called."""

import json
import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from lifelong_lb.config import UserError
from lifelong_lb.store.checkpoints import CheckpointFolder
from lifelong_lb.store.checks import Asked
from lifelong_lb.store.claims import Claims
from lifelong_lb.store.files import named_in_errors, write_bytes, write_json, write_text
from lifelong_lb.store.how_far import HOW_FAR
from lifelong_lb.store.owner import Owner
from lifelong_lb.store.run_files import (
    CONFUSION_COLUMNS,
    CONTINUAL_COLUMNS,
    EXACT,
    DamagedRunError,
    read_mapping,
    read_record,
    read_recorded,
    write_record,
)
from lifelong_lb.store.run_record import RunRecord
from lifelong_lb.store.study_file import StudyFile

LOG = "log.txt"
"""A run's log, in its folder."""
OWNER = "owner.json"
"""Which process a scratch folder belongs to."""
SECONDS_TO_WAIT = 600.0
"""How long to wait for another process that writes into the folder; a report takes seconds."""
CHECKPOINT = ".checkpoint"
"""Suffix of the folder in which a run in progress saves itself."""


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
        """
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
            raw = json.loads(self.study_path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            return None
        except NotADirectoryError:
            raise UserError(f"{self.path}: must be a result folder, the --out of a run; it is a file") from None
        except (OSError, ValueError) as error:
            raise UserError(f"{self.study_path}: cannot be read ({error})") from None
        return StudyFile.from_json(raw, str(self.study_path))

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
        return (self.run_path(run) / "result.json").is_file()

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

    def read_run(self, run: str, seed: int | None = None, asked: Asked | None = None) -> RunRecord:
        """What a run left behind.

        Args:
            run: the run's id.
            seed: the seed it must have; None for any.
            asked: knows the configuration that it must have, such as :meth:`StudyFile.asked`; None for any.

        Returns:
            Its record.

        Raises:
            DamagedRunError: when a file of it is missing or broken, or holds another run.
        """
        return read_record(self.run_path(run), run, seed, asked)

    def read_diagnostics(self, run: str) -> pd.DataFrame | None:
        """What was recorded along the passes of a run.

        Args:
            run: the run's id.

        Returns:
            One row a recorded pass; None when nothing was recorded.

        Raises:
            UserError: when the file cannot be read.
        """
        return read_recorded(self.run_path(run) / "diagnostics.csv")

    def read_continual(self, run: str) -> pd.DataFrame | None:
        """The accuracies that were measured during the training of a run.

        Args:
            run: the run's id.

        Returns:
            One row a measurement and experience, columns :data:`CONTINUAL_COLUMNS`; None when nothing was measured.

        Raises:
            UserError: when the file cannot be read, or holds something else.
        """
        path = self.run_path(run) / "continual.csv"
        frame = read_recorded(path)
        if frame is None:
            return None
        if list(frame.columns) != CONTINUAL_COLUMNS:
            raise UserError(f"{path}: must have the columns {', '.join(CONTINUAL_COLUMNS)}")
        *whole, kind = (dtype.kind for dtype in frame.dtypes)
        if whole != ["i"] * len(whole):
            raise UserError(f"{path}: iterations and experiences must be whole numbers")
        accuracy = frame["accuracy"].to_numpy()
        if kind not in "if" or not ((accuracy >= 0) & (accuracy <= 1)).all():
            raise UserError(f"{path}: accuracies must be fractions in [0, 1]")
        return frame

    def read_confusion(self, run: str) -> pd.DataFrame | None:
        """Which class the test images of each class were predicted as, after each experience of a run.

        Args:
            run: the run's id.

        Returns:
            One row a combination that occurred, columns :data:`CONFUSION_COLUMNS`; None when nothing was counted.

        Raises:
            UserError: when the file cannot be read, or holds something else.
        """
        path = self.run_path(run) / "confusion.csv"
        frame = read_recorded(path)
        if frame is not None and list(frame.columns) != CONFUSION_COLUMNS:
            raise UserError(f"{path}: must have the columns {', '.join(CONFUSION_COLUMNS)}")
        if frame is not None and not (frame.dtypes == "int64").all():
            raise UserError(f"{path}: must hold whole numbers")
        if frame is not None and (frame["count"] < 1).any():
            raise UserError(f"{path}: each count must be at least 1")
        return frame

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
        logs = sorted(self.runs_path.glob(f".{run}.*/{LOG}"), key=lambda path: path.stat().st_mtime)
        return logs[-1].read_text(encoding="utf-8", errors="replace") if logs else ""

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
        for name in (OWNER, HOW_FAR):
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

        Args:
            name: file name without ending, such as ``"results"``.
            frame: the table.
        """
        write_text(self.path / f"{name}.csv", frame.to_csv(index=False))
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
            table: pd.DataFrame = pd.read_csv(path, dtype=_TEXT, keep_default_na=False, na_values=[""], **EXACT)
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
                restarted = owner.has_this_name() and not owner.can_be_seen()
                gone = owner.is_known_to_be_gone() or (restarted and claims.holds(its_run))
            except FileNotFoundError:
                gone = True  # killed before it could say whose it is
            except (OSError, ValueError, TypeError, LookupError):
                continue
            if gone and not claims.are_elsewhere(its_run):
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
    def locked(self, seconds: float = SECONDS_TO_WAIT) -> Iterator[None]:
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

    try:
        return filelock.FileLock(path).acquire(timeout=seconds)
    except filelock.Timeout:
        return None


_TEXT = dict.fromkeys(("run", "stream", "strategy", "rule", "base_optimizer", "status", "class_name"), str)
