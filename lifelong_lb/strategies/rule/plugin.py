"""Plugin that applies an update rule inside an Avalanche strategy."""

from collections.abc import Callable
from typing import Any, Literal

import torch
from avalanche.core import SupervisedPlugin
from torch import Tensor

from lifelong_lb.optim import ClosureOptimizer, NonFiniteGradientError, NoRule, RebuiltOptimizer, UpdateRule
from lifelong_lb.optim.base_optimizers.rebuilding import load_evaluation_weights
from lifelong_lb.optim.gradient_passes import OverflowedError
from lifelong_lb.optim.minibatch import Finish
from lifelong_lb.strategies.dispatch import dispatching, stop_dispatching
from lifelong_lb.strategies.monitors.guards import DivergedError, place
from lifelong_lb.strategies.rule.batch_norm import recompute_statistics
from lifelong_lb.strategies.rule.float16 import Float16Passes
from lifelong_lb.strategies.rule.further_passes import (
    FurtherPasses,
    check_loop,
    check_optimizer,
    check_place,
    check_rule,
    further_passes,
)
from lifelong_lb.strategies.schedule.position import experience_number

_EPOCH = "training_epoch"


def guard_epoch(strategy: Any, begin: Callable[[Any], None], undo: Callable[[Any], None]) -> None:
    """Call a function before the next training epoch, and another one if the epoch raises; skip its empty hooks.

    Overrides ``training_epoch`` on the instance; the override removes itself when it is called, so that a saved or
    copied strategy does not contain it.

    Args:
        strategy: the Avalanche strategy, before its epoch.
        begin: called with the strategy when the epoch begins; not called if training stops before.
        undo: called with the strategy before the exception is raised again.
    """
    remove_guard(strategy)
    epoch = strategy.training_epoch

    def guarded(**kwargs: Any) -> None:
        remove_guard(strategy)
        begin(strategy)
        try:
            with dispatching(strategy):
                epoch(**kwargs)
        except BaseException:
            undo(strategy)
            raise

    setattr(strategy, _EPOCH, guarded)


def remove_guard(strategy: Any) -> None:
    """Remove the guard of an epoch that has not begun, and the dispatch of a copy that was made within an epoch.

    Args:
        strategy: the Avalanche strategy.
    """
    vars(strategy).pop(_EPOCH, None)
    stop_dispatching(strategy)


