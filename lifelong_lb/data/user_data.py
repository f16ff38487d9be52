"""A user's own images, whose layout is detected."""

import os
from collections.abc import Sequence
from contextlib import suppress
from itertools import islice
from pathlib import Path

from lifelong_lb.config import UserError, at_key
from lifelong_lb.data.arrays import Source
from lifelong_lb.data.layouts.array_files import ArrayFiles
from lifelong_lb.data.layouts.cifar_python import CIFAR10, CIFAR100, CifarPythonSource
from lifelong_lb.data.layouts.folders import entries, folders, is_picture
from lifelong_lb.data.layouts.mnist_idx import MnistIdxSource
from lifelong_lb.data.layouts.parquet import ParquetSource
from lifelong_lb.data.layouts.picture_files import ClassFolders, CubFiles, TinyImageNetFiles
from lifelong_lb.data.places import Layout, MissingImagesError
from lifelong_lb.untrusted import encodable, quoted, shortened

IMAGE_COLUMNS = ("img", "image")
LABEL_COLUMNS = ("fine_label", "label", "labels")


def layouts(image_size: int | None) -> tuple[Layout, ...]:
    """Return the supported layouts of a folder of images.

    Args:
        image_size: height and width to which pictures are cropped and scaled; None to keep their size.

    Returns:
        Layouts, the most specific first.
    """
    return (
        Layout(
            "arrays: x_train.npy, y_train.npy, x_test.npy, y_test.npy (or all of them in one .npz file)",
            ArrayFiles.matches,
            ArrayFiles,
        ),
        Layout(
            "Hugging Face parquet: train-*.parquet, test-*.parquet with columns img or image, fine_label or label",
            ParquetSource.matches,
            lambda folder: ParquetSource(folder, IMAGE_COLUMNS, LABEL_COLUMNS, None, fit=image_size),
        ),
        Layout(
            "CIFAR-100 for Python: train, test, meta",
            lambda folder: (folder / CIFAR100.train[0]).is_file() and (folder / CIFAR100.test).is_file(),
            lambda folder: CifarPythonSource(folder, CIFAR100),
        ),
        Layout(
            "CIFAR-10 for Python: data_batch_1 to data_batch_5, test_batch, batches.meta",
            lambda folder: (folder / CIFAR10.train[0]).is_file(),
            lambda folder: CifarPythonSource(folder, CIFAR10),
        ),
        Layout(
            "MNIST's IDX files: train-images-idx3-ubyte and the other three files, plain or .gz",
            MnistIdxSource.matches,
            MnistIdxSource,
        ),
        Layout(
            "Tiny ImageNet: train/<wnid>/images/, val/images/, val/val_annotations.txt",
            TinyImageNetFiles.matches,
            lambda folder: TinyImageNetFiles(folder, fit=image_size),
        ),
        Layout("CUB-200-2011: images/, images.txt", CubFiles.matches, lambda folder: CubFiles(folder, fit=image_size)),
        Layout(
            "folders of pictures: train/<class>/*.png or .jpg, the same in test/ or val/",
            ClassFolders.matches,
            lambda folder: ClassFolders(folder, fit=image_size),
        ),
    )


def user_source(
    source: str, roots: Sequence[Path], image_size: int | None = None, beside: Path | None = None
) -> Source:
    """Find a user's own images.

    Args:
        source: a folder, or an ``.npz`` file. A relative path is searched in the folder of the study file, then in each
            of the roots, then in the working directory.
        roots: folders to search, in this order.
        image_size: height and width to which pictures are cropped and scaled; None to keep their size.
        beside: folder of the study file; None without a study file.

    Returns:
        The source; images are not read yet.

    Raises:
        MissingImagesError: if the path does not exist.
        UserError: if its layout is unknown.
    """
    images = source_at(found(source, roots, beside), image_size)
    if image_size is not None and not hasattr(images, "fit"):
        with at_key("image_size"):
            raise UserError(f"{found(source, roots, beside)}: image_size applies only to pictures and Parquet files")
    return images


