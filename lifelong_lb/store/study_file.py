"""``study.json``: the shared settings of a result folder, its grid axes, and the runs asked for so far."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from lifelong_lb.config import AXES, Entry, GridRun, RunConfig, Study, UserError, axis_labels, expand, parse_study
from lifelong_lb.config.extending import EXTENSIONS, stored_only
from lifelong_lb.config.importing import load_installed
from lifelong_lb.untrusted import quoted

SCHEMA = 1
"""Version of the result files' layout."""

COLUMNS = {"streams": "stream", "strategies": "strategy", "rules": "rule", "optimizers": "base_optimizer"}
"""Grid axis to column of the result files."""

RUN_ID = re.compile("[0-9a-f]{12}")
"""What run ids look like, see :func:`lifelong_lb.config.runs.run_id_of`."""

SHARED = ("model", "train", "evaluation", "chosen")
"""Settings that all runs of a folder have in common."""


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


@dataclass(frozen=True)
class StudyFile:
    """Content of ``study.json``: one study, or several that share their settings, merged.

    Attributes:
        study: the union of all entries on each axis, with the shared settings.
        places: the runs asked for, the newest study's first.
    """

    study: Study
    places: tuple[Place, ...]

    @classmethod
    def of(cls, study: Study) -> "StudyFile":
        """The file of one study alone.

        Args:
            study: a checked study.

        Returns:
            Its file.
        """
        return cls(study, tuple(_place(run) for run in expand(study)))

    def labels(self) -> dict[str, dict[str, str]]:
        """What the result files call each run.

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
        """Configuration of each run, as this version of the code spells it out.

        Returns:
            Run id to configuration, without runs that an earlier version has named in another way.
        """
        seeds = tuple(dict.fromkeys(place.seed for place in self.places))
        spelt_out = expand(self.study.model_copy(update={"seeds": seeds, "only": (), "exclude": ()}))
        known = {run.config.run_id: run.config for run in spelt_out}
        return {place.run: known[place.run] for place in self.places if place.run in known}

    def asked(self, run: str) -> dict[str, Any] | None:
        """The configuration that a run must have: by where it stands in the grid, whatever it is named after.

        Args:
            run: its id.

        Returns:
            Plain JSON values; None where this version cannot spell it out.
        """
        return self._by_place.get(run)

    @cached_property
    def _by_place(self) -> dict[str, dict[str, Any]]:
        seeds = tuple(dict.fromkeys(place.seed for place in self.places))
        try:
            spelt_out = expand(self.study.model_copy(update={"seeds": seeds}))
        except UserError:
            return {}
        found = {(run.config.seed, *run.entries.values()): run.config for run in spelt_out}
        keys = {place.run: (place.seed, *(place.entries[axis] for axis in AXES)) for place in self.places}
        return {run: found[key].to_json() for run, key in keys.items() if key in found}

    def widened(self, study: Study) -> "StudyFile":
        """This file after another study was run into the same folder.

        Args:
            study: the newer study. Its runs come first, its labels win.

        Returns:
            The merged file.

        Raises:
            UserError: when a shared setting differs, or two entries would carry the same label.
        """
        for key in SHARED:
            stored, asked = getattr(self.study, key), getattr(study, key)
            if key == "chosen" and stored != asked:
                raise UserError("the folder holds a study with other chosen settings; choose another --out")
            if stored != asked:
                raise UserError(
                    f"the folder holds a study with another {key}: {_difference(stored, asked)}; "
                    "runs of one folder share it, so choose another --out"
                )
        merged: dict[str, list[Entry]] = {}
        moved: dict[str, list[int]] = {}
        for axis in AXES:
            entries = list(getattr(study, axis))
            moved[axis] = [_index_or_append(entries, entry) for entry in getattr(self.study, axis)]
            merged[axis] = entries
            axis_labels(entries, axis)
        union = study.model_copy(update={axis: tuple(entries) for axis, entries in merged.items()})
        union = union.model_copy(update={"imports": tuple(dict.fromkeys((*study.imports, *self.study.imports)))})
        newest = StudyFile.of(study).places
        known = {place.run for place in newest}
        older = tuple(
            Place(place.run, place.seed, {axis: moved[axis][i] for axis, i in place.entries.items()})
            for place in self.places
            if place.run not in known
        )
        return StudyFile(union, newest + older)

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values, from which :meth:`from_json` builds an equal file.

        Returns:
            A mapping.
        """
        runs = [{"run": p.run, "seed": p.seed, **p.entries} for p in self.places]
        study = self.study.model_dump(mode="json", exclude={"tuning"})
        for key in ("only", "exclude"):
            study[key] = [selection.named() for selection in getattr(self.study, key)]
        for key in ("imports", "chosen", "only", "exclude"):
            if not getattr(self.study, key):
                del study[key]  # as earlier versions wrote it
        return {"schema": SCHEMA, "study": study, **_extensions(self.study), "runs": runs}

    @classmethod
    def from_json(cls, raw: Any, source: str) -> "StudyFile":
        """Rebuild the file.

        Args:
            raw: what :meth:`to_json` gave.
            source: the file's name, for messages.

        Returns:
            An equal file.

        Raises:
            UserError: when it is damaged, or of another version.
        """
        if not isinstance(raw, dict) or "study" not in raw or "runs" not in raw:
            raise UserError(f"{source}: not a study file of lifelong_lb")
        if raw.get("schema") != SCHEMA:
            raise UserError(f"{source}: written with layout {quoted(raw.get('schema'))}; this version reads {SCHEMA}")
        load_installed()  # a person's own packages; nothing that the folder names
        try:
            places = tuple(
                Place(str(r["run"]), int(r["seed"]), {axis: int(r[axis]) for axis in AXES}) for r in raw["runs"]
            )
            stored = {key: value for key, value in raw["study"].items() if key not in ("seeds", "imports")}
            imports = tuple(map(str, raw["study"].get("imports", ())))
            _check_ids(places)
            seeds, skip = list(raw["study"]["seeds"]), bool(stored.get("skip_unsupported", False))
            _know_extensions(raw.get("extensions", {}))
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise UserError(f"{source}: damaged ({quoted(error)})") from None
        # the places say which pairs are meant: two studies may have met in this folder
        study = parse_study({**stored, "seeds": seeds, "skip_unsupported": True}, source, merged=True)
        file = cls(study.model_copy(update={"skip_unsupported": skip, "imports": imports}), places)
        if any(not 0 <= i < len(getattr(file.study, axis)) for p in places for axis, i in p.entries.items()):
            raise UserError(f"{source}: damaged (a run points to an entry that is not there)")
        return file


