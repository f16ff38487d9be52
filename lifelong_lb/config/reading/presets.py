"""Study files that come with the package."""

from importlib.resources import files
from pathlib import Path

from lifelong_lb.config.errors import UserError, unknown_name


def write_starter(path: Path, *, force: bool = False) -> None:
    """Write a commented study file.

    Args:
        path: where to.
        force: whether a file that is there already may be replaced.

    Raises:
        UserError: when a file is there already, or none can be written there.
    """
    text = files("lifelong_lb.config").joinpath("starter.yaml").read_text(encoding="utf-8")
    try:
        with path.open("w" if force else "x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError:
        raise UserError(f"{path}: is there already; choose another name, or replace it with --force") from None
    except OSError as error:
        raise UserError(f"{path}: cannot be written ({error.strerror})") from None


PREFIX = "preset:"
"""What tells a preset's name from the path of a study file."""

FOLDER = Path(__file__).parents[1] / "presets"


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
