"""A small convolutional network."""

from torch import Tensor, nn


class SmallCNN(nn.Module):
    """Two 3 x 3 convolutions, each with ReLU and 2 x 2 max pooling, then one hidden layer. No normalisation layers.

    Args:
        image: channels, height, width, at least 4 x 4 pixels.
        width: filters of the first convolution; the second has twice, the hidden layer eight times as many.
    """

    def __init__(self, image: tuple[int, int, int], width: int) -> None:
        super().__init__()
        channels, height, columns = image
        self.feature_size = 8 * width
        self.layers = nn.Sequential(
            nn.Conv2d(channels, width, 3, padding=1),
            nn.ReLU(),
            nn.MaxPool2d(2),
            nn.Conv2d(width, 2 * width, 3, padding=1),
            nn.ReLU(),
            nn.MaxPool2d(2),
            nn.Flatten(),
            nn.Linear(2 * width * (height // 4) * (columns // 4), self.feature_size),
            nn.ReLU(),
        )

    def forward(self, x: Tensor) -> Tensor:
        """Features of images.

        Args:
            x: ``(B, C, H, W)``.

        Returns:
            ``(B, feature_size)``.
        """
        features: Tensor = self.layers(x)
        return features
