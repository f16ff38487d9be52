"""Multilayer perceptron."""

import math
from collections.abc import Sequence

from torch import Tensor, nn


class MLP(nn.Module):
    """Linear layers with ReLU, on the flattened image.

    Args:
        image: channels, height, width.
        hidden: width of each hidden layer; the last one is the number of features.
    """

    def __init__(self, image: tuple[int, int, int], hidden: Sequence[int]) -> None:
        super().__init__()
        widths = [math.prod(image), *hidden]
        layers: list[nn.Module] = [nn.Flatten()]
        for before, after in zip(widths, widths[1:], strict=False):
            layers += [nn.Linear(before, after), nn.ReLU()]
        self.layers = nn.Sequential(*layers)
        self.feature_size = widths[-1]

    def forward(self, x: Tensor) -> Tensor:
        """Features of images.

        Args:
            x: ``(B, C, H, W)``.

        Returns:
            ``(B, feature_size)``.
        """
        features: Tensor = self.layers(x)
        return features
