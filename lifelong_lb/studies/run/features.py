"""Replace images by the features of a frozen backbone, which are computed once for all runs that share them."""

import hashlib
import time
from collections.abc import Callable, Mapping
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
from lifelong_lb.data.cache.features import Features, cached_features
from lifelong_lb.data.image_tensors import ImageData, ImageTensors
from lifelong_lb.data.normalisation import statistics_of
from lifelong_lb.data.shape import Shape
from lifelong_lb.models import build_backbone
from lifelong_lb.models.classifier import autocast
from lifelong_lb.seeding import INITIALISATION, seed_all
from lifelong_lb.strategies.loading.flatten import flattened
from lifelong_lb.streams import STREAMS, Stream, build_stream, split_stream
from lifelong_lb.streams.stream import avalanche_streams, labelled_dataset

Log = Callable[[str], None]
BATCH_SIZE = 128
"""Images per forward pass."""
SECONDS_BETWEEN_LINES = 60.0
"""Minimum time between two lines of progress."""


@dataclass(frozen=True)
class FeatureStream:
    """A stream of features in place of its images.

    Attributes:
        stream: the stream; its images are features ``(N, F, 1, 1)``.
        keys: names of the features in the cache: one for all images, or one per experience.
        parameters: number of parameters of the backbone.
    """

    stream: Stream
    keys: tuple[str, ...]
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
    return None


def feature_stream(config: RunConfig, images: ImageData, device: str, log: Log) -> FeatureStream:
    """Build the stream of a run on the features of its images; compute them, or read them from the cache.

    A stream that splits a data set, whatever its seed, shares the features of the whole data set. Other streams
    (permuted, rotated, registered) have features of the images of each experience, which depend on the values of these
    images alone.

    Args:
        config: a run without an :func:`obstacle`; its weights are found.
        images: its images.
        device: where to compute.
        log: receives lines about the computation.

    Returns:
        The stream.

    Raises:
        UserError: if the stream or the backbone cannot be built, or the cache cannot be written.
    """
    if STREAMS.get(config.stream.name) is split_stream and not isinstance(config.stream, Vectors):
        return _of_all_images(config, images, device, log)
    return _of_each_experience(config, build_stream(config.stream, images, config.seed), device, log)


def _of_all_images(config: RunConfig, images: ImageData, device: str, log: Log) -> FeatureStream:
    channels, height, width = images.train.x.shape[1:]
    mean, std = statistics_of(config.stream, (images.mean, images.std))
    frozen = _frozen(config, Shape((channels, height, width), 1, 1, 1, mean, std), device, log)
    content = {"images": images.sha256, "test_images_per_class": config.evaluation.test_images_per_class}
    found = frozen.features(content, images.train.x, images.test.x)
    log(f"training on the stored features {found.key}")
    train, test = (
        ImageTensors(torch.from_numpy(x)[:, :, None, None], part.y, part.class_names)
        for x, part in ((found.train, images.train), (found.test, images.test))
    )
    data = replace(images, train=train, test=test, mean=(0.0,), std=(1.0,))
    normalised = config.stream.model_copy(update={"normalise": "dataset"})  # the images were, features are not
    stream = build_stream(normalised, data, config.seed)
    shape = replace(stream.shape, features=True)
    return FeatureStream(replace(stream, shape=shape), (found.key,), frozen.parameters)


def _of_each_experience(config: RunConfig, stream: Stream, device: str, log: Log) -> FeatureStream:
    frozen = _frozen(config, stream.shape, device, log)
    learning: list[Any] = []
    measuring: list[Any] = []
    keys: list[str] = []
    for pair in zip(stream.train, stream.test, strict=True):
        train, test = (flattened(experience.dataset) for experience in pair)
        images = [part.images(part.rows) for part in (train, test)]
        content = {"images": [_digest(x) for x in images]}
        found = frozen.features(content, *images)
        keys.append(found.key)
        for datasets, x, part in ((learning, found.train, train), (measuring, found.test, test)):
            datasets.append(labelled_dataset(torch.from_numpy(x)[:, :, None, None], *part.columns))
    log(f"training on the stored features {', '.join(keys)}")
    shape = replace(stream.shape, image=(frozen.size, 1, 1), mean=(0.0,), std=(1.0,), features=True)
    experiences = avalanche_streams(learning, measuring)
    changed = replace(stream, train=experiences[0], test=experiences[1], shape=shape)
    return FeatureStream(changed, tuple(keys), frozen.parameters)


def _digest(x: Tensor) -> str:
    array = x.contiguous().numpy()
    return f"{array.dtype} {array.shape} {hashlib.sha256(array.data).hexdigest()}"


@dataclass(frozen=True)
class _Frozen:
    """A frozen backbone that computes features, or reads them from the cache."""

    model: nn.Module
    size: int
    parameters: int
    depends_on: dict[str, Any]
    precision: str
    device: str
    log: Log

    def features(self, content: Mapping[str, Any], train: Tensor, test: Tensor) -> Features:
        """Features of images ``(N, C, H, W)`` and ``(M, C, H, W)``; ``content`` identifies their values."""
        parts, begun, last_line = {"train": train, "test": test}, 0.0, 0.0

        def compute(part: str, rows: slice) -> NDArray[np.float32]:
            nonlocal begun, last_line
            now = time.monotonic()
            if not begun:
                begun = last_line = now
                stored = f", of which the first {rows.start:,} of {part} are stored" if rows.start else ""
                self.log(f"computing the features of {len(train):,} + {len(test):,} images{stored}")
            if now - last_line > SECONDS_BETWEEN_LINES:
                last_line = now
                self.log(f"features of {rows.start:,} of {len(parts[part]):,} images of {part}")
            return self._compute(parts[part][rows])

        shapes = (len(train), len(test), self.size)
        found = cached_features({**content, **self.depends_on}, shapes, cache_folder(), compute)
        if begun:
            self.log(f"features computed in {time.monotonic() - begun:.1f} s")
        return found

    def _compute(self, x: Tensor) -> NDArray[np.float32]:
        features = np.empty((len(x), self.size), np.float32)
        with torch.inference_mode():
            for start in range(0, len(x), BATCH_SIZE):
                minibatch = x[start : start + BATCH_SIZE].to(self.device)
                with autocast(minibatch, self.precision):
                    features[start : start + BATCH_SIZE] = self.model(minibatch).float().cpu().numpy()
        return features


def _frozen(config: RunConfig, shape: Shape, device: str, log: Log) -> _Frozen:
    seed_all(config.seed, INITIALISATION)
    normalise, backbone = build_backbone(config.model, shape)
    log_left_out(backbone, log)
    depends_on = {
        "backbone": {**_settings(config.model), "weights": digest_of_weights(backbone)},
        "normalisation": [normalise.scale.flatten().tolist(), normalise.shift.flatten().tolist()],
        "precision": config.train.precision,
        "device": device,
        "code": _code(config.model),
    }
    return _Frozen(
        model=nn.Sequential(normalise, backbone).to(device).eval(),
        size=backbone.feature_size,  # type: ignore[arg-type]
        parameters=sum(p.numel() for p in backbone.parameters()),
        depends_on=depends_on,
        precision=config.train.precision,
        device=device,
        log=log,
    )


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
