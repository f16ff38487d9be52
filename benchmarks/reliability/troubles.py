"""Failing runs, a full disk and a read-only folder: recorded statuses, and continuation of the study.

Runs stop failing when a file is removed; the same command with ``--retry`` must then give the results of a study
without failures. The test of a full disk needs ``--small DIR``, a folder on a file system of a few megabytes
(``mount -t tmpfs -o size=2m tmpfs DIR``); without it that part is skipped.
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
    """Test failing runs, a read-only folder and a full disk."""
    small = Path(sys.argv.pop(sys.argv.index("--small") + 1)) if "--small" in sys.argv else None
    sys.argv = [word for word in sys.argv if word != "--small"]
    options = arguments(__doc__)
    wrong = [*runs_in_trouble(options.out), *not_writable(options.out)]
    wrong += disk_full(options.out, small) if small is not None else ["full disk: skipped without --small DIR"]
    print_summary_and_exit(wrong)


def runs_in_trouble(out: Path) -> Iterator[str]:
    """Check the recorded status of each kind of failure."""
    trigger = out / "trouble"
    trigger.touch()
    environment = {"TROUBLE": str(trigger)}
    code, _, _ = finish(TROUBLES, out / "troubles", "--timeout", "20", env=environment)
    runs = pd.read_csv(out / "troubles" / "results.csv")
    print(runs.groupby("strategy", sort=False)["status"].agg(lambda statuses: ", ".join(sorted(set(statuses)))))
    for row in runs.itertuples():
        kind = next((kind for kind in EXPECTED if kind in row.strategy), None)
        if row.status != EXPECTED.get(kind or "", "done"):
            yield f"{row.strategy}: recorded as {row.status}"
    if code != 1:
        yield f"exit code {code} although runs failed"
    trigger.unlink()
    code, _, _ = finish(TROUBLES, out / "troubles", *AGAIN, env=environment)
    finish(TROUBLES, out / "untroubled", env=environment)
    if code != 0 or not same_accuracies(out / "troubles", out / "untroubled") or leftovers(out / "troubles"):
        yield f"after the failures: exit code {code}, or accuracies that differ from those without failures"


def not_writable(out: Path) -> Iterator[str]:
    """Check a folder without write permission."""
    folder = out / "closed"
    folder.mkdir()
    folder.chmod(0o555)
    # root may write anywhere unless it drops its capabilities
    drop = ["setpriv", "--bounding-set=-all", "--inh-caps=-all"] if os.getuid() == 0 else []
    code, _, stderr = finish(STUDY, folder / "study", prefix=drop)
    print(f"not writable: exit code {code}, {stderr.strip()[-200:]}")
    if code != 2 or "Traceback" in stderr:
        yield f"a folder without write permission: exit code {code}, {stderr}"


def disk_full(out: Path, small: Path) -> Iterator[str]:
    """Check a disk that is full before the study ends, then has space again."""
    study, ballast = small / "study", small / "ballast"
    shutil.rmtree(study, ignore_errors=True)
    ballast.write_bytes(b"\0" * (shutil.disk_usage(small).free - 150_000))
    code, _, stderr = finish(STUDY, study, "--workers", "2")
    last = stderr.strip().splitlines()[-1] if stderr.strip() else ""
    done = len(list((study / "runs").glob("*/result.json"))) if (study / "runs").is_dir() else 0
    print(f"full disk: exit code {code}, {done} runs stored, {last}")
    if code != 1 or "Traceback" in stderr:
        yield f"a full disk: exit code {code}, {stderr}"
    ballast.unlink()
    code, _, stderr = finish(STUDY, study, "--workers", "2", "--retry", "failed")
    finish(STUDY, out / "clean", "--workers", "2")
    if code != 0 or not same_accuracies(study, out / "clean") or leftovers(study):
        yield f"after the full disk: exit code {code}, {stderr}"


if __name__ == "__main__":
    main()
