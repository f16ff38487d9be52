"""Images: where they come from, and the tensors they become."""

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from lifelong_lb.config import FIVE_DATASETS, Generated, OwnImages, StreamEntry, UserError, unknown_name
from lifelong_lb.data.arrays import Source
from lifelong_lb.data.digits import DigitsSource
from lifelong_lb.data.five import find_five
from lifelong_lb.data.generated import GeneratedSource
from lifelong_lb.data.known import KNOWN
from lifelong_lb.data.own import own_source
from lifelong_lb.data.places import MissingImagesError
from lifelong_lb.data.prepared import already_prepared, cache_folder, prepared
from lifelong_lb.data.selection import fewer_test_images

if TYPE_CHECKING:
    from lifelong_lb.data.image_tensors import ImageData

DATASETS: dict[str, Callable[[Sequence[Path]], Source]] = {
    "digits": lambda roots: DigitsSource(),
    **{name: known.find for name, known in KNOWN.items()},
    "five-datasets": find_five,
}
"""Data set to the function that finds it below some folders."""

DOWNLOADS: dict[str, Sequence[str]] = {
    **{name: (name,) for name, known in KNOWN.items() if known.torchvision is not None},
    "five-datasets": tuple(name for name in FIVE_DATASETS if KNOWN[name].torchvision is not None),
}
"""Data sets that can be fetched when that is asked for, and what has to be fetched of them."""

ENVIRONMENT_VARIABLE = "LIFELONG_LB_DATA"


def data_roots(data: Path | None) -> list[Path]:
    """Folders to search for data sets.

    Args:
        data: the folder a user names, or None.

    Returns:
        That folder and nothing else; without one, ``$LIFELONG_LB_DATA`` if set, then the platform's cache folder.

    Raises:
        UserError: when the folder named does not exist.
    """
    import platformdirs

    if data is not None:
        if not data.is_dir():
            raise UserError(f"--data {data}: no such folder")
        return [data.resolve()]
    named = os.environ.get(ENVIRONMENT_VARIABLE)
    cache = platformdirs.user_cache_path("lifelong_lb", appauthor=False).resolve()
    return [*([Path(named).resolve()] if named else []), cache]


def find_dataset(name: str, roots: Sequence[Path] = (), download: bool = False) -> Source:
    """Find a data set, and fetch it first when asked to and it is not there.

    Args:
        name: a key of :data:`DATASETS`.
        roots: folders to search, best first; see :func:`data_roots`.
        download: whether a data set that is not found may be downloaded.

    Returns:
        Its source; images are not read yet.

    Raises:
        UserError: when nobody knows it, or it is not found, listing every path tried.
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
        entry: what the study file says.
        roots: folders to search, best first; see :func:`data_roots`.
        download: whether a data set that is not found may be downloaded.

    Returns:
        Their source; images are not read yet.

    Raises:
        MissingImagesError: when they are not found, listing every path tried.
        UserError: when what is there is in no form that is known.
    """
    if isinstance(entry, OwnImages):
        return own_source(entry.source, roots, entry.image_size, entry.study_folder)
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
    """The images of a source as tensors, decoded at most once, see :func:`lifelong_lb.data.prepared.prepared`.

    Args:
        source: where the images are.
        cache: folder of prepared images; None for :func:`cache_folder`.
        test_images_per_class: keep that many of each class of the test part, see
            :func:`lifelong_lb.data.selection.fewer_test_images`; None for all.

    Returns:
        Train and test part.

    Raises:
        UserError: when a file is damaged, or the cache cannot be written.
    """
    import torch

    from lifelong_lb.data.image_tensors import ImageData, ImageTensors

    found = prepared(source, cache_folder() if cache is None else cache)
    train, test = (
        ImageTensors(torch.from_numpy(part.x), torch.from_numpy(part.y), part.class_names)
        for part in (found.train, found.test)
    )
    if test_images_per_class is not None:
        kept = torch.from_numpy(fewer_test_images(found.test.y, test_images_per_class))
        test = ImageTensors(test.x[kept], test.y[kept], test.class_names)
    return ImageData(train, test, found.mean, found.std, source.description, found.digest)


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
    "own_source",
    "prepared",
]
