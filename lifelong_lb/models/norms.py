"""Normalisation, convolution and dropout layers of the convolutional models."""

from collections.abc import Callable

from torch import Tensor, nn
from torch.nn.functional import batch_norm

from lifelong_lb.config import UserError


class BatchNorm(nn.BatchNorm2d):
    """BatchNorm (Ioffe & Szegedy 2015, arXiv 1502.03167) that accepts minibatches of one image.

    If the feature map is a single pixel, one image gives one value per channel, whose variance is zero, and torch
    raises an error. This layer normalises such a minibatch by the running statistics and does not update them. It
    can occur at the end of an experience. Otherwise the layer equals torch's.
    """

    def forward(self, input: Tensor) -> Tensor:
        """Normalise.

        Args:
            input: ``(B, C, H, W)``.

        Returns:
            ``(B, C, H, W)``.

        Raises:
            UserError: for one value per channel before any update of the running statistics.
        """
        if not self.training or input.numel() > input.shape[1]:
            return super().forward(input)
        if not self.num_batches_tracked:
            raise UserError(
                "BatchNorm needs more than one value per channel, but the first minibatch is one image with a feature "
                "map of one pixel: use a larger batch_size (or chunk), norm: group or norm: none"
            )
        return batch_norm(input, self.running_mean, self.running_var, self.weight, self.bias, eps=self.eps)


def group_norm(channels: int) -> nn.Module:
    """Create a GroupNorm layer with groups of up to 16 channels.

    Wu & He 2018 (arXiv 1803.08494); section 4.1 includes 16 channels per group.

    Args:
        channels: C.

    Returns:
        The layer, with the largest group size from 4 to 16 that divides C; a single group if there is none.
    """
    sizes = [size for size in range(16, 3, -1) if channels % size == 0]
    return nn.GroupNorm(channels // sizes[0] if sizes else 1, channels)


def no_norm(channels: int) -> nn.Module:
    """Create an identity layer.

    Args:
        channels: C.

    Returns:
        The layer.
    """
    return nn.Identity()


NORMS: dict[str, Callable[[int], nn.Module]] = {"batch": BatchNorm, "group": group_norm, "none": no_norm}
"""Normalisation layers by their name in a study file: factories that take the number of channels."""


def convolution(in_channels: int, out_channels: int, kernel: int, stride: int, norm: str) -> nn.Conv2d:
    """Create a convolution with padding kernel // 2, biased only if no normalisation follows.

    Args:
        in_channels: number of input channels.
        out_channels: number of output channels.
        kernel: kernel size, odd.
        stride: stride in both directions.
        norm: key of :data:`NORMS`, the normalisation that follows.

    Returns:
        The layer.
    """
    return nn.Conv2d(in_channels, out_channels, kernel, stride=stride, padding=kernel // 2, bias=norm == "none")


def dropout_layer(probability: float) -> nn.Module:
    """Create a dropout layer (Srivastava et al. 2014).

    Args:
        probability: dropout probability, in [0, 1).

    Returns:
        The layer; an identity, which draws no random numbers, for probability 0.
    """
    return nn.Dropout(probability) if probability else nn.Identity()
