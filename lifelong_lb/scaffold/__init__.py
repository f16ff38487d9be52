"""Create a repository for a benchmark: study, custom rule, tests, data note, packaging, workflow."""

import re
from importlib.resources import files
from pathlib import Path

from lifelong_lb.config import UserError

FILES = {
    "README.md": "README.md",
    "DATA.md": "DATA.md",
    "study.yaml": "study.yaml",
    "rules.py": "rules.py.txt",
    "tests/test_rules.py": "test_rules.py.txt",
    "tests/test_study.py": "test_study.py.txt",
    "pyproject.toml": "pyproject.toml",
    ".gitignore": "gitignore.txt",
    ".github/workflows/tests.yml": "tests.yml",
}
"""Files of a repository, and their templates."""
PLACEHOLDER = "my-benchmark"
"""Name of the project in the templates."""


def project_name(folder: str) -> str:
    """Name of a project as package indexes have it.

    Args:
        folder: name of its folder.

    Returns:
        Lower-case ASCII letters and digits, separated by hyphens.

    Example:
        >>> project_name("Flat Minima_2"), project_name("µ")
        ('flat-minima-2', 'my-benchmark')
    """
    return re.sub(r"[^a-z0-9]+", "-", folder.lower()).strip("-") or PLACEHOLDER


def write_repository(folder: Path) -> list[Path]:
    """Write the files of a repository.

    Args:
        folder: a new or empty folder; it may hold ``.git``.

    Returns:
        The files.

    Raises:
        UserError: if the folder holds files, or cannot be written.
    """
    try:
        if folder.exists() and not folder.is_dir():
            raise UserError(f"{folder}: is a file; choose the name of a new folder")
        held = sorted(path.name for path in folder.iterdir() if path.name != ".git") if folder.exists() else []
        if held:
            raise UserError(f"{folder}: not empty, it holds {held[0]!r}; choose the name of a new folder")
        name = project_name(folder.resolve().name)
        template = files("lifelong_lb.scaffold") / "template"
        for target, source in FILES.items():
            path = folder / target
            path.parent.mkdir(parents=True, exist_ok=True)
            text = (template / source).read_text(encoding="utf-8").replace(PLACEHOLDER, name)
            path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise UserError(f"{folder}: cannot be written ({error.strerror})") from None
    return [folder / target for target in FILES]