def _extensions(study: Study) -> dict[str, dict[str, dict[str, str]]]:
    """Names of the study that users have added, and where they came from, by kind."""
    entries = {
        "stream": study.streams,
        "strategy": study.strategies,
        "rule": study.rules,
        "model": (study.model, *(s.model if isinstance(s.model, str) else (s.model or {}) for s in study.streams)),
    }
    found: dict[str, dict[str, str]] = {}
    for (kind, name), extension in EXTENSIONS.items():
        names = [e.get("name") if isinstance(e, Mapping) else getattr(e, "name", e) for e in entries[kind]]
        if name in names:
            found.setdefault(kind, {})[name] = extension.origin
    return {"extensions": found} if found else {}


def _check_ids(places: tuple[Place, ...]) -> None:
    """Run ids become names of folders, so that they must look like ours."""
    for place in places:
        if not RUN_ID.fullmatch(place.run):
            raise ValueError(f"a run id has 12 hexadecimal digits; got {quoted(place.run)}")


def _know_extensions(extensions: Mapping[str, Mapping[str, str]]) -> None:
    """Let the settings of extensions be read. Nothing that a folder names is imported."""
    for kind, names in extensions.items():
        for name, origin in names.items():
            stored_only(kind, name, str(origin))


def _place(run: GridRun) -> Place:
    return Place(run.config.run_id, run.config.seed, run.entries)


def _index_or_append(entries: list[Entry], entry: Entry) -> int:
    identities = [other.identity() for other in entries]
    if entry.identity() in identities:
        return identities.index(entry.identity())
    entries.append(entry)
    return len(entries) - 1


def _difference(stored: Any, asked: Any) -> str:
    old, new = stored.model_dump(mode="json"), asked.model_dump(mode="json")
    keys = [key for key in {**old, **new} if old.get(key) != new.get(key)]
    return ", ".join(f"{key} is {quoted(old.get(key))} there and {quoted(new.get(key))} here" for key in keys)
