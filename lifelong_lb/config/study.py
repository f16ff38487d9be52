"""A study: the grid of streams, strategies, rules, base optimizers and seeds, and its shared settings."""

import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from math import prod
from pathlib import Path
from typing import Annotated, Any, Self

from pydantic import BeforeValidator, Field, PrivateAttr, SerializeAsAny, StrictBool, WithJsonSchema

from lifelong_lb.config.checks.axes import SKIP, Axis
from lifelong_lb.config.checks.boundaries import check_boundaries, check_online
from lifelong_lb.config.checks.budgets import resolved
from lifelong_lb.config.checks.compatibility import check_pairs
from lifelong_lb.config.checks.evaluation import check_evaluation
from lifelong_lb.config.checks.labels import AXES, check_labels
from lifelong_lb.config.checks.optimizers import check_optimizers
from lifelong_lb.config.checks.selections import Selections, checked_combinations, whole
from lifelong_lb.config.checks.stream_overrides import check_overrides
from lifelong_lb.config.entries.fields import Settings, is_plain_text, one_or_more
from lifelong_lb.config.entries.models import MODEL_ENTRIES, ModelEntry
from lifelong_lb.config.entries.optimizer_base import OptimizerEntry
from lifelong_lb.config.entries.rule_base import RuleEntry
from lifelong_lb.config.entries.seeds import Seeds
from lifelong_lb.config.entries.strategy_base import StrategyEntry
from lifelong_lb.config.entries.streams.base import FromFiles, StreamEntry
from lifelong_lb.config.entries.streams.origin import Origin, Origins
from lifelong_lb.config.entries.streams.several_sources import Sources
from lifelong_lb.config.entries.train import Evaluation, Train
from lifelong_lb.config.parse import Named, as_list, parse_settings
from lifelong_lb.config.plugins.importing import load_extensions
from lifelong_lb.config.plugins.register import is_stored_only
from lifelong_lb.config.problems import Problem, Problems, TooManyProblems
from lifelong_lb.config.reading.extends import EXTENDS, read_extended
from lifelong_lb.config.reading.overrides import OPTION, override
from lifelong_lb.config.reading.presets import PREFIX, preset_path
from lifelong_lb.config.reading.yaml_file import check_values
from lifelong_lb.config.source_lines import FileLocation, location_of
from lifelong_lb.config.tuning import Chosen, Tuning, check_chosen, check_tuning
from lifelong_lb.config.unknown_keys import unknown_key
from lifelong_lb.untrusted import quoted

MAX_RUNS = 1_000_000
"""Maximum number of runs of a study."""
MAX_COMBINATIONS = 1_000_000
"""Maximum number of combinations in a grid, including those left out by ``only`` and ``exclude``."""
MAX_MERGED = 16_000_000
"""The same for the union of several studies in one folder, of which few combinations are selected."""


def _key(default: Any, description: str | None = None) -> Any:
    """Key of a study file whose default is written as in the file."""
    return Field(default, description=description)


def _title(value: Any) -> Any:
    if not isinstance(value, str) or not is_plain_text(value):
        raise ValueError(f"must be a name of printable characters; got {quoted(value)}")
    return value


