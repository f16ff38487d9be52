"""Heads: map features to logits, with outputs for the whole stream or per experience."""

from collections.abc import Sequence

import torch
from avalanche.models import IncrementalClassifier
from torch import Tensor, nn

from lifelong_lb.data.shape import Shape
from lifelong_lb.models.task_labels import on_host


class MultiHead(nn.Module):
    """One linear layer per experience, selected by the task label.

    All layers are created at the start. Only the layers of the tasks in a minibatch receive gradients; the gradients of
    the others stay None, so momentum, weight decay and perturbations do not affect them.

    Args:
        features: number of features.
        tasks: T, the number of experiences.
        classes: number of classes per experience.
    """

    def __init__(self, features: int, tasks: int, classes: int) -> None:
        super().__init__()
        self.layers = nn.ModuleList(nn.Linear(features, classes) for _ in range(tasks))
        self.classes = classes

    def forward(self, features: Tensor, task_labels: Tensor) -> Tensor:
        """Compute the logits of each sample's task.

        Args:
            features: ``(B, features)``.
            task_labels: int64 ``(B,)``.

        Returns:
            ``(B, classes)``.
        """
        labels = on_host(task_labels)
        tasks = torch.unique(labels).tolist()
        if len(tasks) == 1:
            logits: Tensor = self.layers[tasks[0]](features)
            return logits
        rows = [torch.nonzero(labels == task)[:, 0].to(features.device, non_blocking=True) for task in tasks]
        parts = [self.layers[task](features[chosen]) for task, chosen in zip(tasks, rows, strict=True)]
        logits = parts[0].new_empty(len(features), self.classes)
        for chosen, part in zip(rows, parts, strict=True):
            logits[chosen] = part
        return logits


class MaskedHead(nn.Module):
    """One linear layer for all classes, restricted to the classes of each sample's task.

    Equivalent to setting the other logits to minus infinity. Unlike in :class:`MultiHead`, the weights of all tasks
    form one tensor: those of other tasks have gradient zero, not None, and change under momentum and weight decay.

    Args:
        features: number of features.
        tasks: T, the number of experiences.
        classes: number of classes per experience.
    """

    def __init__(self, features: int, tasks: int, classes: int) -> None:
        super().__init__()
        self.layer = nn.Linear(features, tasks * classes)
        self.tasks, self.classes = tasks, classes

    def forward(self, features: Tensor, task_labels: Tensor) -> Tensor:
        """Compute the logits of each sample's task.

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
    """Create one linear layer for all classes of the stream.

    Args:
        features: number of features.
        shape: shape of the stream.

    Returns:
        The layer.
    """
    return nn.Linear(features, shape.classes)


def growing_head(features: int, shape: Shape) -> nn.Module:
    """Create Avalanche's incremental classifier.

    Outputs are added when their classes first occur; outputs of unseen classes are masked.

    Args:
        features: number of features.
        shape: shape of the stream.

    Returns:
        The module.
    """
    head: nn.Module = IncrementalClassifier(features, initial_out_features=shape.classes_an_experience)
    return head


def hidden_layers(features: int, widths: Sequence[int]) -> list[nn.Module]:
    """Create the hidden layers of a head, each with ReLU.

    Args:
        features: number of features of the backbone.
        widths: width of each layer.

    Returns:
        Modules, to be applied one after the other.
    """
    sizes = zip((features, *widths), widths, strict=False)
    return [module for n_in, n_out in sizes for module in (nn.Linear(n_in, n_out), nn.ReLU())]
