"""The sections ``tuning`` and ``chosen`` of a study file: search spaces, held-out data and selected settings."""

from collections.abc import Iterator, Mapping, Sequence
from math import isfinite, log
from typing import Annotated, Any, Literal, TypeVar

from pydantic import AfterValidator, BeforeValidator, Discriminator, Field, Tag, model_validator

from lifelong_lb import hyperparameters
from lifelong_lb.config.checks.labels import axis_labels, seeds_in_words
from lifelong_lb.config.entries.fields import AtLeastOne, Entry, Float, Settings, WholeNumber, Within
from lifelong_lb.config.entries.metrics import ADDED, METRIC_ENTRIES
from lifelong_lb.config.entries.seeds import SeedList
from lifelong_lb.config.errors import unknown_name
from lifelong_lb.config.parse import parse_settings
from lifelong_lb.config.problems import Problems
from lifelong_lb.untrusted import quoted, shortened

TUNED_AXES = ("strategies", "rules", "optimizers")
"""Grid axes whose entries may be searched."""

MAX_CHOICES = 10_000
"""Maximum number of choices in all search spaces of a study together."""

Value = bool | int | float | str
E = TypeVar("E", bound=Entry)
Overrides = Mapping[str, Mapping[str, Value]]
"""Label of an entry to its hyper-parameters."""


class Range(Settings):
    """Numbers from ``low`` to ``high``: uniform in the logarithm if ``log``, integers only if ``whole``."""

    low: Float
    """Smallest value."""
    high: Float
    """Largest value."""
    log: bool = False
    """Whether values are uniform in the logarithm."""
    whole: bool = False
    """Whether only integers are tried."""

    @model_validator(mode="after")
    def _check_bounds(self) -> "Range":
        if self.low >= self.high:
            raise ValueError(f"needs low < high; got {self.low:g} and {self.high:g}")
        if self.log and self.low <= 0:
            raise ValueError(f"needs low > 0 if log is true; got {self.low:g}")
        if self.whole and not (self.low.is_integer() and self.high.is_integer()):
            raise ValueError(f"needs whole numbers if whole is true; got {self.low:g} and {self.high:g}")
        return self

    def examples(self) -> list[Value]:
        """Values that the entry must accept.

        Returns:
            The bounds, and a value between them unless ``whole``.
        """
        if self.whole:
            return [int(self.low), int(self.high)]
        return [self.low, self.low + (self.high - self.low) * 0.381, self.high]


def _choice(value: Any) -> Any:
    if isinstance(value, bool | int | str) or (isinstance(value, float) and isfinite(value)):
        return value
    raise ValueError(f"must be a number, a string, true or false; got {quoted(value)}")


def _different(choices: tuple[Value, ...]) -> tuple[Value, ...]:
    if len(choices) < 2:
        raise ValueError(f"needs at least two choices; got {quoted(list(choices))}")
    if len({(type(choice), choice) for choice in choices}) < len(choices):
        raise ValueError(f"needs different choices; got {quoted(list(choices))}")
    return choices


def _space(value: Any) -> Any:
    if not isinstance(value, Range | Mapping | list | tuple):
        raise ValueError(f"must be a list of choices, or a mapping with low and high; got {quoted(value)}")
    return value


def _spaces(value: Any) -> Any:
    if not isinstance(value, Mapping) or not value:
        example = "e.g. {rho: {low: 0.01, high: 0.5, log: true}} or {k: [2, 5, 10]}"
        raise ValueError(f"needs hyper-parameters to search, {example}; got {quoted(value)}")
    return _text_keys(value)


def _text_keys(value: Any) -> Any:
    return {str(key): item for key, item in value.items()} if isinstance(value, Mapping) else value


Choices = Annotated[tuple[Annotated[Value, BeforeValidator(_choice)], ...], AfterValidator(_different)]
Space = Annotated[
    Annotated[Range, Tag("range")] | Annotated[Choices, Tag("choices"), Field(json_schema_extra={"minItems": 2})],
    Discriminator(lambda value: "choices" if isinstance(value, list | tuple) else "range"),
    BeforeValidator(_space),
]
Spaces = Annotated[dict[str, Space], BeforeValidator(_spaces)]
"""Search spaces of an entry."""


class HeldOut(Settings):
    """Data that settings are selected on: seeds that are not reported, and images held out of the train part."""

    seeds: SeedList
    """Seeds of the search, none of the study's."""
    first_experiences: AtLeastOne | None = None
    """Train on at most the first experiences of each stream, e.g. 3."""
    validation: Annotated[Float, Within(hyperparameters.Range(0, 1, above=True, below=True))] = 0.1
    """Fraction of each class held out from the train part."""
    class_order: Literal["same", "other"] = "same"
    """``other``: the seeds of the search draw the order of classes (of data sets, the angles) even if the stream fixes
    it."""


