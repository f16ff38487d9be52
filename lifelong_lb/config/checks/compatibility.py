"""Incompatible entries of a study, detected before anything runs."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import islice
from typing import TYPE_CHECKING, Any, NamedTuple

from lifelong_lb.averaging import loop_conflict, path_conflict
from lifelong_lb.config.checks.labels import AXES
from lifelong_lb.config.checks.selections import meeting
from lifelong_lb.config.checks.stream_overrides import stream_settings
from lifelong_lb.config.entries.models import ModelEntry
from lifelong_lb.config.entries.optimizer_base import OptimizerEntry
from lifelong_lb.config.entries.own_loop_strategies import LaMAML, OnFeatures
from lifelong_lb.config.entries.rule_base import RuleEntry
from lifelong_lb.config.entries.strategies import (
    DER,
    ERAML,
    GSS,
    MIR,
    STRATEGY_ENTRIES,
    WA,
    DERPlusPlus,
    ICaRL,
    LwF,
    Replay,
)
from lifelong_lb.config.entries.strategy_base import StrategyEntry
from lifelong_lb.config.entries.streams.base import StreamEntry
from lifelong_lb.config.entries.streams.dealt import DealtStream
from lifelong_lb.config.entries.streams.several_sources import SeveralSources
from lifelong_lb.config.entries.train import Train
from lifelong_lb.config.problems import Problem, Problems

if TYPE_CHECKING:
    from lifelong_lb.config.checks.selections import Combinations


def stream_conflict(strategy: StrategyEntry, stream: StreamEntry, model: ModelEntry, train: Train) -> str | None:
    """Reason why a strategy cannot learn a stream.

    Args:
        strategy: the strategy.
        stream: the stream.
        model: the stream's model, its head explicit.
        train: the stream's training settings.

    Returns:
        A sentence; None when nothing speaks against it.
    """
    if stream.scenario not in strategy.scenarios:
        return f"{strategy.name} works with {' or '.join(strategy.scenarios)} streams; got {stream.scenario}"
    if stream.chunk is not None and not strategy.online:
        able = ", ".join(name for name, entry in STRATEGY_ENTRIES.items() if entry.online)
        return f"{strategy.name} would treat each chunk of an online stream as a task (online strategies: {able})"
    if stream.chunk is not None and isinstance(strategy, Replay) and strategy.memory == "experience-balanced":
        return (
            "replay with memory: experience-balanced would divide the memory among the chunks of an online stream "
            "(use memory: class-balanced or reservoir)"
        )
    if isinstance(strategy, ICaRL | WA) and isinstance(stream, DealtStream) and stream.blurry:
        return (
            f"{strategy.name} treats the classes of each experience as new, so blurry must be 0; got {stream.blurry:g}"
        )
    if isinstance(strategy, ICaRL | WA) and isinstance(stream, SeveralSources) and stream.recurring:
        return f"{strategy.name} treats the classes of each experience as new, but classes of {stream.name} recur"
    unsuitable = _model_conflict(strategy, model)
    if unsuitable is not None:
        return unsuitable
    if strategy.own_loop is not None and train.match == "gradients":
        return (
            f"train.match: gradients counts the passes of ordinary training steps, which {strategy.name} does not "
            "take; use match: steps or seconds"
        )
    if strategy.own_loop is not None and train.clip_norm is not None:
        return f"train.clip_norm clips ordinary training steps, which {strategy.name} does not take; leave it out"
    if strategy.own_loop is not None and train.precision == "float16":
        return (
            f"train.precision: float16 scales the losses of ordinary training steps, which {strategy.name} does not "
            "take; use bfloat16"
        )
    return _settings_conflict(strategy, stream, train)


def _model_conflict(strategy: StrategyEntry, model: ModelEntry) -> str | None:
    """Conflict between a strategy and a model."""
    if model.head not in strategy.heads:
        return f"{strategy.name} needs one of the heads {', '.join(strategy.heads)}; got {model.head!r}"
    if isinstance(strategy, WA) and model.classifier != "linear":
        return (
            "wa scales the classifier's weights of new classes, and a cosine classifier ignores the lengths of weights,"
            f" so classifier must be linear; got {model.classifier!r}"
        )
    if isinstance(strategy, OnFeatures) and model.classifier != "linear":
        return (
            f"{strategy.name} uses the features of the backbone and trains no head, so classifier must be linear; "
            f"got {model.classifier!r}"
        )
    if isinstance(strategy, LaMAML) and model.tune != "all":
        return f"lamaml learns a learning rate for every weight of the model, so tune must be all; got {model.tune!r}"
    if isinstance(strategy, OnFeatures) and model.head_hidden:
        return (
            f"{strategy.name} uses the features of the backbone and trains no head, so head_hidden must be empty; "
            f"got {list(model.head_hidden)}"
        )
    return None


def rule_conflict(strategy: StrategyEntry, rule: RuleEntry) -> str | None:
    """Reason why a strategy cannot be trained with a rule.

    Args:
        strategy: the strategy.
        rule: the rule.

    Returns:
        A sentence; None when nothing speaks against it.
    """
    if strategy.follows_path and rule.keeps_weights():
        return (
            f"{strategy.name} accumulates the path of the weights over iterations, but {rule.name} keeps fast and slow "
            "weights over several minibatches, so the path within an iteration is a different one"
        )
    if strategy.replays_aside and rule.batch_norm == "recomputed":
        return (
            f"{strategy.name} draws replayed images separately from the minibatches that batch_norm: recomputed of "
            f"{rule.name} uses for its statistics; use first or all"
        )
    if strategy.own_loop is None:
        return None
    if rule.name != "none":
        return (
            f"{strategy.name} supports the rule none only, not {rule.name}: {strategy.own_loop}, so no rule can take "
            "part in its steps; use rules: none for it, or another strategy"
        )
    if rule.passes is not None:
        return (
            f"passes counts the gradients of ordinary training steps, which {strategy.name} does not take; leave it out"
        )
    if rule.batch_norm == "recomputed" and not strategy.takes_gradients:
        return f"{strategy.name} does not change the model, so batch_norm: recomputed must not change its statistics"
    return None


def optimizer_conflict(strategy: StrategyEntry, optimizer: OptimizerEntry) -> str | None:
    """Reason why a strategy cannot be trained with a base optimizer.

    Args:
        strategy: the strategy.
        optimizer: the base optimizer.

    Returns:
        A sentence; None when nothing speaks against it.
    """
    if optimizer.averages and strategy.follows_path:
        return path_conflict(strategy.name, optimizer.called)
    if strategy.own_loop is None:
        return None
    if optimizer.averages and strategy.takes_gradients:
        return loop_conflict(strategy.name, optimizer.called)
    if optimizer.takes_passes:
        return (
            f"{optimizer.called} evaluates the loss itself in the optimizer step of the ordinary training loop, which "
            f"{strategy.name} does not have"
        )
    if strategy.steps_optimizer():
        return None
    able = " unless it has sync_update: true" if isinstance(strategy, LaMAML) else ""
    settings = {
        "a schedule": optimizer.schedule is not None,
        "state: reset": optimizer.state == "reset",
        "groups": optimizer.groups is not None,
    }
    for what, given in settings.items():
        if given:
            return f"{strategy.name} never steps its base optimizer{able}, so {what} would have no effect"
    return None


def _settings_conflict(strategy: StrategyEntry, stream: StreamEntry, train: Train) -> str | None:
    """Conflict between a strategy's settings and a stream."""
    if isinstance(strategy, DER | DERPlusPlus):
        minibatch = strategy.batch_size_mem or train.batch_size
        if minibatch > strategy.mem_size:
            return (
                f"{strategy.name} needs mem_size >= batch_size_mem (by default train.batch_size), else nothing is ever "
                f"replayed; got {strategy.mem_size} and {minibatch}"
            )
    if isinstance(strategy, ERAML) and stream.classes is not None and strategy.mem_size < stream.classes:
        return (
            f"er-aml draws from every class in its memory, so mem_size must be at least the {stream.classes} classes; "
            f"got {strategy.mem_size}"
        )
    if isinstance(strategy, GSS) and (train.random_crop or train.random_flip):
        return "gss stores augmented images, which random_crop and random_flip would augment again"
    if isinstance(strategy, MIR) and train.precision == "float16":
        return (
            "mir differentiates the loss of a pass itself, without the scale that train.precision: float16 needs; use "
            "bfloat16"
        )
    if isinstance(strategy, LwF) and isinstance(strategy.alpha, tuple) and len(strategy.alpha) != stream.length:
        return f"lwf needs one alpha per experience ({stream.length}); got {len(strategy.alpha)}"
    return None


