"""ResNets for small images, whose first layer keeps the resolution."""

from typing import ClassVar

from torch import Tensor, nn
from torch.nn.functional import adaptive_avg_pool2d, relu

from lifelong_lb.models.blocks import BasicBlock, Block, Bottleneck, OneConvolutionBlock
from lifelong_lb.models.norms import NORMS, convolution


class ResNet(nn.Module):
    """A 3 x 3 convolution, four stages of residual blocks, and global average pooling.

    He et al. 2016 (arXiv 1512.03385), with the first layer of their CIFAR networks (section 4.2): 3 x 3, stride 1, no
    max pooling. The stages have 1, 2, 4 and 8 times ``width`` filters; the last three halve the resolution. Weights
    have torch's default initialisation.

    Class attributes: ``block``, the class of the residual blocks, and ``depths``, the number of blocks per stage.

    Args:
        image: channels, height, width.
        width: filters of the first stage.
        norm: a key of :data:`~lifelong_lb.models.norms.NORMS`.
        dropout: dropout probability in the blocks, in [0, 1).
    """

    block: ClassVar[type[Block]] = BasicBlock
    depths: ClassVar[tuple[int, int, int, int]] = (2, 2, 2, 2)

    def __init__(self, image: tuple[int, int, int], width: int = 64, norm: str = "batch", dropout: float = 0.0) -> None:
        super().__init__()
        self.stem = convolution(image[0], width, 3, 1, norm)
        self.stem_norm = NORMS[norm](width)
        blocks: list[nn.Module] = []
        channels = width
        for stage, depth in enumerate(self.depths):
            filters = width * 2**stage
            for index in range(depth):
                stride = 2 if stage > 0 and index == 0 else 1
                blocks.append(self.block(channels, filters, stride, norm, dropout))
                channels = filters * self.block.expansion
        self.blocks = nn.Sequential(*blocks)
        self.feature_size = channels

    def forward(self, x: Tensor) -> Tensor:
        """Compute the features of images.

        Args:
            x: ``(B, C, H, W)``.

        Returns:
            ``(B, feature_size)``.
        """
        x = self.blocks(relu(self.stem_norm(self.stem(x))))
        return adaptive_avg_pool2d(x, 1).flatten(1)


class ReducedResNet18(ResNet):
    """ResNet-18 with about three times fewer filters in each layer: 20 in the first stage.

    Lopez-Paz & Ranzato 2017 (arXiv 1706.08840), section 5. Arguments as in :class:`ResNet`.
    """

    def __init__(self, image: tuple[int, int, int], width: int = 20, norm: str = "batch", dropout: float = 0.0) -> None:
        super().__init__(image, width, norm, dropout)


class StableSGDResNet18(ReducedResNet18):
    """The reduced ResNet-18 of the code of Stable SGD and TAG: one convolution per block.

    Mirzadeh et al. 2020 (arXiv 2006.06958) and Malviya et al. 2022 (arXiv 2105.05155) describe the network of GEM, but
    their code runs this one. (Stable SGD's code also creates the second convolution of each block and never calls it.)
    """

    block = OneConvolutionBlock


class ResNet18(ResNet):
    """ResNet-18 (He et al. 2016, arXiv 1512.03385, table 1) for small images such as CIFAR."""


class ResNet34(ResNet):
    """ResNet-34 (He et al. 2016, arXiv 1512.03385, table 1) for small images such as CIFAR."""

    depths = (3, 4, 6, 3)


class ResNet50(ResNet):
    """ResNet-50 (He et al. 2016, arXiv 1512.03385, table 1) for small images such as CIFAR."""

    block = Bottleneck
    depths = (3, 4, 6, 3)
