"""Study files of the package: the starter and the presets."""

import re
from importlib.resources import files
from pathlib import Path

from lifelong_lb.config.errors import UserError, unknown_name


def write_starter(path: Path, *, force: bool = False) -> None:
    """Write a commented study file.

    Args:
        path: path of the new file.
        force: whether to replace an existing file.

    Raises:
        UserError: if the file exists or cannot be written.
    """
    text = files("lifelong_lb.config").joinpath("starter.yaml").read_text(encoding="utf-8")
    try:
        with path.open("w" if force else "x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError:
        raise UserError(f"{path}: already exists; choose another name, or replace it with --force") from None
    except OSError as error:
        raise UserError(f"{path}: cannot be written ({error.strerror})") from None


PREFIX = "preset:"
"""Prefix that distinguishes the name of a preset from the path of a study file."""

FOLDER = Path(__file__).parents[1] / "presets"


def preset_names() -> list[str]:
    """List the presets.

    Returns:
        Names in alphabetical order.
    """
    return sorted(path.stem for path in FOLDER.glob("*.yaml"))


def preset_path(name: str) -> Path:
    """Path of a preset.

    Args:
        name: its name.

    Returns:
        The path of a study file.

    Raises:
        UserError: if there is no such preset.
    """
    names = preset_names()
    if name not in names:
        raise UserError(unknown_name("preset", name, names))
    return FOLDER / f"{name}.yaml"


def about_preset(name: str) -> tuple[str, str]:
    """Description of a preset, and the source of its settings.

    Args:
        name: its name.

    Returns:
        The comment at its top in two parts: what it is; and source, differences and cost.
    """
    lines = preset_path(name).read_text(encoding="utf-8").splitlines()
    comment = " ".join(line.removeprefix("# ") for line in lines if line.startswith("#"))
    what, source = re.split(r" (?=Source: |Settings of our own)", comment, maxsplit=1)
    return what, source
