"""Result folders: paths, publication of runs, and tables."""

import os
import re
import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd

from lifelong_lb.config import UserError
from lifelong_lb.store.checkpoints import CheckpointFolder
from lifelong_lb.store.checks import ConfigLookup
from lifelong_lb.store.csv_text import csv_parts
from lifelong_lb.store.files import named_in_errors, write_bytes, write_json, write_parts
from lifelong_lb.store.locks import LOCK_TIMEOUT_SECONDS, acquired
from lifelong_lb.store.owner import Owner
from lifelong_lb.store.progress import PROGRESS
from lifelong_lb.store.reading import exists, read_frame, read_json
from lifelong_lb.store.run_files import DamagedRunError, read_record, write_record
from lifelong_lb.store.run_record import RunRecord
from lifelong_lb.store.scratch import CHECKPOINT, OWNER
from lifelong_lb.store.spreadsheets import without_formulas
from lifelong_lb.store.study_file import StudyFile
from lifelong_lb.untrusted import quoted, shortened

_SAFE = re.compile(r"[\w-]{1,80}", re.ASCII)
MAX_STUDY_BYTES = 256 * 2**20
"""Size limit of ``study.json``: a million runs fit."""


@dataclass(frozen=True)
class ResultFolder:
    """A folder with ``study.json``, one folder per run under ``runs/``, and the tables made from them.

    Attributes:
        path: the folder; it need not exist yet.
        parquet: whether tables are also written as Parquet.
        written: receives the names of the tables and other files of the report that are written; None for nothing.
    """

    path: Path
    parquet: bool = False
    written: set[str] | None = field(default=None, compare=False)

    @property
    def study_path(self) -> Path:
        """Path of ``study.json``."""
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
        """Path of the HTML report."""
        return self.path / "report.html"

    def run_path(self, run: str) -> Path:
        """Folder of one run.

        Args:
            run: the run's id.

        Returns:
            A path that exists once the run has ended.

        Raises:
            UserError: if the id could point outside the folder of the runs.
        """
        if not _SAFE.fullmatch(run):
            raise UserError(f"a run id must be letters, digits, - and _; got {quoted(run)}")
        return self.runs_path / run

    def check_writable(self) -> None:
        """Check that results can be written, before anything is computed.

        Raises:
            UserError: if they cannot.
        """
        try:
            self.runs_path.mkdir(parents=True, exist_ok=True)
            for folder in (self.path, self.runs_path):
                with tempfile.TemporaryFile(dir=folder):
                    pass
        except OSError as error:
            raise UserError(f"{self.path}: not a writable folder ({error.strerror})") from None

    def read_study(self) -> StudyFile | None:
        """Read ``study.json``.

        Returns:
            Its content; None if the folder holds no study.

        Raises:
            UserError: if the file is damaged or of another version.
        """
        try:
            raw = read_json(self.study_path, MAX_STUDY_BYTES)
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
        """Modification time of ``study.json``, which must exist.

        Returns:
            Nanoseconds, by the same clock as :meth:`stamp`.
        """
        return self.study_path.stat().st_mtime_ns

    def has_folder(self, run: str) -> bool:
        """Whether the path of a run's folder exists.

        Args:
            run: the run's id.

        Returns:
            True also if it is something other than a folder.
        """
        return exists(self.run_path(run))

    def has_runs(self) -> bool:
        """Whether the folder of the runs holds anything besides files of runs in progress.

        Returns:
            False also if the folder cannot be read.
        """
        try:
            return any(not name.startswith(".") for name in os.listdir(self.runs_path))  # noqa: PTH208
        except OSError:
            return False

    def stamp(self, run: str) -> int | None:
        """Time at which a run was published; it distinguishes successive publications.

        Args:
            run: the run's id.

        Returns:
            Nanoseconds, by the clock of the file system; None for a run that has not ended.
        """
        try:
            return (self.run_path(run) / "result.json").stat().st_mtime_ns
        except OSError:
            return None

    def read_run(self, run: str, seed: int | None = None, expected: ConfigLookup | None = None) -> RunRecord:
        """Read the record of a run.

        Args:
            run: the run's id.
            seed: the seed it must have; None for any.
            expected: maps a run id to its required configuration, e.g. :meth:`StudyFile.expected_config`; None for any.

        Returns:
            The record.

        Raises:
            DamagedRunError: if a file is missing or damaged, or belongs to another run.
        """
        return read_record(self.run_path(run), run, seed, expected)

    @contextmanager
    def new_run(self, run: str) -> Iterator[Path]:
        """Create a scratch folder for a run in progress; it is removed when the block ends.

        Args:
            run: the run's id.

        Yields:
            The scratch folder; files in it when :meth:`write_run` is called are kept with the run.
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
        """Checkpoint folder of a run in progress.

        Args:
            run: the run's id.

        Returns:
            A folder used by this run only.
        """
        return CheckpointFolder(self.runs_path / f".{run}{CHECKPOINT}")

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
        """Publish a run: complete its files in the scratch folder, then rename the folder.

        Args:
            record: the run's record.
            scratch: folder from :meth:`new_run`.
            diagnostics: one mapping per recorded pass.
            continual: accuracies measured during training, the values of :data:`CONTINUAL_COLUMNS`.
            confusion: confusion counts, the values of :data:`CONFUSION_COLUMNS`.
            keep_checkpoint: whether a later attempt may resume from the checkpoint.
        """
        write_record(scratch, record, diagnostics, continual, confusion)
        for name in (OWNER, PROGRESS):
            (scratch / name).unlink(missing_ok=True)
        scratch.chmod(0o755)
        if not keep_checkpoint and record.status != "done":
            self.checkpoint(record.run).remove()  # before publishing: a retry must not find it
        self._publish(record, scratch)
        if not keep_checkpoint:
            self.checkpoint(record.run).remove()

    def _publish(self, record: RunRecord, scratch: Path) -> None:
        """Rename a complete scratch folder to its final name; a run that is done is never replaced."""
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
            with suppress(FileNotFoundError):  # another process was faster
                final.rename(old)
            shutil.rmtree(old, ignore_errors=True)

    def _is_done(self, newer: RunRecord) -> bool:
        try:
            return self.read_run(newer.run, newer.config.get("seed"), lambda _: newer.config).status == "done"
        except DamagedRunError:
            return False

    def write_table(self, name: str, frame: pd.DataFrame) -> None:
        """Write a table as CSV with unrounded numbers, and as Parquet if requested or present already.

        Texts that a spreadsheet would take for formulas are prefixed with an apostrophe, see :func:`without_formulas`.

        Args:
            name: file name without suffix, e.g. ``"results"``.
            frame: the table.
        """
        self.write_file(f"{name}.csv", csv_parts(without_formulas(frame)))
        self.write_parquet(name, frame)

    def write_parquet(self, name: str, frame: pd.DataFrame) -> None:
        """Write a table as Parquet only, if requested or if the file exists, so that none is out of date.

        Args:
            name: file name without suffix.
            frame: the table.
        """
        if self.wants_parquet(name):
            self.write_file(f"{name}.parquet", frame.to_parquet(engine="pyarrow", index=False))

    def wants_parquet(self, name: str) -> bool:
        """Whether a table is written as Parquet.

        Args:
            name: file name without suffix.

        Returns:
            True if it is requested, or if the file exists already.
        """
        return self.parquet or (self.path / f"{name}.parquet").exists()

    def read_table(self, name: str) -> pd.DataFrame:
        """Read a table written by :meth:`write_table`.

        Args:
            name: file name without suffix.

        Returns:
            The table.

        Raises:
            UserError: if it is missing or cannot be read.
        """
        path = self.path / f"{name}.csv"
        try:
            table = read_frame(path, dtype=_TEXT, keep_default_na=False, na_values=[""])
        except (OSError, ValueError) as error:
            raise UserError(f"{path}: cannot be read ({error})") from None
        return table

    def write_file(self, name: str, content: str | bytes | Iterator[str]) -> None:
        """Write another file of the report.

        Args:
            name: path relative to the folder, e.g. ``"report.html"``.
            content: text, bytes, or parts of a text.
        """
        if isinstance(content, bytes):
            write_bytes(self.path / name, content)
        else:
            write_parts(self.path / name, [content] if isinstance(content, str) else content)
        if self.written is not None:
            self.written.add(name)

    @contextmanager
    def locked(self, seconds: float = LOCK_TIMEOUT_SECONDS) -> Iterator[None]:
        """Hold the lock for writing ``study.json`` and the tables; the folder must exist.

        Args:
            seconds: how long to wait for another process.

        Yields:
            None.

        Raises:
            TimeoutError: if another process holds the lock for longer.
        """
        if (lock := acquired(self.path / ".lock", seconds)) is None:
            raise TimeoutError(
                f"{self.path}: another lifelong-lb is writing into this folder and has not finished after {seconds:g} s"
            )
        with lock:
            yield


_TEXT = dict.fromkeys(("run", "stream", "strategy", "rule", "base_optimizer", "status", "class_name"), str)
