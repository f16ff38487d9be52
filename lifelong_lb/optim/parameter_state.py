"""Tensors that a rule keeps between steps, one for a parameter."""

from collections.abc import Mapping, Sequence

from torch import Tensor
from torch.optim import Optimizer

from lifelong_lb.optim.minibatch import trainable


class ParameterState:
    """Parameter to a tensor of its shape, where there is one.

    Parameters are known by themselves, not by their place: one that a model has put in the place of another, as when a
    head grows, has no tensor yet.
    """

    def __init__(self) -> None:
        self._tensors: dict[Tensor, Tensor] = {}
        self._order: list[Tensor] = []

    def get(self, param: Tensor) -> Tensor | None:
        """Tensor of a parameter.

        Args:
            param: any parameter.

        Returns:
            What is kept for it, or None.
        """
        return self._tensors.get(param)

    def among(self, params: Sequence[Tensor]) -> tuple[list[Tensor], list[Tensor]]:
        """Those of some parameters that have a tensor.

        Args:
            params: parameters.

        Returns:
            The parameters, and a tensor for each.
        """
        known = [p for p in params if p in self._tensors]
        return known, [self._tensors[p] for p in known]

    def keep(self, params: Sequence[Tensor], tensors: Mapping[Tensor, Tensor]) -> None:
        """Keep these, and forget what was kept before.

        Args:
            params: all parameters of the optimizer, in its order.
            tensors: parameter to what to keep for it.
        """
        self._order = list(params)
        self._tensors = {p: tensors[p] for p in params if p in tensors}

    def merge(self, params: Sequence[Tensor], tensors: Mapping[Tensor, Tensor]) -> None:
        """Keep these, and what was kept for the optimizer's other parameters.

        Args:
            params: all parameters of the optimizer, in its order.
            tensors: parameter to what to keep for it.
        """
        self.keep(params, {**self._tensors, **tensors})

    def saved(self) -> list[Tensor | None]:
        """Copies for a state dict.

        Returns:
            A tensor or None for each parameter of the optimizer; empty before the first step.
        """
        kept = [self._tensors.get(p) for p in self._order]
        return [None if tensor is None else tensor.clone() for tensor in kept]

    def load(self, what: str, saved: Sequence[Tensor | None], optimizer: Optimizer) -> None:
        """Keep copies of what :meth:`saved` gave.

        Args:
            what: the rule's word for it.
            saved: a tensor or None for each parameter; may be empty.
            optimizer: the base optimizer.

        Raises:
            ValueError: when it does not fit the optimizer's parameters.
        """
        params = trainable(optimizer)
        fits = len(params) == len(saved) and all(
            tensor is None or tensor.shape == p.shape for p, tensor in zip(params, saved, strict=True)
        )
        if saved and not fits:
            raise ValueError(f"the {what} kept must fit the optimizer's {len(params)} parameters; got {len(saved)}")
        pairs = zip(params, saved, strict=True) if saved else []
        self.keep(params if saved else [], {p: tensor.clone() for p, tensor in pairs if tensor is not None})
