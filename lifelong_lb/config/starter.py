"""A study file to start from."""

from importlib.resources import files
from pathlib import Path

from lifelong_lb.config.errors import UserError


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
