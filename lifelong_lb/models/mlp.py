"""Multilayer perceptron."""

import math
from collections.abc import Sequence

from torch import Tensor, nn

ACTIVATIONS: dict[str, type[nn.Module]] = {"relu": nn.ReLU, "tanh": nn.Tanh}
"""Activations by their name in a study file."""


class MLP(nn.Module):
    """Linear layers on the flattened image, each followed by an activation and optional dropout.

    Networks from the literature: two layers of 256 units with ReLU in Stable SGD (Mirzadeh et al. 2020, arXiv
    2006.06958) for MNIST; two layers of 100 units in GEM (Lopez-Paz & Ranzato 2017, arXiv 1706.08840); dropout of
    inputs and hidden units in Goodfellow et al. 2013 (arXiv 1312.6211).

    Args:
        image: channels, height, width.
        hidden: width of each hidden layer; the last one is the number of features.
        activation: a key of :data:`ACTIVATIONS`.
        dropout: dropout probability of hidden units, in [0, 1).
        input_dropout: dropout probability of normalised pixels, in [0, 1). A dropped pixel has the mean value; the
            others are scaled by 1 / (1 - probability) about the mean.
    """

    def __init__(
        self,
        image: tuple[int, int, int],
        hidden: Sequence[int] = (256, 256),
        activation: str = "relu",
        dropout: float = 0.0,
        input_dropout: float = 0.0,
    ) -> None:
        super().__init__()
        widths = [math.prod(image), *hidden]
        layers: list[nn.Module] = [nn.Flatten()]
        layers += [nn.Dropout(input_dropout)] if input_dropout else []
        for n_in, n_out in zip(widths, widths[1:], strict=False):
            layers += [nn.Linear(n_in, n_out), ACTIVATIONS[activation]()]
            layers += [nn.Dropout(dropout)] if dropout else []
        self.layers = nn.Sequential(*layers)
        self.feature_size = widths[-1]

    def forward(self, x: Tensor) -> Tensor:
        """Compute the features of images.

        Args:
            x: ``(B, C, H, W)``.

        Returns:
            ``(B, feature_size)``.
        """
        features: Tensor = self.layers(x)
        return features
