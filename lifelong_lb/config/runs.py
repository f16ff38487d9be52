"""The grid spelled out: one configuration a run, named by a hash of all that shapes its numbers."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from pydantic import SerializeAsAny

from lifelong_lb.config.axes import AXES
from lifelong_lb.config.clashes import Clash, clashes
from lifelong_lb.config.errors import UserError
from lifelong_lb.config.fields import Entry, Settings
from lifelong_lb.config.labels import axis_labels
from lifelong_lb.config.models import ModelEntry
from lifelong_lb.config.of_stream import stream_model, stream_train
from lifelong_lb.config.optimizers import OptimizerEntry
from lifelong_lb.config.parse import Problems
from lifelong_lb.config.rules import RuleEntry
from lifelong_lb.config.selections import Combination, asked_for, whole
from lifelong_lb.config.strategies import StrategyEntry
from lifelong_lb.config.streams import StreamEntry
from lifelong_lb.config.study import Study
from lifelong_lb.config.train import Evaluation, Train
from lifelong_lb.config.tuning import Overrides, bare_entry

RUN_FORMAT = 2
"""Part of every run's hash: raised when the same settings no longer mean the same numbers."""

ADDED_LATER: dict[str, dict[str, Any]] = {
    "model": {"activation": "relu", "dropout": 0.0, "input_dropout": 0.0},
    "stream": {
        "chunk": None,
        "task_boundaries": False,
        "images_per_class": None,
        "validation": 0.0,
        "evaluate": "test",
        "blurry": 0.0,
        "first": None,
    },
    "strategy": {"memory": "experience-balanced"},
    "train": {"random_crop": 0, "random_flip": False, "match": "steps", "budget": None, "passes": None},
    "rule": {"from_experience": 0},
    "optimizer": {"state": "keep", "schedule": None},
    "evaluation": {
        "every": None,
        "landscape": None,
        "save_models": False,
        "confusion": False,
        "test_images_per_class": None,
    },
}
"""Settings that came after the first runs, with the values that mean what runs had without them: these values are left
out of the hash, so that runs already stored keep their names."""

NORMS_BEFORE = {"small-cnn": "none", "reduced-resnet18": "batch"}
"""Likewise for ``norm``: what models had before it could be chosen."""


def without_later(config: Mapping[str, Any]) -> dict[str, Any]:
    """A configuration without the settings that came later, where they say what runs had without them.

    Args:
        config: plain JSON values, as stored by whatever version.

    Returns:
        What is equal for equal runs.
    """
    content = dict(config)
    for part, settings in ADDED_LATER.items():
        kept = {key: value for key, value in content.get(part, {}).items() if (key, value) not in settings.items()}
        content |= {part: kept} if part in content else {}
    model = content.get("model", {})
    if "norm" in model and NORMS_BEFORE.get(model["name"]) == model["norm"]:
        content["model"] = {key: value for key, value in model.items() if key != "norm"}
    return content


def run_id_of(config: Mapping[str, Any]) -> str:
    """The id that a run has for its configuration.

    Args:
        config: plain JSON values.

    Returns:
        Twelve hexadecimal digits: the same settings give the same ones, on every machine.
    """
    text = json.dumps({"format": RUN_FORMAT, **without_later(config)}, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:12]


