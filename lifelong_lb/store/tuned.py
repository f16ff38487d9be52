"""Folders of ``lifelong-lb tune``, which hold two result folders."""

from pathlib import Path

from lifelong_lb.config import UserError

SEARCH, REPORT = "tuning", "report"
"""The result folders of the search and of the study with the chosen settings."""


def tuned_folders(path: Path) -> list[Path]:
    """Find the result folders in a folder of ``lifelong-lb tune``.

    Args:
        path: any folder.

    Returns:
        The folders with a study, that of the search first; none where ``path`` is a result folder itself.
    """
    if (path / "study.json").exists() or (path / "results.csv").exists() or not (path / SEARCH).is_dir():
        return []
    return [path / name for name in (SEARCH, REPORT) if (path / name / "study.json").is_file()]


def folder_to_report(path: Path) -> Path:
    """Choose the result folder that a command about results means.

    Args:
        path: a result folder, or a folder of ``lifelong-lb tune``.

    Returns:
        The result folder; the path itself where it is neither.

    Raises:
        UserError: when settings are still being searched, so that there are no results yet.
    """
    found = tuned_folders(path)
    if found and found[-1].name != REPORT:
        raise UserError(f"{path}: lifelong-lb tune has not finished its search; its runs are in {found[-1]}")
    return found[-1] if found else path


def without_study(path: Path, reason: str) -> str:
    """Describe a folder without a study; point to the folders in it if ``lifelong-lb tune`` has made it.

    Args:
        path: the folder.
        reason: what is missing.

    Returns:
        A message.
    """
    inner = " and ".join(map(str, tuned_folders(path)))
    return f"{path}: {reason}" + (f"; lifelong-lb tune has put its studies into {inner}" if inner else "")
