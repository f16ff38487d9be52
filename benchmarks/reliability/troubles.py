"""Runs in trouble, a full disk, a folder that may not be written to: what is recorded, and whether a study goes on.

The trouble ends when a file is removed; the same command with ``--retry`` then has to lead to the results of a study
that was never in trouble. A full disk needs a small one: ``--small DIR``, a folder on a file system of a few megabytes
(``mount -t tmpfs -o size=2m tmpfs DIR``); without it that part is left out.
"""

import os
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
from common import HERE, STUDY, arguments, finish, leftovers, print_summary_and_exit, same_accuracies

TROUBLES = HERE / "troubles.yaml"
EXPECTED = {"hangs": "timeout", "killed": "failed", "fails": "failed", "memory": "failed", "diverges": "diverged"}
AGAIN = [option for status in ("failed", "diverged", "timeout") for option in ("--retry", status)]


def main() -> None:
    """One trouble after the other."""
    small = Path(sys.argv.pop(sys.argv.index("--small") + 1)) if "--small" in sys.argv else None
    sys.argv = [word for word in sys.argv if word != "--small"]
    options = arguments(__doc__)
    wrong = [*runs_in_trouble(options.out), *not_writable(options.out)]
    wrong += disk_full(options.out, small) if small is not None else ["full disk: left out, no --small DIR"]
    print_summary_and_exit(wrong)


def runs_in_trouble(out: Path) -> Iterator[str]:
    """What is told of each kind of trouble."""
    there = out / "trouble"
    there.touch()
    environment = {"TROUBLE": str(there)}
    code, _, _ = finish(TROUBLES, out / "troubles", "--timeout", "20", env=environment)
    runs = pd.read_csv(out / "troubles" / "results.csv")
    print(runs.groupby("strategy", sort=False)["status"].agg(lambda statuses: ", ".join(sorted(set(statuses)))))
    for row in runs.itertuples():
        kind = next((kind for kind in EXPECTED if kind in row.strategy), None)
        if row.status != EXPECTED.get(kind or "", "done"):
            yield f"{row.strategy}: recorded as {row.status}"
    if code != 1:
        yield f"exit code {code} where runs are not done"
    there.unlink()
    code, _, _ = finish(TROUBLES, out / "troubles", *AGAIN, env=environment)
    finish(TROUBLES, out / "untroubled", env=environment)
    if code != 0 or not same_accuracies(out / "troubles", out / "untroubled") or leftovers(out / "troubles"):
        yield f"after the troubles: exit code {code}, or other accuracies than without them"


def not_writable(out: Path) -> Iterator[str]:
    """A folder that the user may not write to."""
    folder = out / "closed"
    folder.mkdir()
    folder.chmod(0o555)
    # root may write anywhere, but for what it has given up
    given_up = ["setpriv", "--bounding-set=-all", "--inh-caps=-all"] if os.getuid() == 0 else []
    code, _, said = finish(STUDY, folder / "study", prefix=given_up)
    print(f"not writable: exit code {code}, {said.strip()[-200:]}")
    if code != 2 or "Traceback" in said:
        yield f"a folder that may not be written to: exit code {code}, {said}"


def disk_full(out: Path, small: Path) -> Iterator[str]:
    """A disk that is full before the study is done, and is given room."""
    study, ballast = small / "study", small / "ballast"
    shutil.rmtree(study, ignore_errors=True)
    ballast.write_bytes(b"\0" * (shutil.disk_usage(small).free - 150_000))
    code, _, said = finish(STUDY, study, "--workers", "2")
    last = said.strip().splitlines()[-1] if said.strip() else ""
    done = len(list((study / "runs").glob("*/result.json"))) if (study / "runs").is_dir() else 0
    print(f"full disk: exit code {code}, {done} runs stored, {last}")
    if code != 1 or "Traceback" in said:
        yield f"a full disk: exit code {code}, {said}"
    ballast.unlink()
    code, _, said = finish(STUDY, study, "--workers", "2", "--retry", "failed")
    finish(STUDY, out / "clean", "--workers", "2")
    if code != 0 or not same_accuracies(study, out / "clean") or leftovers(study):
        yield f"after the full disk: exit code {code}, {said}"


if __name__ == "__main__":
    main()
