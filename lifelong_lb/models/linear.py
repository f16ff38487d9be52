"""Backbone of linear classifiers."""

import math

from torch import Tensor, nn


class Linear(nn.Module):
    """The flattened input as features, so that the head is a linear classifier.

    Args:
        image: channels, height, width.
    """

    def __init__(self, image: tuple[int, int, int]) -> None:
        super().__init__()
        self.feature_size = math.prod(image)

    def forward(self, x: Tensor) -> Tensor:
        """Flatten the input.

        Args:
            x: ``(B, C, H, W)``.

        Returns:
            ``(B, feature_size)``.
        """
        return x.flatten(1)