def found(source: str, roots: Sequence[Path], beside: Path | None = None) -> Path:
    """Find a path of a study file.

    Args:
        source: a path, searched as in :func:`user_source`.
        roots: folders to search, in this order.
        beside: folder of the study file; None without a study file.

    Returns:
        The absolute path.

    Raises:
        MissingImagesError: if it does not exist.
    """
    path = Path(source)
    with suppress(RuntimeError):  # unknown user
        path = path.expanduser()
    # an absolute path replaces the folder to which it is joined
    tried = [(root / path).absolute() for root in (*([] if beside is None else [beside]), *roots, Path.cwd())]
    existing = next((path for path in tried if _exists(path)), None)
    if existing is None:
        paths = "\n  ".join(dict.fromkeys(map(str, tried)))
        deeper = _one_folder_deeper(tried)
        hint = "." if deeper is None else f"; did you mean {quoted(str(Path(source).parent / deeper), 300)}?"
        raise MissingImagesError(f"source {quoted(source)} was not found{hint} Tried:\n  {shortened(paths, 2000)}")
    return existing


def source_at(path: Path, image_size: int | None = None) -> Source:
    """Build the source of a folder or file.

    Args:
        path: an existing folder or ``.npz`` file.
        image_size: height and width to which pictures are cropped and scaled; None to keep their size.

    Returns:
        The source; images are not read yet.

    Raises:
        UserError: if its layout is unknown.
    """
    return _array_file(path) if path.is_file() else _in_folder(path, layouts(image_size))


MAX_SUBFOLDERS, MAX_ENTRIES = 200, 10_000
"""Subfolders of a searched folder in which a missing file is looked for, and entries of the folder that are listed."""


def _one_folder_deeper(tried: Sequence[Path]) -> Path | None:
    """Look for a file in the direct subfolders of the folders in which it is missing.

    Args:
        tried: paths of the missing file.

    Returns:
        Subfolder and file of the first one found; None if there is none.
    """
    for path in dict.fromkeys(tried):
        with suppress(OSError), os.scandir(path.parent) as listed:
            subfolders = islice((one.name for one in islice(listed, MAX_ENTRIES) if one.is_dir()), MAX_SUBFOLDERS)
            for name in sorted(subfolders):
                if (path.parent / name / path.name).is_file():
                    return Path(name, path.name)
    return None


def _exists(path: Path) -> bool:
    try:
        return path.exists()
    except OSError:  # e.g. the name is too long
        return False


def _array_file(path: Path) -> Source:
    if path.suffix != ".npz":
        raise UserError(f"{path}: a source must be a folder or an .npz file")
    return ArrayFiles(path)


def _in_folder(folder: Path, known: Sequence[Layout]) -> Source:
    """The source in a folder, or in its only subfolder with one, e.g. ``data/`` in a clone from the hub."""
    inner = folders(folder)
    hub = sorted(path for pattern in ("snapshots/*", "snapshots/*/*") for path in folder.glob(pattern) if path.is_dir())
    for group in ([folder], inner, hub):
        matches = [(path, layout) for path in group for layout in known if layout.matches(path)]
        paths = list(dict.fromkeys(path for path, _ in matches))
        if len(paths) > 1:
            raise UserError(f"{folder}: contains several data sets; choose one of {', '.join(map(str, paths))}")
        if matches:
            path, layout = matches[0]
            return layout.source(path)
    descriptions = "\n  ".join(layout.description for layout in known)
    loose = next((path for path in [*inner, folder] if any(is_picture(file.name) for file in entries(path))), None)
    hint = "" if loose is None else f"\nMove the pictures in {loose} to train/<class>/ and test/<class>/."
    archives = [path for path in entries(folder) if path.suffix == ".npz" and path.is_file()]
    meant = f"; did you mean {archives[0]}?" if len(archives) == 1 else "."
    raise UserError(encodable(f"{folder}: no images in a known layout{meant} Known layouts:\n  {descriptions}{hint}"))
