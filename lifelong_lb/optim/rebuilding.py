"""Any torch optimizer, kept in step with a model whose parameters come, go and are replaced."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import chain
from typing import Any

import torch
from torch import Tensor
from torch.optim import Optimizer

from lifelong_lb.optim.modes import check_held, expect_training, modes_of
from lifelong_lb.optim.optimizer_equality import difference
from lifelong_lb.optim.weights import copied, load
from lifelong_lb.optim.wrapper import DelegatingOptimizer

Build = Callable[[list[Tensor]], Optimizer]
"""Builds an optimizer over parameters, the same one each time but for them."""

_KEPT_OPTIONS = ("lr", "initial_lr")
"""Options of a group that a learning rate scheduler has changed, and a rebuilt optimizer goes on with."""


class RebuiltOptimizer(DelegatingOptimizer):
    """A torch optimizer that may keep whatever it likes, and is built anew where that no longer fits.

    Continual-learning code changes an optimizer from outside: it puts other tensors into the parameter groups where a
    head grows, and empties ``state``. torch's SGD and Adam do not mind, since they look everything up at each step.
    Others do: Adagrad makes its state when it is built, L-BFGS keeps vectors over all parameters, and optimizers around
    an optimizer have a state within. So this one follows:

    - Where ``state`` is replaced by an empty one, the optimizer is built anew over the present parameters.
    - Where parameters have changed before a step, those that stay keep their state, and new ones get what a newly built
      optimizer holds for them; with ``restart`` the optimizer is built anew.
    - Where an optimizer keeps the weights to evaluate apart from those to train, as schedule-free ones do,
      :meth:`load_evaluated` and :meth:`load_trained` change between them; steps are taken from the latter.

    Args:
        build: builds the optimizer over a list of parameters.
        params: the parameters to begin with.
        restart: whether to begin anew when parameters change, for optimizers whose state belongs to all parameters
            together.

    Example:
        >>> import torch
        >>> w = torch.nn.Parameter(torch.zeros(2))
        >>> RebuiltOptimizer(lambda params: torch.optim.Adagrad(params, lr=0.1), [w]).param_groups[0]["lr"]
        0.1

    Raises:
        ValueError: for an optimizer around one that keeps weights to evaluate.
    """

    def __init__(self, build: Build, params: Iterable[Tensor], *, restart: bool = False) -> None:
        self.build, self.restart = build, restart
        super().__init__(build(list(params)))
        check_held(self.base)
        self._covered = _parameters(self.base)
        self._evaluated = self._stepped = False  # which weights the parameters hold, and whether the two differ yet
        expect_training(self.base)

    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """One step of the base optimizer.

        Args:
            closure: what the base optimizer takes.

        Returns:
            What the base optimizer returns.

        Raises:
            ValueError: when the parameters hold the weights to evaluate.
        """
        if self._evaluated:
            raise ValueError(f"{type(self.base).__name__} holds the weights to evaluate: call load_trained() before")
        self.adapt()
        self._stepped = True
        return self.base.step() if closure is None else self.base.step(closure)

    def adapt(self) -> None:
        """See whether parameters were changed from outside, and follow.

        Raises:
            ValueError: when an optimizer within the base optimizer does not see the new parameters.
        """
        params = _parameters(self.base)
        changed = len(params) != len(self._covered) or any(
            p is not q for p, q in zip(params, self._covered, strict=True)
        )
        if changed and self.restart:
            self._rebuild(params)
        elif changed:
            self._follow(params)
        self._covered = params

    @property
    def keeps_evaluated(self) -> bool:
        """Whether the base optimizer keeps the weights to evaluate apart from those to train."""
        return modes_of(self.base) is not None

    def load_evaluated(self) -> None:
        """Let the parameters hold the weights to evaluate; nothing happens where they are those to train."""
        if self.keeps_evaluated and self._stepped and not self._evaluated:
            self._change(1)
            self._evaluated = True

    def load_trained(self) -> None:
        """Let the parameters hold the weights to train again, those that are new by now included."""
        if self._evaluated and self.restart:
            self.adapt()  # while the parameters hold the weights that a rebuilt optimizer is to start from
        if self._evaluated:
            self._change(0)
            self._evaluated = False

    def show_evaluated(self) -> Callable[[], None]:
        """Let the parameters hold the weights to evaluate for a while.

        Returns:
            A function that brings back the weights from before, bit for bit.
        """
        if not (self.keeps_evaluated and self._stepped) or self._evaluated:
            return lambda: None
        params = _parameters(self.base)
        trained = copied(params)
        self.load_evaluated()

        def back() -> None:
            self.load_trained()
            load(params, trained)

        return back

    def _change(self, to: int) -> None:
        """Call the base optimizer's method, which may not bear parameters that it has no state for."""
        modes = modes_of(self.base)
        assert modes is not None
        groups = [(group, group["params"]) for group in self.base.param_groups]
        try:
            for group, params in groups:
                group["params"] = [p for p in params if self.base.state.get(p)]
            with torch.no_grad():
                modes[to]()
        finally:
            for group, params in groups:
                group["params"] = params

    def state_dict(self) -> dict[str, Any]:
        """State of the base optimizer.

        Returns:
            Plain values and tensors.
        """
        return self.base.state_dict()

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on where another one stopped.

        Args:
            state_dict: from :meth:`state_dict`.
        """
        self.adapt()
        self.base.load_state_dict(state_dict)

    def lost_when_saved(self) -> str | None:
        """What another optimizer, built alike and given :meth:`state_dict`, would lack: saving this one would lose it.

        Returns:
            Name of the first such attribute of the base optimizer; None when nothing is lost.
        """
        other = self.build(_parameters(self.base))
        other.load_state_dict(self.base.state_dict())
        return difference(self.base, other)

    def _replace_state(self, state: defaultdict[Tensor, Any]) -> None:
        if state:
            super()._replace_state(state)
        else:
            self._covered = _parameters(self.base)
            self._rebuild(self._covered)

    def _rebuild(self, params: list[Tensor]) -> None:
        groups = self.base.param_groups
        self.base = self.build(params)
        self._evaluated = self._stepped = False
        expect_training(self.base)
        for group, old in zip(self.base.param_groups, groups, strict=False):
            group.update({key: old[key] for key in _KEPT_OPTIONS if key in old})

    def _follow(self, params: list[Tensor]) -> None:
        gone = set(self._covered) - set(params)
        for mine, new in _pairs(self.base, self.build(params)):
            if set(_parameters(mine)) != set(_parameters(new)):
                raise ValueError(
                    f"the {type(mine).__name__} within {type(self.base).__name__} does not see that the model's "
                    "parameters have changed; with restart: true the optimizer begins anew each time they do"
                )
            for p in gone:
                mine.state.pop(p, None)
            for p in params:
                if not mine.state.get(p) and new.state.get(p):
                    mine.state[p] = new.state[p]

    def __getstate__(self) -> dict[str, Any]:
        params = _parameters(self.base)
        modes = {"evaluated": self._evaluated, "stepped": self._stepped}
        return {"build": self.build, "params": params, "restart": self.restart, "state": self.state_dict(), **modes}

    def __setstate__(self, state: dict[str, Any]) -> None:
        RebuiltOptimizer.__init__(self, state["build"], state["params"], restart=state["restart"])
        self.load_state_dict(state["state"])  # a pickled L-BFGS has lost its parameters
        self._evaluated, self._stepped = state["evaluated"], state["stepped"]

    def __repr__(self) -> str:
        return f"{type(self).__name__} over {self.base!r}"


def show_judged(rule: Any, optimizer: Optimizer) -> Callable[[], None]:
    """Let the parameters hold the weights that rule and optimizer want evaluated: slow ones, or averaged ones.

    Args:
        rule: an update rule.
        optimizer: the base optimizer.

    Returns:
        A function that brings back the weights from before.
    """
    hide_slow = rule.show_slow()
    hide_evaluated = optimizer.show_evaluated() if isinstance(optimizer, RebuiltOptimizer) else None

    def back() -> None:
        if hide_evaluated is not None:
            hide_evaluated()
        hide_slow()

    return back


def _parameters(optimizer: Optimizer) -> list[Tensor]:
    return list(chain.from_iterable(group["params"] for group in optimizer.param_groups))


def _pairs(first: Optimizer, second: Optimizer) -> Iterator[tuple[Optimizer, Optimizer]]:
    """Two optimizers built alike, and the optimizers that they hold as attributes, side by side."""
    todo, seen = [(first, second)], set[int]()
    while todo:
        pair = todo.pop()
        if id(pair[0]) in seen:
            continue
        seen.add(id(pair[0]))
        yield pair
        todo += _held(*pair)


def _held(first: Optimizer, second: Optimizer) -> Sequence[tuple[Optimizer, Optimizer]]:
    theirs = vars(second)
    return [
        (value, theirs[name])
        for name, value in vars(first).items()
        if isinstance(value, Optimizer) and isinstance(theirs.get(name), Optimizer)
    ]
