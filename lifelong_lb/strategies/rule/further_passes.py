"""What a pass at other weights has to fire again inside an Avalanche strategy, as a visible table.

The plugin repeats forward, criterion and backward on the same minibatch. A plugin that takes part in the loss or the
gradient through a forward or backward hook must either be fired again or held still; what is not in the table and has
such a hook is refused, and so is a strategy with a training loop of its own, so that no part of an objective is ever
dropped silently.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from avalanche.training.losses import ICaRLLossPlugin
from avalanche.training.plugins import (
    AGEMPlugin,
    BiCPlugin,
    EvaluationPlugin,
    EWCPlugin,
    GEMPlugin,
    GSS_greedyPlugin,
    LwFPlugin,
    MASPlugin,
    MIRPlugin,
    RWalkPlugin,
    SynapticIntelligencePlugin,
)
from avalanche.training.plugins.clock import Clock
from avalanche.training.supervised.icarl import _ICaRLPlugin
from avalanche.training.templates import SupervisedTemplate
from avalanche.training.templates.base_sgd import PeriodicEval

from lifelong_lb.optim import RebuiltOptimizer, UpdateRule
from lifelong_lb.optim.modes import path_conflict
from lifelong_lb.optim.rule import averaging_conflict
from lifelong_lb.strategies.hooks import does_something
from lifelong_lb.strategies.methods.mir import Retrieval
from lifelong_lb.strategies.methods.patches import GSS

HOOKS = ("before_forward", "after_forward", "before_backward", "after_backward")
"""Hooks through which a plugin can change the loss or the gradient of a pass."""

ACCOUNTED = (*HOOKS, "before_update")
"""Hooks that the table must know. What a plugin does to the gradient in the last would reach one of several only."""


@dataclass(frozen=True, kw_only=True)
class Part:
    """What a plugin's part in a step means for the passes after the first.

    Attributes:
        again: hooks fired again in every further pass.
        once: hooks that belong to the iteration, not to a pass: fired by the first pass only.
        held: attributes that a pass uses up; what they were in the first pass is put back before each further one.
        penalty: whether what is fired again is a penalty, which ``penalty="first"`` leaves to the first pass.
        projects: whether ``after_backward`` projects the gradient, see ``project``.
        reads_gradient: whether the plugin reads ``.grad`` after the step and means g(w), the first pass's.
        follows_path: whether it measures how the weights move from the beginning of an iteration to its end.
    """

    again: tuple[str, ...] = ()
    once: tuple[str, ...] = ()
    held: tuple[str, ...] = ()
    penalty: bool = False
    projects: bool = False
    reads_gradient: bool = False
    follows_path: bool = False

    @property
    def hooks(self) -> tuple[str, ...]:
        """All hooks that are accounted for."""
        return (*self.again, *self.once, *(("after_backward",) if self.projects else ()))


PARTS: dict[type, Part] = {
    EWCPlugin: Part(again=("before_backward",), penalty=True),
    MASPlugin: Part(again=("before_backward",), penalty=True),
    LwFPlugin: Part(again=("before_backward",), penalty=True),
    SynapticIntelligencePlugin: Part(again=("before_backward",), penalty=True, reads_gradient=True, follows_path=True),
    RWalkPlugin: Part(again=("before_backward",), penalty=True, follows_path=True),
    AGEMPlugin: Part(projects=True),
    GEMPlugin: Part(projects=True),
    Retrieval: Part(again=("before_backward",)),  # it chooses in the first pass, and replays the same in the others
    ICaRLLossPlugin: Part(once=("before_forward",), held=("old_logits",)),
    _ICaRLPlugin: Part(once=("before_forward",)),  # looks at sizes
    GSS: Part(once=("after_forward",)),  # changes its memory
}
"""Plugins that take part in the passes. Those without such a hook (replay, GDumb) need no row."""

REFUSED: dict[type, str] = {
    MIRPlugin: "it would retrieve other images in every pass; lifelong_lb.strategies.MIR retrieves once an iteration",
    BiCPlugin: "it fails with current versions of torch, and its second stage has an optimizer of its own",
    GSS_greedyPlugin: (
        "it leaves gradients behind that are added to the first one; "
        "lifelong_lb.strategies.methods.patches.GSS clears them"
    ),
}
"""Plugins of Avalanche that cannot take part, and why."""

ONLOOKERS: tuple[type, ...] = (EvaluationPlugin, Clock, PeriodicEval)
"""Plugins that change nothing; they see the first pass only."""

LOOP = (
    "training_epoch",
    *(f"_{hook}" for hook in HOOKS),
    *("_before_training_iteration", "_after_training_iteration", "_before_update", "optimizer_step", "_after_update"),
)
"""Methods of a strategy that make up its training loop; forward, criterion and backward are called and may differ."""


@dataclass
class FurtherPasses:
    """What the passes after the first do with a strategy's plugins.

    Attributes:
        hooks: pairs of hook name and plugin to fire again, in the strategy's order.
        held: pairs of plugin and attribute to put back.
        projections: plugins whose ``after_backward`` projects the gradient.
        reads_gradient: whether ``.grad`` has to hold g(w) again after the step.
    """

    hooks: list[tuple[str, Any]] = field(default_factory=list)
    held: list[tuple[Any, str]] = field(default_factory=list)
    projections: list[Any] = field(default_factory=list)
    reads_gradient: bool = False

    def fire(self, hook: str, strategy: Any) -> None:
        """Fire one hook of those to fire again.

        Args:
            hook: its name.
            strategy: the Avalanche strategy.
        """
        for name, plugin in self.hooks:
            if name == hook:
                getattr(plugin, name)(strategy)


def check_loop(strategy: Any) -> None:
    """See that a strategy trains with Avalanche's ordinary loop, whose passes can be repeated.

    Args:
        strategy: the Avalanche strategy.

    Raises:
        TypeError: when it has a loop of its own.
    """
    for name in LOOP:
        if name in vars(strategy) or getattr(type(strategy), name, None) is not getattr(SupervisedTemplate, name):
            raise TypeError(
                f"SharpnessAwarePlugin cannot repeat the passes of {type(strategy).__name__}, which has "
                f"{'an' if name[0] in 'aeiou' else 'a'} {name} of its own; it works with strategies that train with "
                "Avalanche's ordinary loop (of those that do not, lifelong_lb.strategies has ERACE, ERAML and DER, "
                "which do)"
            )


def check_rule(strategy: Any, rule: UpdateRule) -> None:
    """See that a strategy's plugins measure and replay what a rule lets them.

    Args:
        strategy: the Avalanche strategy.
        rule: the rule.

    Raises:
        TypeError: when they would measure another path than the weights take, or statistics would be recomputed over a
            part of what is trained on.
    """
    name = type(rule).__name__
    for plugin in strategy.plugins:
        if rule.keeps_weights and any(part.follows_path for kind, part in PARTS.items() if isinstance(plugin, kind)):
            raise TypeError(
                f"{name} cannot be applied to {type(plugin).__name__}, which adds up how far the weights move in each "
                f"iteration: {name} keeps fast and slow weights over several minibatches, so that what they move "
                "within one is another path"
            )
    aside = next((one for one in (strategy, *strategy.plugins) if getattr(one, "replays_aside", False)), None)
    if rule.passes.batch_norm == "recomputed" and aside is not None:
        raise TypeError(
            f"{name} with batch_norm='recomputed' cannot be applied to {type(aside).__name__}, which draws replayed "
            "images beside the minibatches over which statistics would be recomputed; use 'first' or 'all'"
        )


def check_optimizer(strategy: Any, rule: UpdateRule) -> None:
    """See that rule and plugins bear an optimizer that keeps the weights to evaluate apart from those to train.

    Args:
        strategy: the Avalanche strategy.
        rule: the rule.

    Raises:
        TypeError: when the rule moves weights that the optimizer has averaged, or a plugin measures their path.
    """
    optimizer = strategy.optimizer
    if not (isinstance(optimizer, RebuiltOptimizer) and optimizer.keeps_evaluated):
        return
    if (reason := averaging_conflict(rule, type(optimizer.base).__name__)) is not None:
        raise TypeError(reason)
    for plugin in strategy.plugins:
        if any(part.follows_path for kind, part in PARTS.items() if isinstance(plugin, kind)):
            raise TypeError(path_conflict(type(plugin).__name__, type(optimizer.base).__name__))


def further_passes(
    plugins: Sequence[Any], own: Any, *, penalty: str = "every", project: str = "descent"
) -> FurtherPasses:
    """Find out what the passes after the first have to do.

    Args:
        plugins: the strategy's plugins.
        own: the plugin that takes the passes.
        penalty: ``"every"`` or ``"first"``, see :class:`lifelong_lb.strategies.SharpnessAwarePlugin`.
        project: ``"descent"`` or ``"both"``, likewise.

    Returns:
        The hooks to fire again, and what else is to be done.

    Raises:
        TypeError: when a plugin takes part in the passes in a way the table does not know, or before ``own`` sees the
            raw gradient.
    """
    found, before_own = FurtherPasses(), True
    for plugin in plugins:
        if plugin is own:
            before_own = False
        if plugin is own or isinstance(plugin, ONLOOKERS):
            continue
        part, hooks = _part(plugin), [hook for hook in HOOKS if does_something(plugin, hook)]
        if part.projects and before_own and project == "descent" and own is not None:
            raise TypeError(
                f"SharpnessAwarePlugin must come before {type(plugin).__name__} in the list of plugins, to see the "
                "gradient before it is projected"
            )
        if not (part.penalty and penalty == "first"):
            found.hooks += [(hook, plugin) for hook in hooks if hook in part.again]
        found.held += [(plugin, name) for name in part.held]
        found.reads_gradient |= part.reads_gradient
        if part.projects:
            found.projections.append(plugin)
            if project == "both":
                found.hooks.append(("after_backward", plugin))
    return found


def _part(plugin: Any) -> Part:
    """The plugin's row, after seeing that it accounts for all of its hooks."""
    kind = next((kind for kind in type(plugin).__mro__ if kind in PARTS or kind in REFUSED), None)
    if kind in REFUSED:
        raise TypeError(f"SharpnessAwarePlugin cannot work with {kind.__name__}: {REFUSED[kind]}")
    part = Part() if kind is None else PARTS[kind]
    unknown = [hook for hook in ACCOUNTED if does_something(plugin, hook) and hook not in part.hooks]
    if unknown:
        raise TypeError(
            f"SharpnessAwarePlugin does not know what {type(plugin).__name__}.{unknown[0]} means for a pass at "
            f"other weights, and would rather stop than drop it silently "
            f"(known: {', '.join(kind.__name__ for kind in PARTS)})"
        )
    return part
