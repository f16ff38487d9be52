"""Normalisation of uint8 images."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from lifelong_lb.models.forward_count import ForwardCount


class Normalise(nn.Module):
    """(x / 255 - mean) / std per channel, for a minibatch on its device.

    Data sets and replay memories keep images as uint8, a quarter of the size of float32. Floating-point inputs count as
    already normalised and keep their values. Every forward pass of a model starts with this module, for logits or for
    features; it therefore counts forward passes.

    Args:
        mean: mean of each channel, in 0..1.
        std: standard deviation of each channel, in units of 0..1.
        channels_last: whether to output the channels-last memory format, in which convolutions are faster.

    Attributes:
        passes: counter of forward passes of this module and its copies.
    """

    scale: Tensor
    shift: Tensor

    def __init__(self, mean: Sequence[float], std: Sequence[float], channels_last: bool = False) -> None:
        super().__init__()
        self.passes = ForwardCount()
        deviation = torch.tensor(std, dtype=torch.float64)
        scale = 1 / (255 * deviation)
        shift = -torch.tensor(mean, dtype=torch.float64) / deviation
        dtype = torch.get_default_dtype()
        self._format = torch.channels_last if channels_last else torch.contiguous_format
        self.register_buffer("scale", scale.to(dtype).reshape(-1, 1, 1), persistent=False)
        self.register_buffer("shift", shift.to(dtype).reshape(-1, 1, 1), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        """Normalise uint8 images.

        Args:
            x: ``(B, C, H, W)``, uint8 or floating point.

        Returns:
            ``(B, C, H, W)``, floating point.
        """
        self.passes.count_pass()
        if x.is_floating_point():
            return x.contiguous(memory_format=self._format)
        return torch.addcmul(self.shift, x.to(self.scale.dtype, memory_format=self._format), self.scale)
