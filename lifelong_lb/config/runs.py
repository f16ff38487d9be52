"""Expand the grid of a study into run configurations, each identified by a hash of its settings."""

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

from pydantic import SerializeAsAny

from lifelong_lb.config.checks.compatibility import Conflict, conflicts, relevant_conflicts, without_conflicts
from lifelong_lb.config.checks.labels import AXES, axis_labels
from lifelong_lb.config.checks.selections import selected_combinations, whole
from lifelong_lb.config.checks.stream_overrides import stream_settings
from lifelong_lb.config.entries.fields import Entry, Settings
from lifelong_lb.config.entries.models import ModelEntry
from lifelong_lb.config.entries.optimizer_base import OptimizerEntry
from lifelong_lb.config.entries.rule_base import RuleEntry
from lifelong_lb.config.entries.strategy_base import StrategyEntry
from lifelong_lb.config.entries.streams.base import StreamEntry
from lifelong_lb.config.entries.train import Evaluation, Train
from lifelong_lb.config.errors import UserError, listed_names
from lifelong_lb.config.study import Study
from lifelong_lb.config.tuning import Overrides, bare_entry

if TYPE_CHECKING:
    from lifelong_lb.config.checks.selections import Combinations

Combination = tuple[int, int, int, int]
"""Index of an entry on each axis: streams, strategies, rules, optimizers."""

RUN_FORMAT = 2
"""Part of every run's hash; incremented when the same settings no longer give the same results."""

ADDED_LATER: dict[str, dict[str, Any]] = {
    "model": {
        "activation": "relu",
        "dropout": 0.0,
        "input_dropout": 0.0,
        "tune": "all",
        "lora": None,
        "head_hidden": [],
        "classifier": "linear",
        "weights": None,
    },
    "stream": {
        "chunk": None,
        "task_boundaries": False,
        "images_per_class": None,
        "validation": 0.0,
        "evaluate": "test",
        "blurry": 0.0,
        "first": None,
        "normalise": "dataset",
    },
    "strategy": {"memory": "experience-balanced"},
    "train": {
        "random_crop": 0,
        "random_flip": False,
        "match": "steps",
        "budget": None,
        "passes": None,
        "clip_norm": None,
        "later_epochs": None,
    },
    "rule": {"from_experience": 0, "passes": None, "rho_follows": None},
    "optimizer": {"state": "keep", "schedule": None, "groups": None},
    "evaluation": {
        "every": None,
        "landscape": None,
        "save_models": False,
        "confusion": False,
        "test_images_per_class": None,
    },
}
"""Settings added after the first release, with the values that reproduce the earlier behaviour. These values are left
out of the hash, so stored runs keep their ids."""

NORMS_BEFORE = {"small-cnn": "none", "reduced-resnet18": "batch"}
"""Normalisation of models before ``norm`` could be chosen; left out of the hash, too."""


