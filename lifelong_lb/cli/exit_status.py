"""Final output and exit status of commands that run or report."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from lifelong_lb.cli.output import show

if TYPE_CHECKING:
    from lifelong_lb.reports import Results


SOME_RUNS_NOT_DONE, UNUSABLE_INPUT, INTERRUPTED = 1, 2, 130
"""Exit codes other than 0."""
MAX_LISTED = 5
"""Most unfinished runs that are listed individually."""
MAX_CHARACTERS = 200
"""Most characters shown of the message of each."""
_LEFT_OUT = "remove the folders listed, and lifelong-lb run computes these runs again"
_CHANGED_WEIGHTS = (
    "either restore the file of weights (model.weights) of the other runs and remove the folders listed, or keep the "
    "file of these runs and remove the folders of the other runs; lifelong-lb run computes again what was removed"
)


@dataclass(frozen=True)
class Answer:
    """What to print of a report.

    Attributes:
        columns: metrics and costs of the table; None for the default ones.
        baseline: label of the rule that the others are compared with.
        metrics: metrics whose comparisons follow.
        test: test of the comparisons.
        explain: whether to print everything, with definitions.
    """

    columns: Sequence[str] | None = None
    baseline: str | None = None
    metrics: Sequence[str] | None = None
    test: str = "sign-flip"
    explain: bool = False


def print_summary_and_exit(
    folder: Path,
    results: "Results",
    run_ids: set[str] | None = None,
    *,
    err: bool = False,
    answer: Answer | None = None,
) -> None:
    """Print runs that are not done, then the answer; exit with 1 unless all requested runs are done.

    Args:
        folder: folder of the report.
        results: the results of the runs.
        run_ids: ids of the runs asked for; None for all of the folder.
        err: whether to print to stderr.
        answer: what to print; None for the default.

    Raises:
        typer.Exit: unless all are done.
    """
    from lifelong_lb.reports import comparison_table, comparisons_text, summary_text

    a = answer or Answer()
    for line in unfinished_run_lines(folder, results, run_ids):
        show(line, err=err)
    text = summary_text(results, a.columns, baseline=a.baseline, metrics=a.metrics, test=a.test, explain=a.explain)
    show(text, err=err)
    show(f"report: {folder / 'report.html'}", err=err)
    if a.metrics:
        compared = comparison_table(results, a.baseline, a.metrics, a.test)
        show(comparisons_text(compared, a.test, results, explain=a.explain).rstrip("\n"), err=err)
    done = set(results.runs.loc[results.runs["status"] == "done", "run"])
    if (run_ids - done) if run_ids is not None else (results.missing or len(done) < len(results.runs)):
        raise typer.Exit(SOME_RUNS_NOT_DONE)


def unfinished_run_lines(folder: Path, results: "Results", run_ids: set[str] | None) -> Iterator[str]:
    """List runs that are not done, with the reason, runs left out, and how to compute them again.

    Args:
        folder: the result folder.
        results: its results.
        run_ids: ids of the runs asked for; None for all.

    Yields:
        Lines.
    """
    from lifelong_lb.reports.results.comparability import OTHER_WEIGHTS
    from lifelong_lb.untrusted import shortened

    columns = ["stream", "strategy", "rule", "base_optimizer"]
    labels = {run: " ".join(map(str, row)) for run, *row in results.runs[["run", *columns]].itertuples(index=False)}
    records = {run: record for run, record in results.records.items() if run_ids is None or run in run_ids}
    failed = {run: record for run, record in records.items() if record.status != "done"}
    reasons = {run: shortened(" ".join(record.message.split()), MAX_CHARACTERS) for run, record in failed.items()}
    yield from _listed([
        f"  {labels[run]} seed {record.config.get('seed')}: {record.status}: {reasons[run]}"
        for run, record in failed.items()
    ])
    if failed:
        options = " ".join(f"--retry {status}" for status in sorted({record.status for record in failed.values()}))
        yield f"not done: {len(failed)} run{'s' * (len(failed) != 1)}; {options} runs them again"
    left_out = [run for run in sorted(results.left_out) if run_ids is None or run in run_ids]
    if left_out:
        homes = {run: results.homes[run].path if run in results.homes else folder for run in left_out}
        yield from _listed([f"  {homes[run] / 'runs' / run}" for run in left_out])
        weights = any(OTHER_WEIGHTS in problem for problem in results.problems)
        yield (
            f"left out: {len(left_out)} run{'s' * (len(left_out) != 1)}, for the reason in the notes below; "
            f"{_CHANGED_WEIGHTS if weights else _LEFT_OUT}"
        )


def _listed(lines: list[str]) -> Iterator[str]:
    yield from lines[:MAX_LISTED]
    if len(lines) > MAX_LISTED:
        yield f"  and {len(lines) - MAX_LISTED} more"
