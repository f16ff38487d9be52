"""A small convolutional network."""

from torch import Tensor, nn

from lifelong_lb.models.norms import NORMS, convolution, dropout_layer


class SmallCNN(nn.Module):
    """Two 3 x 3 convolutions, each with ReLU and 2 x 2 max pooling, then one hidden layer.

    The structure of LeNet-5 (LeCun et al. 1998, "Gradient-based learning applied to document recognition") with ReLU,
    max pooling and small "same" convolutions. Not a published network.

    Args:
        image: channels, height, width, at least 4 x 4 pixels.
        width: filters of the first convolution; the second has twice, the hidden layer eight times as many.
        norm: normalisation after each convolution, a key of :data:`~lifelong_lb.models.norms.NORMS`.
        dropout: dropout probability of pooled values and hidden units, in [0, 1).
    """

    def __init__(self, image: tuple[int, int, int], width: int = 32, norm: str = "none", dropout: float = 0.0) -> None:
        super().__init__()
        channels, height, image_width = image
        self.feature_size = 8 * width
        layers: list[nn.Module] = []
        for n_in, n_out in ((channels, width), (width, 2 * width)):
            layers += [convolution(n_in, n_out, 3, 1, norm), NORMS[norm](n_out)]
            layers += [nn.ReLU(), nn.MaxPool2d(2), dropout_layer(dropout)]
        pixels = (height // 4) * (image_width // 4)
        layers += [nn.Flatten(), nn.Linear(2 * width * pixels, self.feature_size), nn.ReLU(), dropout_layer(dropout)]
        self.layers = nn.Sequential(*(layer for layer in layers if not isinstance(layer, nn.Identity)))

    def forward(self, x: Tensor) -> Tensor:
        """Compute the features of images.

        Args:
            x: ``(B, C, H, W)``.

        Returns:
            ``(B, feature_size)``.
        """
        features: Tensor = self.layers(x)
        return features
