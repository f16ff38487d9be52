"""Normalisation layers of the convolutional models, and the convolutions that go with them."""

from collections.abc import Callable

from torch import Tensor, nn
from torch.nn.functional import batch_norm

from lifelong_lb.config import UserError


class BatchNorm(nn.BatchNorm2d):
    """BatchNorm (Ioffe & Szegedy 2015, arXiv 1502.03167) that can take a minibatch of one image.

    Where the feature map has shrunk to one pixel, one image is one value a channel, which has no variance to divide
    by: torch refuses it. Here the running statistics stand in for such a minibatch, which leaves them as they are; it
    is the last minibatch of an experience whose images do not divide evenly. Everything else is torch's.
    """

    def forward(self, input: Tensor) -> Tensor:
        """Normalise.

        Args:
            input: ``(B, C, H, W)``.

        Returns:
            ``(B, C, H, W)``.

        Raises:
            UserError: for one value a channel when no running statistics have been taken yet.
        """
        if not self.training or input.numel() > input.shape[1]:
            return super().forward(input)
        if not self.num_batches_tracked:
            raise UserError(
                "BatchNorm needs more than one value a channel, and the first minibatch is one image whose feature map "
                "is one pixel: use a larger batch_size (or chunk), or the model with norm: group or norm: none"
            )
        return batch_norm(input, self.running_mean, self.running_var, self.weight, self.bias, eps=self.eps)


def group_norm(channels: int) -> nn.Module:
    """GroupNorm (Wu & He 2018, arXiv 1803.08494) in groups of up to 16 channels, which section 4.1 tries.

    Args:
        channels: C.

    Returns:
        The layer, with the largest groups of 4 to 16 channels that divide C evenly; one group where none do.
    """
    sizes = [size for size in range(16, 3, -1) if channels % size == 0]
    return nn.GroupNorm(channels // sizes[0] if sizes else 1, channels)


def no_norm(channels: int) -> nn.Module:
    """No normalisation.

    Args:
        channels: C.

    Returns:
        A layer that changes nothing.
    """
    return nn.Identity()


NORMS: dict[str, Callable[[int], nn.Module]] = {"batch": BatchNorm, "group": group_norm, "none": no_norm}
"""Names that a study file knows, and what builds a layer for so many channels."""


def convolution(in_channels: int, out_channels: int, kernel: int, stride: int, norm: str) -> nn.Conv2d:
    """A convolution that keeps the resolution, but for its stride, with biases where no layer after it has any.

    Args:
        in_channels: channels that come in.
        out_channels: channels that go out.
        kernel: height and width, odd.
        stride: in both directions.
        norm: a key of :data:`NORMS`.

    Returns:
        The layer.
    """
    return nn.Conv2d(in_channels, out_channels, kernel, stride=stride, padding=kernel // 2, bias=norm == "none")


def dropout_layer(probability: float) -> nn.Module:
    """Dropout (Srivastava et al. 2014), which draws nothing where nothing is to be dropped.

    Args:
        probability: with which each value is left out in training, in [0, 1).

    Returns:
        The layer.
    """
    return nn.Dropout(probability) if probability else nn.Identity()