class Study(Settings):
    """A checked study. Build it with :func:`parse_study` or :func:`read_study`.

    ``skip_unsupported`` leaves out strategies that cannot be used with a stream, rule or optimizer, instead of refusing
    them. ``only`` and ``exclude`` select combinations of the grid, see :mod:`lifelong_lb.config.checks.selections`.
    ``imports`` are modules or files that register further names, see :mod:`lifelong_lb.extend`. ``chosen`` holds
    settings of entries in single combinations of the grid, ``tuning`` how they are searched.
    """

    name: Annotated[str, BeforeValidator(_title)] = _key("study", "Title of the study in reports.")
    streams: Annotated[tuple[SerializeAsAny[StreamEntry], ...], Axis("streams")] = _key(
        (), "Streams of experiences, by name or as mappings with settings."
    )
    strategies: Annotated[tuple[SerializeAsAny[StrategyEntry], ...], Axis("strategies")] = _key(
        ["naive"], "Continual-learning strategies."
    )
    rules: Annotated[tuple[SerializeAsAny[RuleEntry], ...], Axis("rules")] = _key(
        ["none"], "Update rules, e.g. [none, {name: sam, rho: 0.1}]."
    )
    optimizers: Annotated[tuple[SerializeAsAny[OptimizerEntry], ...], Axis("optimizers")] = _key(
        ["sgd"], "Base optimizers."
    )
    seeds: Seeds = _key(1, "A number of seeds (6 means 0 to 5), or a list of them.")
    model: Annotated[SerializeAsAny[ModelEntry], Named("model", MODEL_ENTRIES)] = _key(
        "mlp", "Backbone and head of all runs."
    )
    train: Train = _key({}, "Training settings of all runs.")
    evaluation: Evaluation = _key({}, "What is measured, and when.")
    skip_unsupported: StrictBool = _key(
        False,
        "Leave out, instead of refusing, strategies that a stream, rule or optimizer does not support.",
    )
    only: Selections = _key([], "Combinations of entries that the study is restricted to, by label.")
    exclude: Selections = _key([], "Combinations of entries that are left out, by label.")
    imports: Annotated[tuple[str, ...], WithJsonSchema(one_or_more({"type": "string", "minLength": 1}))] = _key(
        (),
        "Modules, or files relative to this one, that register rules, models, strategies or streams.",
    )
    chosen: Annotated[tuple[Chosen, ...], BeforeValidator(lambda value: as_list(value or []))] = _key(
        [], "Settings of entries in single combinations of the grid, as ``lifelong-lb tune`` writes them."
    )
    tuning: Tuning | None = _key(None, "How ``lifelong-lb tune`` searches settings.")
    _folder: Path | None = PrivateAttr(default=None)  # neither stored nor hashed
    _origins: Origins = PrivateAttr(default=Origins())

    @property
    def folder(self) -> Path | None:
        """Folder of the study file that names weights of a model; None if none does."""
        return self._folder

    def with_folder(self, folder: Path | None) -> Self:
        """Copy the study with the folder of its file.

        Args:
            folder: the folder.

        Returns:
            A copy.
        """
        copy = self.model_copy()
        copy._folder = folder
        return copy

    def place_of_model(self, stream: int) -> str:
        """Beginning of messages about the model of a stream.

        Args:
            stream: index of the stream.

        Returns:
            Line of the model's weights, or of the model, and its path, e.g. ``study.yaml:2: model``.
        """
        models = self._origins.models
        return models[stream].of("") if stream < len(models) else "model"

    def with_places_of_models(self, study: "Study") -> Self:
        """Copy the study with the places of another one's models.

        Args:
            study: a study with the same streams.

        Returns:
            A copy.
        """
        copy = self.model_copy()
        copy._origins = study._origins
        return copy


def read_study(path: Path, overrides: Sequence[str] = ()) -> Study:
    """Read and check a study file, merged with the files it extends.

    Args:
        path: the YAML file.
        overrides: assignments such as ``"train.batch_size=64"``, applied before checking.

    Returns:
        The study.

    Raises:
        UserError: naming the file, the field, the value and what is allowed.
    """
    raw = read_extended(path)
    for assignment in overrides:
        apply_override(raw, assignment)
    return parse_study(raw, source=str(path))


def apply_override(raw: dict[str, Any], assignment: str) -> None:
    """Set one value of a raw study in place, as ``--set`` does.

    Args:
        raw: the study as read from YAML.
        assignment: as for :func:`lifelong_lb.config.reading.overrides.override`.

    Raises:
        UserError: if it is not an assignment to a key or an item.
    """
    override(raw, assignment, {key: field.default for key, field in Study.model_fields.items()}, list(AXES))


def parse_study(raw: Mapping[str, Any], source: str = "study", *, merged: bool = False) -> Study:
    """Check a study given as plain values.

    Args:
        raw: the keys of a study file.
        source: name of the study in messages.
        merged: whether it is the union of several studies, whose entries need not all be compatible.

    Returns:
        The study.

    Raises:
        UserError: listing all problems.
    """
    problems = Problems()
    check_values(raw, source)
    study = None
    with suppress(TooManyProblems):
        study = _parsed(raw, problems)
        if study is not None:
            study = _checked(study, merged, problems)
    problems.found = [_with_hint(problem, raw, source) for problem in problems.found]
    problems.raise_if_any(source, raw)
    assert study is not None  # else there are problems
    beside = tuple(_with_origin(stream, raw, source, i) for i, stream in enumerate(study.streams))
    study = study.model_copy(update={"streams": beside})
    models = ["model", *(f"streams[{index}].model" for index in range(len(study.streams)))]
    places = [location_of(raw, f"{model}.weights") for model in models]
    study._origins = Origins(tuple(_origin_of_model(study, raw, source, index) for index in range(len(study.streams))))
    return study.with_folder(next((place.folder for place in places if isinstance(place, FileLocation)), None))


_UNKNOWN_LABEL = re.compile(r"(only|exclude)\[\d+\]\.\w+")


def _with_hint(problem: Problem, raw: Mapping[str, Any], source: str) -> Problem:
    """Add to an unknown label under ``only`` or ``exclude`` that it is from a file that the study extends."""
    key = _UNKNOWN_LABEL.fullmatch(problem.path)
    place = None if key is None else location_of(raw, problem.path)
    if key is None or place is None:
        return problem
    own = preset_path(source.removeprefix(PREFIX)) if source.startswith(PREFIX) else source
    if place.startswith((f"{own}:", OPTION)):
        return problem
    hint = f" (from the file that this study extends; {key[1]}: null leaves it out)"
    return replace(problem, sentence=problem.sentence + hint)


