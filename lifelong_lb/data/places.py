"""Search for data sets in folders, and download through torchvision."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from lifelong_lb.config import UserError
from lifelong_lb.data.arrays import Source


class MissingImagesError(UserError):
    """Images were not found; other errors concern images that exist."""


@dataclass(frozen=True)
class Layout:
    """A storage layout of a data set in a folder.

    Attributes:
        description: for messages.
        matches: checks whether an existing folder has the layout.
        source: builds the source of such a folder without opening its files.
    """

    description: str
    matches: Callable[[Path], bool]
    source: Callable[[Path], Source]


@dataclass(frozen=True)
class Place:
    """A possible location of a data set below a folder, in one layout.

    Attributes:
        pattern: glob pattern of the folder, relative to the searched folder; ``"."`` for the folder itself.
        layout: the layout expected there.
    """

    pattern: str
    layout: Layout

    def folders(self, root: Path) -> list[Path]:
        """List existing folders that match.

        Args:
            root: the searched folder.

        Returns:
            Paths, in alphabetical order.
        """
        root = root.absolute()
        if self.pattern == ".":
            return [root] if root.is_dir() else []
        return sorted(path for path in root.glob(self.pattern) if path.is_dir())


def hub_places(layout: Layout, owner: str, name: str, configuration: str | None = None) -> tuple[Place, ...]:
    """Possible locations of Parquet files of the Hugging Face hub, copied or in its cache.

    Args:
        layout: the layout.
        owner: owner of the data set on the hub.
        name: its name on the hub.
        configuration: folder of the files within it; None if it has the name of the data set.

    Returns:
        Places, in the order of the search.
    """
    cached = (f"datasets--{owner}--{name}", f"hub/datasets--{owner}--{name}", f"datasets--{name}")
    inner = configuration or name
    copied = (".", name, f"{name}/{inner}", f"{owner}/{name}/{inner}")
    return tuple(Place(p, layout) for p in (*copied, *(f"{folder}/snapshots/*/{inner}" for folder in cached)))


def find_source(title: str, places: Sequence[Place], roots: Sequence[Path], hint: str) -> Source:
    """Find a data set.

    Args:
        title: its name in messages.
        places: tried in this order below each root.
        roots: folders to search, in this order.
        hint: last line of the message, on how to obtain the data set.

    Returns:
        The first source found; its files are not opened yet.

    Raises:
        MissingImagesError: if none is found; the message lists every path tried and the accepted layouts.
    """
    for root in roots:
        for place in places:
            for folder in place.folders(root):
                if place.layout.matches(folder):
                    return place.layout.source(folder)
    tried = [f"{root / place.pattern}" if place.pattern != "." else str(root) for root in roots for place in places]
    layouts = dict.fromkeys(place.layout.description for place in places)
    raise MissingImagesError(
        f"{title} was not found. Tried:\n  "
        + "\n  ".join(dict.fromkeys(tried))
        + "\nAccepted layouts:\n  "
        + "\n  ".join(layouts)
        + f"\n{hint}"
    )


def download(title: str, class_name: str, folder: Path, parts: Sequence[str] = ()) -> None:
    """Download a data set with torchvision.

    Args:
        title: its name in messages.
        class_name: name of torchvision's class.
        folder: torchvision's ``root``.
        parts: values of ``split`` to download; empty if the class has no such argument.

    Raises:
        UserError: if the download fails.
    """
    import torchvision.datasets

    try:
        folder.mkdir(parents=True, exist_ok=True)
        dataset = getattr(torchvision.datasets, class_name)
        for settings in [{"split": part} for part in parts] or [{}]:
            dataset(str(folder), download=True, **settings)
    except (OSError, RuntimeError) as error:
        raise UserError(f"cannot download {title} to {folder} ({error})") from None
