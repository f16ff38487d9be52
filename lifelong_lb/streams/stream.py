"""A stream of Avalanche experiences with its metadata."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from avalanche.benchmarks import benchmark_from_datasets, with_classes_timeline, with_task_labels
from avalanche.benchmarks.utils import TaskAwareSupervisedClassificationDataset
from avalanche.benchmarks.utils.data_attribute import DataAttribute
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import TensorDataset

from lifelong_lb.data.shape import Shape


@dataclass(frozen=True)
class Stream:
    """A sequence of experiences.

    Attributes:
        train: Avalanche training experiences, in order; fewer than ``shape.experiences`` if the stream is cut to its
            first experiences.
        test: test experiences, one per training experience.
        shape: image size, numbers of classes and experiences, and normalisation, for building a model.
        class_order: the data set's labels in order of first occurrence.
        class_names: names of these classes; empty if the data set has no names.
        label_map: maps the data set's label to (experience, task label, model label); the experience is None if every
            experience has the class.
        arrangement: hash of the images and labels of each experience and of the pixel transforms, 16 hexadecimal
            digits; equal for equal streams on equal images.
        permutations: hash of the pixel permutations, 16 hexadecimal digits; None without permutations.
        angles: rotation angle of each experience, in degrees; empty without rotations.
    """

    train: Sequence[Any]
    test: Sequence[Any]
    shape: Shape
    class_order: tuple[int, ...]
    class_names: tuple[str, ...]
    label_map: Mapping[int, tuple[int | None, int, int]]
    arrangement: str
    permutations: str | None = None
    angles: tuple[float, ...] = ()

    def data_set_labels(self, experience: int) -> dict[int, int]:
        """Map model labels to the data set's labels for the images of an experience.

        Args:
            experience: index of the experience.

        Returns:
            Maps each model label to a label of the data set; if several classes share a model label, to that of the
            experience. Empty if ``label_map`` is.

        Example:
            >>> shape = Shape((1, 8, 8), 2, 4, 2, (0.0,), (1.0,))
            >>> label_map = {7: (0, 0, 0), 3: (0, 0, 1), 5: (1, 1, 0), 1: (1, 1, 1)}  # task-incremental
            >>> Stream([], [], shape, (7, 3, 5, 1), (), label_map, "").data_set_labels(1)
            {0: 5, 1: 1}
        """
        own = {new: old for old, (home, _, new) in self.label_map.items() if home in (None, experience)}
        tasks = {task for home, task, _ in self.label_map.values() if home in (None, experience)}
        others = {new: old for old, (_, task, new) in self.label_map.items() if task in tasks}
        return {**others, **own}


def arrangement(arrays: Sequence[NDArray[np.int64]], pixels: str = "") -> str:
    """Hash the composition of a stream.

    Args:
        arrays: arrays that determine the images and labels of each experience, such as indices and class order.
        pixels: description of the scenario and the pixel transforms.

    Returns:
        16 hexadecimal digits.
    """
    whole = hashlib.sha256(pixels.encode())
    for array in arrays:
        whole.update(f"{array.shape}".encode())
        whole.update(array.astype("<i8").tobytes())
    return whole.hexdigest()[:16]


def labelled_dataset(x: Tensor, y: Tensor, task: Tensor) -> Any:
    """Create an Avalanche data set of images; memory is shared, not copied.

    Args:
        x: uint8 ``(N, C, H, W)``.
        y: int64 ``(N,)``, model labels.
        task: int64 ``(N,)``, task label of each image.

    Returns:
        The data set.
    """
    return TaskAwareSupervisedClassificationDataset(
        [TensorDataset(x, y)],
        data_attributes=[
            DataAttribute(y.tolist(), "targets"),
            DataAttribute(task.tolist(), "targets_task_labels", use_in_getitem=True),
        ],
    )


def avalanche_streams(train: Sequence[Any], test: Sequence[Any]) -> tuple[list[Any], list[Any]]:
    """Create Avalanche experiences from data sets.

    Args:
        train: training data set of each experience.
        test: test data set of each experience.

    Returns:
        Train and test experiences, with class timeline and task labels.
    """
    scenario = with_task_labels(with_classes_timeline(benchmark_from_datasets(train=train, test=test)))
    return list(scenario.train_stream), list(scenario.test_stream)
