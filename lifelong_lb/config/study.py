"""A study: the grid of streams, strategies, rules, base optimizers and seeds, and its shared settings."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from math import prod
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import BeforeValidator, Field, SerializeAsAny, StrictBool, WithJsonSchema

from lifelong_lb.config.checks.axes import SKIP, Axis
from lifelong_lb.config.checks.boundaries import optimizer_problems, rule_problems, unused_settings
from lifelong_lb.config.checks.budgets import budget_problems, resolved
from lifelong_lb.config.checks.compatibility import check_pairs
from lifelong_lb.config.checks.labels import AXES, axis_labels
from lifelong_lb.config.checks.selections import Selections, checked_combinations, meeting, whole
from lifelong_lb.config.checks.stream_overrides import stream_model, stream_train
from lifelong_lb.config.entries.fields import Settings, is_plain_text, one_or_more
from lifelong_lb.config.entries.models import MODEL_ENTRIES, ModelEntry
from lifelong_lb.config.entries.optimizers import External, OptimizerEntry
from lifelong_lb.config.entries.rules import RuleEntry
from lifelong_lb.config.entries.seeds import Seeds
from lifelong_lb.config.entries.strategies import SLDA, ICaRL, StrategyEntry
from lifelong_lb.config.entries.streams import OwnImages, StreamEntry
from lifelong_lb.config.entries.train import Evaluation, Train
from lifelong_lb.config.errors import UserError
from lifelong_lb.config.parse import Named, as_list, parse_settings
from lifelong_lb.config.plugins.importing import load_installed, load_origin, origin_named
from lifelong_lb.config.plugins.register import is_stored_only
from lifelong_lb.config.problems import Problems, TooManyProblems
from lifelong_lb.config.reading.extends import EXTENDS, read_extended
from lifelong_lb.config.reading.overrides import override
from lifelong_lb.config.reading.yaml_file import check_values
from lifelong_lb.config.source_lines import FileLocation, location_of
from lifelong_lb.config.tuning import Chosen, Tuning, check_chosen, check_tuning
from lifelong_lb.config.unknown_keys import unknown_key
from lifelong_lb.untrusted import begins_like_a_formula, quoted

if TYPE_CHECKING:
    from lifelong_lb.config.checks.selections import Combinations

MAX_RUNS = 1_000_000
"""Maximum number of runs of a study."""
MAX_COMBINATIONS = 1_000_000
"""Maximum number of combinations in a grid, including those left out by ``only`` and ``exclude``."""
MAX_MERGED = 16_000_000
"""The same for the union of several studies in one folder, of which few combinations are selected."""


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

    name: Annotated[str, BeforeValidator(_title)] = Field("study", description="Title of the study in reports.")
    streams: Annotated[tuple[SerializeAsAny[StreamEntry], ...], Axis("streams")] = Field(())
    strategies: Annotated[tuple[SerializeAsAny[StrategyEntry], ...], Axis("strategies")] = Field(["naive"])
    rules: Annotated[tuple[SerializeAsAny[RuleEntry], ...], Axis("rules")] = Field(["none"])
    optimizers: Annotated[tuple[SerializeAsAny[OptimizerEntry], ...], Axis("optimizers")] = Field(["sgd"])
    seeds: Seeds = Field(1, description="A number of seeds (6 means 0 to 5), or a list of them.")
    model: Annotated[SerializeAsAny[ModelEntry], Named("model", MODEL_ENTRIES)] = Field("mlp")
    train: Train = Field({})
    evaluation: Evaluation = Field({})
    skip_unsupported: StrictBool = Field(
        False,
        description="Leave out, instead of refusing, strategies that a stream, rule or optimizer does not support.",
    )
    only: Selections = Field([], description="Combinations of entries that the study is restricted to, by label.")
    exclude: Selections = Field([], description="Combinations of entries that are left out, by label.")
    imports: Annotated[tuple[str, ...], WithJsonSchema(one_or_more({"type": "string", "minLength": 1}))] = Field(
        (),
        description="Modules, or files relative to this one, that register rules, models, strategies or streams.",
    )
    chosen: Annotated[tuple[Chosen, ...], BeforeValidator(lambda value: as_list(value or []))] = Field([])
    tuning: Tuning | None = None


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
    problems.raise_if_any(source, raw)
    assert study is not None  # else there are problems
    beside = tuple(_beside_its_file(stream, raw, i) for i, stream in enumerate(study.streams))
    return study.model_copy(update={"streams": beside})


def _parsed(raw: Mapping[str, Any], problems: Problems) -> Study | None:
    """Study whose parts are checked separately; None if there are problems."""
    imports = _load_extensions(raw.get("imports", ()), problems)
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
    _check_streams(parts, problems)
    _check_labels(parts, problems, merged=merged)
    selected = whole(parts) if merged or problems.found else checked_combinations(parts, problems)
    if not merged:
        _check_online(parts, selected, problems)
        _check_boundaries(parts, problems)
    _check_optimizers(parts, selected & (not merged), problems)
    _check_evaluation(parts, problems)
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


def _beside_its_file(stream: StreamEntry, raw: Mapping[str, Any], index: int) -> StreamEntry:
    """Attach the folder of the study file to a stream of the user's own images."""
    place = location_of(raw, f"streams[{index}].source")
    return (
        stream.with_study_folder(place.folder)
        if isinstance(stream, OwnImages) and isinstance(place, FileLocation)
        else stream
    )


