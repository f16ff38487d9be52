"""A stream ready for Avalanche, with what models and reports need to know of it."""

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
        train: Avalanche experiences to learn from, in order; fewer than ``shape`` says where only the first are meant.
        test: their test parts, likewise.
        shape: what a model has to fit.
        class_order: the data set's own labels in the order in which they are met.
        class_names: their names, where the data set knows them.
        label_map: the data set's own label to experience, task label and the label that a model is asked for; the
            experience is None where every one has the class.
        arrangement: hash of which images each experience holds under which labels, and of what is done to their
            pixels, sixteen hexadecimal digits: with equal images, equal for equal streams.
        permutations: hash of the pixels' permutations, sixteen hexadecimal digits; None where pixels stay in place.
        angles: by which images are turned in each experience, in degrees; empty where they are not.
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

    def own_labels(self, experience: int) -> dict[int, int]:
        """The data set's own label of each label that a model can be asked for on the images of an experience.

        Args:
            experience: its number.

        Returns:
            The label that a model is asked for, to the data set's own: the experience's where several have the same.
            Empty where the map of labels is.

        Example:
            >>> shape = Shape((1, 8, 8), 2, 4, 2, (0.0,), (1.0,))
            >>> label_map = {7: (0, 0, 0), 3: (0, 0, 1), 5: (1, 1, 0), 1: (1, 1, 1)}  # task-incremental
            >>> Stream([], [], shape, (7, 3, 5, 1), (), label_map, "").own_labels(1)
            {0: 5, 1: 1}
        """
        own = {new: old for old, (home, _, new) in self.label_map.items() if home in (None, experience)}
        tasks = {task for home, task, _ in self.label_map.values() if home in (None, experience)}
        others = {new: old for old, (_, task, new) in self.label_map.items() if task in tasks}
        return {**others, **own}


def arrangement(arrays: Sequence[NDArray[np.int64]], pixels: str = "") -> str:
    """Hash of how a stream is put together.

    Args:
        arrays: indices and labels, whatever decides which image is seen when and as what.
        pixels: what is done to the pixels.

    Returns:
        Sixteen hexadecimal digits.
    """
    whole = hashlib.sha256(pixels.encode())
    for array in arrays:
        whole.update(f"{array.shape}".encode())
        whole.update(array.astype("<i8").tobytes())
    return whole.hexdigest()[:16]


def labelled_dataset(x: Tensor, y: Tensor, task: Tensor) -> Any:
    """Images as a data set of Avalanche's. They are shared with it, not copied.

    Args:
        x: uint8 ``(N, C, H, W)``.
        y: int64 ``(N,)``, the labels a model is asked for.
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
    """Avalanche experiences over data sets.

    Args:
        train: what each experience teaches.
        test: what its accuracy is measured on.

    Returns:
        Train and test experiences, with class timeline and task labels.
    """
    scenario = with_task_labels(with_classes_timeline(benchmark_from_datasets(train=train, test=test)))
    return list(scenario.train_stream), list(scenario.test_stream)
