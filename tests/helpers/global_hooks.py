"""Hooks that are registered for all modules."""

from torch.nn.modules import module


def global_hooks():
    """Number of forward pre-hooks of all modules; torch has no public view of them."""
    return len(module._global_forward_pre_hooks)