class Tuning(Settings):
    """Search spaces of ``lifelong-lb tune``.

    Each combination of stream, strategy, rule and base optimizer has a separate search.
    """

    trials: AtLeastOne = 20
    """Trials of each combination of stream, strategy, rule and base optimizer."""
    metric: str = "average_accuracy"
    """Metric whose mean over the held-out seeds is optimised."""
    held_out: HeldOut
    """Data that settings are selected on: seeds that are not reported, and images held out of the train part."""
    search: Annotated[dict[str, Spaces], Field(min_length=1), BeforeValidator(_text_keys)]
    """Search spaces by label of an entry and hyper-parameter, e.g. ``{sam: {rho: {low: 0.01, high: 0.5, log: true}}}``
    or ``{replay: {mem_size: [100, 200]}}``."""


class Search(Settings):
    """Result of a search; ``best``, ``median`` and ``worst`` are over the completed trials."""

    metric: str
    space: dict[str, dict[str, Space]]
    trials: AtLeastOne
    not_done: WholeNumber
    best: Float | None
    median: Float | None
    worst: Float | None
    gradient_evaluations: WholeNumber


class Chosen(Settings):
    """Settings of the entries of one combination, given by labels; ``search`` records how they were found."""

    stream: str
    """Label of the stream."""
    strategy: str
    """Label of the strategy."""
    rule: str
    """Label of the rule."""
    optimizer: str
    """Label of the optimizer."""
    settings: dict[str, dict[str, Value]]
    """Hyper-parameters by label of an entry, e.g. ``{sam: {rho: 0.1}}``."""
    search: Search | None = None
    """How they were found, as ``lifelong-lb tune`` records it."""

    @property
    def at(self) -> tuple[str, str, str, str]:
        """Labels on each grid axis."""
        return self.stream, self.strategy, self.rule, self.optimizer

    def summary(self) -> str:
        """Settings in one line.

        Returns:
            E.g. ``sam.rho = 0.1, sgd.lr = 0.03``.
        """
        return ", ".join(
            f"{name}.{key} = {value}" for name, values in self.settings.items() for key, value in values.items()
        )


def with_settings(entry: E, settings: Mapping[str, Value], path: str, problems: Problems) -> E | None:
    """Replace hyper-parameters of an entry, with the same checks as in a study file.

    Args:
        entry: the entry.
        settings: the new values.
        path: path of the values.
        problems: receives the problems.

    Returns:
        The entry with its label, or None if there are problems.
    """
    fixed = sorted({"name", "label"} & set(settings))
    if fixed:
        problems.add(path, f"must hold hyper-parameters; got {quoted(fixed[0])}")
        return None
    return parse_settings(type(entry), {**entry.model_dump(), **settings}, path, problems)


def _check_metric(tuning: Tuning, parts: Mapping[str, Any], problems: Problems) -> None:
    known, path = {**METRIC_ENTRIES, **ADDED}, "tuning.metric"
    if tuning.metric not in known:
        problems.add(path, unknown_name("metric", tuning.metric, known))
        return
    least, first = known[tuning.metric].least_experiences, tuning.held_out.first_experiences
    for stream in parts["streams"]:
        learnt = min(stream.learnt, first or stream.learnt)
        if learnt < least:
            problems.add(path, f"{tuning.metric} needs at least {least} experiences; got {learnt} in {stream.name}")
            return


