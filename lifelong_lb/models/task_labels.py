"""Task labels on the host, where a head selects its outputs without waiting for an accelerator."""

from torch import Tensor

_ON_HOST = "_on_host"
"""Attribute of task labels on an accelerator: their version and their copy on the host."""


def on_host(task_labels: Tensor) -> Tensor:
    """Task labels on the CPU, copied once per tensor.

    Args:
        task_labels: int64 ``(B,)``, on any device.

    Returns:
        The same labels.
    """
    if task_labels.device.type == "cpu":
        return task_labels
    version, copy = vars(task_labels).get(_ON_HOST, (-1, task_labels))
    if version != task_labels._version:
        copy = task_labels.cpu()
        keep_on_host(task_labels, copy)
    assert isinstance(copy, Tensor)
    return copy


def keep_on_host(task_labels: Tensor, copy: Tensor) -> None:
    """Make the copy on the host known.

    Args:
        task_labels: on an accelerator.
        copy: the same labels on the CPU.
    """
    vars(task_labels)[_ON_HOST] = (task_labels._version, copy)
