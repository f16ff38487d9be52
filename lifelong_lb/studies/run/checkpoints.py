"""Checkpoints of a run: its whole state between two experiences, and how it goes on from there."""

import random
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from lifelong_lb.store import LOG, CheckpointFolder, UnusableCheckpointError, model_path, stored_models
from lifelong_lb.strategies import NotCarriedError, load_with, parts_of, save_apart
from lifelong_lb.streams import Stream
from lifelong_lb.studies.run.assemble import Assembled, Log
from lifelong_lb.studies.run.state import RunState

MIN_TIME_RATIO = 30
"""Saving takes no more than one part in so many of a run's time, but where a checkpoint after each experience is asked
for."""


@dataclass(frozen=True)
class State:
    """What a run needs in order to go on.

    Attributes:
        run: strategy, rule and onlookers, with all that they keep.
        progress: what was measured so far.
        random: states of the global generators.
        log: the run's log so far.
    """

    run: Assembled
    progress: RunState
    random: Mapping[str, Any]
    log: str


class Checkpoints:
    """Saves a run after experiences, and lets it go on from there, bit for bit as if it had not stopped.

    What is saved is not a list of known parts but all that the strategy, its plugins and the onlookers hold, so that
    nothing is forgotten. If something cannot be saved so that it would be the same, the run continues without
    checkpoints, and the reason is written to its log and its checkpoint folder. The images stay where they are. The
    file is a pickle, read by nothing but the run that wrote it.

    Args:
        folder: where the checkpoint lies.
        every: seconds of work after which the next experience is followed by a checkpoint; 0 for after each one.
        made_by: what must be the same for a run to be continued, as plain JSON values.
        scratch: the run's folder while it is in progress.
        log: receives a line when a run goes on, or cannot.
        peak: the most memory in use so far in this process, where known.
        clock: seconds of some clock.
        first: whether the first experience that this process finishes is followed by a checkpoint however short it was:
            a run that is stopped for its time and tried again gets on then.

    Attributes:
        given_up: why the run is no longer saved; empty while it is.
    """

    def __init__(
        self,
        folder: CheckpointFolder,
        every: float,
        made_by: Mapping[str, Any],
        scratch: Path,
        log: Log,
        peak: Callable[[], int | None] = lambda: None,
        clock: Callable[[], float] = time.monotonic,
        *,
        first: bool = False,
    ) -> None:
        self._folder, self._every, self._made_by, self._scratch = folder, every, made_by, scratch
        self._log, self._peak, self._clock = log, peak, clock
        self._last_save, self._save_seconds = clock(), 0.0
        self.given_up, self._save_next = "", first

    def load(self, stream: Stream, progress: RunState) -> tuple[Assembled, int] | None:
        """Go on where the run stopped.

        Args:
            stream: what the run learns.
            progress: receives what was measured before.

        Returns:
            What learns, and the last experience that it has finished; None where the run begins anew.
        """
        self._folder.clear_reason()  # of an earlier process
        try:
            stored = self._folder.read(self._identity(progress))
            if stored is None:
                return None
            experience, path = stored
            state = load_with(path, self._shared(stream))
            assert isinstance(state, State)
            self._folder.give_back(model_path(self._scratch, 0).parent)
        except Exception as error:  # noqa: BLE001  whatever is wrong with it, the run can begin anew
            reason = str(error) if isinstance(error, UnusableCheckpointError) else f"{type(error).__name__}: {error}"
            self._log(f"the checkpoint of an earlier process is left, and the run begins anew: {reason}")
            return None
        _prepend(self._scratch / LOG, state.log)
        vars(progress).update(vars(state.progress))
        _set_random(state.random)
        self._log(
            f"goes on after experience {experience} from a checkpoint, with {progress.gradient_evaluations} gradient "
            f"evaluations taken before (continued {_count_text(progress.continued)})"
        )
        return state.run, experience

    def after(self, experience: int, run: Assembled, progress: RunState, stream: Stream) -> None:
        """Save the run, where enough time has passed.

        Args:
            experience: the last that it has finished.
            run: what learns.
            progress: what was measured so far.
            stream: what it learns.
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
                experience, self._identity(progress), lambda path: save_apart(state, path, shared), models
            )
        except (NotCarriedError, OSError, RuntimeError) as error:  # the last is torch's for a full disk
            self.given_up = " ".join(str(error).split())
            self._log(f"no checkpoint, and none later: {self.given_up}")
            self._folder.write_reason(self.given_up)
        self._last_save = self._clock()
        self._save_seconds = self._last_save - started

    def never(self, reason: str) -> None:
        """Note that a run has no place at which it could be saved.

        Args:
            reason: why.
        """
        self._folder.write_reason(reason)

    def _identity(self, progress: RunState) -> dict[str, Any]:
        return {**self._made_by, "images": progress.data["sha256"], "stream": progress.data["arrangement"]}

    def _shared(self, stream: Stream) -> list[Any]:
        """What a run refers to and is there without it."""
        experiences = [*stream.train, *stream.test]
        return [self._log, stream, *experiences, *parts_of(experience.dataset for experience in experiences)]


def _random() -> dict[str, Any]:
    return {
        "torch": torch.get_rng_state(),
        "cuda": torch.cuda.get_rng_state_all() if torch.cuda.is_available() else [],
        "numpy": np.random.get_state(),  # noqa: NPY002  the generator that Avalanche draws from
        "python": random.getstate(),
    }


def _set_random(state: Mapping[str, Any]) -> None:
    torch.set_rng_state(state["torch"])
    if state["cuda"]:
        torch.cuda.set_rng_state_all(state["cuda"])
    np.random.set_state(state["numpy"])  # noqa: NPY002
    random.setstate(state["python"])


def _prepend(log: Path, text: str) -> None:
    """Put what was written before in front of a log, which this process is appending to."""
    if text and log.exists():
        with log.open("r+", encoding="utf-8", errors="replace") as file:
            written = file.read()
            file.seek(0)
            file.write(text + written)


def _count_text(n: int) -> str:
    return "once" if n == 1 else f"{n} times"
