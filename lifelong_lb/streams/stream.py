"""A stream ready for Avalanche, with what models and reports need to know of it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from avalanche.benchmarks import benchmark_from_datasets, with_classes_timeline, with_task_labels
from avalanche.benchmarks.utils import TaskAwareSupervisedClassificationDataset
from avalanche.benchmarks.utils.data_attribute import DataAttribute
from torch import Tensor
from torch.utils.data import TensorDataset

from lifelong_lb.data.shape import Shape


@dataclass(frozen=True)
class Stream:
    """A sequence of experiences.

    Attributes:
        train: Avalanche experiences to learn from, in order.
        test: their test parts, likewise.
        shape: what a model has to fit.
        class_order: the data set's own labels in the order in which they are met.
        class_names: their names, where the data set knows them.
    """

    train: Sequence[Any]
    test: Sequence[Any]
    shape: Shape
    class_order: tuple[int, ...]
    class_names: tuple[str, ...]


@dataclass(frozen=True)
class LabelledPart:
    """One part (train or test) of a stream's images, relabelled.

    Attributes:
        x: uint8 ``(N, C, H, W)``.
        y: int64 ``(N,)``, the labels a model is asked for.
        task: int64 ``(N,)``, task label of each image.
        experience: int64 ``(N,)``, the experience each image belongs to.
    """

    x: Tensor
    y: Tensor
    task: Tensor
    experience: Tensor


def avalanche_streams(train: LabelledPart, test: LabelledPart, experiences: int) -> tuple[list[Any], list[Any]]:
    """Avalanche experiences over two parts. Images are shared, not copied: an experience is a set of indices.

    Args:
        train: images to learn from.
        test: images to measure accuracy on.
        experiences: T.

    Returns:
        Train and test experiences, with class timeline and task labels.
    """
    scenario = benchmark_from_datasets(train=_experiences(train, experiences), test=_experiences(test, experiences))
    scenario = with_task_labels(with_classes_timeline(scenario))
    return list(scenario.train_stream), list(scenario.test_stream)


def _experiences(part: LabelledPart, experiences: int) -> list[Any]:
    whole = TaskAwareSupervisedClassificationDataset(
        [TensorDataset(part.x, part.y)],
        data_attributes=[
            DataAttribute(part.y.tolist(), "targets"),
            DataAttribute(part.task.tolist(), "targets_task_labels", use_in_getitem=True),
        ],
    )
    return [whole.subset(torch.nonzero(part.experience == i).flatten().tolist()) for i in range(experiences)]
