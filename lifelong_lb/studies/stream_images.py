"""Find the images of streams, and check them against the streams' settings."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from lifelong_lb.config import StreamEntry, located
from lifelong_lb.data import MissingImagesError, Source, already_prepared, cache_folder, find_images
from lifelong_lb.data.arrays import Checked
from lifelong_lb.data.cache.prepared import Prepared, prepare_images
from lifelong_lb.data.classes import check_classes, names_if_listed, with_labels
from lifelong_lb.data.normalisation import check_statistics
from lifelong_lb.data.selection import Labels, check_images


def find_source(stream: StreamEntry, roots: Sequence[Path], *, download: bool = False) -> Source:
    """Find the images of a stream, and check their classes without decoding them.

    Args:
        stream: the stream.
        roots: folders of the data sets.
        download: whether a missing data set may be downloaded.

    Returns:
        The source.

    Raises:
        MissingImagesError: if there are none.
        UserError: if their classes do not fit the stream's settings.
    """
    with located(stream):
        source = find_images(stream, roots, download)
        names = names_if_listed(stream, source.names_of_classes)
        check_classes(with_labels(stream, lambda: names), source.labels(), names)
    return source


def prepared(stream: StreamEntry, source: Source) -> Prepared:
    """Prepare the images of a stream, and check them against its settings.

    Args:
        stream: the stream.
        source: its images.

    Returns:
        The images.

    Raises:
        UserError: if a file is damaged, or classes or images are missing.
    """
    with located(stream):
        images = prepare_images(source, cache_folder())
        check_statistics(stream, images.train.x.shape[1:])
        names = names_if_listed(stream, source.names_of_classes)
        check_labels(with_labels(stream, lambda: names), images.train.y, images.test.y, names)
    return images


def check_labels(stream: StreamEntry, train: Labels, test: Labels, names: Sequence[str] = ()) -> None:
    """Check the labels of both parts against a stream's settings.

    Args:
        stream: the stream.
        train: ``(N,)``, labels of the train part.
        test: ``(M,)``, labels of the test part.
        names: names of the classes in messages, indexed by label; labels are shown without them.

    Raises:
        UserError: if classes or images are missing.
    """
    check_classes(stream, np.unique(train).tolist(), names)
    check_images(stream, train, test)


@dataclass(frozen=True)
class StreamImages:
    """Labels and notes of a stream's images.

    Attributes:
        train: labels of the train part; None if the images are missing.
        test: labels of the test part; None if the images are missing.
        reason: why the number of images per experience is unknown; empty if it is known.
        missing: where missing images were searched for; empty if they were found.
        notes: remarks on the images for the user.
        stream: the stream, with labels in place of names of classes; None if the images are missing.
    """

    train: Labels | None = None
    test: Labels | None = None
    reason: str = ""
    missing: str = ""
    notes: tuple[str, ...] = ()
    stream: StreamEntry | None = None


def images_of(streams: Sequence[StreamEntry], roots: Sequence[Path], *, prepare: bool = False) -> list[StreamImages]:
    """Check the images of streams as a run does, and read their labels.

    Images in the cache are opened; others are checked where possible without decoding, see
    :meth:`lifelong_lb.data.Source.check`.

    Args:
        streams: streams of the study.
        roots: folders of the data sets.
        prepare: whether images may be decoded into the cache.

    Returns:
        Labels and notes of each stream.

    Raises:
        UserError: if a run would refuse the images, with the same message.
    """
    sources = [_source_or_missing(stream, roots) for stream in streams]
    return [
        source if isinstance(source, StreamImages) else _read(stream, source, prepare)
        for stream, source in zip(streams, sources, strict=True)
    ]


def _source_or_missing(stream: StreamEntry, roots: Sequence[Path]) -> Source | StreamImages:
    try:
        return find_source(stream, roots)
    except MissingImagesError as error:
        return StreamImages(reason=str(error).splitlines()[0].removesuffix(" Tried:"), missing=str(error))


def _read(stream: StreamEntry, source: Source, prepare: bool) -> StreamImages:
    cache = cache_folder()
    with located(stream):
        images = prepare_images(source, cache) if prepare else already_prepared(source, cache)
        if images is not None:
            checked = Checked(images.train.y, images.test.y, shape=images.train.x.shape[1:])
        else:
            checked = source.check()
        if checked.shape is not None:
            check_statistics(stream, checked.shape)
        of_data = source.names_of_classes if images is None else lambda: images.train.class_names
        names = names_if_listed(stream, of_data)
        stream = with_labels(stream, lambda: names)
        check_labels(stream, checked.train, checked.test, names)
    left = checked.note
    notes = [*source.notes(), *([f"{source.description}: {left}"] if left else [])]
    return StreamImages(checked.train, checked.test, notes=tuple(notes), stream=stream)
