"""Tensors that a rule keeps between steps, one per parameter."""

from collections.abc import Mapping, Sequence

from torch import Tensor
from torch.optim import Optimizer

from lifelong_lb.optim.minibatch import trainable


class ParameterState:
    """Map from parameters to tensors of their shapes.

    Keyed by the parameter itself, not by its position: a parameter that replaces another one, e.g. in a grown head, has
    no tensor yet.
    """

    def __init__(self) -> None:
        self._tensors: dict[Tensor, Tensor] = {}
        self._order: list[Tensor] = []

    def get(self, param: Tensor) -> Tensor | None:
        """Tensor of a parameter.

        Args:
            param: any parameter.

        Returns:
            Its tensor, or None.
        """
        return self._tensors.get(param)

    def among(self, params: Sequence[Tensor]) -> tuple[list[Tensor], list[Tensor]]:
        """Select the parameters that have a tensor.

        Args:
            params: parameters.

        Returns:
            These parameters, and their tensors.
        """
        known = [p for p in params if p in self._tensors]
        return known, [self._tensors[p] for p in known]

    def keep(self, params: Sequence[Tensor], tensors: Mapping[Tensor, Tensor]) -> None:
        """Replace all tensors.

        Args:
            params: all parameters of the optimizer, in its order.
            tensors: parameter to its tensor.
        """
        self._order = list(params)
        self._tensors = {p: tensors[p] for p in params if p in tensors}

    def merge(self, params: Sequence[Tensor], tensors: Mapping[Tensor, Tensor]) -> None:
        """Add or replace tensors; those of the optimizer's other parameters stay.

        Args:
            params: all parameters of the optimizer, in its order.
            tensors: parameter to its tensor.
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
        """Load copies of tensors from :meth:`saved`.

        Args:
            what: name of the tensors, for messages.
            saved: a tensor or None per parameter; may be empty.
            optimizer: the base optimizer.

        Raises:
            ValueError: if they do not match the optimizer's parameters.
        """
        params = trainable(optimizer)
        fits = len(params) == len(saved) and all(
            tensor is None or tensor.shape == p.shape for p, tensor in zip(params, saved, strict=True)
        )
        if saved and not fits:
            raise ValueError(f"the {what} must match the optimizer's {len(params)} parameters; got {len(saved)}")
        pairs = zip(params, saved, strict=True) if saved else []
        self.keep(params if saved else [], {p: tensor.clone() for p, tensor in pairs if tensor is not None})
