"""Find the sources of a stream that has one per experience."""

from collections.abc import Callable, Sequence
from pathlib import Path

from lifelong_lb.config import Folders, SeveralSources, Sources, UserError, unknown_name
from lifelong_lb.data.arrays import Source
from lifelong_lb.data.folders import folders
from lifelong_lb.data.in_a_row import InARow
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
    if isinstance(entry, Sources):
        titles = tuple(map(str, entry.sources))
        parts = [
            known(one.name)
            if one.name is not None
            else source_at(found(str(one), roots, entry.study_folder), entry.image_size)
            for one in entry.sources
        ]
    else:
        assert isinstance(entry, Folders), entry
        paths = _experiences(entry, found(entry.source, roots, entry.study_folder))
        titles = tuple(path.name for path in paths)
        parts = [source_at(path, entry.image_size) for path in paths]
    same = entry.scenario == "domain-incremental"
    return InARow(tuple(parts), titles, entry.image_size, entry.channels, same)


def _experiences(entry: Folders, root: Path) -> list[Path]:
    """The folder of each experience."""
    present = {path.name: path for path in folders(root)}
    if isinstance(entry.experiences, tuple):
        missing = next((name for name in entry.experiences if name not in present), None)
        if missing is not None:
            raise UserError(f"folders: {path_text(root)}: {unknown_name('folder', missing, present)}")
        return [present[name] for name in entry.experiences]
    if entry.experiences != len(present):
        raise UserError(
            f"folders: experiences must be the number of folders in {path_text(root)}, {len(present)}, or a list of "
            f"their names; got {entry.experiences}"
        )
    return list(present.values())
