"""Confusion counts of an evaluation."""

from collections.abc import Iterator, Mapping, Sequence

import torch
from torch import Tensor

from lifelong_lb.config import UserError
from lifelong_lb.streams import Stream

Count = tuple[int, int, int, int]
"""Evaluated experience, class, predicted class, and number of images."""


class ConfusionCounts:
    """Number of images of each class predicted as each class, in one evaluation.

    An instance is passed as ``on_batch`` to :meth:`~lifelong_lb.strategies.AccuracyRecorder.evaluate`, and counts the
    predictions that accuracies are computed from.
    """

    def __init__(self) -> None:
        self._seen: dict[int, list[Tensor]] = {}

    def __call__(self, position: int, predicted: Tensor, labels: Tensor) -> None:
        """Count a minibatch.

        Args:
            position: position of its experience among those evaluated.
            predicted: ``(B,)``, predicted labels.
            labels: ``(B,)``, true labels.
        """
        self._seen.setdefault(position, []).append(torch.stack([labels, predicted]))

    def rows(self, stream: Stream) -> Iterator[Count]:
        """The counts that are not zero, in the data set's own labels.

        Predictions are among the experience's classes in the task-incremental scenario, and among all classes in the
        class-incremental one. In the domain-incremental scenario, permuted and rotated streams have all classes in
        every experience; otherwise labels refer to the classes of the experience. For a custom stream without labels of
        a data set they are the model's.

        Args:
            stream: the stream; its first test experiences were evaluated.

        Yields:
            Counts by experience, class and predicted class, each ascending.

        Raises:
            UserError: if the model has predicted an output without a class.
        """
        for position, seen in sorted(self._seen.items()):
            names = stream.data_set_labels(position)
            pairs, counts = torch.unique(torch.cat(seen, dim=1), dim=1, return_counts=True)
            labels, predicted = (_translated(row, names) for row in pairs.tolist())
            for label, guess, count in sorted(zip(labels, predicted, counts.tolist(), strict=True)):
                yield position, label, guess, count


def _translated(labels: Sequence[int], names: Mapping[int, int]) -> list[int]:
    if not names:
        return list(labels)
    for label in labels:
        if label not in names:
            raise UserError(
                f"confusion: outputs of the model must stand for classes of the stream; it predicted output {label}, "
                f"and there are classes for {len(names)} of them"
            )
    return [names[label] for label in labels]