class RunConfig(Settings):
    """All that shapes the numbers of one run. Entries carry no labels here."""

    stream: SerializeAsAny[StreamEntry]
    strategy: SerializeAsAny[StrategyEntry]
    rule: SerializeAsAny[RuleEntry]
    optimizer: SerializeAsAny[OptimizerEntry]
    seed: int
    model: SerializeAsAny[ModelEntry]
    train: Train
    evaluation: Evaluation

    @cached_property
    def run_id(self) -> str:
        """Twelve hexadecimal digits: the same settings give the same ones, on every machine."""
        return run_id_of(self.to_json())

    def asked(self, run: str) -> dict[str, Any] | None:
        """What a run's record must say that it was made with.

        Args:
            run: its id.

        Returns:
            Plain JSON values; None for any run but this.
        """
        return self.to_json() if run == self.run_id else None

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values, as they are stored.

        Returns:
            A mapping.
        """
        return self.model_dump(mode="json")


@dataclass(frozen=True)
class GridRun:
    """A run and where it stands in its study's grid.

    Attributes:
        config: the run's configuration.
        entries: index of its entry on each grid axis (streams, strategies, rules, optimizers).
    """

    config: RunConfig
    entries: Mapping[str, int]


def expand(study: Study) -> list[GridRun]:
    """All runs of a study, streams outermost, seeds innermost.

    Args:
        study: a checked study.

    Returns:
        One element a run, in the order of the study file, without pairs that do not go together, and without what
        ``only`` and ``exclude`` leave out.

    Raises:
        UserError: when two streams, or two entries with what was chosen for them, come to the same runs.
    """
    runs: dict[str, GridRun] = {}
    found = _clashes(study)
    possible = [one for one in _asked(study) if not any(clash.within(one) for clash in found)]
    chosen: dict[tuple[str | None, ...], Overrides] = {one.at: one.settings for one in study.chosen}
    for index, stream in enumerate(study.streams):
        problems = Problems()
        model = stream_model(study.model, stream, f"streams[{index}]", problems)
        train = stream_train(study.train, stream, f"streams[{index}]", problems)
        assert model is not None, problems.found  # parse_study has checked both
        assert train is not None, problems.found
        shared = {"model": model, "train": train, "evaluation": study.evaluation}
        bare = stream.model_copy(update={"label": None, "model": None, "train": None})
        for _, s, r, o in [one for one in possible if one[0] == index]:  # parse_study refuses what is not able
            parts = {"strategy": study.strategies[s], "rule": study.rules[r], "optimizer": study.optimizers[o]}
            settings = chosen.get((stream.label, *(entry.label for entry in parts.values())), {})
            plain = {key: bare_entry(entry, settings) for key, entry in parts.items()}
            for seed in study.seeds:
                config = RunConfig(stream=bare, seed=seed, **plain, **shared)
                run = GridRun(config, {"streams": index, "strategies": s, "rules": r, "optimizers": o})
                if config.run_id in runs:
                    raise UserError(_same(run, runs[config.run_id]))
                runs[config.run_id] = run
    return list(runs.values())


def left_out(study: Study) -> int:
    """How many runs ``only`` and ``exclude`` leave out of a study.

    Args:
        study: a checked study.

    Returns:
        Their number, without those that could not be run anyway.
    """
    found, asked = _clashes(study), set(_asked(study))
    others = [one for one in whole(_grid(study)) if one not in asked]
    return len(study.seeds) * sum(not any(clash.within(one) for clash in found) for one in others)


def unsupported(study: Study) -> list[str]:
    """What ``skip_unsupported`` leaves out of a study, a strategy at a time.

    Args:
        study: a checked study.

    Returns:
        Such as ``"lamaml with sam, asam"`` and ``"rwalk on split-digits"``.
    """
    asked, names = _asked(study), {axis: axis_labels(entries, axis) for axis, entries in _grid(study).items()}
    found: dict[str, list[str]] = {}
    for clash in _clashes(study):
        if any(clash.within(one) for one in asked):
            what = f"{names['strategies'][clash.strategy]} {'on' if clash.axis == 'streams' else 'with'}"
            found.setdefault(what, []).append(names[clash.axis][clash.index])
    return [f"{what} {', '.join(others)}" for what, others in found.items()]


def _grid(study: Study) -> dict[str, Sequence[Entry]]:
    return {axis: getattr(study, axis) for axis in AXES}


def _asked(study: Study) -> list[Combination]:
    return asked_for(_grid(study), study.only, study.exclude)


def _clashes(study: Study) -> list[Clash]:
    return clashes({**_grid(study), "model": study.model, "train": study.train})


def _same(run: GridRun, earlier: GridRun) -> str:
    axis = next(axis for axis in run.entries if run.entries[axis] != earlier.entries[axis])
    first, second = earlier.entries[axis], run.entries[axis]
    chosen = "" if axis == "streams" else ", with the settings chosen for them"
    return f"{axis}[{second}]: comes to the same runs as {axis}[{first}]{chosen}"
