"""``study.json``: the shared settings of a result folder, its grid axes and its runs."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

from pydantic import ValidationError

from lifelong_lb.config import AXES, Entry, GridRun, RunConfig, Study, UserError, axis_labels, parse_study
from lifelong_lb.config.plugins.importing import load_installed
from lifelong_lb.config.plugins.register import EXTENSIONS, stored_only
from lifelong_lb.config.runs import combinations, config_at, runs_of
from lifelong_lb.store.places import Key, Place, read_places
from lifelong_lb.untrusted import quoted, shortened

SCHEMA = 1
"""Version of the result files' layout."""

COLUMNS = {"streams": "stream", "strategies": "strategy", "rules": "rule", "optimizers": "base_optimizer"}
"""Grid axis to column of the result files."""

_MAX_SENTENCES = 3

SHARED = ("model", "train", "evaluation", "chosen")
"""Settings that all runs of a folder have in common."""


@dataclass(frozen=True)
class StudyFile:
    """Content of ``study.json``: one study, or the union of several that share their settings.

    Attributes:
        study: the union of all entries on each axis, with the shared settings.
        places: the runs, those of the newest study first.
        left_out: a message for each invalid run in the stored file.
    """

    study: Study
    places: tuple[Place, ...]
    left_out: tuple[str, ...] = field(default=(), compare=False)

    def problems(self) -> list[str]:
        """Messages about invalid runs in the stored file: the first few, and the number of others."""
        more = len(self.left_out) - _MAX_SENTENCES
        first = [f"study.json: {sentence}" for sentence in self.left_out[:_MAX_SENTENCES]]
        return [*first, f"study.json: {more} more of its runs left out"] if more > 0 else first

    @classmethod
    def of(cls, study: Study) -> "StudyFile":
        """Create the content for a single study.

        Args:
            study: a checked study.

        Returns:
            The content of ``study.json``.
        """
        return cls(study, tuple(_place(run) for run in runs_of(study, combinations(study))))

    def labels(self) -> dict[str, dict[str, str]]:
        """Labels of each run in the result files.

        Returns:
            Run id to column (stream, strategy, rule, base_optimizer) to label, in the order of the places.
        """
        names = {axis: axis_labels(getattr(self.study, axis), axis) for axis in AXES}
        return {
            place.run: {COLUMNS[axis]: names[axis][index] for axis, index in place.entries.items()}
            for place in self.places
        }

    def seeds(self) -> dict[str, int]:
        """Seed of each run.

        Returns:
            Run id to seed.
        """
        return {place.run: place.seed for place in self.places}

    def configurations(self) -> dict[str, RunConfig]:
        """Configuration of each run, as built by this version.

        Returns:
            Run id to configuration, without runs whose id an earlier version computed differently.
        """
        configs = ((place.run, self._configuration(place)) for place in self.places)
        return {run: config for run, config in configs if config is not None and config.run_id == run}

    def expected_config(self, run: str) -> dict[str, Any] | None:
        """Configuration that a run must have by its place in the grid, regardless of its id.

        Args:
            run: its id.

        Returns:
            Plain JSON values; None if this version cannot build it.
        """
        place = self._by_run.get(run)
        config = None if place is None else self._configuration(place)
        return None if config is None else config.to_json()

    @cached_property
    def _by_run(self) -> dict[str, Place]:
        return {place.run: place for place in self.places}

    def _configuration(self, place: Place) -> RunConfig | None:
        try:
            return config_at(self.study, place.entries, place.seed)
        except (UserError, ValidationError):
            return None

    def widened(self, study: Study) -> "StudyFile":
        """Merge with another study that runs in the same folder.

        Args:
            study: the newer study. Its runs come first, and its labels take precedence.

        Returns:
            The merged content.

        Raises:
            UserError: if a shared setting differs, or two entries have the same label.
        """
        union, moved = merge_studies(self.study, study)
        newest = StudyFile.of(study).places
        known = {place.run for place in newest}
        older = tuple(
            Place(place.run, place.seed, {axis: moved[axis][i] for axis, i in place.entries.items()})
            for place in self.places
            if place.run not in known
        )
        return StudyFile(union, newest + older)

    def to_json(self) -> dict[str, Any]:
        """Convert to plain JSON values; the inverse of :meth:`from_json`.

        Returns:
            A mapping.
        """
        runs = [{"run": p.run, "seed": p.seed, **p.entries} for p in self.places]
        study = self.study.model_dump(mode="json", exclude={"tuning"})
        for key in ("only", "exclude"):
            study[key] = [selection.named() for selection in getattr(self.study, key)]
        for key in ("imports", "chosen", "only", "exclude"):
            if not getattr(self.study, key):
                del study[key]  # as in earlier versions
        return {"schema": SCHEMA, "study": study, **_extensions(self.study), "runs": runs}

    @classmethod
    def from_json(cls, raw: Any, source: str) -> "StudyFile":
        """Restore from :meth:`to_json`.

        Args:
            raw: plain JSON values.
            source: the file's name, for messages.

        Returns:
            The content.

        Raises:
            UserError: if it is damaged, or of another version.
        """
        if not isinstance(raw, dict) or "study" not in raw or "runs" not in raw:
            raise UserError(f"{source}: not a study file of lifelong_lb")
        if raw.get("schema") != SCHEMA:
            raise UserError(f"{source}: written with layout {quoted(raw.get('schema'))}; this version reads {SCHEMA}")
        load_installed()  # installed plugins only; nothing named by the folder is imported
        try:
            listed = list(raw["runs"])
            stored = {key: value for key, value in raw["study"].items() if key not in ("seeds", "imports")}
            imports = tuple(map(str, raw["study"].get("imports", ())))
            seeds, skip = list(raw["study"]["seeds"]), bool(stored.get("skip_unsupported", False))
            _register_stored(raw.get("extensions", {}))
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise UserError(f"{source}: damaged ({shortened(repr(error), 200)})") from None
        # the places determine which pairs are run: the grid of a union may contain unsupported ones
        study = parse_study({**stored, "seeds": seeds, "skip_unsupported": True}, source, merged=True)
        places, left_out = read_places(listed, {axis: len(getattr(study, axis)) for axis in AXES})
        if left_out and not places:
            raise UserError(f"{source}: damaged ({left_out[0]})")
        study = study.model_copy(update={"skip_unsupported": skip, "imports": imports})
        return cls(study, tuple(places), tuple(left_out))._without_duplicates()

    def _without_duplicates(self) -> "StudyFile":
        """Keep one run per place of the grid: the one with the id of this version, else the first."""
        runs_at: dict[Key, list[Place]] = {}
        for place in self.places:
            runs_at.setdefault(place.key, []).append(place)
        sentences = []
        for same in (same for same in runs_at.values() if len(same) > 1):
            config = self._configuration(same[0])
            kept = next((place for place in same if config is not None and place.run == config.run_id), same[0])
            same.remove(kept)
            sentences += [f"run {place.run}: left out, run {kept.run} has the same place in the grid" for place in same]
            same[:] = [kept]
        if not sentences:
            return self
        return replace(self, places=tuple(same[0] for same in runs_at.values()), left_out=(*self.left_out, *sentences))


