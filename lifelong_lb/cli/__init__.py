"""The command line: parse arguments, call the package, print."""

import sys
import traceback
from importlib import import_module

import typer

from lifelong_lb.cli.app import app
from lifelong_lb.cli.exit_status import INTERRUPTED, SOME_RUNS_NOT_DONE, UNUSABLE_INPUT
from lifelong_lb.cli.output import show
from lifelong_lb.cli.stdio import make_stdio_tolerant
from lifelong_lb.descriptors import open_closed_descriptors
from lifelong_lb.untrusted import shortened

COMPUTING = ("run", "tune", "landscape")
"""Commands that compute: what has been finished is kept if one fails."""

for _name in (
    "running",
    "reporting",
    "study_files",
    "repository",
    "data_sets",
):  # in the order of the commands in the help
    import_module(f"{__name__}.{_name}")


def main() -> None:
    """Entry point of ``lifelong-lb``; a user error ends with one message and exit code 2."""
    from lifelong_lb.config import UserError

    open_closed_descriptors()
    make_stdio_tolerant()
    try:
        code = app(standalone_mode=False, prog_name="lifelong-lb")  # also with python -m
    except UserError as error:
        show(f"error: {error}", err=True)
        code = UNUSABLE_INPUT
    except (KeyboardInterrupt, typer.Abort) as stop:
        if isinstance(stop.__cause__, EOFError):  # typer takes it for Ctrl-D at a prompt; there are no prompts
            raise stop.__cause__ from None
        code = INTERRUPTED
    except OSError as error:
        where = f"{shortened(str(error.filename), 1000)}: " if error.filename else ""
        command = next((word for word in sys.argv[1:] if not word.startswith("-")), "")
        kept = "; finished runs are kept" if command in COMPUTING else ""
        show(f"error: {where}{error.strerror or error}{kept}", err=True)
        code = SOME_RUNS_NOT_DONE
    except typer.Exit as stop:
        code = stop.exit_code
    except Exception as error:  # noqa: BLE001  usage errors raised by typer, and internal errors
        if hasattr(error, "format_message"):
            message = error.format_message()
            if message:  # empty if the help was shown instead
                show(f"error: {message}", err=True)
            code = UNUSABLE_INPUT
        else:  # an internal error, whose message may contain anything
            show("".join(traceback.format_exception(error)), err=True)
            code = SOME_RUNS_NOT_DONE
    if code == INTERRUPTED:
        show("interrupted: finished runs are kept; the same command continues the study", err=True)
    sys.exit(code)


__all__ = ["app", "main"]