def _parsed(raw: Mapping[str, Any], problems: Problems) -> Study | None:
    """Study whose parts are checked separately; None if there are problems."""
    imports = load_extensions(raw.get("imports", ()), problems)
    if problems.found:  # do not report names that the import would have registered
        return None
    for key in raw:
        if key == EXTENDS:
            problems.add(key, "allowed in study files only; its paths are relative to the folder of the file")
        elif key not in Study.model_fields:
            path = key if isinstance(key, str) else quoted(key)
            problems.add(path, unknown_key(key, [*Study.model_fields, EXTENDS]))
    values = {key: value for key, value in raw.items() if key in Study.model_fields} | {"imports": imports}
    found, study = Problems(), None
    with suppress(TooManyProblems):
        study = parse_settings(Study, values, "", found, context={SKIP: raw.get("skip_unsupported") is True})
    for each in found.found:
        problems.add(each.path.removeprefix("."), each.sentence, each.at and each.at.removeprefix("."))
    return None if problems.found else study


def _checked(study: Study, merged: bool, problems: Problems) -> Study:
    """Check the parts of a study against each other, and make its budget explicit."""
    parts = {key: getattr(study, key) for key in Study.model_fields}
    if not merged:
        _check_imported(parts, problems)
    if not problems.found:
        _check_together(parts, merged, problems)
    return study.model_copy(update={"train": parts["train"]})


def _check_together(parts: dict[str, Any], merged: bool, problems: Problems) -> None:
    """Check the parts of a study against each other, and resolve the budget of ``train``."""
    size = prod(len(parts[axis]) for axis in AXES)
    if size > (MAX_MERGED if merged else MAX_COMBINATIONS):
        axes = " x ".join(f"{len(parts[axis]):,} {axis}" for axis in AXES)
        problems.add("rules", f"the study has {size:,} combinations ({axes}); at most {MAX_COMBINATIONS:,} are allowed")
        return
    parts["train"] = resolved(parts["train"], parts["rules"], parts["optimizers"], problems)
    trains = check_overrides(parts, problems)
    check_labels(parts, problems, merged=merged)
    selected = whole(parts) if merged or problems.found else checked_combinations(parts, problems)
    if not merged:
        check_online(parts, selected, problems)
        check_boundaries(parts, trains, problems)
    check_optimizers(parts, selected & (not merged), problems)
    check_evaluation(parts, problems)
    check_chosen(parts["chosen"], parts, problems)
    check_tuning(parts["tuning"], parts, problems)
    if problems.found:
        return
    left, seeds = int(check_pairs(parts, selected, problems).sum()), len(parts["seeds"])
    if left * seeds > MAX_RUNS and not merged:
        problems.add(
            "seeds",
            f"the study has {left * seeds:,} runs ({left:,} combinations x {seeds:,} seeds); at most {MAX_RUNS:,} are "
            "allowed",
        )


def _with_origin(stream: StreamEntry, raw: Mapping[str, Any], source: str, index: int) -> StreamEntry:
    """Attach the locations of a stream's keys, and the folder of the study file if the stream needs it."""
    path = f"streams[{index}]"
    if isinstance(stream, FromFiles):
        place = location_of(raw, f"{path}.{stream.path_key}")
        stream = stream.with_study_folder(place.folder) if isinstance(place, FileLocation) else stream
    items = [f"sources[{i}]" for i in range(len(stream.sources))] if isinstance(stream, Sources) else []
    found = {key: location_of(raw, f"{path}.{key}") for key in [*sorted(stream.model_fields_set), *items]}
    whole = location_of(raw, path)
    locations = {key: str(place) for key, place in {**found, "": whole}.items() if place is not None}
    return stream.with_origin(Origin(path, source, locations))


def _origin_of_model(study: Study, raw: Mapping[str, Any], source: str, index: int) -> Origin:
    """Place of the model of a stream: its own, unless it takes name and weights from the study's."""
    given = study.streams[index].model
    own = {"name": given} if isinstance(given, str) else given or {}
    path = (
        f"streams[{index}].model"
        if "weights" in own or own.get("name", study.model.name) != study.model.name
        else "model"
    )
    place = location_of(raw, f"{path}.weights")
    return Origin(path, source, {} if place is None else {"": str(place)})


def _check_imported(parts: Mapping[str, Any], problems: Problems) -> None:
    """Refuse extensions that are known only from the settings stored in a result folder."""
    entries = [(axis, AXES[axis][0], entry) for axis in AXES for entry in parts.get(axis, ())]
    for path, kind, entry in [*entries, ("model", "model", parts.get("model"))]:
        if entry is not None and is_stored_only(kind, entry.name):
            problems.add(path, f"{kind} {entry.name}: not imported; name the file that registers it under imports")