def without_later(config: Mapping[str, Any]) -> dict[str, Any]:
    """Drop later settings whose value reproduces the earlier behaviour.

    Args:
        config: plain JSON values, as stored by any version.

    Returns:
        A configuration that is equal for equal runs.
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
    """Compute the id of a run from its configuration.

    Args:
        config: plain JSON values.

    Returns:
        Twelve hexadecimal digits, the same on every machine.
    """
    return hashlib.sha256(_text({"format": RUN_FORMAT, **without_later(config)}).encode()).hexdigest()[:12]


def _text(value: Any) -> str:
    return json.dumps(value, sort_keys=True, separators=(",", ":"))


class RunConfig(Settings):
    """All settings that determine the results of one run. Entries have no labels here."""

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
        """Twelve hexadecimal digits, the same on every machine."""
        return run_id_of(self.to_json())

    @property
    def training(self) -> Train:
        """Training settings of the run: ``train`` with the budget of its rule, if the rule has one."""
        if self.rule.passes is None:
            return self.train
        return self.train.model_copy(update={"match": "gradients", "passes": self.rule.passes})

    def expected_config(self, run: str) -> dict[str, Any] | None:
        """Configuration expected in the record of a run.

        Args:
            run: id of the run.

        Returns:
            Plain JSON values; None if the id is not that of this run.
        """
        return self.to_json() if run == self.run_id else None

    def to_json(self) -> dict[str, Any]:
        """Convert to plain JSON values, as stored.

        Returns:
            A mapping.
        """
        return self.model_dump(mode="json")


@dataclass(frozen=True)
class GridRun:
    """A run and its position in the grid of its study.

    Attributes:
        config: the run's configuration.
        entries: index of its entry on each grid axis (streams, strategies, rules, optimizers).
    """

    config: RunConfig
    entries: Mapping[str, int]


def expand(study: Study) -> list[GridRun]:
    """List all runs of a study, streams outermost, seeds innermost.

    Args:
        study: a checked study.

    Returns:
        Runs in the order of the study file, without incompatible pairs and without combinations left out by ``only`` or
        ``exclude``.

    Raises:
        UserError: if two streams, or two entries with chosen settings, give the same runs.
    """
    return list(runs_of(study, combinations(study)))


def combinations(study: Study) -> list[Combination]:
    """List the combinations of a study that are run, each once per seed.

    Args:
        study: a checked study.

    Returns:
        Combinations, streams outermost, without incompatible pairs and without those left out by ``only`` or
        ``exclude``.

    Raises:
        UserError: if two streams, or two entries with chosen settings, give the same runs.
    """
    selected = _selected(study)
    able = without_conflicts(selected, _conflicts(study))
    found: list[Combination] = list(zip(*(indices.tolist() for indices in able.nonzero()), strict=True))
    _check_different(study, found)
    return found


def runs_of(study: Study, among: Iterable[Combination], seeds: Sequence[int] | None = None) -> Iterator[GridRun]:
    """Create runs of a study lazily.

    Args:
        study: a checked study.
        among: combinations.
        seeds: seeds; None for all seeds of the study.

    Yields:
        Runs, seeds innermost.
    """
    run_parts = _RunParts(study)
    for one in among:
        parts = run_parts.parts(one)
        values: dict[str, Any] = {key: part.value for key, part in parts.items()}
        begin, end = _around_seed(parts)
        entries = dict(zip(AXES, one, strict=True))
        for seed in study.seeds if seeds is None else seeds:
            config = RunConfig.model_construct(None, **values, seed=seed)
            config.__dict__["run_id"] = hashlib.sha256(f"{begin}{seed}{end}".encode()).hexdigest()[:12]
            yield GridRun(config, entries)


@dataclass(frozen=True)
class _Part:
    """Part of a run's configuration (an entry or shared settings), and its text in the hash input."""

    value: Settings
    text: str

    @classmethod
    def of(cls, key: str, value: Settings) -> "_Part":
        return cls(value, _text(without_later({key: value.model_dump(mode="json")})[key]))


@dataclass
class _RunParts:
    """Cached parts of the configurations of a study's runs."""

    study: Study
    _cache: dict[tuple[str, int], dict[str, _Part]] = field(default_factory=dict)

    @cached_property
    def _chosen(self) -> dict[tuple[str | None, ...], Overrides]:
        return {one.at: one.settings for one in self.study.chosen}

    def parts(self, one: Combination) -> dict[str, _Part]:
        """Parts of the runs of a combination, without the seed."""
        stream, strategy, rule, optimizer = one
        found = dict(self._of_stream(stream))
        entries = {"strategy": strategy, "rule": rule, "optimizer": optimizer}
        settings = self._chosen.get(self._labels(one)) if self._chosen else None
        for key, index in entries.items():
            entry = getattr(self.study, _AXIS[key])[index]
            if settings is not None:
                found[key] = _Part.of(key, bare_entry(entry, settings))
                continue
            if (key, index) not in self._cache:
                self._cache[key, index] = {key: _Part.of(key, bare_entry(entry, {}))}
            found |= self._cache[key, index]
        return found

    def _labels(self, one: Combination) -> tuple[str | None, ...]:
        return tuple(getattr(self.study, axis)[index].label for axis, index in zip(AXES, one, strict=True))

    def _of_stream(self, index: int) -> dict[str, _Part]:
        """The stream and the settings shared by all runs on it."""
        if ("stream", index) not in self._cache:
            study, stream = self.study, self.study.streams[index]
            model, train = stream_settings(study.model, study.train, stream)
            bare = stream.model_copy(update={"label": None, "model": None, "train": None})
            model = model.with_study_folder(study.folder)
            parts = {"stream": bare, "model": model, "train": train, "evaluation": study.evaluation}
            self._cache["stream", index] = {key: _Part.of(key, part) for key, part in parts.items()}
        return self._cache["stream", index]


