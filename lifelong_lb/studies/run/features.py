"""Replace images by the features of a frozen backbone, which are computed once for all runs."""

import hashlib
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from importlib.metadata import version
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from lifelong_lb.config import RunConfig, Vectors
from lifelong_lb.config.entries.models import ModelEntry, Timm
from lifelong_lb.config.plugins.importing import digest_of
from lifelong_lb.config.plugins.register import origins_of
from lifelong_lb.data import cache_folder
from lifelong_lb.data.cache.features import cached_features
from lifelong_lb.data.image_tensors import ImageData, ImageTensors
from lifelong_lb.data.normalisation import statistics_of
from lifelong_lb.data.shape import Shape
from lifelong_lb.models import build_backbone
from lifelong_lb.models.classifier import autocast
from lifelong_lb.seeding import INITIALISATION, seed_all
from lifelong_lb.streams import STREAMS, split_stream

BATCH_SIZE = 128
"""Images per forward pass."""
SECONDS_BETWEEN_LINES = 60.0
"""Minimum time between two lines of progress."""


@dataclass(frozen=True)
class FeatureData:
    """Features in place of the images of a data set.

    Attributes:
        images: the data set, whose images are features ``(N, F, 1, 1)``.
        key: name of the features in the cache.
        parameters: number of parameters of the backbone.
    """

    images: ImageData
    key: str
    parameters: int


def obstacle(config: RunConfig) -> str | None:
    """Reason why a run cannot be trained on stored features.

    Args:
        config: the run.

    Returns:
        A sentence; None if it can.
    """
    if config.model.tune != "head":
        return "the backbone is trained"
    if config.train.random_crop or config.train.random_flip:
        return "the images are augmented"
    if config.train.precision == "float16":
        return "train.precision is float16"
    if isinstance(config.stream, Vectors):
        return "the stream standardises vectors"
    if STREAMS.get(config.stream.name) is not split_stream:
        return f"the stream {config.stream.name} transforms the images"
    return None


def features_of(config: RunConfig, images: ImageData, device: str, log: Callable[[str], None]) -> FeatureData:
    """Compute the features of all images, or read them from the cache.

    Args:
        config: a run without an :func:`obstacle`; its weights are found.
        images: its images.
        device: where to compute.
        log: receives lines about the computation.

    Returns:
        The features.

    Raises:
        UserError: if the backbone cannot be built, or the cache cannot be written.
    """
    channels, height, width = images.train.x.shape[1:]
    mean, std = statistics_of(config.stream, (images.mean, images.std))
    shape = Shape((channels, height, width), 1, 1, 1, mean, std)
    seed_all(config.seed, INITIALISATION)
    normalise, backbone = build_backbone(config.model, shape)
    log_left_out(backbone, log)
    precision = config.train.precision
    depends_on = {
        "images": images.sha256,
        "test_images_per_class": config.evaluation.test_images_per_class,
        "backbone": {**_settings(config.model), "weights": digest_of_weights(backbone)},
        "normalisation": [normalise.scale.flatten().tolist(), normalise.shift.flatten().tolist()],
        "precision": precision,
        "device": device,
        "code": _code(config.model),
    }
    parts = images.train, images.test
    size: int = backbone.feature_size  # type: ignore[assignment]
    model = nn.Sequential(normalise, backbone).to(device).eval()

    def compute() -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        started = time.monotonic()
        log(f"computing the features of {len(images.train.y):,} + {len(images.test.y):,} images")
        train, test = (_features(model, part.x, size, precision, device, log) for part in parts)
        log(f"features computed in {time.monotonic() - started:.1f} s")
        return train, test

    found = cached_features(depends_on, (len(images.train.y), len(images.test.y), size), cache_folder(), compute)
    log(f"training on the stored features {found.key}")
    train, test = (
        ImageTensors(torch.from_numpy(x)[:, :, None, None], part.y, part.class_names)
        for x, part in zip((found.train, found.test), parts, strict=True)
    )
    data = replace(images, train=train, test=test, mean=(0.0,), std=(1.0,))
    return FeatureData(data, found.key, sum(p.numel() for p in backbone.parameters()))


def log_left_out(model: nn.Module, log: Callable[[str], None]) -> None:
    """Log the tensors of a file of weights that a model does not have.

    Args:
        model: the model.
        log: receives a line, if there are any.
    """
    keys = [key for module in model.modules() for key in getattr(module, "left_out", ())]
    if keys:
        log(f"weights: {len(keys)} tensors of the classifier were left out ({', '.join(keys)})")


def digest_of_weights(module: nn.Module) -> str:
    """Hash all parameters and buffers of a module.

    Args:
        module: the module.

    Returns:
        SHA-256, 64 hexadecimal digits.
    """
    whole = hashlib.sha256()
    for name, tensor in module.state_dict().items():
        array = tensor.detach().cpu().contiguous()
        whole.update(f"{name} {array.dtype} {tuple(array.shape)}\n".encode())
        whole.update(array.reshape(-1).view(torch.uint8).numpy())
    return whole.hexdigest()


def _features(
    model: nn.Module, x: Tensor, size: int, precision: str, device: str, log: Callable[[str], None]
) -> NDArray[np.float32]:
    features, last_line = np.empty((len(x), size), np.float32), time.monotonic()
    with torch.inference_mode():
        for start in range(0, len(x), BATCH_SIZE):
            minibatch = x[start : start + BATCH_SIZE].to(device)
            with autocast(minibatch, precision):
                features[start : start + BATCH_SIZE] = model(minibatch).float().cpu().numpy()
            if time.monotonic() - last_line > SECONDS_BETWEEN_LINES:
                last_line = time.monotonic()
                log(f"features of {start + len(minibatch):,} of {len(x):,} images")
    return features


def _settings(model: ModelEntry) -> dict[str, Any]:
    """Settings of the backbone, without those of the head, and without the path of its weights."""
    settings = model.model_dump(mode="json", exclude={*ModelEntry.model_fields} - {"name"})
    settings.pop("weights" if isinstance(model, Timm) else "", None)
    return settings


def _code(model: ModelEntry) -> dict[str, Any]:
    """Versions of the packages and hashes of the user's files that compute the features.

    Changes of built-in models are covered by the format of the cache.

    Args:
        model: the model's entry.

    Returns:
        JSON values.
    """
    packages = ["torch", *(["timm"] if isinstance(model, Timm) else [])]
    own = [digest_of(origin) for origin in origins_of({"model": model})]
    return {**{name: version(name) for name in packages}, "extensions": own}
