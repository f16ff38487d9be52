"""From uint8 images to what a backbone sees."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from lifelong_lb.models.forward_count import ForwardCount


class Normalise(nn.Module):
    """(x / 255 - mean) / std for each channel, on the device, a whole minibatch at once.

    Images stay uint8 in data sets and memories, a quarter of the size. Inputs that are floating point already are
    taken as normalised and keep their values. Every model of a study begins with it, whoever asks for its logits or its
    features, and so it is here that forward passes are counted.

    Args:
        mean: of each channel, in units of 0..1.
        std: of each channel, likewise.
        channels_last: whether images come out in channels-last memory format, in which convolutions are faster.

    Attributes:
        passes: counts the minibatches, of this module and of its copies.
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
            x: ``(B, C, H, W)``, uint8, or floating point.

        Returns:
            ``(B, C, H, W)``, floating point.
        """
        self.passes.count_pass()
        if x.is_floating_point():
            return x.contiguous(memory_format=self._format)
        return torch.addcmul(self.shift, x.to(self.scale.dtype, memory_format=self._format), self.scale)
