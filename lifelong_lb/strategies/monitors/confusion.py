"""Which class images were predicted as, counted while they are evaluated."""

from collections.abc import Iterator, Mapping, Sequence

import torch
from torch import Tensor

from lifelong_lb.config import UserError
from lifelong_lb.streams import Stream

Count = tuple[int, int, int, int]
"""Experience evaluated, class, class it was predicted as, and number of images."""


class ConfusionCounts:
    """How often an image of each class was predicted as each class, in one evaluation of the recorder's.

    An instance is the ``on_batch`` of :meth:`~lifelong_lb.strategies.AccuracyRecorder.evaluate`, and sees the very
    predictions that accuracies are made of.
    """

    def __init__(self) -> None:
        self._seen: dict[int, list[Tensor]] = {}

    def __call__(self, position: int, predicted: Tensor, labels: Tensor) -> None:
        """Take one minibatch.

        Args:
            position: of its experience among those evaluated.
            predicted: ``(B,)``, labels that the model guess.
            labels: ``(B,)``, labels that it was asked for.
        """
        self._seen.setdefault(position, []).append(torch.stack([labels, predicted]))

    def rows(self, stream: Stream) -> Iterator[Count]:
        """The counts that are not zero, in the data set's own labels.

        In the task-incremental scenario predictions lie among the experience's own classes, in the class-incremental
        one among all. In the domain-incremental scenario of permuted and rotated streams all classes occur in every
        experience; where classes are dealt out, labels stand for those of the experience. A stream that a user has
        added knows no labels of its data set: there they are those that the model is asked for.

        Args:
            stream: whose test experiences, from the first on, were evaluated.

        Yields:
            Counts by experience, class and predicted class, each ascending.

        Raises:
            UserError: if the model has predicted an output that stands for no class.
        """
        for position, seen in sorted(self._seen.items()):
            own = stream.own_labels(position)
            pairs, counts = torch.unique(torch.cat(seen, dim=1), dim=1, return_counts=True)
            labels, predicted = (_translated(row, own) for row in pairs.tolist())
            for label, guess, count in sorted(zip(labels, predicted, counts.tolist(), strict=True)):
                yield position, label, guess, count


def _translated(labels: Sequence[int], own: Mapping[int, int]) -> list[int]:
    if not own:
        return list(labels)
    for label in labels:
        if label not in own:
            raise UserError(
                f"confusion: outputs of the model must stand for classes of the stream; it predicted output {label}, "
                f"and there are classes for {len(own)} of them"
            )
    return [own[label] for label in labels]
