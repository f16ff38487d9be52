"""Table of the plugin hooks that an extra pass at other weights calls again inside an Avalanche strategy.

SharpnessAwarePlugin repeats forward, criterion and backward on the same minibatch. A plugin that changes the loss or
the gradient through a forward or backward hook must be called again or held constant. A plugin with such a hook that is
not in the table is refused, and so is a strategy with its own training loop: no term of an objective is dropped
silently.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from typing import Any

from avalanche.core import BasePlugin, SupervisedPlugin
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

from lifelong_lb.averaging import path_conflict
from lifelong_lb.config import UserError
from lifelong_lb.config.errors import unknown_name
from lifelong_lb.config.plugins.hooks import check_hooks
from lifelong_lb.optim import RebuiltOptimizer, RuleOptimizer, UpdateRule
from lifelong_lb.optim.rule import averaging_conflict
from lifelong_lb.strategies.dispatch import ITERATION
from lifelong_lb.strategies.hooks import does_something, overrides
from lifelong_lb.strategies.methods.mir import Retrieval
from lifelong_lb.strategies.methods.patches import GSS
from lifelong_lb.strategies.methods.weight_aligning import WeightAligning

HOOKS = ("before_forward", "after_forward", "before_backward", "after_backward")
"""Hooks through which a plugin can change the loss or the gradient of a pass."""

ACCOUNTED = (*HOOKS, "before_update")
"""Hooks that a row must cover. A change of the gradient in ``before_update`` would reach only one of several passes."""


@dataclass(frozen=True, kw_only=True)
class Part:
    """How a plugin takes part in the passes after the first; the arguments of :func:`register_plugin`.

    Attributes:
        again: hooks called again in every extra pass.
        once: hooks that belong to the iteration, not to a pass: called in the first pass only.
        held: attributes that a pass consumes; their values from the first pass are restored before each extra one.
        penalty: whether ``again`` adds a penalty, which ``penalty="first"`` restricts to the first pass.
        projects: whether ``after_backward`` projects the gradient, see ``project``.
        reads_gradient: whether the plugin reads ``.grad`` after the step and expects g(w), the first pass's.
        follows_path: whether it measures how the weights move from the start of an iteration to its end.
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
        """All hooks that the row covers."""
        return (*self.again, *self.once, *(("after_backward",) if self.projects else ()))


PARTS: dict[type, Part] = {
    EWCPlugin: Part(again=("before_backward",), penalty=True),
    MASPlugin: Part(again=("before_backward",), penalty=True),
    LwFPlugin: Part(again=("before_backward",), penalty=True),
    SynapticIntelligencePlugin: Part(again=("before_backward",), penalty=True, reads_gradient=True, follows_path=True),
    RWalkPlugin: Part(again=("before_backward",), penalty=True, follows_path=True),
    AGEMPlugin: Part(projects=True),
    GEMPlugin: Part(projects=True),
    Retrieval: Part(again=("before_backward",)),  # retrieves in the first pass, replays the same in the others
    ICaRLLossPlugin: Part(once=("before_forward",), held=("old_logits",)),
    _ICaRLPlugin: Part(once=("before_forward",)),  # reads sizes
    WeightAligning: Part(again=("before_backward",)),
    GSS: Part(once=("after_forward",)),  # updates its memory
}
"""Plugins that take part in the passes. Plugins without such a hook (replay, GDumb) need no row."""

REFUSED: dict[type, str] = {
    MIRPlugin: "it would retrieve other images in every pass; lifelong_lb.strategies.MIR retrieves once an iteration",
    BiCPlugin: "it fails with current versions of torch, and its second stage has its own optimizer",
    GSS_greedyPlugin: (
        "it leaves gradients that are added to the first pass's; lifelong_lb.strategies.methods.patches.GSS clears them"
    ),
}
"""Avalanche plugins that cannot take part, and the reason."""

OBSERVERS: tuple[type, ...] = (EvaluationPlugin, Clock, PeriodicEval)
"""Plugins that only observe; their hooks are called in the first pass only."""

BUILT_IN = frozenset((*PARTS, *REFUSED, *OBSERVERS))
"""Plugin classes whose treatment is fixed."""

LOOP = ("training_epoch", "optimizer_step", *(f"_{hook}" for hook in ITERATION))
"""Methods that make up a strategy's training loop; forward, criterion and backward are called and may be overridden."""


@dataclass
class FurtherPasses:
    """What an extra pass does with a strategy's plugins.

    Attributes:
        hooks: pairs of hook name and plugin to call again, in the strategy's order.
        held: pairs of plugin and attribute to restore.
        projections: plugins whose ``after_backward`` projects the gradient.
        reads_gradient: whether ``.grad`` must hold g(w) again after the step.
    """

    hooks: list[tuple[str, Any]] = field(default_factory=list)
    held: list[tuple[Any, str]] = field(default_factory=list)
    projections: list[Any] = field(default_factory=list)
    reads_gradient: bool = False

    def fire(self, hook: str, strategy: Any) -> None:
        """Call one hook of all plugins that have to be called again.

        Args:
            hook: name of the hook.
            strategy: the Avalanche strategy.
        """
        for name, plugin in self.hooks:
            if name == hook:
                getattr(plugin, name)(strategy)


