"""Study files that come with the package."""

from pathlib import Path

from lifelong_lb.config.errors import UserError, unknown_name

PREFIX = "preset:"
"""What tells a preset's name from the path of a study file."""

FOLDER = Path(__file__).parent / "presets"


def preset_names() -> list[str]:
    """Names of the presets.

    Returns:
        Names, in the order of the alphabet.
    """
    return sorted(path.stem for path in FOLDER.glob("*.yaml"))


def preset_path(name: str) -> Path:
    """Where a preset lies.

    Args:
        name: its name.

    Returns:
        The path of a study file.

    Raises:
        UserError: when there is no such preset.
    """
    names = preset_names()
    if name not in names:
        raise UserError(unknown_name("preset", name, names))
    return FOLDER / f"{name}.yaml"


def about_preset(name: str) -> str:
    """What a preset is, and where its settings come from.

    Args:
        name: its name.

    Returns:
        The comment at its top, a paragraph.
    """
    lines = preset_path(name).read_text(encoding="utf-8").splitlines()
    return " ".join(line.removeprefix("# ") for line in lines if line.startswith("#"))