def check_tuning(tuning: Tuning | None, parts: Mapping[str, Any], problems: Problems) -> None:
    """Check that searched values are valid and that the held-out data are separate from the reported ones.

    Args:
        tuning: the section, if there is one.
        parts: the study's axes and seeds, checked.
        problems: receives the problems.
    """
    if tuning is None:
        return
    shared = sorted(set(tuning.held_out.seeds) & set(parts["seeds"]))
    if shared:
        problems.add(
            "tuning.held_out.seeds",
            f"must not be among the study's seeds {seeds_in_words(parts['seeds'])}, which are reported; "
            f"got {shared[0]} in both",
        )
    _check_metric(tuning, parts, problems)
    if any(stream.evaluate == "validation" for stream in parts["streams"]):
        problems.add(
            "tuning",
            "needs streams with evaluate: test, because tuning holds out validation images itself",
        )
    choices = sum(len(space) for own in tuning.search.values() for space in own.values() if isinstance(space, tuple))
    if choices > MAX_CHOICES:
        problems.add("tuning.search", f"must list at most {MAX_CHOICES:,} choices altogether; got {choices:,}")
        return
    entries: dict[str, list[Entry]] = {}
    for axis in TUNED_AXES:
        for label, entry in zip(axis_labels(parts[axis], axis), parts[axis], strict=True):
            entries.setdefault(label, []).append(entry)
    for label, spaces in tuning.search.items():
        path = f"tuning.search.{label}"
        if len(entries.get(label, ())) != 1:
            several = f"names several entries ({shortened(label)}); give them labels"
            problems.add(path, several if label in entries else unknown_name("entry", label, entries))
        else:
            for key, space in spaces.items():
                _check_space(entries[label][0], key, space, f"{path}.{key}", problems)


def _check_space(entry: Entry, key: str, space: Range | Choices, path: str, problems: Problems) -> None:
    """Validate values of a search space, up to the first invalid one."""
    known = [name for name in type(entry).model_fields if name not in ("name", "label")]
    if key not in known:
        problems.add(path, unknown_name(f"hyper-parameter of {entry.called}", key, known))
        return
    for value in space.examples() if isinstance(space, Range) else space:
        found = Problems()
        with_settings(entry, {key: value}, path, found)
        if found.found:
            needs_whole = isinstance(space, Range) and "whole number" in str(found.found[0]) and value != int(value)
            hint = " (set whole: true)" if needs_whole else ""
            problems.add(path, f"invalid value {quoted(value)}: {found.found[0].sentence}{hint}")
            return


def check_chosen(chosen: Sequence[Chosen], parts: Mapping[str, Any], problems: Problems) -> None:
    """Check that chosen settings name labels of the study and are valid.

    Args:
        chosen: the section.
        parts: the study's axes, checked.
        problems: receives the problems.
    """
    known = {axis: {e.label: e for e in parts[axis] if e.label is not None} for axis in ("streams", *TUNED_AXES)}
    seen: set[tuple[str, ...]] = set()
    for index, one in enumerate(chosen):
        path = f"chosen[{index}]"
        for (axis, entries), label in zip(known.items(), one.at, strict=True):
            if label not in entries:
                problems.add(path, f"must name entries of {axis} by their label; got {quoted(label)}")
        if one.at in seen:
            problems.add(path, f"duplicate combination {', '.join(map(shortened, one.at))}")
        seen.add(one.at)
        named = {name: entries[name] for entries, name in zip(known.values(), one.at, strict=True) if name in entries}
        for label, settings in one.settings.items():
            if one.at[1:].count(label) != 1:
                problems.add(
                    f"{path}.settings",
                    f"must name strategy, rule or optimizer of the combination; got {quoted(label)}",
                )
            elif label in named:
                with_settings(named[label], settings, f"{path}.settings.{label}", problems)


def bare_entry(entry: E, settings: Overrides) -> E:
    """Apply the settings chosen for a combination to an entry, and remove its label.

    Args:
        entry: entry of the study.
        settings: settings chosen for the combination, checked.

    Returns:
        The entry.
    """
    changes = settings.get(entry.label or "", {})
    bare: E = entry.model_copy(update={"label": None})
    if changes:
        bare = type(entry).model_validate({**entry.model_dump(), **changes, "label": None})
    return bare


def at_the_edge(chosen: Chosen) -> Iterator[str]:
    """Find chosen numbers at an end of their range, where a wider range may hold a better value.

    Args:
        chosen: the chosen settings with their search space.

    Yields:
        Names of hyper-parameters, e.g. ``sam.rho``.
    """
    for label, settings in chosen.settings.items():
        for key, value in settings.items():
            space = chosen.search.space.get(label, {}).get(key) if chosen.search else None
            if _is_edge(space, value):
                yield f"{label}.{key}"


NEAR = 0.05
"""Fraction of a range (of its logarithm if ``log``) that counts as its end."""


def _is_edge(space: Range | Choices | None, value: Value) -> bool:
    if isinstance(value, bool) or not isinstance(value, int | float) or space is None:
        return False
    if isinstance(space, Range):
        low, high, x = (log(v) if space.log else float(v) for v in (space.low, space.high, value))
        return not NEAR < (x - low) / (high - low) < 1 - NEAR
    numbers = [v for v in space if isinstance(v, int | float) and not isinstance(v, bool)]
    return len(numbers) > 2 and value in (min(numbers), max(numbers))