def _load_extensions(value: Any, problems: Problems) -> tuple[str, ...]:
    """Import the modules named by a study and those of installed plugins."""
    load_installed()
    names = as_list(value)
    if not all(isinstance(name, str) and is_plain_text(name) for name in names):
        problems.add(
            "imports", f"must be a module, e.g. my_package.rules, a file, or a list of them; got {quoted(value)}"
        )
        return ()
    origins = []
    for index, name in enumerate(names):
        origin = origin_named(name)
        try:
            load_origin(origin)
        except UserError as error:
            problems.add(f"imports[{index}]", str(error).removeprefix("imports: "))
        origins.append(origin)
    return tuple(dict.fromkeys(origins))


def _check_imported(parts: Mapping[str, Any], problems: Problems) -> None:
    """Refuse extensions that are known only from the settings stored in a result folder."""
    entries = [(axis, AXES[axis][0], entry) for axis in AXES for entry in parts.get(axis, ())]
    for path, kind, entry in [*entries, ("model", "model", parts.get("model"))]:
        if entry is not None and is_stored_only(kind, entry.name):
            problems.add(path, f"{kind} {entry.name}: not imported; name the file that registers it under imports")


def _check_labels(parts: dict[str, Any], problems: Problems, *, merged: bool) -> None:
    """Check that labels are unique and safe in tables; stored labels are accepted as they are."""
    for axis in AXES:
        try:
            labels = axis_labels(parts[axis], axis)
        except UserError as error:
            problems.add(axis, str(error).removeprefix(f"{axis}: "))
            continue
        for index, label in enumerate(() if merged else labels):
            if begins_like_a_formula(label):
                what = "must not begin with = + - or @, which spreadsheets read as a formula"
                problems.add(f"{axis}[{index}].label", f"{what}; got {quoted(label)}")


