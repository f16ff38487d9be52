"""Heads: from features to logits, one output set for the stream or one an experience."""

import torch
from avalanche.models import IncrementalClassifier
from torch import Tensor, nn

from lifelong_lb.data.shape import Shape


class MultiHead(nn.Module):
    """One linear layer an experience, all made at the start. The task label chooses.

    Only the layers of the tasks in a minibatch receive gradients; the others' stay None, so that momentum, weight
    decay and perturbations leave them alone.

    Args:
        features: number of features.
        tasks: T.
        classes: classes an experience.
    """

    def __init__(self, features: int, tasks: int, classes: int) -> None:
        super().__init__()
        self.layers = nn.ModuleList(nn.Linear(features, classes) for _ in range(tasks))
        self.classes = classes

    def forward(self, features: Tensor, task_labels: Tensor) -> Tensor:
        """Logits of each sample's own task.

        Args:
            features: ``(B, features)``.
            task_labels: int64 ``(B,)``.

        Returns:
            ``(B, classes)``.
        """
        tasks = torch.unique(task_labels).tolist()
        if len(tasks) == 1:
            logits: Tensor = self.layers[tasks[0]](features)
            return logits
        parts = [self.layers[task](features[task_labels == task]) for task in tasks]
        logits = parts[0].new_empty(len(features), self.classes)
        for task, part in zip(tasks, parts, strict=True):
            logits[task_labels == task] = part
        return logits


class MaskedHead(nn.Module):
    """One linear layer for all classes of the stream, of which only those of a sample's own task are asked.

    Equal to setting the other logits to minus infinity. Unlike with :class:`MultiHead` the weights of all tasks are
    one tensor: those not asked have gradient zero, not None, and so move under momentum and weight decay.

    Args:
        features: number of features.
        tasks: T.
        classes: classes an experience.
    """

    def __init__(self, features: int, tasks: int, classes: int) -> None:
        super().__init__()
        self.layer = nn.Linear(features, tasks * classes)
        self.tasks, self.classes = tasks, classes

    def forward(self, features: Tensor, task_labels: Tensor) -> Tensor:
        """Logits of each sample's own task.

        Args:
            features: ``(B, features)``.
            task_labels: int64 ``(B,)``.

        Returns:
            ``(B, classes)``.
        """
        logits = self.layer(features).reshape(-1, self.tasks, self.classes)
        selected: Tensor = logits[torch.arange(len(logits), device=logits.device), task_labels]
        return selected


def single_head(features: int, shape: Shape) -> nn.Module:
    """One linear layer for all classes, from the start.

    Args:
        features: number of features.
        shape: of the stream.

    Returns:
        The layer.
    """
    return nn.Linear(features, shape.classes)


def growing_head(features: int, shape: Shape) -> nn.Module:
    """Avalanche's incremental classifier: outputs appear with their classes, and unseen ones are masked.

    Args:
        features: number of features.
        shape: of the stream.

    Returns:
        The module.
    """
    head: nn.Module = IncrementalClassifier(features, initial_out_features=shape.classes_an_experience)
    return head
