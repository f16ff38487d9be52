"""Folders of ``lifelong-lb tune``, each with two result folders."""

from pathlib import Path

from lifelong_lb.config import UserError

SEARCH, REPORT = "tuning", "report"
"""The result folders of the search and of the study with the chosen settings."""


def tuned_folders(path: Path) -> list[Path]:
    """Find the result folders in a folder of ``lifelong-lb tune``.

    Args:
        path: any folder.

    Returns:
        The folders with a study, the search first; empty if ``path`` is a result folder itself.
    """
    if (path / "study.json").exists() or (path / "results.csv").exists() or not (path / SEARCH).is_dir():
        return []
    return [path / name for name in (SEARCH, REPORT) if (path / name / "study.json").is_file()]


def folder_to_report(path: Path) -> Path:
    """Resolve a folder argument to the result folder to report.

    Args:
        path: a result folder, or a folder of ``lifelong-lb tune``.

    Returns:
        The result folder; the path itself if it is neither.

    Raises:
        UserError: if the search has not finished, so that there are no results yet.
    """
    inner = tuned_folders(path)
    if inner and inner[-1].name != REPORT:
        raise UserError(f"{path}: lifelong-lb tune has not finished its search; its runs are in {inner[-1]}")
    return inner[-1] if inner else path


def no_study_message(path: Path, reason: str) -> str:
    """Message for a folder without a study; it names the inner folders of a ``lifelong-lb tune`` folder.

    Args:
        path: the folder.
        reason: what is missing.

    Returns:
        A message.
    """
    inner = " and ".join(map(str, tuned_folders(path)))
    return f"{path}: {reason}" + (f"; the studies of lifelong-lb tune are in {inner}" if inner else "")
