"""Multilayer perceptron."""

import math
from collections.abc import Sequence

from torch import Tensor, nn

ACTIVATIONS: dict[str, type[nn.Module]] = {"relu": nn.ReLU, "tanh": nn.Tanh}
"""Names that a study file knows."""


class MLP(nn.Module):
    """Linear layers, each followed by an activation and, if asked for, dropout, on the flattened image.

    Args:
        image: channels, height, width.
        hidden: width of each hidden layer; the last one is the number of features.
        activation: a key of :data:`ACTIVATIONS`.
        dropout: probability with which each hidden unit is left out in training, in [0, 1).
    """

    def __init__(
        self, image: tuple[int, int, int], hidden: Sequence[int], activation: str = "relu", dropout: float = 0.0
    ) -> None:
        super().__init__()
        widths = [math.prod(image), *hidden]
        layers: list[nn.Module] = [nn.Flatten()]
        for before, after in zip(widths, widths[1:], strict=False):
            layers += [nn.Linear(before, after), ACTIVATIONS[activation]()]
            layers += [nn.Dropout(dropout)] if dropout else []
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
