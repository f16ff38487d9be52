"""Save the complete state of a run between two experiences, and resume from it."""

import random
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from lifelong_lb import devices
from lifelong_lb.store import LOG, CheckpointFolder, UnusableCheckpointError, model_path, stored_models
from lifelong_lb.strategies import NotCarriedError, load_with, parts_of, save_apart
from lifelong_lb.streams import Stream
from lifelong_lb.studies.run.assemble import Assembled, Log
from lifelong_lb.studies.run.state import RunState

MIN_TIME_RATIO = 30
"""Minimum ratio of the time between two checkpoints to the time of saving one, unless a checkpoint after each
experience is requested."""


@dataclass(frozen=True)
class State:
    """State of a run at a checkpoint.

    Attributes:
        run: strategy, plugins and monitors with their state.
        progress: measurements so far.
        random: states of the global random generators.
        log: the run's log so far.
    """

    run: Assembled
    progress: RunState
    random: Mapping[str, Any]
    log: str


class Checkpoints:
    """Save a run after experiences, and resume it with results identical to an uninterrupted run.

    Instead of a list of known parts, the complete state of the strategy, its plugins and the monitors is saved. If some
    state cannot be restored exactly, the run continues without checkpoints, and the reason is written to its log and
    its checkpoint folder. Images are not saved. The file is a pickle, which only the run that wrote it reads.

    Args:
        folder: the checkpoint folder.
        every: seconds of work after which a checkpoint is saved at the end of an experience; 0 for after each one.
        identity: run, code, packages and machine, as JSON values, which must match to resume the run.
        scratch: the run's scratch folder.
        log: receives a line when a run is resumed, or cannot be.
        peak: peak memory of this process so far, if known.
        clock: a clock in seconds.
        first: whether to save after the first experience of this process regardless of ``every``, so that a run that
            exceeds its time limit makes progress with each retry.

    Attributes:
        given_up: why checkpoints were stopped; empty if they are saved.
    """

    def __init__(
        self,
        folder: CheckpointFolder,
        every: float,
        identity: Mapping[str, Any],
        scratch: Path,
        log: Log,
        peak: Callable[[], int | None] = lambda: None,
        clock: Callable[[], float] = time.monotonic,
        *,
        first: bool = False,
    ) -> None:
        self._folder, self._every, self._identity, self._scratch = folder, every, identity, scratch
        self._log, self._peak, self._clock = log, peak, clock
        self._last_save, self._save_seconds = clock(), 0.0
        self.given_up, self._save_next = "", first

    def load(self, stream: Stream, progress: RunState) -> tuple[Assembled, int] | None:
        """Restore an interrupted run.

        Args:
            stream: the run's stream.
            progress: receives the earlier measurements.

        Returns:
            The strategy with its monitors, and the last finished experience; None to start from the beginning.
        """
        self._folder.clear_reason()  # of an earlier process
        try:
            stored = self._folder.read(self._full_identity(progress))
            if stored is None:
                return None
            experience, path = stored
            state = load_with(path, self._shared(stream))
            assert isinstance(state, State)
            self._folder.restore_models(model_path(self._scratch, 0).parent)
        except Exception as error:  # noqa: BLE001  after any error, the run can start from the beginning
            reason = str(error) if isinstance(error, UnusableCheckpointError) else f"{type(error).__name__}: {error}"
            self._log(f"checkpoint ignored, the run starts from the beginning: {reason}")
            return None
        _prepend(self._scratch / LOG, state.log)
        vars(progress).update(vars(state.progress))
        _set_random(state.random)
        self._log(
            f"resumed after experience {experience} from a checkpoint, with {progress.gradient_evaluations} gradient "
            f"evaluations so far (resumed {_count_text(progress.continued)})"
        )
        return state.run, experience

    def after(self, experience: int, run: Assembled, progress: RunState, stream: Stream) -> None:
        """Save the run if enough time has passed.

        Args:
            experience: the last finished experience.
            run: the strategy with its monitors.
            progress: measurements so far.
            stream: the run's stream.
        """
        started = self._clock()
        due = (
            self._save_next
            or not self._every
            or started - self._last_save >= max(self._every, MIN_TIME_RATIO * self._save_seconds)
        )
        if self.given_up or not due:
            return
        self._save_next = False
        log = self._scratch / LOG
        text = log.read_text(encoding="utf-8", errors="replace") if log.exists() else ""
        current = replace(progress, earlier_peaks=[*progress.earlier_peaks, self._peak()])
        state, shared = State(run, current, _random(), text), self._shared(stream)
        models = [model_path(self._scratch, i) for i in stored_models(self._scratch)]
        try:
            self._folder.write(
                experience, self._full_identity(progress), lambda path: save_apart(state, path, shared), models
            )
        except (NotCarriedError, OSError, RuntimeError) as error:  # torch raises RuntimeError if the disk is full
            self.given_up = " ".join(str(error).split())
            self._log(f"checkpoints disabled: {self.given_up}")
            self._folder.write_reason(self.given_up)
        self._last_save = self._clock()
        self._save_seconds = self._last_save - started

    def never(self, reason: str) -> None:
        """Record that no checkpoint of a run can be saved.

        Args:
            reason: why.
        """
        self._folder.write_reason(reason)

    def _full_identity(self, progress: RunState) -> dict[str, Any]:
        weights = {key: progress.data[key] for key in ("weights_sha256",) if key in progress.data}
        images = {"images": progress.data["sha256"], "stream": progress.data["arrangement"]}
        return {**self._identity, **images, **weights}

    def _shared(self, stream: Stream) -> list[Any]:
        """Objects that are referenced by the run but exist independently of it."""
        experiences = [*stream.train, *stream.test]
        return [self._log, stream, *experiences, *parts_of(experience.dataset for experience in experiences)]


def _random() -> dict[str, Any]:
    return {
        "torch": devices.generator_states(),
        "numpy": np.random.get_state(),  # noqa: NPY002  the generator that Avalanche draws from
        "python": random.getstate(),
    }


def _set_random(state: Mapping[str, Any]) -> None:
    devices.set_generator_states(devices.read_states(state))
    np.random.set_state(state["numpy"])  # noqa: NPY002
    random.setstate(state["python"])


def _prepend(log: Path, text: str) -> None:
    """Insert earlier output at the start of a log that this process is appending to."""
    if text and log.exists():
        with log.open("r+", encoding="utf-8", errors="replace") as file:
            written = file.read()
            file.seek(0)
            file.write(text + written)


def _count_text(n: int) -> str:
    return "once" if n == 1 else f"{n} times"