_POSITION = {axis: position for position, axis in enumerate(AXES)}


class Conflict(NamedTuple):
    """Incompatibility of a strategy with an entry of another axis.

    Attributes:
        strategy: index of the strategy.
        axis: streams, rules or optimizers.
        entry: index of the entry on the axis.
        reason: one sentence.
    """

    strategy: int
    axis: str
    entry: int
    reason: str


def conflicts(parts: Mapping[str, Any]) -> list[Conflict]:
    """Find incompatible pairs of a strategy and a rule, optimizer or stream.

    Args:
        parts: the study's axes, ``model`` and ``train``, checked separately.

    Returns:
        One conflict per pair.
    """
    found: list[Conflict] = []
    for axis, conflict_of in (("rules", rule_conflict), ("optimizers", optimizer_conflict)):
        of_kind: dict[Any, list[tuple[int, str]]] = {}  # other settings of a strategy do not matter here
        for place, strategy in enumerate(parts["strategies"]):
            kind = (type(strategy), strategy.steps_optimizer())
            if kind not in of_kind:
                reasons = ((index, conflict_of(strategy, entry)) for index, entry in enumerate(parts[axis]))
                of_kind[kind] = [(index, reason) for index, reason in reasons if reason is not None]
            found += [Conflict(place, axis, index, reason) for index, reason in of_kind[kind]]
    for index, stream in enumerate(parts["streams"]):
        model, train = stream_settings(parts["model"], parts["train"], stream)
        for place, strategy in enumerate(parts["strategies"]):
            reason = stream_conflict(strategy, stream, model, train)
            if reason is not None:
                found.append(Conflict(place, "streams", index, reason))
    return found


