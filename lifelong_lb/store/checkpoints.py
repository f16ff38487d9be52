"""Checkpoints of a run in progress, from which it resumes if its process is killed."""

import hashlib
import os
import shutil
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lifelong_lb.store.files import write_json, write_text
from lifelong_lb.store.reading import read_mapping
from lifelong_lb.store.values import whole_number
from lifelong_lb.untrusted import encodable, printable, read_text, shortened

_INDEX = "checkpoint.json"
_REASON = "not_saved.txt"


class UnusableCheckpointError(Exception):
    """A checkpoint from which the run cannot resume; the message gives the reason."""


@dataclass(frozen=True)
class CheckpointFolder:
    """A folder with the latest checkpoint of one run, and the models kept so far.

    An index, written atomically after the other files, lists the valid files with their hashes: a process that is
    killed at any moment leaves a complete checkpoint, an earlier one, or none.

    Attributes:
        path: the folder; it need not exist yet.
    """

    path: Path

    def write(
        self,
        experience: int,
        identity: Mapping[str, Any],
        save: Callable[[Path], None],
        models: Iterable[Path] = (),
    ) -> int:
        """Replace the checkpoint.

        Args:
            experience: the last finished experience.
            identity: run, code, packages and machine, as plain JSON values.
            save: writes the state to a path.
            models: files of the models kept so far; they are hard-linked, or copied if the file system has no links.

        Returns:
            Size of the state in bytes.
        """
        self.path.mkdir(parents=True, exist_ok=True)
        state = self.path / f"after-{experience}.state"
        state.unlink(missing_ok=True)
        save(state)
        _flush(state)
        before, files = self._digests(), {state.name: _digest(state)}
        for model in models:
            copy = self.path / model.name
            new = _link(model, copy)
            files[copy.name] = _digest(copy) if new or copy.name not in before else before[copy.name]
        write_json(self.path / _INDEX, {"experience": experience, "made_by": dict(identity), "files": files})
        for path in self.path.iterdir():
            if path.name not in (_INDEX, *files):
                path.unlink(missing_ok=True)
        return state.stat().st_size

    def read(self, identity: Mapping[str, Any]) -> tuple[int, Path] | None:
        """Find the checkpoint to resume from.

        Args:
            identity: the values that it must have been written with.

        Returns:
            The last finished experience, and the path of the state; None if there is no checkpoint.

        Raises:
            UnusableCheckpointError: if it is damaged, or ``identity`` differs.
        """
        try:
            raw = read_mapping(self.path / _INDEX)
            experience, stored, files = raw["experience"], dict(raw["made_by"]), dict(raw["files"])
            whole_number(experience, "experience")
        except FileNotFoundError:
            return None
        except (OSError, ValueError, TypeError, LookupError) as error:
            raise UnusableCheckpointError(f"{_INDEX} cannot be read ({' '.join(str(error).split())})") from None
        for key in sorted({*identity, *stored}):
            if stored.get(key) != identity.get(key):
                raise UnusableCheckpointError(
                    f"it was made with {key} {shortened(str(stored.get(key)))}, not {identity.get(key)}"
                )
        for name, digest in files.items():
            if Path(name).name != name or not (self.path / name).is_file() or _digest(self.path / name) != digest:
                raise UnusableCheckpointError(f"{shortened(name)} is damaged")
        return experience, self.path / f"after-{experience}.state"

    def restore_models(self, folder: Path) -> None:
        """Link the models kept so far into a folder.

        Args:
            folder: the run's folder of models.
        """
        for model in filter(Path.is_file, sorted(self.path.glob("*.pt"))):
            folder.mkdir(parents=True, exist_ok=True)
            _link(model, folder / model.name)

    def write_reason(self, reason: str) -> None:
        """Record why checkpoints cannot be written; ignore errors.

        Args:
            reason: one line.
        """
        with suppress(OSError):
            self.path.mkdir(parents=True, exist_ok=True)
            write_text(self.path / _REASON, encodable(reason))

    def clear_reason(self) -> None:
        """Remove the recorded reason."""
        with suppress(OSError):
            (self.path / _REASON).unlink(missing_ok=True)

    def reason(self) -> str | None:
        """Reason why checkpoints cannot be written.

        Returns:
            One line; None if no reason is recorded.
        """
        try:
            return " ".join(printable(read_text(self.path / _REASON, 10_000)).split()) or None
        except (OSError, ValueError):
            return None

    def remove(self) -> None:
        """Remove the folder if it exists."""
        shutil.rmtree(self.path, ignore_errors=True)

    def _digests(self) -> dict[str, str]:
        try:
            return dict(read_mapping(self.path / _INDEX)["files"])
        except (OSError, ValueError, TypeError, LookupError):
            return {}


def _link(source: Path, target: Path) -> bool:
    """Link or copy a file; False if the target is the same file already."""
    if target.exists() and target.samefile(source):
        return False
    target.unlink(missing_ok=True)
    try:
        os.link(source, target)
    except OSError:
        shutil.copyfile(source, target)
    return True


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _flush(path: Path) -> None:
    with path.open("rb") as file, suppress(OSError):  # unsupported by some file systems
        os.fsync(file.fileno())
