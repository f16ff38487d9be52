"""Where runs are in the grid, as ``study.json`` lists them."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from lifelong_lb.config import AXES
from lifelong_lb.config.study import MAX_SEED
from lifelong_lb.store.values import is_run_id, whole_number
from lifelong_lb.untrusted import quoted

Key = tuple[int, ...]


@dataclass(frozen=True)
class Place:
    """Where a run stands in the grid.

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
        """Index on each axis and seed: the same for two runs at one place of the grid."""
        return (*(self.entries[axis] for axis in AXES), self.seed)


def read_places(raw: list[Any], lengths: Mapping[str, int]) -> tuple[list[Place], list[str]]:
    """Check the runs that ``study.json`` lists, one by one.

    Args:
        raw: its list of runs.
        lengths: number of entries on each grid axis.

    Returns:
        The places of those that can be used, and a sentence about each of the others.
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
            left_out.append(f"runs[{index}]: left out, the run {place.run} is listed before")
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
            raise ValueError(f"it points to {axis}[{index}], an entry that is not there; there are {lengths[axis]}")
    return Place(raw["run"], whole_number(raw["seed"], "seed", MAX_SEED), entries)
