"""Residual blocks of a ResNet."""

from torch import Tensor, nn
from torch.nn.functional import relu

from lifelong_lb.models.norms import NORMS, convolution, dropout_layer


class BasicBlock(nn.Module):
    """Two 3 x 3 convolutions with normalisation and a shortcut.

    He et al. 2016 (arXiv 1512.03385), figure 5, left; the shortcut is a 1 x 1 convolution if the shape changes.
    Dropout, if any, is between the convolutions (Zagoruyko & Komodakis 2016, arXiv 1605.07146, section 2.4).

    Args:
        in_channels: number of input channels.
        filters: filters of both convolutions, the number of output channels.
        stride: stride of the first convolution.
        norm: a key of :data:`~lifelong_lb.models.norms.NORMS`.
        dropout: dropout probability, in [0, 1).
    """

    expansion = 1

    def __init__(self, in_channels: int, filters: int, stride: int, norm: str, dropout: float) -> None:
        super().__init__()
        self.conv1 = convolution(in_channels, filters, 3, stride, norm)
        self.norm1 = NORMS[norm](filters)
        self.dropout = dropout_layer(dropout)
        self.conv2 = convolution(filters, filters, 3, 1, norm)
        self.norm2 = NORMS[norm](filters)
        self.shortcut = _shortcut(in_channels, filters, stride, norm)

    def forward(self, x: Tensor) -> Tensor:
        """Apply the block.

        Args:
            x: ``(B, in_channels, H, W)``.

        Returns:
            ``(B, filters, H / stride, W / stride)``.
        """
        out = self.dropout(relu(self.norm1(self.conv1(x)), inplace=True))
        return relu(self.norm2(self.conv2(out)) + self.shortcut(x), inplace=True)


class Bottleneck(nn.Module):
    """A 1 x 1, a 3 x 3 and a 1 x 1 convolution with normalisation and a shortcut.

    He et al. 2016 (arXiv 1512.03385), figure 5, right; the 3 x 3 convolution has the stride, as in torchvision.
    Dropout, if any, is before the last convolution.

    Args:
        in_channels: number of input channels.
        filters: filters of the first two convolutions; there are four times as many output channels.
        stride: stride of the second convolution.
        norm: a key of :data:`~lifelong_lb.models.norms.NORMS`.
        dropout: dropout probability, in [0, 1).
    """

    expansion = 4

    def __init__(self, in_channels: int, filters: int, stride: int, norm: str, dropout: float) -> None:
        super().__init__()
        out_channels = self.expansion * filters
        self.conv1 = convolution(in_channels, filters, 1, 1, norm)
        self.norm1 = NORMS[norm](filters)
        self.conv2 = convolution(filters, filters, 3, stride, norm)
        self.norm2 = NORMS[norm](filters)
        self.dropout = dropout_layer(dropout)
        self.conv3 = convolution(filters, out_channels, 1, 1, norm)
        self.norm3 = NORMS[norm](out_channels)
        self.shortcut = _shortcut(in_channels, out_channels, stride, norm)

    def forward(self, x: Tensor) -> Tensor:
        """Apply the block.

        Args:
            x: ``(B, in_channels, H, W)``.

        Returns:
            ``(B, 4 filters, H / stride, W / stride)``.
        """
        out = relu(self.norm1(self.conv1(x)), inplace=True)
        out = self.dropout(relu(self.norm2(self.conv2(out)), inplace=True))
        return relu(self.norm3(self.conv3(out)) + self.shortcut(x), inplace=True)


class OneConvolutionBlock(nn.Module):
    """One 3 x 3 convolution and a shortcut; each ReLU is followed by normalisation and dropout.

    The code of Stable SGD (Mirzadeh et al. 2020, arXiv 2006.06958) and of TAG (Malviya et al. 2022, arXiv 2105.05155)
    computes this block instead of :class:`BasicBlock`. The 1 x 1 shortcut has no normalisation.

    Args:
        in_channels: number of input channels.
        filters: filters of the convolution, the number of output channels.
        stride: stride of the convolution.
        norm: a key of :data:`~lifelong_lb.models.norms.NORMS`.
        dropout: dropout probability, in [0, 1).
    """

    expansion = 1

    def __init__(self, in_channels: int, filters: int, stride: int, norm: str, dropout: float) -> None:
        super().__init__()
        self.conv = convolution(in_channels, filters, 3, stride, norm)
        reshapes = stride != 1 or in_channels != filters
        self.shortcut = convolution(in_channels, filters, 1, stride, norm) if reshapes else nn.Identity()
        self.norm1, self.norm2 = NORMS[norm](filters), NORMS[norm](filters)
        self.dropout = dropout_layer(dropout)

    def forward(self, x: Tensor) -> Tensor:
        """Apply the block.

        Args:
            x: ``(B, in_channels, H, W)``.

        Returns:
            ``(B, filters, H / stride, W / stride)``.
        """
        out = self.dropout(self.norm1(relu(self.conv(x))))
        result: Tensor = self.dropout(self.norm2(relu(out + self.shortcut(x))))
        return result


Block = BasicBlock | Bottleneck | OneConvolutionBlock


def _shortcut(in_channels: int, out_channels: int, stride: int, norm: str) -> nn.Module:
    if stride == 1 and in_channels == out_channels:
        return nn.Identity()
    return nn.Sequential(convolution(in_channels, out_channels, 1, stride, norm), NORMS[norm](out_channels))
