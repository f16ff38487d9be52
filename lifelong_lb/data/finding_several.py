"""Find the sources of a stream that has one per experience."""

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from lifelong_lb.config import (
    Clear10,
    Core50,
    Folders,
    Omniglot,
    SeveralSources,
    Sources,
    at_key,
    refuse,
    unknown_name,
)
from lifelong_lb.data.arrays import Source
from lifelong_lb.data.combined.in_a_row import InARow
from lifelong_lb.data.combined.sequences import clear10, omniglot
from lifelong_lb.data.known import KNOWN
from lifelong_lb.data.layouts.core50 import Core50Files
from lifelong_lb.data.layouts.folders import folders
from lifelong_lb.data.user_data import found, source_at
from lifelong_lb.untrusted import path_text


def find_several(entry: SeveralSources, roots: Sequence[Path], known: Callable[[str], Source]) -> Source:
    """Find the sources of a stream.

    Args:
        entry: the stream's entry in the study file.
        roots: folders to search, in this order.
        known: finds a data set by its name.

    Returns:
        One source that joins them; images are not read yet.

    Raises:
        MissingImagesError: if a source is not found.
        UserError: if a folder is missing, or has no known layout.
    """
    if entry.dataset is not None:
        known(entry.dataset)  # downloads it, or names the paths tried
        return KNOWN[entry.dataset].find(roots, partial(_known_sequence, entry))
    if isinstance(entry, Sources):
        titles, parts = tuple(map(str, entry.sources)), []
        keys = tuple(f"sources[{i}]" for i in range(len(titles)))
        for key, one in zip(keys, entry.sources, strict=True):
            with at_key(key):
                parts.append(
                    known(one.name)
                    if one.name is not None
                    else source_at(found(str(one), roots, entry.study_folder), entry.image_size)
                )
    else:
        assert isinstance(entry, Folders), entry
        paths = _experiences(entry, found(entry.source, roots, entry.study_folder))
        titles, keys = tuple(path.name for path in paths), ()
        parts = [source_at(path, entry.image_size) for path in paths]
    same = entry.scenario == "domain-incremental"
    return InARow(tuple(parts), titles, keys, entry.image_size, entry.channels, same)


def _known_sequence(entry: SeveralSources, folder: Path) -> Source:
    """Source of a data set that comes as a sequence, with the settings of the stream."""
    if isinstance(entry, Core50):
        return Core50Files(
            folder, channels=entry.channels, fit=entry.image_size, protocol=entry.protocol, run=entry.run
        )
    if isinstance(entry, Clear10):
        return clear10(folder, entry.image_size, entry.channels)
    assert isinstance(entry, Omniglot), entry
    paths = _experiences(entry, folder)
    return omniglot(folder, [path.name for path in paths], entry.image_size, entry.channels)


def _experiences(entry: Folders | Omniglot, root: Path) -> list[Path]:
    """The folder of each experience."""
    present = {path.name: path for path in folders(root)}
    if isinstance(entry.experiences, tuple):
        missing = next((name for name in entry.experiences if name not in present), None)
        if missing is not None:
            refuse(entry, "experiences", f"{path_text(root)}: {unknown_name('folder', missing, present)}")
        return [present[name] for name in entry.experiences]
    if entry.experiences != len(present):
        refuse(
            entry,
            "experiences",
            f"experiences must be the number of folders in {path_text(root)}, {len(present)}, or a list of their "
            f"names; got {entry.experiences}",
        )
    return list(present.values())
