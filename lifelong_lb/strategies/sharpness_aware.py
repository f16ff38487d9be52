"""The plugin that applies an update rule inside an Avalanche strategy."""

from typing import Any

import torch
from avalanche.core import SupervisedPlugin
from avalanche.models import avalanche_forward
from torch import Tensor

from lifelong_lb.optim import ClosureOptimizer, NonFiniteGradientError, NoRule, UpdateRule, recomputed_statistics
from lifelong_lb.optim.rule import Finish
from lifelong_lb.strategies.guards import DivergedError, place
from lifelong_lb.strategies.passes import check_loop, hooks_to_fire


class SharpnessAwarePlugin(SupervisedPlugin):
    """Turns the strategy's optimizer step into the step of an update rule, through hooks alone.

    The strategy's ordinary pass is the rule's first gradient. The further passes are taken in ``before_update`` on the
    same minibatch, the strategy's own ``optimizer_step()`` is the rule's last base step, and ``after_update`` finishes
    (for example interpolates). The optimizer stays a plain torch one, and heads may grow and models may be swapped. A
    rule that spans iterations (Lookahead) finishes early at the end of each epoch, and shows its slow weights to
    evaluations in between. Metrics see loss and outputs of the first pass, at the weights before the step.

    With the rule :class:`~lifelong_lb.optim.NoRule`, a :class:`~lifelong_lb.optim.ClosureOptimizer` takes its passes in
    the strategy's ``optimizer_step()``, over the same minibatch and with the same care.

    Args:
        rule: the update rule.

    Attributes:
        gradient_evaluations: forward-backward passes over minibatches so far, the ordinary ones included.

    Raises:
        TypeError: when the rule is not an update rule of :mod:`lifelong_lb.optim`.

    Example:
        >>> from lifelong_lb.optim import LookbehindSAM
        >>> SharpnessAwarePlugin(LookbehindSAM(rho=0.05, k=2, alpha=0.5)).gradient_evaluations
        0
    """

    def __init__(self, rule: UpdateRule) -> None:
        super().__init__()
        if not isinstance(rule, UpdateRule):
            raise TypeError(f"rule must be an update rule, such as SAM(rho=0.05); got {rule!r}")
        self.rule = rule
        self.gradient_evaluations = 0
        self._finish: Finish | None = None
        self._hide_slow: Finish | None = None
        self._again: list[tuple[str, Any]] = []

    def before_training_exp(self, strategy: Any, *args: Any, **kwargs: Any) -> None:
        """See what a further pass has to fire again.

        Args:
            strategy: the Avalanche strategy.
            args: not used.
            kwargs: not used.

        Raises:
            TypeError: when the strategy has a training loop of its own, a plugin takes part in the passes in a way
                that is not known, or rule and optimizer both take passes.
        """
        check_loop(strategy)
        if isinstance(strategy.optimizer, ClosureOptimizer) and not isinstance(self.rule, NoRule):
            raise TypeError(
                f"{type(self.rule).__name__} cannot be applied to {type(strategy.optimizer.base).__name__}, which "
                "takes passes of its own; use NoRule()"
            )
        self._again = hooks_to_fire(strategy.plugins, self)

    def before_forward(self, strategy: Any, *args: Any, **kwargs: Any) -> None:
        """Let the rule prepare the first pass.

        Args:
            strategy: the Avalanche strategy.
            args: not used.
            kwargs: not used.
        """
        if self.rule.observer is not None:
            clock = strategy.clock
            self.rule.observer.place = {"experience": clock.train_exp_counter, "iteration": clock.train_exp_iterations}
        if isinstance(strategy.optimizer, ClosureOptimizer):
            strategy.optimizer.before_first_pass(self.rule.passes)
        self.rule.before_first_pass(strategy.optimizer)

    def before_update(self, strategy: Any, *args: Any, **kwargs: Any) -> None:
        """Take the rule's further passes, or let the optimizer take its own.

        Args:
            strategy: the Avalanche strategy, its gradients at the current weights.
            args: not used.
            kwargs: not used.

        Raises:
            DivergedError: when a gradient is not finite; the weights are those before the step.
        """
        self.gradient_evaluations += 1
        names = {p: name for name, p in strategy.model.named_parameters()} if self.rule.uses_names else None
        loss, output = strategy.loss, strategy.mb_output

        def closure() -> Tensor:
            self.gradient_evaluations += 1
            try:
                return _pass_again(strategy, self._again)
            finally:
                strategy.loss, strategy.mb_output = loss, output

        try:
            self._finish = self.rule.before_base_step(strategy.optimizer, closure, names, loss, strategy.model)
        except NonFiniteGradientError as error:
            raise DivergedError(f"{error} ({place(strategy)}, loss {loss.item():g})") from None
        if isinstance(strategy.optimizer, ClosureOptimizer):
            strategy.optimizer.after_first_pass(closure, loss)

    def after_update(self, strategy: Any, *args: Any, **kwargs: Any) -> None:
        """Finish the rule's step.

        Args:
            strategy: the Avalanche strategy, after its optimizer step.
            args: not used.
            kwargs: not used.
        """
        finish, self._finish = self._finish, None
        if finish is not None:
            finish()

    def after_training_epoch(self, strategy: Any, *args: Any, **kwargs: Any) -> None:
        """Finish early what spans iterations, before memories, importances or evaluations look at the model.

        Args:
            strategy: the Avalanche strategy.
            args: not used.
            kwargs: not used.
        """
        self.rule.synchronise()

    def after_training_exp(self, strategy: Any, *args: Any, **kwargs: Any) -> None:
        """Recompute BatchNorm's statistics over the experience's minibatches, where the rule's passes ask for it.

        Args:
            strategy: the Avalanche strategy.
            args: not used.
            kwargs: not used.
        """
        if self.rule.passes.batch_norm == "recomputed":
            _recompute_statistics(strategy)

    def before_eval(self, strategy: Any, *args: Any, **kwargs: Any) -> None:
        """Show the slow weights to an evaluation in between.

        Args:
            strategy: the Avalanche strategy.
            args: not used.
            kwargs: not used.
        """
        self._hide_slow = self.rule.show_slow()

    def after_eval(self, strategy: Any, *args: Any, **kwargs: Any) -> None:
        """Go on with the fast weights.

        Args:
            strategy: the Avalanche strategy.
            args: not used.
            kwargs: not used.
        """
        hide, self._hide_slow = self._hide_slow, None
        if hide is not None:
            hide()


def _recompute_statistics(strategy: Any) -> None:
    """One forward pass over what the strategy has just trained on, replayed samples included."""
    strategy.model.train()
    with torch.random.fork_rng(), recomputed_statistics(strategy.model):
        for minibatch in strategy.dataloader:
            x, task = minibatch[0].to(strategy.device), minibatch[-1].to(strategy.device)
            avalanche_forward(strategy.model, x, task)


def _pass_again(strategy: Any, again: list[tuple[str, Any]]) -> Tensor:
    """Evaluate the current minibatch at the current weights, as the strategy's training loop does."""
    strategy.optimizer.zero_grad()
    strategy.loss = strategy._make_empty_loss()
    for hook, plugin in again:
        if hook == "before_forward":
            plugin.before_forward(strategy)
    strategy.mb_output = strategy.forward()
    strategy.loss += strategy.criterion()
    for hook, plugin in again:
        if hook == "before_backward":
            plugin.before_backward(strategy)
    strategy.backward()
    for hook, plugin in again:
        if hook == "after_backward":
            plugin.after_backward(strategy)
    loss: Tensor = strategy.loss
    return loss