def relevant_conflicts(found: Sequence[Conflict], selected: "Combinations") -> list[Conflict]:
    """Keep the conflicts that occur in a selected combination.

    Args:
        found: all conflicts of a study.
        selected: the selected combinations.

    Returns:
        Conflicts.
    """
    pairs = {axis: meeting(selected, "strategies", axis) for axis in ("rules", "optimizers")}
    pairs["streams"] = meeting(selected, "streams", "strategies").T
    return [conflict for conflict in found if pairs[conflict.axis][conflict.strategy, conflict.entry]]


def without_conflicts(selected: "Combinations", found: Sequence[Conflict]) -> "Combinations":
    """Remove combinations with a conflict.

    Args:
        selected: combinations.
        found: the conflicts.

    Returns:
        The combinations that can be run.
    """
    left = selected.copy()
    for axis, position in _POSITION.items():
        on_axis = [conflict for conflict in found if conflict.axis == axis]
        if on_axis:
            view = left.swapaxes(0, 1).swapaxes(1, position or 1)  # axes: strategies, this axis, the two others
            view[[conflict.strategy for conflict in on_axis], [conflict.entry for conflict in on_axis]] = False
    return left


MAX_REASONS = 5
"""Maximum number of reasons in a message."""


def check_pairs(parts: dict[str, Any], selected: "Combinations", problems: Problems) -> "Combinations":
    """Check that entries are compatible, or that some combinations remain with ``skip_unsupported``.

    Args:
        parts: the study's axes, ``model``, ``train`` and ``skip_unsupported``, checked separately.
        selected: the combinations that the study asks for.
        problems: receives the problems.

    Returns:
        The combinations that can be run.
    """
    relevant = relevant_conflicts(conflicts(parts), selected)
    left = without_conflicts(selected, relevant)
    reasons = (
        Problem(f"strategies[{c.strategy}] with {c.axis}[{c.entry}]", c.reason, f"strategies[{c.strategy}]")
        for c in relevant
    )
    if relevant and not parts["skip_unsupported"]:
        hint = " (or set skip_unsupported: true to leave out such pairs)" if left.any() else ""
        problems.extend(replace(each, sentence=each.sentence + hint) for each in reasons)
    elif not left.any():
        some = [*map(str, islice(reasons, MAX_REASONS)), *["..."][: len(relevant) > MAX_REASONS]]
        why = "; ".join(some) or f"known: {', '.join(STRATEGY_ENTRIES)}"
        problems.add("strategies", f"none can learn any of the streams ({why})")
    return left
