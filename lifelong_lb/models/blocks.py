"""Residual blocks: what a ResNet is stacked from."""

from torch import Tensor, nn
from torch.nn.functional import relu

from lifelong_lb.models.norms import NORMS, convolution, dropout_layer


class BasicBlock(nn.Module):
    """Two 3 x 3 convolutions with normalisation, beside a shortcut.

    He et al. 2016 (arXiv 1512.03385), figure 5, left; the shortcut is a 1 x 1 convolution where the shape changes.
    Dropout, if any, lies between the convolutions (Zagoruyko & Komodakis 2016, arXiv 1605.07146, section 2.4).

    Args:
        before: channels that come in.
        filters: of both convolutions, the channels that go out.
        stride: of the first convolution.
        norm: a key of :data:`~lifelong_lb.models.norms.NORMS`.
        dropout: probability with which a value is left out in training, in [0, 1).
    """

    expansion = 1

    def __init__(self, before: int, filters: int, stride: int, norm: str, dropout: float) -> None:
        super().__init__()
        self.conv1 = convolution(before, filters, 3, stride, norm)
        self.norm1 = NORMS[norm](filters)
        self.dropout = dropout_layer(dropout)
        self.conv2 = convolution(filters, filters, 3, 1, norm)
        self.norm2 = NORMS[norm](filters)
        self.shortcut = _normed_shortcut(before, filters, stride, norm)

    def forward(self, x: Tensor) -> Tensor:
        """One block.

        Args:
            x: ``(B, before, H, W)``.

        Returns:
            ``(B, filters, H / stride, W / stride)``.
        """
        out = self.dropout(relu(self.norm1(self.conv1(x)), inplace=True))
        return relu(self.norm2(self.conv2(out)) + self.shortcut(x), inplace=True)


class Bottleneck(nn.Module):
    """A 1 x 1, a 3 x 3 and a 1 x 1 convolution with normalisation, beside a shortcut.

    He et al. 2016 (arXiv 1512.03385), figure 5, right; the stride is that of the 3 x 3 convolution, as in torchvision.
    Dropout, if any, lies before the last convolution.

    Args:
        before: channels that come in.
        filters: of the first two convolutions; four times as many channels go out.
        stride: of the second convolution.
        norm: a key of :data:`~lifelong_lb.models.norms.NORMS`.
        dropout: probability with which a value is left out in training, in [0, 1).
    """

    expansion = 4

    def __init__(self, before: int, filters: int, stride: int, norm: str, dropout: float) -> None:
        super().__init__()
        after = self.expansion * filters
        self.conv1 = convolution(before, filters, 1, 1, norm)
        self.norm1 = NORMS[norm](filters)
        self.conv2 = convolution(filters, filters, 3, stride, norm)
        self.norm2 = NORMS[norm](filters)
        self.dropout = dropout_layer(dropout)
        self.conv3 = convolution(filters, after, 1, 1, norm)
        self.norm3 = NORMS[norm](after)
        self.shortcut = _normed_shortcut(before, after, stride, norm)

    def forward(self, x: Tensor) -> Tensor:
        """One block.

        Args:
            x: ``(B, before, H, W)``.

        Returns:
            ``(B, 4 filters, H / stride, W / stride)``.
        """
        out = relu(self.norm1(self.conv1(x)), inplace=True)
        out = self.dropout(relu(self.norm2(self.conv2(out)), inplace=True))
        return relu(self.norm3(self.conv3(out)) + self.shortcut(x), inplace=True)


class OneConvolutionBlock(nn.Module):
    """One 3 x 3 convolution beside a shortcut, each ReLU followed by normalisation and dropout.

    What the code of Stable SGD (Mirzadeh et al. 2020, arXiv 2006.06958) and of TAG (Malviya et al. 2022, arXiv
    2105.05155) computes in the place of :class:`BasicBlock`. A 1 x 1 shortcut has no normalisation of its own.

    Args:
        before: channels that come in.
        filters: of the convolution, the channels that go out.
        stride: of the convolution.
        norm: a key of :data:`~lifelong_lb.models.norms.NORMS`.
        dropout: probability with which a value is left out in training, in [0, 1).
    """

    expansion = 1

    def __init__(self, before: int, filters: int, stride: int, norm: str, dropout: float) -> None:
        super().__init__()
        self.conv = convolution(before, filters, 3, stride, norm)
        changes = stride != 1 or before != filters
        self.shortcut = convolution(before, filters, 1, stride, norm) if changes else nn.Identity()
        self.norm1, self.norm2 = NORMS[norm](filters), NORMS[norm](filters)
        self.dropout = dropout_layer(dropout)

    def forward(self, x: Tensor) -> Tensor:
        """One block.

        Args:
            x: ``(B, before, H, W)``.

        Returns:
            ``(B, filters, H / stride, W / stride)``.
        """
        out = self.dropout(self.norm1(relu(self.conv(x))))
        sum_: Tensor = self.dropout(self.norm2(relu(out + self.shortcut(x))))
        return sum_


Block = BasicBlock | Bottleneck | OneConvolutionBlock


def _normed_shortcut(before: int, after: int, stride: int, norm: str) -> nn.Module:
    if stride == 1 and before == after:
        return nn.Identity()
    return nn.Sequential(convolution(before, after, 1, stride, norm), NORMS[norm](after))
