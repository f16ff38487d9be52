"""ResNet-32 for CIFAR."""

from torch import Tensor, nn
from torch.nn.functional import adaptive_avg_pool2d, pad, relu

from lifelong_lb.models.blocks import BasicBlock
from lifelong_lb.models.norms import NORMS, convolution

DEPTH = 5
"""Number of blocks per stage: 6 x 5 + 2 layers."""


class ResNet32(nn.Module):
    """ResNet-32 of the CIFAR experiments of He et al. 2016 (arXiv 1512.03385, section 4.2): 0.46 million parameters.

    A 3 x 3 convolution, three stages of five blocks with 1, 2 and 4 times ``width`` filters, and global pooling.
    Shortcuts have no parameters (option A): where the shape changes, they take every second pixel and add channels of
    zeros. Weights are initialised as in PyCIL (Zhou et al. 2023, arXiv 2112.12533), whose experiments use this network:
    those of convolutions from a normal distribution with variance 2 / (9 filters).

    Args:
        image: channels, height, width.
        width: filters of the first stage.
        norm: a key of :data:`~lifelong_lb.models.norms.NORMS`.
        dropout: dropout probability in the blocks, in [0, 1).
    """

    def __init__(self, image: tuple[int, int, int], width: int = 16, norm: str = "batch", dropout: float = 0.0) -> None:
        super().__init__()
        self.stem = convolution(image[0], width, 3, 1, norm)
        self.stem_norm = NORMS[norm](width)
        blocks: list[nn.Module] = []
        channels = width
        for filters in (width, 2 * width, 4 * width):
            for _ in range(DEPTH):
                blocks.append(_block(channels, filters, norm, dropout))
                channels = filters
        self.blocks = nn.Sequential(*blocks)
        self.feature_size = channels
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.normal_(module.weight, std=(2 / (9 * module.out_channels)) ** 0.5)

    def forward(self, x: Tensor) -> Tensor:
        """Compute the features of images.

        Args:
            x: ``(B, C, H, W)``.

        Returns:
            ``(B, feature_size)``.
        """
        x = self.blocks(relu(self.stem_norm(self.stem(x))))
        return adaptive_avg_pool2d(x, 1).flatten(1)


class PaddedShortcut(nn.Module):
    """Every second pixel, and channels of zeros after the others.

    Args:
        channels: number of added channels.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.channels = channels

    def forward(self, x: Tensor) -> Tensor:
        """Apply the shortcut.

        Args:
            x: ``(B, C, H, W)``.

        Returns:
            ``(B, C + channels, H / 2, W / 2)``.
        """
        return pad(x[:, :, ::2, ::2], (0, 0, 0, 0, 0, self.channels))


def _block(channels: int, filters: int, norm: str, dropout: float) -> BasicBlock:
    block = BasicBlock(channels, filters, 1 if channels == filters else 2, norm, dropout)
    if channels != filters:
        block.shortcut = PaddedShortcut(filters - channels)
    return block
