"""Find files of pretrained weights; nothing here reads them, so that ``validate`` needs no torch."""

from collections.abc import Sequence
from contextlib import suppress
from difflib import get_close_matches
from pathlib import Path

from lifelong_lb.config import ModelEntry, UserError
from lifelong_lb.config.entries.models import Timm
from lifelong_lb.untrusted import quoted, shortened

SUFFIXES = (".safetensors", ".pt", ".pth", ".bin")
"""Usual suffixes of files of weights."""


def find_weights(weights: str, beside: Path | None, roots: Sequence[Path]) -> Path:
    """Find a file of weights.

    Args:
        weights: the file. A relative path is searched in the folder of the study file, then in each of the roots, then
            in the working directory.
        beside: folder of the study file; None without a study file.
        roots: folders of the data sets.

    Returns:
        Its absolute path.

    Raises:
        UserError: if there is none.
    """
    path = Path(weights)
    with suppress(RuntimeError):  # unknown user
        path = path.expanduser()
    tried = [(root / path).absolute() for root in (*([] if beside is None else [beside]), *roots, Path.cwd())]
    found = next((path for path in tried if _is_file(path)), None)
    if found is not None:
        return found
    folders = {path.parent: None for path in tried if path.parent.is_dir()}
    names = [each.name for folder in folders for each in folder.iterdir() if each.suffix in SUFFIXES]
    near = get_close_matches(path.name, names, n=1, cutoff=0.5)
    hint = f" Did you mean {quoted(near[0])}?" if near else ""
    listed = shortened("\n  ".join(dict.fromkeys(map(str, tried))), 2000)
    raise UserError(f"weights {quoted(weights)} was not found.{hint} Tried:\n  {listed}")


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError:  # e.g. the name is too long
        return False


def with_found_weights(entry: ModelEntry, roots: Sequence[Path]) -> ModelEntry:
    """Find the file of weights that a model names.

    Args:
        entry: the model's entry in the study file.
        roots: folders of the data sets.

    Returns:
        The entry with the absolute path of the file; the same entry if it names none.

    Raises:
        UserError: if the file is not found.
    """
    if not isinstance(entry, Timm) or entry.weights is None:
        return entry
    return entry.model_copy(update={"weights": str(find_weights(entry.weights, entry.study_folder, roots))})
