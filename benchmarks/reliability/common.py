"""What the scripts of this folder share: launching the command line, and looking at what it leaves."""

import argparse
import contextlib
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
STUDY = HERE / "study.yaml"


def arguments(description: str, **numbers: int) -> argparse.Namespace:
    """Options of a script.

    Args:
        description: what it does.
        numbers: further options that are whole numbers, with their defaults.

    Returns:
        Their values; ``out`` is an empty folder unless one is named.
    """
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--out", type=Path, default=None, help="where results are written; default: a temporary folder")
    parser.add_argument("--figure", type=Path, default=None, help="draw what was seen into this PNG file")
    for name, default in numbers.items():
        parser.add_argument(f"--{name}", type=int, default=default)
    found = parser.parse_args()
    found.out = found.out or Path(tempfile.mkdtemp(prefix="lifelong_lb-reliability-"))
    found.out.mkdir(parents=True, exist_ok=True)
    return found


def launch(study: Path, out: Path, *options: str, prefix: Sequence[str] = (), **popen: Any) -> subprocess.Popen[str]:
    """Start ``lifelong-lb run`` in a session of its own.

    Args:
        study: the study file.
        out: the result folder.
        options: further options.
        prefix: words before the command, such as ``setpriv`` and its options.
        popen: further arguments of ``Popen``.

    Returns:
        The process; its output is read through ``stdout`` and ``stderr``.
    """
    command = [*prefix, sys.executable, "-m", "lifelong_lb", "run", str(study), "--out", str(out), *options]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True, "start_new_session": True}
    environment = {**os.environ, "OMP_NUM_THREADS": "1", **popen.pop("env", {})}
    return subprocess.Popen(command, **{**pipes, "env": environment, **popen})


def finish(study: Path, out: Path, *options: str, **popen: Any) -> tuple[int, str, str]:
    """Run ``lifelong-lb run`` to its end.

    Args:
        study: as for :func:`launch`.
        out: likewise.
        options: likewise.
        popen: likewise.

    Returns:
        Exit code and what was printed to stdout and stderr.
    """
    process = launch(study, out, *options, **popen)
    printed, said = process.communicate()
    return process.returncode, printed, said


def runs_of(out: Path) -> list[str]:
    """Ids of the runs in a result folder.

    Args:
        out: the folder.

    Returns:
        Sorted.
    """
    return sorted(path.name for path in (out / "runs").iterdir() if not path.name.startswith("."))


def leftovers(out: Path) -> list[str]:
    """What lies beside the runs: claims, scratch folders, checkpoints.

    Args:
        out: the folder.

    Returns:
        Names, sorted; empty when all is tidy.
    """
    return sorted(path.name for path in (out / "runs").iterdir() if path.name.startswith("."))


def same_accuracies(out: Path, clean: Path) -> bool:
    """Whether two studies left the same ``accuracy.csv``, byte for byte.

    Args:
        out: a result folder.
        clean: another one.

    Returns:
        True or false.
    """
    return (out / "accuracy.csv").read_bytes() == (clean / "accuracy.csv").read_bytes()


def print_summary_and_exit(wrong: Sequence[str]) -> None:
    """Say what is wrong, and end with exit code 1 when anything is.

    Args:
        wrong: sentences.
    """
    print("\n".join(wrong) if wrong else "all as it should be")
    sys.exit(1 if wrong else 0)


@contextlib.contextmanager
def drawn(file: Path, panels: int) -> Iterator[list[Any]]:
    """Panels side by side, written as a PNG in the end.

    Args:
        file: the PNG file.
        panels: how many.

    Yields:
        Axes of matplotlib.
    """
    import matplotlib as mpl

    mpl.use("Agg")
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(1, panels, figsize=(3.6 * panels, 2.8), squeeze=False, layout="constrained")
    yield list(axes[0])
    for panel in axes[0]:
        panel.spines[["top", "right"]].set_visible(False)
    figure.savefig(file, dpi=120, metadata={"Software": None})
    plt.close(figure)
