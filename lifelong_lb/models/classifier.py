"""Classifiers: normalisation, backbone and head."""

from contextlib import AbstractContextManager, nullcontext

import torch
from avalanche.models import MultiTaskModule
from torch import Tensor, nn


def autocast(x: Tensor, precision: str) -> AbstractContextManager[None]:
    """Autocast context for a precision.

    Args:
        x: input of the model, whose device is used.
        precision: ``"float32"`` or ``"bfloat16"``.

    Returns:
        A context manager; a null context for float32.
    """
    return nullcontext() if precision == "float32" else torch.autocast(x.device.type, torch.bfloat16)


class Classifier(nn.Module):
    """Task-agnostic classifier: maps images to logits.

    Args:
        normalise: maps uint8 images to the backbone's input.
        backbone: maps normalised images to features.
        head: maps features to logits.
        precision: ``"float32"``, or ``"bfloat16"`` for autocast; logits are float32 in both cases.
    """

    def __init__(self, normalise: nn.Module, backbone: nn.Module, head: nn.Module, precision: str = "float32") -> None:
        super().__init__()
        self.precision = precision
        self.normalise, self.backbone, self.head = normalise, backbone, head

    def features(self, x: Tensor) -> Tensor:
        """Compute the features, the input of the head.

        Args:
            x: ``(B, C, H, W)``, uint8, or floating point and normalised.

        Returns:
            ``(B, F)``.
        """
        with autocast(x, self.precision):
            features: Tensor = self.backbone(self.normalise(x))
        return features

    def forward(self, x: Tensor) -> Tensor:
        """Compute the logits.

        Args:
            x: ``(B, C, H, W)``.

        Returns:
            ``(B, classes)``.
        """
        with autocast(x, self.precision):
            logits: Tensor = self.head(self.features(x))
        return logits if self.precision == "float32" else logits.float()


class TaskAwareClassifier(MultiTaskModule):
    """Task-aware classifier: maps images and task labels to the logits of each image's task.

    Args:
        normalise: maps uint8 images to the backbone's input.
        backbone: maps normalised images to features.
        head: maps features and task labels to logits.
        precision: ``"float32"``, or ``"bfloat16"`` for autocast; logits are float32 in both cases.
    """

    def __init__(self, normalise: nn.Module, backbone: nn.Module, head: nn.Module, precision: str = "float32") -> None:
        super().__init__()
        self.precision = precision
        self.normalise, self.backbone, self.head = normalise, backbone, head

    def features(self, x: Tensor) -> Tensor:
        """Compute the features, the input of the head.

        Args:
            x: ``(B, C, H, W)``, uint8, or floating point and normalised.

        Returns:
            ``(B, F)``.
        """
        with autocast(x, self.precision):
            features: Tensor = self.backbone(self.normalise(x))
        return features

    def forward(self, x: Tensor, task_labels: Tensor | None) -> Tensor | dict[int, Tensor]:
        """Compute the logits of each image's task.

        Args:
            x: ``(B, C, H, W)``.
            task_labels: int64 ``(B,)``; None (part of Avalanche's protocol) for the logits of every task trained so
                far.

        Returns:
            ``(B, classes per experience)``, or a dict from task to such a tensor.
        """
        if task_labels is None:
            return {task: self.forward_single_task(x, task) for task in sorted(self.known_train_tasks_labels)}
        with autocast(x, self.precision):
            logits: Tensor = self.head(self.features(x), task_labels)
        return logits if self.precision == "float32" else logits.float()

    def forward_single_task(self, x: Tensor, task_label: int) -> Tensor:
        """Compute the logits of one task for all images (part of Avalanche's protocol).

        Args:
            x: ``(B, C, H, W)``.
            task_label: the task.

        Returns:
            ``(B, classes per experience)``.
        """
        logits: Tensor = self.head(self.features(x), x.new_full((len(x),), task_label, dtype=torch.int64))
        return logits


class FeaturesOf(nn.Module):
    """A classifier without its head: maps images to features.

    Args:
        model: the classifier; its modules are shared, not copied.
    """

    def __init__(self, model: Classifier) -> None:
        super().__init__()
        self.precision, self.normalise, self.backbone = model.precision, model.normalise, model.backbone

    def forward(self, x: Tensor) -> Tensor:
        """Compute the features.

        Args:
            x: ``(B, C, H, W)``.

        Returns:
            ``(B, F)``, float32 for both precisions.
        """
        with autocast(x, self.precision):
            features: Tensor = self.backbone(self.normalise(x))
        return features if self.precision == "float32" else features.float()