def check_loop(strategy: Any) -> None:
    """Check that a strategy uses Avalanche's ordinary training loop, whose passes can be repeated.

    Args:
        strategy: the Avalanche strategy.

    Raises:
        TypeError: if it overrides a method of the loop.
    """
    for name in LOOP:
        if name in vars(strategy) or getattr(type(strategy), name, None) is not getattr(SupervisedTemplate, name):
            raise TypeError(
                f"SharpnessAwarePlugin cannot repeat the passes of {type(strategy).__name__}, which overrides {name}; "
                "it needs Avalanche's ordinary training loop (lifelong_lb.strategies has ERACE, ERAML and DER, "
                "which use it)"
            )


def check_place(strategy: Any, rule_plugin: type[Any]) -> None:
    """Check that one plugin alone takes the further passes, with the base optimizer.

    Args:
        strategy: the Avalanche strategy.
        rule_plugin: class of the plugin that takes them.

    Raises:
        TypeError: if there are two such plugins, a rule in the place of a plugin, or an optimizer wrapped by a rule.
    """
    plugins = [plugin for plugin in strategy.plugins if isinstance(plugin, rule_plugin)]
    if len(plugins) > 1:
        names = " and ".join(f"{rule_plugin.__name__}({type(plugin.rule).__name__})" for plugin in plugins)
        raise TypeError(f"a strategy must have one {rule_plugin.__name__}; got {names}: remove all but one")
    if isinstance(strategy.optimizer, RuleOptimizer):
        raise TypeError(
            f"the strategy's optimizer is wrapped by the rule {type(strategy.optimizer.rule).__name__}: give the "
            f"strategy the base optimizer, {type(strategy.optimizer.base).__name__}, and the rule to "
            f"{rule_plugin.__name__}"
        )


def check_rule(strategy: Any, rule: UpdateRule) -> None:
    """Check that a strategy's plugins are compatible with a rule.

    Args:
        strategy: the Avalanche strategy.
        rule: the rule.

    Raises:
        TypeError: if a plugin would measure a path that the weights do not take, or BatchNorm statistics would be
            recomputed without the replayed images.
    """
    name = type(rule).__name__
    for plugin in strategy.plugins:
        if rule.keeps_weights and any(part.follows_path for kind, part in PARTS.items() if isinstance(plugin, kind)):
            raise TypeError(
                f"{name} cannot be combined with {type(plugin).__name__}, which sums the movement of the weights per "
                f"iteration: {name} keeps fast and slow weights over several minibatches, whose path within one "
                "minibatch is another"
            )
    aside = next((one for one in (strategy, *strategy.plugins) if getattr(one, "replays_aside", False)), None)
    if rule.passes.batch_norm == "recomputed" and aside is not None:
        raise TypeError(
            f"{name} with batch_norm='recomputed' cannot be combined with {type(aside).__name__}, which draws replayed "
            "images outside the minibatches over which statistics are recomputed; use 'first' or 'all'"
        )


def check_optimizer(strategy: Any, rule: UpdateRule) -> None:
    """Check rule and plugins against an optimizer that evaluates other weights than it trains.

    Args:
        strategy: the Avalanche strategy.
        rule: the rule.

    Raises:
        TypeError: if the rule moves weights that the optimizer averages, or a plugin measures their path.
    """
    optimizer = strategy.optimizer
    if not (isinstance(optimizer, RebuiltOptimizer) and optimizer.keeps_evaluated):
        return
    if (reason := averaging_conflict(rule, type(optimizer.base).__name__)) is not None:
        raise TypeError(reason)
    for plugin in strategy.plugins:
        if any(part.follows_path for kind, part in PARTS.items() if isinstance(plugin, kind)):
            raise TypeError(path_conflict(type(plugin).__name__, type(optimizer.base).__name__))