class SharpnessAwarePlugin(SupervisedPlugin):
    """Turns the strategy's optimizer step into a step of an update rule, using hooks only.

    The strategy's ordinary pass is the rule's first gradient. The further passes are taken in ``before_update`` on the
    same minibatch, the strategy's own ``optimizer_step()`` is the rule's last base step, and ``after_update`` finishes
    (for example interpolates). The optimizer stays a plain torch one, and heads may grow and models may be swapped. A
    rule that spans iterations (Lookahead) finishes early at the end of each epoch, and evaluations in between use its
    slow weights. Metrics get loss and outputs of the first pass, at the weights before the step.

    With the rule :class:`~lifelong_lb.optim.NoRule`, a :class:`~lifelong_lb.optim.ClosureOptimizer` takes its passes in
    the strategy's ``optimizer_step()``, over the same minibatch.

    Every pass of a step uses the strategy's full objective, see :func:`lifelong_lb.strategies.register_plugin`: the
    same replayed samples, penalties at the weights of the pass, and for strategies that project gradients (A-GEM, GEM)
    the projection of the gradient of each base step.

    If an iteration raises, from the first pass to the optimizer's step, the weights from before the iteration are
    restored (the slow ones of a rule that spans iterations), and the gradients are those of the first pass, or None
    before it is complete. Changes of the base optimizer's state stay, and so do weights that it moved before its only
    step raised.

    Args:
        rule: the update rule.
        penalty: ``"every"``: penalties (EWC, MAS, LwF, SI, RWalk) enter every pass. ``"first"``: only the first, so
            that with SAM they affect the ascent only; for ablations.
        project: ``"descent"``: ascents follow the raw gradient. A gradient used for both, as in Lookbehind, is used raw
            for the ascent and projected for the base step. ``"both"``: every gradient is projected as it is taken, and
            not again after a rule has combined several.
        from_experience: first experience that the rule is applied to, counted from 0. Earlier ones are trained with
            :class:`~lifelong_lb.optim.NoRule` and the rule's ``passes``.
        scaler: a ``torch.amp.GradScaler`` to train in float16. The strategy's forward passes over training minibatches
            then run under autocast, and the loss of each pass is scaled; gradients are unscaled before projections,
            clipping and ascents. If a gradient of any pass overflows, the step is skipped: the weights are those before
            it, and the scale decreases. Everything else is computed in float32, so the model must not use autocast.

    Attributes:
        acting: the rule in use: ``rule``, or ``NoRule`` before ``from_experience``.
        float16: methods of the strategy for training in float16, with the number of skipped steps; None without a
            scaler.
        gradient_evaluations: forward-backward passes over minibatches so far, including the ordinary ones.

    Raises:
        TypeError: if the rule is not an update rule.
        ValueError: for another value, or if the experience is not a whole number >= 0.

    Example:
        >>> from lifelong_lb.optim import LookbehindSAM
        >>> SharpnessAwarePlugin(LookbehindSAM(rho=0.05, k=2, alpha=0.5)).gradient_evaluations
        0
    """

    def __init__(
        self,
        rule: UpdateRule,
        *,
        penalty: Literal["every", "first"] = "every",
        project: Literal["descent", "both"] = "descent",
        from_experience: int = 0,
        scaler: torch.amp.GradScaler | None = None,
    ) -> None:
        super().__init__()
        if not isinstance(rule, UpdateRule):
            raise TypeError(f"rule must be an update rule, such as SAM(rho=0.05); got {rule!r}")
        if penalty not in ("every", "first"):
            raise ValueError(f"penalty must be 'every' or 'first'; got {penalty!r}")
        if project not in ("descent", "both"):
            raise ValueError(f"project must be 'descent' or 'both'; got {project!r}")
        if not isinstance(from_experience, int) or isinstance(from_experience, bool) or from_experience < 0:
            raise ValueError(f"from_experience must be a whole number >= 0; got {from_experience!r}")
        self.rule, self.penalty, self.project, self.from_experience = rule, penalty, project, from_experience
        self.acting = rule if from_experience == 0 else NoRule(passes=rule.passes)
        self.float16 = None if scaler is None else Float16Passes(scaler)
        self.gradient_evaluations = 0
        self._finish: Finish | None = None
        self._hide_slow: Finish | None = None
        self._further = FurtherPasses()
        self._held: list[tuple[Any, str, Any]] = []
        self._raw: list[tuple[Tensor, Tensor | None]] = []
        self._first: list[tuple[Tensor, Tensor | None]] = []
        self._in_first_pass = False

    def before_training_exp(self, strategy: Any, *args: Any, **kwargs: Any) -> None:
        """Select the acting rule, and collect the hooks that extra passes call.

        Raises:
            TypeError: if the strategy has its own training loop, a plugin has an unsupported hook or conflicts with the
                rule, or rule and optimizer, or two plugins, both take passes.
        """
        remove_guard(strategy)
        if self.float16 is not None:
            self.float16.detach(strategy)  # from a copy that was made within an epoch
        check_loop(strategy)
        check_place(strategy, SharpnessAwarePlugin)
        check_rule(strategy, self.rule)
        check_optimizer(strategy, self.rule)
        own_passes = isinstance(strategy.optimizer, ClosureOptimizer)
        if own_passes and not isinstance(self.rule, NoRule):
            raise TypeError(
                f"{type(self.rule).__name__} cannot be applied to {type(strategy.optimizer.base).__name__}, which "
                "takes its own passes; use NoRule()"
            )
        if own_passes and self.rule.passes.clip_norm is not None:
            raise TypeError(
                f"{type(strategy.optimizer.base).__name__} takes its own steps, whose gradients clip_norm cannot clip; "
                "leave it out"
            )
        if self.float16 is not None:
            self.float16.check(strategy)
        if experience_number(strategy) >= self.from_experience:
            self.acting = self.rule
        self.acting.observer = self.rule.observer
        project = "both" if own_passes else self.project  # such an optimizer may descend along any gradient
        self._further = further_passes(strategy.plugins, self, penalty=self.penalty, project=project)

    def before_training_epoch(self, strategy: Any, *args: Any, **kwargs: Any) -> None:
        """Guard the epoch, to undo an iteration that fails."""
        guard_epoch(strategy, self._begin, self._undo)

    def _begin(self, strategy: Any) -> None:
        self._in_first_pass = False
        if isinstance(strategy.optimizer, RebuiltOptimizer):
            strategy.optimizer.load_trained()
        if self.float16 is not None:
            self.float16.attach(strategy)

    def _undo(self, strategy: Any) -> None:
        """Restore the weights from before the iteration (or the slow ones) and the gradients of the first pass."""
        self.acting.abandon()
        if self.float16 is not None:
            self.float16.detach(strategy)
        if isinstance(strategy.optimizer, RebuiltOptimizer):
            strategy.optimizer.load_evaluated()
        _load_gradients([(p, None) for p in strategy.model.parameters()] if self._in_first_pass else self._first)
        self._first, self._raw, self._held, self._in_first_pass = [], [], [], False
        self._finish = self._hide_slow = None

    def before_forward(self, strategy: Any, *args: Any, **kwargs: Any) -> None:
        """Prepare the first pass of the rule."""
        self._in_first_pass = True
        if self.acting.observer is not None:
            clock = strategy.clock
            self.acting.observer.place = {
                "experience": clock.train_exp_counter,
                "iteration": clock.train_exp_iterations,
            }
        if isinstance(strategy.optimizer, ClosureOptimizer):
            strategy.optimizer.before_first_pass(self.acting.passes)
        self.acting.before_first_pass(strategy.optimizer)

    def after_forward(self, strategy: Any, *args: Any, **kwargs: Any) -> None:
        """Store attributes that the loss consumes."""
        self._held = [(plugin, name, getattr(plugin, name)) for plugin, name in self._further.held]

    def after_backward(self, strategy: Any, *args: Any, **kwargs: Any) -> None:
        """Store the raw gradient for ascents, if it will be projected in place."""
        if self._projects_descents:
            self._raw = _gradients(strategy, copied=True)

    @property
    def _projects_descents(self) -> bool:
        """Whether this plugin projects; without a rule the strategy has already done so."""
        return bool(self._further.projections) and self.project == "descent" and not isinstance(self.acting, NoRule)

    def before_update(self, strategy: Any, *args: Any, **kwargs: Any) -> None:
        """Take the rule's further passes, or prepare those of the optimizer.

        Args:
            strategy: the Avalanche strategy, its gradients at the current weights.

        Raises:
            DivergedError: if a gradient is not finite; the weights are those before the step.
        """
        self.gradient_evaluations += 1
        names = {p: name for name, p in strategy.model.named_parameters()} if self.acting.uses_names else None
        loss, output = strategy.loss, strategy.mb_output
        passes_again = type(self.acting) is not NoRule or isinstance(strategy.optimizer, ClosureOptimizer)
        if passes_again or self._further.reads_gradient:
            self._first = _gradients(strategy, copied=self._further.reads_gradient)
        self._in_first_pass = False
        raw, self._raw = self._raw, []
        _load_gradients(raw)

        def closure() -> Tensor:
            self.gradient_evaluations += 1
            for plugin, name, value in self._held:
                setattr(plugin, name, value)
            try:
                again = _pass_again(strategy, self._further)
            finally:
                strategy.loss, strategy.mb_output = loss, output
            self._check_overflow()
            return again

        def project() -> None:
            for plugin in self._further.projections:
                plugin.after_backward(strategy)

        before_descent = project if self._projects_descents else None
        try:
            self._check_overflow()
            self._finish = self.acting.before_base_step(
                strategy.optimizer, closure, names, loss, strategy.model, before_descent
            )
        except OverflowedError:
            self._skip(strategy)
        except NonFiniteGradientError as error:
            raise DivergedError(_with_place(strategy, str(error)), strategy) from None
        if isinstance(strategy.optimizer, ClosureOptimizer):
            strategy.optimizer.after_first_pass(closure, loss)

    def _check_overflow(self) -> None:
        if self.float16 is not None and self.float16.overflowed:
            raise OverflowedError

    def _skip(self, strategy: Any) -> None:
        """Restore the weights from before a step whose gradient has overflowed, or end training that cannot go on."""
        self.acting.undo_step()
        if self.float16 is not None and self.float16.exhausted and self.acting.passes.non_finite == "raise":
            scale = self.float16.scaler.get_scale()
            reason = f"the gradient is not finite in float16, even of the loss times {scale:g}"
            raise DivergedError(_with_place(strategy, reason), strategy)

    def after_update(self, strategy: Any, *args: Any, **kwargs: Any) -> None:
        """Finish the rule's step.

        Args:
            strategy: the Avalanche strategy, after its optimizer step.
        """
        finish, self._finish = self._finish, None
        if finish is not None:
            finish()
        if self._further.reads_gradient:
            _load_gradients(self._first)
        self._first = []

    def after_training_epoch(self, strategy: Any, *args: Any, **kwargs: Any) -> None:
        """Finish early what spans iterations, before memories, importances or evaluations use the model."""
        self.acting.synchronise()
        if self.float16 is not None:
            self.float16.detach(strategy)
        if isinstance(strategy.optimizer, RebuiltOptimizer):
            strategy.optimizer.load_evaluated()

    def after_training_exp(self, strategy: Any, *args: Any, **kwargs: Any) -> None:
        """Recompute BatchNorm statistics over the experience, with ``batch_norm='recomputed'``."""
        remove_guard(strategy)
        if self.acting.passes.batch_norm == "recomputed":
            recompute_statistics(strategy)

    def before_eval(self, strategy: Any, *args: Any, **kwargs: Any) -> None:
        """Load the weights to evaluate of rule and optimizer."""
        self._hide_slow = load_evaluation_weights(self.acting, strategy.optimizer)

    def after_eval(self, strategy: Any, *args: Any, **kwargs: Any) -> None:
        """Restore the weights to train."""
        hide, self._hide_slow = self._hide_slow, None
        if hide is not None:
            hide()


def _with_place(strategy: Any, reason: str) -> str:
    return f"{reason} ({place(strategy)}, loss {strategy.loss.item():g})"


def _gradients(strategy: Any, *, copied: bool) -> list[tuple[Tensor, Tensor | None]]:
    """Parameters with their gradients; copied if a rule may change the first gradient in place."""
    return [(p, p.grad.clone() if copied and p.grad is not None else p.grad) for p in strategy.model.parameters()]


def _load_gradients(gradients: list[tuple[Tensor, Tensor | None]]) -> None:
    for p, grad in gradients:
        p.grad = grad


def _pass_again(strategy: Any, further: FurtherPasses) -> Tensor:
    """Evaluate the current minibatch at the current weights, as the strategy's training loop does."""
    strategy.optimizer.zero_grad()
    strategy.loss = strategy._make_empty_loss()
    further.fire("before_forward", strategy)
    strategy.mb_output = strategy.forward()
    further.fire("after_forward", strategy)
    strategy.loss += strategy.criterion()
    further.fire("before_backward", strategy)
    strategy.backward()
    further.fire("after_backward", strategy)
    loss: Tensor = strategy.loss
    return loss
