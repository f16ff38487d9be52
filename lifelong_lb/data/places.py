"""Where data sets are looked for, and how torchvision fetches one when that is asked for."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from lifelong_lb.config import UserError
from lifelong_lb.data.arrays import Source


class MissingImagesError(UserError):
    """Images are not where they are looked for; other errors are about images that are there."""


@dataclass(frozen=True)
class Layout:
    """A way in which a data set may be stored in a folder.

    Attributes:
        description: for people.
        matches: whether an existing folder holds it.
        source: builds the source of such a folder; its files are not opened yet.
    """

    description: str
    matches: Callable[[Path], bool]
    source: Callable[[Path], Source]


@dataclass(frozen=True)
class Place:
    """Where a data set may lie below a folder, in one layout.

    Attributes:
        pattern: glob pattern of the folder, relative to the folder searched; ``"."`` for itself.
        layout: the layout expected there.
    """

    pattern: str
    layout: Layout

    def folders(self, root: Path) -> list[Path]:
        """Existing folders that match.

        Args:
            root: folder searched.

        Returns:
            Paths, in alphabetical order.
        """
        root = root.absolute()
        if self.pattern == ".":
            return [root] if root.is_dir() else []
        return sorted(path for path in root.glob(self.pattern) if path.is_dir())


def hub_places(layout: Layout, owner: str, name: str, configuration: str | None = None) -> tuple[Place, ...]:
    """Where Parquet files of the Hugging Face hub may lie, be they copied by hand or left by its tools.

    Args:
        layout: the layout.
        owner: who publishes the data set there.
        name: its name there.
        configuration: the folder of the files within it; None for one that is called as the data set is.

    Returns:
        Places, best first.
    """
    cached = (f"datasets--{owner}--{name}", f"hub/datasets--{owner}--{name}", f"datasets--{name}")
    inner = configuration or name
    copied = (".", name, f"{name}/{inner}", f"{owner}/{name}/{inner}")
    return tuple(Place(p, layout) for p in (*copied, *(f"{folder}/snapshots/*/{inner}" for folder in cached)))


def find_source(title: str, places: Sequence[Place], roots: Sequence[Path], hint: str) -> Source:
    """Find a data set.

    Args:
        title: what to call it in messages.
        places: tried in this order below each folder searched.
        roots: folders to search, best first.
        hint: a last line that says how the data set can be got.

    Returns:
        The first source found; its files are not opened yet.

    Raises:
        MissingImagesError: when none is found, listing every path tried and the layouts accepted.
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
        + "\nLayouts accepted:\n  "
        + "\n  ".join(layouts)
        + f"\n{hint}"
    )


def download(title: str, kind: str, folder: Path, parts: Sequence[str] = ()) -> None:
    """Let torchvision download a data set.

    Args:
        title: what to call it in messages.
        kind: torchvision's name for it.
        folder: where its own folder, or its files, shall lie.
        parts: its parts, where each is asked for by itself.

    Raises:
        UserError: when the download fails.
    """
    import torchvision.datasets

    try:
        folder.mkdir(parents=True, exist_ok=True)
        fetch = getattr(torchvision.datasets, kind)
        for settings in [{"split": part} for part in parts] or [{}]:
            fetch(str(folder), download=True, **settings)
    except (OSError, RuntimeError) as error:
        raise UserError(f"{title} could not be downloaded to {folder} ({error})") from None
