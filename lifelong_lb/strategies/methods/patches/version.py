"""Check of the Avalanche version that the patches are made for."""

from importlib.metadata import version

MADE_FOR = ("0.6.0",)
"""Versions in which the faults were seen and the fixes tested."""


def check_version(what: str) -> None:
    """Check that the installed version is one that the patches are made for.

    Args:
        what: name of the patched part, for the message.

    Raises:
        RuntimeError: if another version of Avalanche is installed.
    """
    installed = version("avalanche-lib")
    if installed not in MADE_FOR:
        raise RuntimeError(
            f"{what} is patched for avalanche-lib {', '.join(MADE_FOR)}; got {installed}, for which the patch is not "
            "tested: install one of the former"
        )
