"""Any torch optimizer, kept consistent with a model whose parameters are added, removed and replaced."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import chain
from typing import Any

import torch
from torch import Tensor
from torch.optim import Optimizer

from lifelong_lb.optim.base_optimizers.optimizer_equality import difference
from lifelong_lb.optim.modes import check_held, expect_training, modes_of
from lifelong_lb.optim.weights import copied, load
from lifelong_lb.optim.wrapper import DelegatingOptimizer

Build = Callable[[list[Any]], Optimizer]
"""Builds an optimizer with fixed settings over given parameters, or groups of them, as torch optimizers take them."""

_KEPT_OPTIONS = ("lr", "initial_lr")
"""Group options that a scheduler may have changed, and a rebuilt optimizer keeps."""


class RebuiltOptimizer(DelegatingOptimizer):
    """Wrapper that rebuilds or extends any torch optimizer when the model's parameters change.

    Continual-learning code changes an optimizer from outside: it replaces tensors in the parameter groups when a head
    grows, and empties ``state``. torch's SGD and Adam look everything up at each step and allow that. Others do not:
    Adagrad creates its state at construction, L-BFGS keeps vectors over all parameters, and wrapping optimizers have
    nested state. This wrapper handles the cases:

    - If ``state`` is replaced by an empty one, the optimizer is rebuilt over the current parameters.
    - If parameters have changed before a step, those that remain keep their state, and new ones get the initial state
      of a newly built optimizer; with ``restart`` the optimizer is rebuilt.
    - If an optimizer evaluates other weights than it trains, as schedule-free ones do, :meth:`load_evaluated` and
      :meth:`load_trained` switch between them; steps start from the latter.

    Args:
        build: builds the optimizer over a list of parameters.
        params: the initial parameters, or groups of them, which keep their options when the optimizer is rebuilt.
        restart: whether to rebuild when parameters change, for optimizers whose state spans all parameters.

    Example:
        >>> import torch
        >>> w = torch.nn.Parameter(torch.zeros(2))
        >>> RebuiltOptimizer(lambda params: torch.optim.Adagrad(params, lr=0.1), [w]).param_groups[0]["lr"]
        0.1

    Raises:
        ValueError: for an optimizer around one that evaluates other weights than it trains.
    """

    def __init__(self, build: Build, params: Iterable[Any], *, restart: bool = False) -> None:
        self.build, self.restart, given = build, restart, list(params)
        grouped = bool(given) and isinstance(given[0], dict)
        self._options = [_options(group) for group in given] if grouped else None
        super().__init__(build(given))
        check_held(self.base)
        self._covered = _parameters(self.base)
        self._evaluated = self._stepped = False  # whether evaluated weights are loaded; differ yet
        expect_training(self.base)

    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Take one step of the base optimizer.

        Args:
            closure: passed to the base optimizer.

        Returns:
            The result of the base optimizer.

        Raises:
            ValueError: if the parameters hold the weights to evaluate.
        """
        if self._evaluated:
            raise ValueError(f"{type(self.base).__name__} holds the weights to evaluate: call load_trained() before")
        self.adapt()
        self._stepped = True
        return self.base.step() if closure is None else self.base.step(closure)

    def adapt(self) -> None:
        """Adapt the base optimizer to parameters that were changed from outside.

        Raises:
            ValueError: if a nested optimizer does not have the new parameters.
        """
        params = _parameters(self.base)
        changed = len(params) != len(self._covered) or any(
            p is not q for p, q in zip(params, self._covered, strict=True)
        )
        if changed and self.restart:
            self._rebuild()
        elif changed:
            self._follow(params)
        self._covered = params

    @property
    def keeps_evaluated(self) -> bool:
        """Whether the base optimizer evaluates other weights than it trains."""
        return modes_of(self.base) is not None

    def load_evaluated(self) -> None:
        """Load the weights to evaluate; a no-op if they are those to train."""
        if self.keeps_evaluated and self._stepped and not self._evaluated:
            self._change(1)
            self._evaluated = True

    def load_trained(self) -> None:
        """Load the weights to train, including those of new parameters."""
        if self._evaluated and self.restart:
            self.adapt()  # a rebuilt optimizer starts from the weights to evaluate
        if self._evaluated:
            self._change(0)
            self._evaluated = False

    def show_evaluated(self) -> Callable[[], None]:
        """Load the weights to evaluate temporarily.

        Returns:
            A function that restores the previous weights, bit for bit.
        """
        if not (self.keeps_evaluated and self._stepped) or self._evaluated:
            return lambda: None
        params = _parameters(self.base)
        trained = copied(params)
        self.load_evaluated()

        def restore() -> None:
            self.load_trained()
            load(params, trained)

        return restore

    def _change(self, to: int) -> None:
        """Switch weights, leaving out parameters without state, on which some optimizers fail."""
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
        """Restore a state from :meth:`state_dict`.

        Args:
            state_dict: from :meth:`state_dict`.
        """
        self.adapt()
        self.base.load_state_dict(state_dict)

    def lost_when_saved(self) -> str | None:
        """First attribute of the base optimizer that its state dict does not restore.

        Returns:
            Name of the attribute; None if nothing is lost.
        """
        other = self.build(self._arguments())
        other.load_state_dict(self.base.state_dict())
        return difference(self.base, other)

    def _replace_state(self, state: defaultdict[Tensor, Any]) -> None:
        if state:
            super()._replace_state(state)
        else:
            self._covered = _parameters(self.base)
            self._rebuild()

    def _arguments(self) -> list[Any]:
        """The current parameters in the form in which the initial ones were given."""
        if self._options is None:
            return _parameters(self.base)
        groups = zip(self._options, self.base.param_groups, strict=True)
        return [{"params": [*group["params"]], **options} for options, group in groups]

    def _rebuild(self) -> None:
        groups = self.base.param_groups
        self.base = self.build(self._arguments())
        self._evaluated = self._stepped = False
        expect_training(self.base)
        for group, old in zip(self.base.param_groups, groups, strict=False):
            group.update({key: old[key] for key in _KEPT_OPTIONS if key in old})

    def _follow(self, params: list[Tensor]) -> None:
        gone = set(self._covered) - set(params)
        for current, new in _pairs(self.base, self.build(self._arguments())):
            if set(_parameters(current)) != set(_parameters(new)):
                raise ValueError(
                    f"the {type(current).__name__} within {type(self.base).__name__} does not see that the model's "
                    "parameters have changed; with restart: true the optimizer is rebuilt whenever they change"
                )
            for p in gone:
                current.state.pop(p, None)
            for p in params:
                if not current.state.get(p) and new.state.get(p):
                    current.state[p] = new.state[p]

    def __getstate__(self) -> dict[str, Any]:
        params = self._arguments()
        modes = {"evaluated": self._evaluated, "stepped": self._stepped}
        return {"build": self.build, "params": params, "restart": self.restart, "state": self.state_dict(), **modes}

    def __setstate__(self, state: dict[str, Any]) -> None:
        RebuiltOptimizer.__init__(self, state["build"], state["params"], restart=state["restart"])
        self.load_state_dict(state["state"])  # a pickled L-BFGS has lost its parameters
        self._evaluated, self._stepped = state["evaluated"], state["stepped"]

    def __repr__(self) -> str:
        return f"{type(self).__name__} over {self.base!r}"