def register_plugin(
    kind: type,
    *,
    again: Collection[str] = (),
    once: Collection[str] = (),
    held: Collection[str] = (),
    penalty: bool = False,
    projects: bool = False,
    reads_gradient: bool = False,
    follows_path: bool = False,
) -> None:
    """Declare how a plugin class takes part in the extra passes of an update rule.

    Needed for a plugin with one of the hooks ``before_forward``, ``after_forward``, ``before_backward``,
    ``after_backward`` or ``before_update``. Each hook that it overrides must be in ``again`` or ``once``, or be covered
    by ``projects``. Subclasses inherit the declaration.

    Args:
        kind: the plugin class.
        again: hooks called again in every extra pass, e.g. one that adds a penalty to the loss.
        once: hooks called in the first pass only, e.g. one that only observes.
        held: attributes that a pass consumes; restored before each extra pass.
        penalty: whether ``again`` adds a penalty, which ``penalty="first"`` restricts to the first pass.
        projects: whether ``after_backward`` projects the gradient in place.
        reads_gradient: whether it reads ``.grad`` after the step and expects the gradient at w.
        follows_path: whether it measures how the weights move within an iteration.

    Raises:
        UserError: for a built-in class, or a hook that is unknown, misspelt, not overridden, missing or covered twice.

    Example:
        >>> class Doubled(SupervisedPlugin):
        ...     def before_backward(self, strategy, **kwargs):
        ...         strategy.loss = 2 * strategy.loss
        >>> register_plugin(Doubled, again=["before_backward"])
    """
    if not isinstance(kind, type):
        raise UserError(f"register_plugin needs a class, such as MyPlugin; got {kind!r}")
    name = f"plugin {kind.__name__}"
    if kind in BUILT_IN:
        raise UserError(f"{name}: built in, and cannot be registered; derive a class from it")
    if isinstance(again, str) or isinstance(once, str) or isinstance(held, str):
        raise UserError(f"{name}: again, once and held must be lists, such as ['before_backward']")
    # a class without a base of Avalanche's is compared with the hooks of one
    check_hooks(kind if issubclass(kind, BasePlugin) else type(kind.__name__, (kind, SupervisedPlugin), {}), name)
    part = Part(
        again=tuple(again),
        once=tuple(once),
        held=tuple(held),
        penalty=penalty,
        projects=projects,
        reads_gradient=reads_gradient,
        follows_path=follows_path,
    )
    for hook in part.hooks:
        if hook not in ACCOUNTED:
            raise UserError(f"{name}: {unknown_name('hook', hook, ACCOUNTED)}")
        if hook in part.again and hook not in HOOKS:
            raise UserError(f"{name}: {hook} belongs to the iteration, not to a pass; add it to once")
        if not overrides(kind, hook):
            raise UserError(f"{name}: the class does not override the hook {hook}")
        if part.hooks.count(hook) > 1:
            raise UserError(f"{name}: the hook {hook} is covered twice; use one of again, once and projects")
    missing = [hook for hook in ACCOUNTED if overrides(kind, hook) and hook not in part.hooks]
    if missing:
        raise UserError(
            f"{name}: the class overrides {', '.join(missing)}; add each to again (every pass) or once (first pass)"
        )
    PARTS[kind] = part


def further_passes(
    plugins: Sequence[Any], rule_plugin: Any, *, penalty: str = "every", project: str = "descent"
) -> FurtherPasses:
    """Collect what the passes after the first have to do.

    Args:
        plugins: the strategy's plugins.
        rule_plugin: the plugin that takes the passes.
        penalty: ``"every"`` or ``"first"``, see :class:`lifelong_lb.strategies.SharpnessAwarePlugin`.
        project: ``"descent"`` or ``"both"``, see there.

    Returns:
        Hooks to call again, attributes to restore and projections.

    Raises:
        TypeError: if a plugin has a hook that no row covers, or projects the gradient before ``rule_plugin`` reads it.
    """
    passes, before_rule = FurtherPasses(), True
    for plugin in plugins:
        if plugin is rule_plugin:
            before_rule = False
        if plugin is rule_plugin or isinstance(plugin, OBSERVERS):
            continue
        part, hooks = _part(plugin), [hook for hook in HOOKS if does_something(plugin, hook)]
        if part.projects and before_rule and project == "descent" and rule_plugin is not None:
            raise TypeError(
                f"SharpnessAwarePlugin must come before {type(plugin).__name__} in the list of plugins, to "
                "read the gradient before it is projected"
            )
        if not (part.penalty and penalty == "first"):
            passes.hooks += [(hook, plugin) for hook in hooks if hook in part.again]
        passes.held += [(plugin, name) for name in part.held]
        passes.reads_gradient |= part.reads_gradient
        if part.projects:
            passes.projections.append(plugin)
            if project == "both":
                passes.hooks.append(("after_backward", plugin))
    return passes


def _part(plugin: Any) -> Part:
    """Row of a plugin; raises TypeError if it does not cover all of the plugin's hooks."""
    kind = next((kind for kind in type(plugin).__mro__ if kind in PARTS or kind in REFUSED), None)
    if kind in REFUSED:
        raise TypeError(f"SharpnessAwarePlugin cannot work with {kind.__name__}: {REFUSED[kind]}")
    part = Part() if kind is None else PARTS[kind]
    unknown = [hook for hook in ACCOUNTED if does_something(plugin, hook) and hook not in part.hooks]
    if unknown:
        name, hook = type(plugin).__name__, unknown[0]
        every_pass = f"again=[{hook!r}]) to call it in every pass, or with " if hook in HOOKS else ""
        raise TypeError(
            f"unsupported hook {name}.{hook}: its effect on the extra passes is unknown; register the plugin with "
            f"register_plugin({name}, {every_pass}once=[{hook!r}]) to call it in the first pass only"
        )
    return part
