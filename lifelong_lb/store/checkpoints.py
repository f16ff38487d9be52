"""What a run in progress has saved of itself, to be gone on from should its process be killed."""

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
    """A checkpoint that cannot be gone on from; the message says why."""


@dataclass(frozen=True)
class CheckpointFolder:
    """A folder with the latest checkpoint of one run, and the models that the run has kept so far.

    A file of its own, written last and put in place at once, says which of the other files count, with their hashes: a
    process may be killed at any moment, and what it leaves behind is a whole checkpoint, an earlier one, or none.

    Attributes:
        path: the folder; it need not exist yet.
    """

    path: Path

    def write(
        self,
        experience: int,
        made_by: Mapping[str, Any],
        save: Callable[[Path], None],
        models: Iterable[Path] = (),
    ) -> int:
        """Write a checkpoint in place of the one that is there.

        Args:
            experience: the last that the run has finished.
            made_by: which run, code, packages and machine, as plain JSON values.
            save: writes the state to a path.
            models: files of the models kept so far; they are shared, or copied where the file system cannot.

        Returns:
            Bytes of the state.
        """
        self.path.mkdir(parents=True, exist_ok=True)
        state = self.path / f"after-{experience}.state"
        state.unlink(missing_ok=True)
        save(state)
        _flush(state)
        before, files = self._digests(), {state.name: _digest(state)}
        for model in models:
            kept = self.path / model.name
            new = _share(model, kept)
            files[kept.name] = _digest(kept) if new or kept.name not in before else before[kept.name]
        write_json(self.path / _INDEX, {"experience": experience, "made_by": dict(made_by), "files": files})
        for path in self.path.iterdir():
            if path.name not in (_INDEX, *files):
                path.unlink(missing_ok=True)
        return state.stat().st_size

    def read(self, made_by: Mapping[str, Any]) -> tuple[int, Path] | None:
        """Look for a checkpoint to go on from.

        Args:
            made_by: what it must have been made by.

        Returns:
            The last experience finished, and the path of the state; None where there is no checkpoint.

        Raises:
            UnusableCheckpointError: when it is damaged, or was made by something else.
        """
        try:
            found = read_mapping(self.path / _INDEX)
            experience, others, files = found["experience"], dict(found["made_by"]), dict(found["files"])
            whole_number(experience, "experience")
        except FileNotFoundError:
            return None
        except (OSError, ValueError, TypeError, LookupError) as error:
            raise UnusableCheckpointError(f"{_INDEX} cannot be read ({' '.join(str(error).split())})") from None
        for key in sorted({*made_by, *others}):
            if others.get(key) != made_by.get(key):
                raise UnusableCheckpointError(
                    f"it was made with {key} {shortened(str(others.get(key)))}, not {made_by.get(key)}"
                )
        for name, digest in files.items():
            if Path(name).name != name or not (self.path / name).is_file() or _digest(self.path / name) != digest:
                raise UnusableCheckpointError(f"{shortened(name)} is damaged")
        return experience, self.path / f"after-{experience}.state"

    def restore_models(self, folder: Path) -> None:
        """Put the models kept so far where a run keeps them.

        Args:
            folder: the folder of the models.
        """
        for model in filter(Path.is_file, sorted(self.path.glob("*.pt"))):
            folder.mkdir(parents=True, exist_ok=True)
            _share(model, folder / model.name)

    def write_reason(self, reason: str) -> None:
        """Note why the run cannot be saved, where there is a place to.

        Args:
            reason: one line.
        """
        with suppress(OSError):
            self.path.mkdir(parents=True, exist_ok=True)
            write_text(self.path / _REASON, encodable(reason))

    def clear_reason(self) -> None:
        """Forget why the run could not be saved."""
        with suppress(OSError):
            (self.path / _REASON).unlink(missing_ok=True)

    def reason(self) -> str | None:
        """Why the run cannot be saved.

        Returns:
            One line; None where nothing is known against it.
        """
        try:
            return " ".join(printable(read_text(self.path / _REASON, 10_000)).split()) or None
        except (OSError, ValueError):
            return None

    def remove(self) -> None:
        """Remove the folder, if it is there."""
        shutil.rmtree(self.path, ignore_errors=True)

    def _digests(self) -> dict[str, str]:
        try:
            return dict(read_mapping(self.path / _INDEX)["files"])
        except (OSError, ValueError, TypeError, LookupError):
            return {}


def _share(source: Path, target: Path) -> bool:
    """Whether there was anything to do."""
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
    with path.open("rb") as file, suppress(OSError):  # not every file system can
        os.fsync(file.fileno())
