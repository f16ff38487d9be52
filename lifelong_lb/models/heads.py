"""Heads: map features to logits, with outputs for the whole stream or per experience."""

from collections.abc import Callable, Sequence

import torch
from avalanche.models import IncrementalClassifier
from torch import Tensor, nn
from torch.nn.functional import pad

from lifelong_lb.data.shape import Shape
from lifelong_lb.models.cosine import CosineLinear, GrowingCosine
from lifelong_lb.models.task_labels import on_host

ABSENT = -1000.0
"""Logit of a class that an experience does not have, where experiences have different numbers of classes; Avalanche's
growing heads mask unseen classes by the same value. Its softmax is 0 and differences of it are 0."""


LAYERS: dict[str, Callable[[int, int], nn.Module]] = {"linear": nn.Linear, "cosine": CosineLinear}
"""Layers from features to logits, by the name of the ``classifier`` in a study file."""


def widths(tasks: int, classes: int | Sequence[int]) -> list[int]:
    """Number of classes of each task.

    Args:
        tasks: T, the number of tasks.
        classes: one number for all, or one per task.

    Returns:
        T numbers.
    """
    return [classes] * tasks if isinstance(classes, int) else list(classes)


class MultiHead(nn.Module):
    """One layer per experience, selected by the task label.

    All layers are created at the start. Only the layers of the tasks in a minibatch receive gradients; the gradients of
    the others stay None, so momentum, weight decay and perturbations do not affect them. If the numbers of classes
    differ, the logits of an experience are followed by :data:`ABSENT` up to the largest number.

    Args:
        features: number of features.
        tasks: T, the number of experiences.
        classes: number of classes per experience: one for all, or one each.
        classifier: a key of :data:`LAYERS`.
    """

    def __init__(self, features: int, tasks: int, classes: int | Sequence[int], classifier: str = "linear") -> None:
        super().__init__()
        numbers = widths(tasks, classes)
        self.layers = nn.ModuleList(LAYERS[classifier](features, number) for number in numbers)
        self.classes = max(numbers)

    def forward(self, features: Tensor, task_labels: Tensor) -> Tensor:
        """Compute the logits of each sample's task.

        Args:
            features: ``(B, features)``.
            task_labels: int64 ``(B,)``.

        Returns:
            ``(B, largest number of classes)``.
        """
        labels = on_host(task_labels)
        tasks = torch.unique(labels).tolist()
        if len(tasks) == 1:
            return self._padded(self.layers[tasks[0]](features))
        rows = [torch.nonzero(labels == task)[:, 0].to(features.device, non_blocking=True) for task in tasks]
        parts = [self._padded(self.layers[task](features[chosen])) for task, chosen in zip(tasks, rows, strict=True)]
        logits = parts[0].new_empty(len(features), self.classes)
        for chosen, part in zip(rows, parts, strict=True):
            logits[chosen] = part
        return logits

    def _padded(self, logits: Tensor) -> Tensor:
        missing = self.classes - logits.shape[1]
        return logits if not missing else pad(logits, (0, missing), value=ABSENT)


class MaskedHead(nn.Module):
    """One layer for all classes, restricted to the classes of each sample's task.

    Equivalent to setting the other logits to minus infinity. Unlike in :class:`MultiHead`, the weights of all tasks
    form one tensor: those of other tasks have gradient zero, not None, and change under momentum and weight decay. If
    the numbers of classes differ, logits are followed by :data:`ABSENT` as in :class:`MultiHead`.

    Args:
        features: number of features.
        tasks: T, the number of experiences.
        classes: number of classes per experience: one for all, or one each.
        classifier: a key of :data:`LAYERS`.
    """

    def __init__(self, features: int, tasks: int, classes: int | Sequence[int], classifier: str = "linear") -> None:
        super().__init__()
        self.numbers = widths(tasks, classes)
        self.layer = LAYERS[classifier](features, sum(self.numbers))
        self.tasks, self.classes = tasks, max(self.numbers)

    def forward(self, features: Tensor, task_labels: Tensor) -> Tensor:
        """Compute the logits of each sample's task.

        Args:
            features: ``(B, features)``.
            task_labels: int64 ``(B,)``.

        Returns:
            ``(B, largest number of classes)``.
        """
        logits = self.layer(features)
        if len(set(self.numbers)) > 1:
            parts = logits.split(self.numbers, dim=1)
            logits = torch.stack([pad(part, (0, self.classes - part.shape[1]), value=ABSENT) for part in parts], dim=1)
        logits = logits.reshape(-1, self.tasks, self.classes)
        selected: Tensor = logits[torch.arange(len(logits), device=logits.device), task_labels]
        return selected


def single_head(features: int, shape: Shape, classifier: str) -> nn.Module:
    """Create one layer for all classes of the stream.

    Args:
        features: number of features.
        shape: shape of the stream.
        classifier: a key of :data:`LAYERS`.

    Returns:
        The layer.
    """
    return LAYERS[classifier](features, shape.classes)


def growing_head(features: int, shape: Shape, classifier: str) -> nn.Module:
    """Create Avalanche's incremental classifier.

    Outputs are added when their classes first occur; outputs of unseen classes are masked.

    Args:
        features: number of features.
        shape: shape of the stream.
        classifier: a key of :data:`LAYERS`.

    Returns:
        The module.
    """
    kind = IncrementalClassifier if classifier == "linear" else GrowingCosine
    head: nn.Module = kind(features, initial_out_features=shape.first_classes)
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
