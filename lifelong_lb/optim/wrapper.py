"""An optimizer around another one, whose parameter groups and state are those of the inner one."""

from collections import defaultdict
from typing import Any

import torch
from torch.optim import Optimizer


class DelegatingOptimizer(Optimizer):
    """A ``torch.optim.Optimizer`` whose parameter groups and state are those of a base optimizer.

    Learning rate schedulers, gradient scalers and code that replaces parameters therefore act on the base optimizer.

    Args:
        base: the base optimizer.
    """

    def __init__(self, base: Optimizer) -> None:
        self.base = base
        self._ready = False  # the base class must not set groups and state before
        super().__init__(base.param_groups, base.defaults)
        self._ready = True

    @property
    def param_groups(self) -> list[dict[str, Any]]:
        """The base optimizer's parameter groups."""
        return self.base.param_groups

    @param_groups.setter
    def param_groups(self, groups: list[dict[str, Any]]) -> None:
        if self._ready:
            self.base.param_groups = groups

    @property
    def state(self) -> defaultdict[torch.Tensor, Any]:
        """The base optimizer's state."""
        return self.base.state

    @state.setter
    def state(self, state: defaultdict[torch.Tensor, Any]) -> None:
        if self._ready:
            self._replace_state(state)

    def _replace_state(self, state: defaultdict[torch.Tensor, Any]) -> None:
        self.base.state = state

    def add_param_group(self, param_group: dict[str, Any]) -> None:
        """Add a group to the base optimizer.

        Args:
            param_group: as for any torch optimizer.
        """
        if self._ready:
            self.base.add_param_group(param_group)
