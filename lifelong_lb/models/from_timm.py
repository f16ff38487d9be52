"""Image models of the package timm as backbones."""

from collections.abc import Mapping
from difflib import get_close_matches
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import interpolate

from lifelong_lb.config import UserError
from lifelong_lb.models.weights import load_weights


class FromTimm(nn.Module):
    """A timm model (Wightman 2019, "PyTorch Image Models") without its classifier.

    Images are resized bilinearly to the model's native size or to ``image_size``; a model with a fixed number of patch
    positions is built for ``image_size``. Nothing is downloaded unless ``pretrained`` is True. Pretrained colour models
    need images normalised by ``statistics``, the mean and standard deviation of their pretraining.

    Args:
        image: channels, height, width.
        model: name of a timm model, optionally with the tag of its pretrained weights.
        pretrained: whether to load timm's pretrained weights, which are downloaded on first use.
        image_size: height and width of the resized images; None for the native size.
        settings: further arguments of timm's ``create_model``, such as ``drop_path_rate``.
        weights: a file of pretrained weights for colour images; the keys of the model's classifier are left out.
        load_pretrained: whether ``pretrained`` or ``weights`` loads weights; False if stored weights replace them, so
            that nothing is downloaded or read.

    Attributes:
        left_out: keys of ``weights`` that were left out.

    Raises:
        UserError: if timm is not installed, has no such model, or cannot build it with these settings, or the weights
            do not fit it.
    """

    def __init__(
        self,
        image: tuple[int, int, int],
        model: str = "vit_tiny_patch16_224",
        pretrained: bool = False,
        image_size: int | None = None,
        settings: Mapping[str, Any] | None = None,
        weights: str | Path | None = None,
        load_pretrained: bool = True,
    ) -> None:
        super().__init__()
        check_name(model)
        from timm.models import get_pretrained_cfg

        config = get_pretrained_cfg(model, allow_unregistered=True)
        native_size = 224 if config is None else config.input_size[-1]
        self.size = image_size or native_size
        # grey images become colour ones for weights from a file, when they are normalised by three statistics
        channels = 3 if weights is not None and image[0] == 1 else image[0]
        keywords = {**(settings or {}), "in_chans": channels}
        if config is not None and config.fixed_input_size and self.size != native_size:
            keywords["img_size"] = self.size
        is_pretrained = (pretrained or weights is not None) and config is not None and channels == 3
        self.statistics = (config.mean, config.std) if is_pretrained else None
        self.model, self.feature_size = _create(
            model, pretrained and load_pretrained, keywords, (channels, self.size, self.size)
        )
        self.left_out: tuple[str, ...] = ()
        if weights is not None and load_pretrained:
            names = getattr(self.model, "pretrained_cfg", {}).get("classifier") or ()
            names = (names,) if isinstance(names, str) else tuple(names)
            self.left_out = load_weights(self.model, Path(weights), f"the timm model {model}", names)

    def forward(self, x: Tensor) -> Tensor:
        """Compute the features of images.

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
    """Check that timm is installed and has a model.

    Args:
        model: name of the model, with or without the tag of its weights.

    Raises:
        UserError: if not, with the most similar name.
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
            f"timm {timm.__version__} has no model {model!r}{hint} (timm.list_models() lists all {len(names)})"
        )


def _create(
    model: str, pretrained: bool, keywords: dict[str, Any], image: tuple[int, int, int]
) -> tuple[nn.Module, int]:
    """Create the backbone and determine its number of features."""
    from timm import create_model

    try:
        backbone: nn.Module = create_model(model, pretrained=pretrained, num_classes=0, **keywords)
        with torch.no_grad():
            features = backbone.eval()(torch.zeros(1, *image))
    except Exception as error:  # noqa: BLE001  any model may raise anything on invalid arguments
        arguments = ", ".join(f"{key}={value!r}" for key, value in {"pretrained": pretrained, **keywords}.items())
        reason = " ".join(f"{type(error).__name__}: {error}".split())
        raise UserError(
            f"timm model {model} does not work with {image[1]} x {image[2]} images and ({arguments}): {reason}"
        ) from None
    if not isinstance(features, Tensor) or features.ndim != 2:
        raise UserError(f"timm model {model} does not return a feature vector per image, which the head needs")
    return backbone.train(), features.shape[1]
