"""A backbone with its head."""

from contextlib import AbstractContextManager, nullcontext

import torch
from avalanche.models import MultiTaskModule
from torch import Tensor, nn


def autocast(x: Tensor, precision: str) -> AbstractContextManager[None]:
    """Where a model takes its products.

    Args:
        x: its input.
        precision: ``"float32"`` or ``"bfloat16"``.

    Returns:
        A context, which does nothing for float32.
    """
    return nullcontext() if precision == "float32" else torch.autocast(x.device.type, torch.bfloat16)


class Classifier(nn.Module):
    """Images to logits, whatever the task.

    Args:
        normalise: from uint8 images to the backbone's input.
        backbone: to features.
        head: from features to logits.
        precision: ``"float32"``, or ``"bfloat16"`` for autocast; logits are float32 with either.
    """

    def __init__(self, normalise: nn.Module, backbone: nn.Module, head: nn.Module, precision: str = "float32") -> None:
        super().__init__()
        self.precision = precision
        self.normalise, self.backbone, self.head = normalise, backbone, head

    def features(self, x: Tensor) -> Tensor:
        """Features that the head sees.

        Args:
            x: ``(B, C, H, W)``, uint8, or floating point and normalised.

        Returns:
            ``(B, F)``.
        """
        with autocast(x, self.precision):
            features: Tensor = self.backbone(self.normalise(x))
        return features

    def forward(self, x: Tensor) -> Tensor:
        """Logits.

        Args:
            x: ``(B, C, H, W)``.

        Returns:
            ``(B, classes)``.
        """
        with autocast(x, self.precision):
            logits: Tensor = self.head(self.features(x))
        return logits if self.precision == "float32" else logits.float()


class TaskAwareClassifier(MultiTaskModule):
    """Images and task labels to the logits of each image's own task.

    Args:
        normalise: from uint8 images to the backbone's input.
        backbone: to features.
        head: from features and task labels to logits.
        precision: ``"float32"``, or ``"bfloat16"`` for autocast; logits are float32 with either.
    """

    def __init__(self, normalise: nn.Module, backbone: nn.Module, head: nn.Module, precision: str = "float32") -> None:
        super().__init__()
        self.precision = precision
        self.normalise, self.backbone, self.head = normalise, backbone, head

    def features(self, x: Tensor) -> Tensor:
        """Features that the head sees.

        Args:
            x: ``(B, C, H, W)``, uint8, or floating point and normalised.

        Returns:
            ``(B, F)``.
        """
        with autocast(x, self.precision):
            features: Tensor = self.backbone(self.normalise(x))
        return features

    def forward(self, x: Tensor, task_labels: Tensor | None) -> Tensor | dict[int, Tensor]:
        """Logits of each image's own task.

        Args:
            x: ``(B, C, H, W)``.
            task_labels: int64 ``(B,)``; None (part of Avalanche's protocol) for the logits of every task learnt so far.

        Returns:
            ``(B, classes an experience)``, or one such tensor a task.
        """
        if task_labels is None:
            return {task: self.forward_single_task(x, task) for task in sorted(self.known_train_tasks_labels)}
        with autocast(x, self.precision):
            logits: Tensor = self.head(self.features(x), task_labels)
        return logits if self.precision == "float32" else logits.float()

    def forward_single_task(self, x: Tensor, task_label: int) -> Tensor:
        """Logits of one task for all images (part of Avalanche's protocol).

        Args:
            x: ``(B, C, H, W)``.
            task_label: the task.

        Returns:
            ``(B, classes an experience)``.
        """
        logits: Tensor = self.head(self.features(x), x.new_full((len(x),), task_label, dtype=torch.int64))
        return logits


class FeaturesOf(nn.Module):
    """Images to the features of a model, which it shares, without its head.

    Args:
        model: the model.
    """

    def __init__(self, model: Classifier) -> None:
        super().__init__()
        self.precision, self.normalise, self.backbone = model.precision, model.normalise, model.backbone

    def forward(self, x: Tensor) -> Tensor:
        """Features.

        Args:
            x: ``(B, C, H, W)``.

        Returns:
            ``(B, F)``, float32 with either precision.
        """
        with autocast(x, self.precision):
            features: Tensor = self.backbone(self.normalise(x))
        return features if self.precision == "float32" else features.float()
