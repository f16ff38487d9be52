"""Places of runs in the grid, as listed in ``study.json``."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from lifelong_lb.config import AXES
from lifelong_lb.config.entries.seeds import MAX_SEED
from lifelong_lb.store.values import is_run_id, whole_number
from lifelong_lb.untrusted import quoted

Key = tuple[int, ...]


@dataclass(frozen=True)
class Place:
    """Place of a run in the grid.

    Attributes:
        run: the run's id.
        seed: its seed.
        entries: index of its entry on each grid axis.
    """

    run: str
    seed: int
    entries: Mapping[str, int]

    @property
    def key(self) -> Key:
        """Index on each axis, and seed; equal for two runs at the same place."""
        return (*(self.entries[axis] for axis in AXES), self.seed)


def read_places(raw: list[Any], lengths: Mapping[str, int]) -> tuple[list[Place], list[str]]:
    """Check the runs listed in ``study.json`` one by one.

    Args:
        raw: its list of runs.
        lengths: number of entries on each grid axis.

    Returns:
        Places of the valid runs, and a message about each of the others.
    """
    places: dict[str, Place] = {}
    left_out = []
    for index, item in enumerate(raw):
        try:
            place = _place(item, lengths)
        except ValueError as error:
            left_out.append(f"runs[{index}]: left out, {error}")
            continue
        if place.run in places:
            left_out.append(f"runs[{index}]: left out, run {place.run} is already listed")
        places.setdefault(place.run, place)
    return list(places.values()), left_out


def _place(raw: Any, lengths: Mapping[str, int]) -> Place:
    if not isinstance(raw, Mapping):
        raise ValueError(f"it must be a mapping; got {quoted(raw)}")
    missing = [key for key in ("run", "seed", *AXES) if key not in raw]
    if missing:
        raise ValueError(f"{missing[0]} is missing")
    if not is_run_id(raw["run"]):
        raise ValueError(f"a run id has 12 hexadecimal digits; got {quoted(raw['run'])}")
    entries = {axis: whole_number(raw[axis], axis) for axis in AXES}
    for axis, index in entries.items():
        if index >= lengths[axis]:
            raise ValueError(
                f"it refers to {axis}[{index}], which does not exist; the number of {axis} is {lengths[axis]}"
            )
    return Place(raw["run"], whole_number(raw["seed"], "seed", MAX_SEED), entries)
