"""Base class of update rules: the passes between a gradient at w and a step of the base optimizer."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from inspect import isgeneratorfunction
from typing import Any, NoReturn

from torch import Tensor, nn
from torch.optim import Optimizer

from lifelong_lb.averaging import slow_weights_conflict
from lifelong_lb.optim.eager import outside_compile
from lifelong_lb.optim.gradient_passes import GradientPasses, StepSettings, further_passes, take_all
from lifelong_lb.optim.minibatch import (
    BeforeDescent,
    Closure,
    Finish,
    FurtherPasses,
    Minibatch,
    Names,
    Observer,
    trainable,
)
from lifelong_lb.optim.modes import maximising
from lifelong_lb.optim.passes import Passes, RandomState
from lifelong_lb.optim.rule_optimizer import RuleOptimizer
from lifelong_lb.optim.scaling import Scaler


class UpdateRule(ABC):
    """An update rule over any torch base optimizer.

    :meth:`step` takes a whole step with a closure; :meth:`gradient_passes` lets the training loop take each pass. A
    framework with its own loop calls :meth:`before_first_pass`, takes the first gradient, calls
    :meth:`before_base_step` for the other passes, then ``optimizer.step()`` for the last base step, then the returned
    function. Only rules that span iterations keep state between steps, never in the optimizer's state. If a pass
    raises, the weights from before the step are restored; if the last base step raises, they are left to the base
    optimizer.

    Args:
        passes: treatment of BatchNorm, dropout and non-finite gradients in the passes of a step; None for the
            defaults of :class:`lifelong_lb.optim.Passes`.

    Attributes:
        uses_names: whether the rule depends on the names of the parameters; a caller that has them should pass them.
        ascends: whether the rule takes ascent steps, which need an optimizer that minimises.
        interpolates: whether the rule itself moves the weights, besides the base optimizer.
        observer: called after every pass unless None, see :class:`lifelong_lb.optim.Diagnostics`.
    """

    uses_names = False
    ascends = True
    interpolates = False

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        own = vars(cls).get("further_passes")
        if own is not None and not isgeneratorfunction(own):
            raise TypeError(
                f"{cls.__name__}.further_passes must be a generator: write `yield` where the gradient at the current "
                "weights is to be taken (in place of minibatch.gradient()), `yield from super().further_passes(...)` "
                "for the passes of a base class, and `yield from ()` if there are none"
            )

    def __init__(self, passes: Passes | None = None) -> None:
        self.passes = Passes() if passes is None else passes
        self.observer: Observer | None = None
        self._random: RandomState | None = None

    @property
    @abstractmethod
    def gradient_evaluations(self) -> float:
        """Forward-backward passes per step, including the first one (the mean if it varies)."""

    @property
    def radii(self) -> tuple[str, ...]:
        """Names of the attributes that a schedule of the radius multiplies."""
        return ("rho",)

    @property
    def keeps_weights(self) -> bool:
        """Whether fast and slow weights are kept over several minibatches."""
        return False

    @abstractmethod
    def further_passes(self, minibatch: Minibatch) -> FurtherPasses:
        """Request the passes after the first; the method that a new rule implements, as a generator.

        At the end, weights and ``.grad`` are such that ``optimizer.step()`` is the rule's last base step. If a pass
        raises, the exception is raised at the ``yield``, and the weights must be w again.

        Args:
            minibatch: the minibatch, with the first pass's gradient in ``.grad`` (finite, or None).

        Yields:
            None, where the gradient at the current weights is to be taken; then it is in ``.grad``.
            :meth:`Minibatch.check_gradient` checks one that no ascent step uses.

        Returns:
            A function that is called after ``optimizer.step()``.
        """

    def load_first_point(self, params: list[Tensor]) -> None:  # noqa: B027  most rules take it at the current weights
        """Load the weights at which the first gradient of a step is taken.

        Args:
            params: the optimizer's trainable parameters.
        """

    def before_first_pass(self, optimizer: Optimizer) -> None:
        """Prepare the first gradient of a step; to be called before the forward pass.

        Args:
            optimizer: the base optimizer.

        Raises:
            ValueError: if it maximises and the rule takes ascent steps, or its parameters are sharded by FSDP 1.
        """
        params = self.begin_step(optimizer)
        if self.passes.dropout == "same" and self.gradient_evaluations > 1:
            self._random = RandomState({p.device for p in params})

    def begin_step(self, optimizer: Optimizer) -> list[Tensor]:
        """Load the weights of the first gradient.

        Args:
            optimizer: the base optimizer.

        Returns:
            Its trainable parameters.

        Raises:
            ValueError: as for :meth:`before_first_pass`.
        """
        params = trainable(optimizer)
        check_optimizer(self, optimizer, params)
        if self.ascends and (where := maximising(optimizer)) is not None:
            raise ValueError(
                f"{type(self).__name__} ascends before it descends, and {where}, so that both would go uphill: negate "
                "the loss and minimise it"
            )
        self.load_first_point(params)
        if self.observer is not None:
            self.observer.begin(params)
        return params

    def before_base_step(
        self,
        optimizer: Optimizer,
        closure: Closure,
        names: Names | None = None,
        loss: Tensor | float | None = None,
        model: nn.Module | None = None,
        before_descent: BeforeDescent | None = None,
    ) -> Finish:
        """Take the further passes of a step whose first gradient g(w) is in ``.grad``.

        On return, weights and ``.grad`` are such that ``optimizer.step()`` is the rule's last base step. If a pass
        raises, the weights are w again.

        Args:
            optimizer: the base optimizer.
            closure: evaluates the same minibatch at the current weights.
            names: names of the parameters, for rules with ``uses_names``.
            loss: loss of the first pass, for an observer.
            model: the model; without it, normalisation layers are detected in each pass.
            before_descent: changes the gradient of each base step in place, including the last one; ascent steps use
                unchanged gradients.

        Returns:
            A function to call after ``optimizer.step()``.

        Raises:
            NonFiniteGradientError: if a gradient is not finite, unless ``passes`` ignores that.
        """
        random, self._random = self._random, None
        params = trainable(optimizer)
        settings = StepSettings(optimizer, params, self.passes, model, self.observer, random=random)
        minibatch = Minibatch(optimizer, params, passes=self.passes, names=names, before_descent=before_descent)
        if self.observer is not None:
            self.observer.passed(params, loss)
        finish: Finish = take_all(further_passes(self.request_passes(minibatch), settings), closure)
        return finish

    def request_passes(self, minibatch: Minibatch) -> FurtherPasses:
        """Passes after the first, up to the last base step.

        Args:
            minibatch: the minibatch, with the first pass's gradient in ``.grad``.

        Yields:
            None, where the gradient at the current weights is to be taken.

        Returns:
            A function to call after ``optimizer.step()``.
        """
        if not minibatch.params_with_grad:
            return self.skip_step()
        finish = yield from self.further_passes(minibatch)
        try:
            minibatch.check_all()
            minibatch.prepare_descent()
        except BaseException:
            self.undo_step()
            raise
        return finish

    def skip_step(self) -> Finish:
        """End a step in which no parameter has a gradient, so that the base optimizer moves nothing.

        Returns:
            A function that is called after ``optimizer.step()``.
        """
        return lambda: None

    def synchronise(self) -> None:  # noqa: B027  most rules do not span iterations
        """Finish early what spans iterations, at the end of an epoch or experience."""

    def abandon(self) -> None:
        """Undo an unfinished step after training ended with an exception.

        The weights from before the step are restored; a rule that spans iterations restores its slow weights and
        resets.
        """
        self.undo_step()

    def show_slow(self) -> Finish:
        """Load the weights to evaluate temporarily, if the rule keeps other ones between steps.

        Returns:
            A function that restores the previous weights.
        """
        return lambda: None

    def state_dict(self) -> dict[str, Any]:
        """State that the rule keeps between steps.

        Returns:
            Plain values and tensors; empty for most rules.
        """
        return {}

    def load_state_dict(self, state: Mapping[str, Any], optimizer: Optimizer) -> None:  # noqa: B027  most rules have no state
        """Restore a state from :meth:`state_dict`.

        Args:
            state: from :meth:`state_dict`.
            optimizer: the base optimizer; its parameters hold the weights at the time of saving.
        """

    def wrap(
        self, optimizer: Optimizer, model: nn.Module | None = None, *, scaler: Scaler | None = None
    ) -> RuleOptimizer:
        """Wrap this rule and a base optimizer as one torch optimizer, for code that expects one.

        Args:
            optimizer: the base optimizer.
            model: as for :meth:`step`.
            scaler: as for :meth:`step`.

        Returns:
            An optimizer whose ``step(closure)`` is the rule's step.
        """
        return RuleOptimizer(self, optimizer, model, scaler)

    def gradient_passes(
        self, optimizer: Optimizer, model: nn.Module | None = None, *, scaler: Scaler | None = None
    ) -> GradientPasses:
        """Passes of one step, for a training loop that takes each of them itself.

        ::

            for p in rule.gradient_passes(optimizer, model):
                with p:
                    p.backward(loss_fn(model(x), y))

        The parameters hold the weights of each pass, and base steps are taken between passes and after the last one.
        Several calls of ``p.backward`` in a pass, one per micro-batch, add up; each pass must evaluate the same
        micro-batches. ``p.index`` counts from 0, and ``p.first`` is the pass whose loss a training loop reports.
        Leaving the loop before its end, by ``break`` or an exception, restores the weights from before the step.

        Args:
            optimizer: the base optimizer; rules with ``uses_names`` read the names from it if it was built from
                ``named_parameters()``.
            model: the model; without it, normalisation layers are detected in each pass, except within a function that
                is compiled.
            scaler: a ``torch.amp.GradScaler``, which ``p.backward`` applies; each pass is unscaled. If a gradient is
                not finite, the step is skipped. Call ``scaler.update()`` after the loop, and not ``scaler.step()``.

        Returns:
            The passes, see :class:`lifelong_lb.optim.gradient_passes.GradientPass`.
        """
        return GradientPasses(self, optimizer, model, scaler=scaler)

    @outside_compile
    def step(
        self,
        optimizer: Optimizer,
        closure: Closure,
        model: nn.Module | None = None,
        *,
        scaler: Scaler | None = None,
    ) -> Tensor:
        """Take one step: first pass, further passes, last base step.

        Args:
            optimizer: the base optimizer; rules with ``uses_names`` read the names from it if it was built from
                ``named_parameters()``.
            closure: runs forward and backward over the whole minibatch, returns the loss; gradients are zeroed before.
            model: the model; without it, normalisation layers are detected in each pass, except within a function that
                is compiled.
            scaler: a ``torch.amp.GradScaler``, with which the closure scales the loss; each pass is unscaled. If a
                gradient is not finite, the step is skipped. Call ``scaler.update()`` afterwards.

        Returns:
            The loss of the first pass.

        Raises:
            ValueError: if the closure returns no loss, leaves no gradient, or adds to gradients from before the step.
            NonFiniteGradientError: if a gradient is not finite, unless ``passes`` ignores that.
        """
        passes = GradientPasses(self, optimizer, model, scaler=scaler, closure=True)
        loss: Tensor = take_all(iter(passes), closure)
        return loss

    def before_training(self, strategy: Any, *args: Any, **kwargs: Any) -> NoReturn:
        """Refuse the place of an Avalanche plugin, whose hooks a rule does not have.

        Raises:
            TypeError: always.
        """
        name = type(self).__name__
        raise TypeError(f"{name} is an update rule, not a plugin: use plugins=[SharpnessAwarePlugin({name}(...))]")

    def undo_step(self) -> None:  # noqa: B027  most rules hold no other weights by then
        """Restore the weights from before a step that failed."""


class NoRule(UpdateRule):
    """The base optimizer alone: one gradient, one base step.

    Args:
        passes: treatment of non-finite gradients; the other settings have no effect with a single pass.
    """

    ascends = False

    def __init__(self, *, passes: Passes | None = None) -> None:
        super().__init__(passes)

    @property
    def gradient_evaluations(self) -> float:
        """One pass."""
        return 1

    def further_passes(self, minibatch: Minibatch) -> FurtherPasses:
        """Take none: the gradient at w is the gradient of the base step."""
        minibatch.check_gradient()
        yield from ()
        return lambda: None


def averaging_conflict(rule: UpdateRule, optimizer: str) -> str | None:
    """Reason why a rule cannot be applied to an optimizer that evaluates other weights than it trains.

    Args:
        rule: the rule.
        optimizer: name of the optimizer.

    Returns:
        A sentence; None if there is no conflict.
    """
    if not (rule.interpolates or rule.keeps_weights):
        return None
    return slow_weights_conflict(type(rule).__name__, optimizer)


def check_optimizer(rule: UpdateRule, optimizer: Optimizer, params: list[Tensor]) -> None:
    """Check that a rule can take its base steps with an optimizer.

    Args:
        rule: the rule.
        optimizer: the base optimizer.
        params: its trainable parameters.

    Raises:
        ValueError: if it is wrapped by a rule, or holds parameters of FSDP 1.
    """
    if isinstance(optimizer, RuleOptimizer):
        raise ValueError(f"{type(rule).__name__} needs the base optimizer; got {optimizer!r}")
    if any(_FSDP_1 in vars(p) for p in params):
        raise ValueError(
            f"{type(rule).__name__} cannot be used with FullyShardedDataParallel, whose parameters are parts of flat "
            "ones; shard the model with torch.distributed.fsdp.fully_shard"
        )


_FSDP_1 = "_fsdp_flattened"
"""Attribute that FullyShardedDataParallel sets on the parameters it manages."""
