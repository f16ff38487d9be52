"""Shared helpers: launching the command line, and inspecting result folders."""

import argparse
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import vl_convert

from lifelong_lb.reports.charts.export import VEGA_LITE

HERE = Path(__file__).parent
STUDY = HERE / "study.yaml"


def arguments(description: str, **numbers: int) -> argparse.Namespace:
    """Parse the options of a script.

    Args:
        description: help text.
        numbers: further integer options with their defaults.

    Returns:
        Their values; ``out`` is a new temporary folder unless given.
    """
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--out", type=Path, default=None, help="folder for the results; default: a temporary one")
    parser.add_argument("--figure", type=Path, default=None, help="PNG file for a figure of the measurements")
    for name, default in numbers.items():
        parser.add_argument(f"--{name}", type=int, default=default)
    options = parser.parse_args()
    options.out = options.out or Path(tempfile.mkdtemp(prefix="lifelong_lb-reliability-"))
    options.out.mkdir(parents=True, exist_ok=True)
    return options


def launch(study: Path, out: Path, *options: str, prefix: Sequence[str] = (), **popen: Any) -> subprocess.Popen[str]:
    """Start ``lifelong-lb run`` in a new session.

    Args:
        study: the study file.
        out: the result folder.
        options: further options.
        prefix: words before the command, e.g. ``setpriv`` and its options.
        popen: further arguments of ``Popen``.

    Returns:
        The process, with pipes as ``stdout`` and ``stderr``.
    """
    command = [*prefix, sys.executable, "-m", "lifelong_lb", "run", str(study), "--out", str(out), *options]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True, "start_new_session": True}
    environment = {**os.environ, "OMP_NUM_THREADS": "1", **popen.pop("env", {})}
    return subprocess.Popen(command, **{**pipes, "env": environment, **popen})


def finish(study: Path, out: Path, *options: str, **popen: Any) -> tuple[int, str, str]:
    """Run ``lifelong-lb run`` to completion.

    Args:
        study: the study file.
        out: the result folder.
        options: further options.
        popen: see :func:`launch`.

    Returns:
        Exit code, stdout and stderr.
    """
    process = launch(study, out, *options, **popen)
    stdout, stderr = process.communicate()
    return process.returncode, stdout, stderr


def runs_of(out: Path) -> list[str]:
    """List the ids of the runs in a result folder.

    Args:
        out: the folder.

    Returns:
        Sorted ids.
    """
    return sorted(path.name for path in (out / "runs").iterdir() if not path.name.startswith("."))


def leftovers(out: Path) -> list[str]:
    """List files and folders beside the runs: claims, scratch folders, checkpoints.

    Args:
        out: the folder.

    Returns:
        Sorted names; empty after a clean end.
    """
    return sorted(path.name for path in (out / "runs").iterdir() if path.name.startswith("."))


def same_accuracies(out: Path, clean: Path) -> bool:
    """Compare ``accuracy.csv`` of two result folders byte for byte.

    Args:
        out: a result folder.
        clean: another one.

    Returns:
        True if the files are equal.
    """
    return (out / "accuracy.csv").read_bytes() == (clean / "accuracy.csv").read_bytes()


def print_summary_and_exit(faults: Sequence[str]) -> None:
    """Print the faults, and exit with code 1 if there are any.

    Args:
        faults: one sentence each.
    """
    print("\n".join(faults) if faults else "no faults")
    sys.exit(1 if faults else 0)


def write_panels(file: Path, panels: Sequence[dict[str, Any]]) -> None:
    """Draw panels side by side.

    Args:
        file: the PNG file.
        panels: Vega-Lite specifications with their data, without sizes.
    """
    sized = [{"width": 260, "height": 180, **panel} for panel in panels]
    looks = {"view": {"stroke": None}, "axis": {"grid": False}, "title": {"anchor": "start"}}
    spec = {"hconcat": sized, "config": {"background": "white", **looks}}
    file.write_bytes(vl_convert.vegalite_to_png(spec, VEGA_LITE, scale=1.5))
