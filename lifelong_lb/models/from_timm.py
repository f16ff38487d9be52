"""Image models of the package timm, as backbones."""

from collections.abc import Mapping
from difflib import get_close_matches
from importlib.util import find_spec
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import interpolate

from lifelong_lb.config import UserError


class FromTimm(nn.Module):
    """A model of timm (Wightman 2019, "PyTorch Image Models") without its classifier.

    Images are resized, bilinearly, to the size that the model is made for, or to ``image_size``, which a model with
    positions for a fixed number of patches is then built for. Nothing is downloaded unless ``pretrained`` is asked for;
    pretrained colour models want images normalised by ``statistics``, the mean and standard deviation they know.

    Args:
        image: channels, height, width.
        model: one of timm's names, with a tag for pretrained weights if you like.
        pretrained: whether to begin with timm's weights, which the first use downloads.
        image_size: height and width of what the model sees; None for the size it is made for.
        settings: further keywords of timm's ``create_model``, such as ``drop_path_rate``.

    Raises:
        UserError: when timm is not there, does not know the model, or cannot build it like this.
    """

    def __init__(
        self,
        image: tuple[int, int, int],
        model: str = "vit_tiny_patch16_224",
        pretrained: bool = False,
        image_size: int | None = None,
        settings: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__()
        check_name(model)
        from timm.models import get_pretrained_cfg

        config = get_pretrained_cfg(model, allow_unregistered=True)
        native_size = 224 if config is None else config.input_size[-1]
        self.size = image_size or native_size
        keywords = {**(settings or {}), "in_chans": image[0]}
        if config is not None and config.fixed_input_size and self.size != native_size:
            keywords["img_size"] = self.size
        self.statistics = (config.mean, config.std) if pretrained and config is not None and image[0] == 3 else None
        self.model, self.feature_size = _create(model, pretrained, keywords, (image[0], self.size, self.size))

    def forward(self, x: Tensor) -> Tensor:
        """Features of images.

        Args:
            x: ``(B, C, H, W)``.

        Returns:
            ``(B, feature_size)``.
        """
        if x.shape[-2:] != (self.size, self.size):
            x = interpolate(x, (self.size, self.size), mode="bilinear", antialias=True)
        features: Tensor = self.model(x)
        return features


def check_name(model: str) -> None:
    """See that timm is there and knows a model.

    Args:
        model: its name, with or without the tag of its weights.

    Raises:
        UserError: naming the nearest one where it does not.
    """
    if find_spec("timm") is None:
        raise UserError(
            "the model timm needs the package timm, which is not installed: pip install 'lifelong-lb[timm]'"
        )
    import timm

    if not timm.is_model(model):
        names = timm.list_models()
        matches = get_close_matches(model, names, n=1, cutoff=0.5)
        hint = f"; did you mean {matches[0]!r}?" if matches else ""
        raise UserError(
            f"timm {timm.__version__} has no model {model!r}{hint} (timm.list_models() names all {len(names)})"
        )


def _create(
    model: str, pretrained: bool, keywords: dict[str, Any], image: tuple[int, int, int]
) -> tuple[nn.Module, int]:
    """The model, and how many features it gives for an image."""
    from timm import create_model

    try:
        backbone: nn.Module = create_model(model, pretrained=pretrained, num_classes=0, **keywords)
        with torch.no_grad():
            features = backbone.eval()(torch.zeros(1, *image))
    except Exception as error:  # noqa: BLE001  whatever one of a thousand models thinks of its keywords
        arguments = ", ".join(f"{key}={value!r}" for key, value in {"pretrained": pretrained, **keywords}.items())
        reason = " ".join(f"{type(error).__name__}: {error}".split())
        raise UserError(
            f"timm's {model} cannot be used with images of {image[1]} x {image[2]} and ({arguments}): {reason}"
        ) from None
    if not isinstance(features, Tensor) or features.ndim != 2:
        raise UserError(f"timm's {model} gives no vector of features for an image, so that no head can sit on it")
    return backbone.train(), features.shape[1]
