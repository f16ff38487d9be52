"""A user's own images, found by their form."""

from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from lifelong_lb.config import UserError
from lifelong_lb.data.array_files import ArrayFiles
from lifelong_lb.data.arrays import Source
from lifelong_lb.data.cifar_python import CIFAR10, CIFAR100, CifarPythonSource
from lifelong_lb.data.folders import entries, folders, is_picture
from lifelong_lb.data.mnist_idx import MnistIdxSource
from lifelong_lb.data.parquet import ParquetSource
from lifelong_lb.data.picture_files import ClassFolders, CubFiles, TinyImageNetFiles
from lifelong_lb.data.places import Layout, MissingImagesError
from lifelong_lb.untrusted import encodable, quoted, shortened

IMAGE_COLUMNS = ("img", "image")
LABEL_COLUMNS = ("fine_label", "label", "labels")


def layouts(image_size: int | None) -> tuple[Layout, ...]:
    """The forms that a folder of images may have.

    Args:
        image_size: cut and scale pictures of any size to a square of so many pixels; None to take them as they are.

    Returns:
        Layouts, those that are told most surely first.
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
            "MNIST's IDX files: train-images-idx3-ubyte and its three siblings, as they are or as .gz",
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
            "folders of pictures: train/<class>/*.png or .jpg, test/<class>/ or val/<class>/ likewise",
            ClassFolders.matches,
            lambda folder: ClassFolders(folder, fit=image_size),
        ),
    )


def own_source(source: str, roots: Sequence[Path], image_size: int | None = None, beside: Path | None = None) -> Source:
    """Find a user's own images.

    Args:
        source: a folder, or an ``.npz`` file. A relative path is looked for beside the study file that names it, then
            below each of the roots, then below the working folder.
        roots: folders to search, best first.
        image_size: cut and scale pictures to a square of so many pixels; None to take them as they are.
        beside: folder of the study file; None where no file names the source.

    Returns:
        The source; images are not read yet.

    Raises:
        MissingImagesError: when nothing lies there.
        UserError: when its form is not known.
    """
    named = Path(source)
    with suppress(RuntimeError):  # no such user
        named = named.expanduser()  # joined to a folder, an absolute path stays what it is
    tried = [(root / named).absolute() for root in (*([] if beside is None else [beside]), *roots, Path.cwd())]
    place = next((path for path in tried if _exists(path)), None)
    if place is None:
        paths = "\n  ".join(dict.fromkeys(map(str, tried)))
        raise MissingImagesError(f"source {quoted(source)} was not found. Tried:\n  {shortened(paths, 2000)}")
    found = _array_file(place) if place.is_file() else _in_folder(place, layouts(image_size))
    if image_size is not None and not hasattr(found, "fit"):
        raise UserError(f"{place}: image_size is for pictures and parquet files; arrays are taken as they are")
    return found


def _exists(path: Path) -> bool:
    try:
        return path.exists()
    except OSError:  # such as a name that is too long
        return False


def _array_file(path: Path) -> Source:
    if path.suffix != ".npz":
        raise UserError(f"{path}: a source is a folder or an .npz file")
    return ArrayFiles(path)


def _in_folder(folder: Path, known: Sequence[Layout]) -> Source:
    """The source in a folder, or in the only folder within it that holds one (``data/`` of a hub's data set)."""
    inner = folders(folder)
    hub = sorted(path for pattern in ("snapshots/*", "snapshots/*/*") for path in folder.glob(pattern) if path.is_dir())
    for group in ([folder], inner, hub):
        found = [(path, layout) for path in group for layout in known if layout.matches(path)]
        places = list(dict.fromkeys(path for path, _ in found))
        if len(places) > 1:
            raise UserError(f"{folder}: holds several sets of images; name one of them: {', '.join(map(str, places))}")
        if found:
            path, layout = found[0]
            return layout.source(path)
    forms = "\n  ".join(layout.description for layout in known)
    loose = next((path for path in [*inner, folder] if any(is_picture(file.name) for file in entries(path))), None)
    hint = "" if loose is None else f"\nThere are pictures in {loose}: sort them into train/<class>/ and test/<class>/."
    raise UserError(encodable(f"{folder}: holds no images in a form that is known. These are:\n  {forms}{hint}"))