def _check_optimizers(parts: dict[str, Any], selected: "Combinations", problems: Problems) -> None:
    """Check the targets of external optimizers, and that closure optimizers are used with the rule ``none`` only."""
    together = meeting(selected, "rules", "optimizers")
    for index, optimizer in enumerate(parts["optimizers"]):
        path = f"optimizers[{index}]"
        if isinstance(optimizer, External) and "target" not in optimizer.model_fields_set:
            problems.add(path, "needs a target: the dotted name of a class, e.g. torch.optim.Adagrad")
        rules = (rule for rule, meets in zip(parts["rules"], together[:, index], strict=True) if meets)
        rule = next((rule for rule in rules if rule.name != "none"), None) if optimizer.takes_passes else None
        if rule is not None:
            problems.add(
                path,
                f"{optimizer.called} evaluates the loss itself and cannot be combined with the rule {rule.name}; "
                "run it in a separate study with rules: none, into the same folder",
            )
        uphill = next((rule for rule in rules if rule.name not in ("none", "lookahead")), None)
        if isinstance(optimizer, External) and optimizer.settings.get("maximize") and (uphill or optimizer.closure):
            taken = f"the rule {uphill.name} ascends" if uphill else "closure: true allows ascent steps"
            problems.add(path, f"must not have maximize: true because {taken}, and both would maximize the loss")


PREDICT_BY: dict[type[StrategyEntry], str] = {
    ICaRL: "the nearest mean of its exemplars",
    SLDA: "a linear discriminant that is not trained with a loss",
}
"""Strategies without a loss landscape, and what they predict with instead of their model's outputs."""


def _check_evaluation(parts: dict[str, Any], problems: Problems) -> None:
    """Check that every strategy and stream supports the measurements."""
    evaluation = parts["evaluation"]
    held = next((stream for stream in parts["streams"] if stream.evaluate == "validation"), None)
    if evaluation.test_images_per_class is not None and held is not None:
        problems.add(
            "evaluation.test_images_per_class",
            f"applies to the test part, which {held.name} with evaluate: validation does not use; remove one of them",
        )
    for index, strategy in enumerate(parts["strategies"]):
        by = PREDICT_BY.get(type(strategy))
        if evaluation.landscape is not None and by is not None:
            problems.add(
                f"strategies[{index}]",
                f"{strategy.name} predicts by {by}, which has no loss landscape; remove it or evaluation.landscape",
            )
        if evaluation.diagnostics_every is not None and strategy.own_loop is not None:
            problems.add(
                f"strategies[{index}]",
                f"{strategy.name} has no ordinary training steps whose diagnostics could be recorded; "
                "remove it or evaluation.diagnostics_every",
            )


def _check_streams(parts: dict[str, Any], problems: Problems) -> None:
    for index, stream in enumerate(parts["streams"]):
        path = f"streams[{index}]"
        stream_model(parts["model"], stream, path, problems)
        train = stream_train(parts["train"], stream, path, problems)
        if train is not None:
            budget_problems(train, parts["rules"], f"{path}.train" if stream.train else "train", problems)


def _check_online(parts: dict[str, Any], selected: "Combinations", problems: Problems) -> None:
    """Check rules on online streams, where state that is reset per experience would be reset per chunk."""
    together = meeting(selected, "streams", "rules")
    for index, stream in enumerate(parts["streams"]):
        if stream.chunk is None:
            continue
        path = f"streams[{index}].chunk"
        for rule in (rule for rule, meets in zip(parts["rules"], together[index], strict=True) if meets):
            if rule.spans_iterations():
                problems.add(path, f"the rule {rule.name} spans several minibatches, interrupted by the end of a chunk")
            elif rule.batch_norm == "recomputed":
                problems.add(
                    path, f"{rule.name} with batch_norm: recomputed would use a single chunk for its statistics"
                )


def _check_boundaries(parts: dict[str, Any], problems: Problems) -> None:
    streams, ignored = parts["streams"], Problems()  # reported by _check_streams
    trains = [stream_train(parts["train"], stream, "", ignored) or parts["train"] for stream in streams]
    found = [*rule_problems(parts["rules"], streams, parts["strategies"])]
    found += unused_settings(parts["strategies"], parts["rules"], parts["optimizers"])
    for path, sentence in [*found, *optimizer_problems(parts["optimizers"], streams, trains, parts["strategies"])]:
        problems.add(path, sentence)