def load_evaluation_weights(rule: Any, optimizer: Optimizer) -> Callable[[], None]:
    """Load the weights to evaluate of rule and optimizer (slow or averaged ones) temporarily.

    Args:
        rule: an update rule.
        optimizer: the base optimizer.

    Returns:
        A function that restores the previous weights.
    """
    hide_slow = rule.show_slow()
    hide_evaluated = optimizer.show_evaluated() if isinstance(optimizer, RebuiltOptimizer) else None

    def restore() -> None:
        if hide_evaluated is not None:
            hide_evaluated()
        hide_slow()

    return restore


def _options(group: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in group.items() if key != "params"}


def _parameters(optimizer: Optimizer) -> list[Tensor]:
    return list(chain.from_iterable(group["params"] for group in optimizer.param_groups))


def _pairs(first: Optimizer, second: Optimizer) -> Iterator[tuple[Optimizer, Optimizer]]:
    """Pairs of two equally built optimizers and of their nested optimizers."""
    todo, seen = [(first, second)], set[int]()
    while todo:
        pair = todo.pop()
        if id(pair[0]) in seen:
            continue
        seen.add(id(pair[0]))
        yield pair
        todo += _held(*pair)


def _held(first: Optimizer, second: Optimizer) -> Sequence[tuple[Optimizer, Optimizer]]:
    attributes = vars(second)
    return [
        (value, attributes[name])
        for name, value in vars(first).items()
        if isinstance(value, Optimizer) and isinstance(attributes.get(name), Optimizer)
    ]
