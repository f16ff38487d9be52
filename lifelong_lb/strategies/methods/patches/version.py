"""Which version of Avalanche the patches were made for."""

from importlib.metadata import version

MADE_FOR = ("0.6.0",)
"""Versions in which the faults were seen and the remedies tested."""


def check_version(what: str) -> None:
    """Check that a patch meets the code it was made for.

    Args:
        what: the patched part, for the message.

    Raises:
        RuntimeError: if another version of Avalanche is installed.
    """
    found = version("avalanche-lib")
    if found not in MADE_FOR:
        raise RuntimeError(
            f"{what} is patched for avalanche-lib {', '.join(MADE_FOR)}, where it is at fault; got {found}, for which "
            "nobody has looked: install one of the former"
        )
