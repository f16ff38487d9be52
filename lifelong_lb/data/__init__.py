"""Sources of images, and their conversion to tensors."""

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from lifelong_lb.config import (
    FIVE_DATASETS,
    Generated,
    OwnImages,
    SeveralSources,
    StreamEntry,
    UserError,
    Vectors,
    unknown_name,
)
from lifelong_lb.data.arrays import Source
from lifelong_lb.data.cache.cache_files import cache_folder
from lifelong_lb.data.cache.prepared import already_prepared, prepare_images
from lifelong_lb.data.digits import DigitsSource
from lifelong_lb.data.finding_several import find_several
from lifelong_lb.data.five_datasets import find_five_datasets
from lifelong_lb.data.generated import GeneratedSource
from lifelong_lb.data.known import KNOWN
from lifelong_lb.data.layouts.vector_files import vector_source
from lifelong_lb.data.places import MissingImagesError
from lifelong_lb.data.selection import limit_test_images
from lifelong_lb.data.user_data import found, user_source

if TYPE_CHECKING:
    from lifelong_lb.data.image_tensors import ImageData

DATASETS: dict[str, Callable[[Sequence[Path]], Source]] = {
    "digits": lambda roots: DigitsSource(),
    **{name: known.find for name, known in KNOWN.items()},
    "five-datasets": find_five_datasets,
}
"""Maps the name of a data set to the function that finds it below given folders."""

DOWNLOADS: dict[str, Sequence[str]] = {
    **{name: (name,) for name, known in KNOWN.items() if known.torchvision is not None},
    "five-datasets": tuple(name for name in FIVE_DATASETS if KNOWN[name].torchvision is not None),
}
"""Maps each downloadable data set to the names of the data sets to download."""

ENVIRONMENT_VARIABLE = "LIFELONG_LB_DATA"
"""Environment variable that names the folders of the data sets."""


def data_roots(data: str | os.PathLike[str] | None) -> list[Path]:
    """Folders to search for data sets.

    Args:
        data: the folder given with ``--data``, or None.

    Returns:
        That folder only; without one, ``$LIFELONG_LB_DATA`` if set, then the platform's cache folder.

    Raises:
        UserError: if the given folder does not exist.
    """
    import platformdirs

    if data is not None:
        if not Path(data).is_dir():
            raise UserError(f"--data {data}: no such folder")
        return [Path(data).resolve()]
    variable = os.environ.get(ENVIRONMENT_VARIABLE)
    cache = platformdirs.user_cache_path("lifelong_lb", appauthor=False).resolve()
    return [*([Path(variable).resolve()] if variable else []), cache]


def find_dataset(name: str, roots: Sequence[Path] = (), download: bool = False) -> Source:
    """Find a data set; with ``download``, download it first if it is missing.

    Args:
        name: a key of :data:`DATASETS`.
        roots: folders to search in this order; see :func:`data_roots`.
        download: whether to download a data set that is not found.

    Returns:
        Its source; images are not read yet.

    Raises:
        UserError: if the name is unknown, or the data set is not found; the message lists every path tried.
    """
    if name not in DATASETS:
        raise UserError(unknown_name("data set", name, DATASETS))
    for part in DOWNLOADS.get(name, ()) if download else ():
        try:
            KNOWN[part].find(roots)
        except UserError:
            KNOWN[part].download(roots[0])
    return DATASETS[name](roots)


def find_images(entry: StreamEntry, roots: Sequence[Path] = (), download: bool = False) -> Source:
    """Find the images of a stream.

    Args:
        entry: the stream's entry in the study file.
        roots: folders to search in this order; see :func:`data_roots`.
        download: whether to download a data set that is not found.

    Returns:
        Their source; images are not read yet.

    Raises:
        MissingImagesError: if they are not found; the message lists every path tried.
        UserError: if the folder or file has no known layout.
    """
    if isinstance(entry, SeveralSources):
        return find_several(entry, roots, lambda name: find_dataset(name, roots, download))
    if isinstance(entry, OwnImages):
        return user_source(entry.source, roots, entry.image_size, entry.study_folder)
    if isinstance(entry, Vectors):
        return vector_source(found(entry.source, roots, entry.study_folder))
    if isinstance(entry, Generated):
        return GeneratedSource(
            experiences=entry.experiences,
            classes=entry.classes_per_experience,
            similarity=entry.similarity,
            noise=entry.noise,
            image_size=entry.image_size,
            train_images=entry.train_images,
            test_images=entry.test_images,
            data_seed=entry.data_seed,
        )
    assert entry.dataset is not None, entry
    return find_dataset(entry.dataset, roots, download)


def load_images(source: Source, cache: Path | None = None, test_images_per_class: int | None = None) -> "ImageData":
    """Load the images of a source as tensors, decoding each picture at most once.

    Args:
        source: the source of the images.
        cache: folder of prepared images, see :func:`lifelong_lb.data.cache.prepared.prepare_images`; None for the
            default.
        test_images_per_class: number of test images to keep per class, see
            :func:`lifelong_lb.data.selection.limit_test_images`; None for all.

    Returns:
        Train and test part.

    Raises:
        UserError: if a file is damaged, or the cache cannot be written.
    """
    import torch

    from lifelong_lb.data.image_tensors import ImageData, ImageTensors

    images = prepare_images(source, cache_folder() if cache is None else cache)
    train, test = (
        ImageTensors(torch.from_numpy(part.x), torch.from_numpy(part.y), part.class_names)
        for part in (images.train, images.test)
    )
    if test_images_per_class is not None:
        indices = torch.from_numpy(limit_test_images(images.test.y, test_images_per_class))
        test = ImageTensors(test.x[indices], test.y[indices], test.class_names)
    return ImageData(train, test, images.mean, images.std, source.description, images.digest)


__all__ = [
    "DATASETS",
    "ENVIRONMENT_VARIABLE",
    "MissingImagesError",
    "Source",
    "already_prepared",
    "cache_folder",
    "data_roots",
    "find_dataset",
    "find_images",
    "load_images",
    "prepare_images",
    "user_source",
]
