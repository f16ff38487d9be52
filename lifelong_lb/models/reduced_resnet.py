"""The reduced ResNet-18 of GEM."""

from torch import Tensor, nn
from torch.nn.functional import adaptive_avg_pool2d, relu


class ReducedResNet18(nn.Module):
    """ResNet-18 with few filters and a first layer that keeps the resolution.

    Lopez-Paz & Ranzato 2017 (arXiv 1706.08840), section 5: a ResNet-18 (He et al. 2016, arXiv 1512.03385) with about
    three times fewer feature maps in each layer. A 3 x 3 convolution, four stages of two basic blocks with 1, 2, 4 and
    8 times ``width`` filters, the last three halving the resolution, and the mean over the remaining pixels.

    Args:
        image: channels, height, width.
        width: filters of the first stage, 20 in the paper.
    """

    def __init__(self, image: tuple[int, int, int], width: int) -> None:
        super().__init__()
        self.stem = _convolution(image[0], width, 3, 1)
        self.stem_norm = nn.BatchNorm2d(width)
        blocks: list[nn.Module] = []
        before = width
        for stage in range(4):
            after = width * 2**stage
            blocks += [BasicBlock(before, after, 1 if stage == 0 else 2), BasicBlock(after, after, 1)]
            before = after
        self.blocks = nn.Sequential(*blocks)
        self.feature_size = before

    def forward(self, x: Tensor) -> Tensor:
        """Features of images.

        Args:
            x: ``(B, C, H, W)``.

        Returns:
            ``(B, feature_size)``.
        """
        x = self.blocks(relu(self.stem_norm(self.stem(x))))
        return adaptive_avg_pool2d(x, 1).flatten(1)


class BasicBlock(nn.Module):
    """Two 3 x 3 convolutions with BatchNorm, beside a shortcut.

    He et al. 2016 (arXiv 1512.03385), figure 2; the shortcut is a 1 x 1 convolution where the shape changes.

    Args:
        before: channels that come in.
        after: channels that go out.
        stride: of the first convolution.
    """

    def __init__(self, before: int, after: int, stride: int) -> None:
        super().__init__()
        self.conv1 = _convolution(before, after, 3, stride)
        self.norm1 = nn.BatchNorm2d(after)
        self.conv2 = _convolution(after, after, 3, 1)
        self.norm2 = nn.BatchNorm2d(after)
        self.shortcut: nn.Module = nn.Identity()
        if stride != 1 or before != after:
            self.shortcut = nn.Sequential(_convolution(before, after, 1, stride), nn.BatchNorm2d(after))

    def forward(self, x: Tensor) -> Tensor:
        """One block.

        Args:
            x: ``(B, before, H, W)``.

        Returns:
            ``(B, after, H / stride, W / stride)``.
        """
        out = relu(self.norm1(self.conv1(x)), inplace=True)
        return relu(self.norm2(self.conv2(out)) + self.shortcut(x), inplace=True)


def _convolution(before: int, after: int, kernel: int, stride: int) -> nn.Conv2d:
    return nn.Conv2d(before, after, kernel, stride=stride, padding=kernel // 2, bias=False)