def merge_studies(earlier: Study, study: Study) -> tuple[Study, dict[str, list[int]]]:
    """Merge two studies that share a folder.

    Args:
        earlier: the study whose runs the folder holds.
        study: the newer one, whose labels take precedence.

    Returns:
        The union, and for each axis the indices in it of the entries of the earlier study.

    Raises:
        UserError: if a shared setting differs, or two entries have the same label.
    """
    for key in SHARED:
        stored, new = getattr(earlier, key), getattr(study, key)
        if key == "chosen" and stored != new:
            raise UserError("the folder holds a study with other chosen settings; use another --out")
        if stored != new:
            raise UserError(
                f"the folder holds a study with another {key}: {_difference(stored, new)}; "
                "all runs of a folder share it; use another --out"
            )
    merged: dict[str, list[Entry]] = {}
    moved: dict[str, list[int]] = {}
    for axis in AXES:
        entries = list(getattr(study, axis))
        places = {entry.key(): index for index, entry in enumerate(entries)}
        moved[axis] = []
        for entry in getattr(earlier, axis):
            index = places.setdefault(entry.key(), len(entries))
            entries += [entry] * (index == len(entries))
            moved[axis].append(index)
        merged[axis] = entries
        axis_labels(entries, axis)
    union = study.model_copy(update={axis: tuple(entries) for axis, entries in merged.items()})
    union = union.model_copy(update={"imports": tuple(dict.fromkeys((*study.imports, *earlier.imports)))})
    return union, moved


def _extensions(study: Study) -> dict[str, dict[str, dict[str, str]]]:
    """Custom names used by the study, with their origin, by kind."""
    entries = {
        "stream": study.streams,
        "strategy": study.strategies,
        "rule": study.rules,
        "model": (study.model, *(s.model if isinstance(s.model, str) else (s.model or {}) for s in study.streams)),
    }
    origins: dict[str, dict[str, str]] = {}
    for (kind, name), extension in EXTENSIONS.items():
        names = [e.get("name") if isinstance(e, Mapping) else getattr(e, "name", e) for e in entries[kind]]
        if name in names:
            origins.setdefault(kind, {})[name] = extension.origin
    return {"extensions": origins} if origins else {}


def _register_stored(extensions: Mapping[str, Mapping[str, str]]) -> None:
    """Register the names of extensions so that their settings can be read, without importing them."""
    for kind, names in extensions.items():
        for name, origin in names.items():
            stored_only(kind, name, str(origin))


def _place(run: GridRun) -> Place:
    return Place(run.config.run_id, run.config.seed, run.entries)


def _difference(earlier: Any, later: Any) -> str:
    old, new = earlier.model_dump(mode="json"), later.model_dump(mode="json")
    keys = [key for key in {**old, **new} if old.get(key) != new.get(key)]
    return ", ".join(f"{key} is {quoted(old.get(key))} there and {quoted(new.get(key))} here" for key in keys)