_AXIS = {what: axis for axis, (what, _) in AXES.items()}


def _around_seed(parts: Mapping[str, _Part]) -> tuple[str, str]:
    """Hash input of a run before and after its seed, in the format of :func:`run_id_of`."""
    texts = {"format": str(RUN_FORMAT), **{key: part.text for key, part in parts.items()}}
    begin, end = (
        [f'"{key}":{texts[key]}' for key in sorted(texts) if (key < "seed") is sign] for sign in (True, False)
    )
    return "{" + ",".join([*begin, '"seed":']), "," + ",".join(end) + "}"


def _check_different(study: Study, found: Sequence[Combination]) -> None:
    """Refuse combinations that give the same runs, which only equal streams and chosen settings can."""
    run_parts = _RunParts(study)
    streams = {"".join(p.text for p in run_parts.parts((i, 0, 0, 0)).values()) for i in range(len(study.streams))}
    if len(streams) == len(study.streams) and not study.chosen:
        return
    seen: dict[bytes, Combination] = {}
    for one in found:
        content = hashlib.sha256("".join(_around_seed(run_parts.parts(one))).encode()).digest()
        earlier = seen.setdefault(content, one)
        if earlier != one:
            raise UserError(_duplicate_message(one, earlier))


def config_at(study: Study, entries: Mapping[str, int], seed: int) -> RunConfig:
    """Configuration of one run of a study, without expanding the others.

    Args:
        study: a checked study.
        entries: index of the run's entry on each grid axis.
        seed: seed of the run.

    Returns:
        The same configuration as in :func:`expand`.
    """
    place = (entries["streams"], entries["strategies"], entries["rules"], entries["optimizers"])
    return next(runs_of(study, [place], [seed])).config


def left_out(study: Study) -> int:
    """Count the runs of a study that ``only`` and ``exclude`` leave out.

    Args:
        study: a checked study.

    Returns:
        Number of runs, without incompatible pairs.
    """
    if not study.only and not study.exclude:
        return 0
    others = ~_selected(study)
    return len(study.seeds) * int(without_conflicts(others, _conflicts(study)).sum())


MAX_NAMED = 10
"""Maximum number of entries of a group that :func:`unsupported` names."""


def unsupported(study: Study) -> dict[str, str]:
    """Pairs that ``skip_unsupported`` leaves out of a study, with reasons.

    Args:
        study: a checked study.

    Returns:
        E.g. ``"lamaml with sam, asam"`` and ``"rwalk on split-digits"``, each with a sentence.
    """
    if not study.skip_unsupported:
        return {}
    names = {axis: axis_labels(entries, axis) for axis, entries in _grid(study).items()}
    found: dict[tuple[str, str], list[Conflict]] = {}
    for conflict in relevant_conflicts(_conflicts(study), _selected(study)):
        what = f"{names['strategies'][conflict.strategy]} {'on' if conflict.axis == 'streams' else 'with'}"
        kind = conflict.reason.replace(getattr(study, conflict.axis)[conflict.entry].name, "")
        found.setdefault((what, kind), []).append(conflict)
    return {
        f"{what} {listed_names([names[one.axis][one.entry] for one in group], MAX_NAMED)}": group[0].reason
        for (what, _), group in found.items()
    }


def _grid(study: Study) -> dict[str, Sequence[Entry]]:
    return {axis: getattr(study, axis) for axis in AXES}


def _selected(study: Study) -> "Combinations":
    if not study.only and not study.exclude:
        return whole(_grid(study))
    return selected_combinations(_grid(study), study.only, study.exclude)


def _conflicts(study: Study) -> list[Conflict]:
    return conflicts({**_grid(study), "model": study.model, "train": study.train})


def _duplicate_message(one: Combination, earlier: Combination) -> str:
    axis, second, first = next(
        (axis, here, there) for axis, here, there in zip(AXES, one, earlier, strict=True) if here != there
    )
    chosen = "" if axis == "streams" else ", with its chosen settings"
    return f"{axis}[{second}]: gives the same runs as {axis}[{first}]{chosen}"
