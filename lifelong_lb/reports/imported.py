"""Accuracy matrices that another framework has measured, read from a CSV file."""

import csv
import hashlib
import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from difflib import get_close_matches
from os import PathLike
from pathlib import Path

import pandas as pd

from lifelong_lb.config import UserError
from lifelong_lb.evaluation import ADDED_METRICS, AccuracyMatrix
from lifelong_lb.reports.results import ACCURACY_COLUMNS, KEYS, RESULT_COLUMNS, Results, metrics_of
from lifelong_lb.reports.wording import plural
from lifelong_lb.untrusted import quoted

MARK = " [imported]"
"""What is added to the rule of an imported run."""
_LABELS = ["stream", "strategy", "rule", "base_optimizer"]
_NUMBERS = ["seed", "trained", "evaluated"]
_COLUMNS = [*_LABELS, *_NUMBERS, "accuracy"]


@dataclass(frozen=True)
class _Row:
    """One line of a file.

    Attributes:
        line: its number, from 1.
        run: id of its run.
        key: labels and seed of its run, the values of :data:`KEYS` after the id.
        trained: i.
        evaluated: j.
        accuracy: R[i, j].
    """

    line: int
    run: str
    key: tuple[str | int, ...]
    trained: int
    evaluated: int
    accuracy: float


def read_matrices(path: str | PathLike[str]) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Read accuracy matrices that another framework has measured.

    Args:
        path: a CSV file with the columns of ``accuracy.csv``: stream, strategy, rule, base_optimizer, seed, trained,
            evaluated, accuracy, and perhaps run. A row holds the accuracy, a fraction, on the test part of experience
            ``evaluated`` after training on experience ``trained``, both numbered from 0. The last row of each matrix
            must be complete; further columns are not read.

    Returns:
        Frames like those of :func:`~lifelong_lb.reports.load_results`: one row a run, with the metrics computed from
        its matrix and NaN for what it cost, and one row an accuracy.

    Raises:
        UserError: when the file cannot be read, or its rows do not make up whole accuracy matrices.
    """
    place = Path(path)
    runs: dict[str, list[_Row]] = {}
    for row in _rows(place):
        runs.setdefault(row.run, []).append(row)
    if not runs:
        raise UserError(f"{place}: holds no accuracies")
    _check_keys(place, runs)
    _check_entries(place, runs)
    _check_experiences(place, runs)
    of_runs, of_entries = [], []
    for run, rows in runs.items():
        key = dict(zip(KEYS, (run, *rows[0].key), strict=True))
        entries = [(row.trained, row.evaluated, row.accuracy) for row in rows]
        matrix = AccuracyMatrix.from_entries(entries, _experiences(rows))
        of_runs.append({**key, **metrics_of(matrix), "status": "done"})
        of_entries += [{**key, "trained": i, "evaluated": j, "accuracy": a} for i, j, a in matrix.entries()]
    columns = [*RESULT_COLUMNS, *ADDED_METRICS]
    return pd.DataFrame(of_runs, columns=columns), pd.DataFrame(of_entries, columns=ACCURACY_COLUMNS)


def with_imported(results: Results, paths: Sequence[Path]) -> Results:
    """Put imported runs beside those of result folders.

    Args:
        results: what the folders' runs have to say.
        paths: files for :func:`read_matrices`.

    Returns:
        The results with the imported runs in them, whose rules are marked with :data:`MARK`. They pair with nothing:
        :attr:`~lifelong_lb.reports.Results.imported` names them.

    Raises:
        UserError: when a file cannot be used, holds a run that is there already, or streams of other lengths.
    """
    lengths = _lengths(results.accuracy)
    homes = dict.fromkeys(map(str, results.runs["run"]), "the result folders")
    frames, problems = [(results.runs, results.accuracy)], []
    for path in paths:
        runs, accuracy = (frame.assign(rule=frame["rule"] + MARK) for frame in read_matrices(path))
        for run in runs["run"]:
            if run in homes:
                raise UserError(f"{path}: its run {run} is one of {homes[run]}, too; each run may be given once")
            homes[run] = str(path)
        for stream, (run, T) in _lengths(accuracy).items():
            earlier, expected = lengths.setdefault(stream, (run, T))
            if expected != T:
                raise UserError(
                    f"{path}: run {run} has {T} {plural('experience', T)} of the stream {quoted(stream)}, "
                    f"run {earlier} of {homes[earlier]} has {expected}; give streams that differ another label"
                )
        frames.append((runs, accuracy))
        problems += _sentences(path, runs, results.runs)
    joined = [_stacked([pair[which] for pair in frames]) for which in (0, 1)]
    imported = results.imported.union(run for run, home in homes.items() if home != "the result folders")
    return replace(
        results, runs=joined[0], accuracy=joined[1], problems=[*results.problems, *problems], imported=imported
    )


def _sentences(path: Path, runs: pd.DataFrame, ours: pd.DataFrame) -> list[str]:
    n = len(runs)
    found = [
        f"{path}: {n} {plural('run', n)} of another framework, marked{MARK}; their metrics are computed here from the "
        "accuracies that it measured. Equal seeds of two frameworks share neither initialisation nor data order, so "
        "comparisons across them are not paired, and these runs are in no paired comparison and in no ranking"
    ]
    known = sorted({str(stream) for stream in ours["stream"]})
    for stream in dict.fromkeys(runs["stream"]):
        if stream not in known:
            near = get_close_matches(stream, known, n=1)
            hint = f"; is it {quoted(near[0])}?" if near else ""
            found.append(f"{path}: the stream {quoted(stream)} is none of the folders', so it stands by itself{hint}")
    return found


def _stacked(frames: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """Frames one below the other, in the columns of the first; by rows, as columns without a number have no type."""
    rows = [row for frame in frames for row in frame.to_dict("records")]
    return pd.DataFrame(rows, columns=frames[0].columns)


def _lengths(accuracy: pd.DataFrame) -> dict[str, tuple[str, int]]:
    """A run of each stream, and its number of experiences."""
    found: dict[str, tuple[str, int]] = {}
    for (stream, run), rows in accuracy.groupby(["stream", "run"], sort=False):
        found.setdefault(str(stream), (str(run), 1 + int(rows[["trained", "evaluated"]].to_numpy().max())))
    return found


def _rows(path: Path) -> Iterator[_Row]:
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file)
            _check_columns(path, reader.fieldnames or [])
            for values in reader:
                yield _row(f"{path}, line {reader.line_num}", reader.line_num, values)
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise UserError(f"{path}: cannot be read ({error})") from None


def _check_columns(path: Path, found: Sequence[str]) -> None:
    for column in _COLUMNS:
        if column not in found:
            others = [name for name in found if name not in _COLUMNS]
            near = get_close_matches(column, others, n=1, cutoff=0.5)
            hint = f"; is it {quoted(near[0])}?" if near else ""
            raise UserError(
                f"{path}: lacks the column {quoted(column)}{hint} (its columns: {', '.join(found) or 'none'})"
            )


def _row(where: str, line: int, values: Mapping[str | None, str | None]) -> _Row:
    if None in values or None in values.values():
        raise UserError(f"{where}: as many values as the file has columns are needed")
    texts = {str(column): str(text).strip() for column, text in values.items()}
    for column in _LABELS:
        if not texts[column]:
            raise UserError(f"{where}: {column} must not be empty")
    seed, trained, evaluated = (_whole_number(where, column, texts[column]) for column in _NUMBERS)
    key: tuple[str | int, ...] = (*(texts[column] for column in _LABELS), seed)
    run = texts.get("run") or f"imported-{hashlib.sha256(json.dumps(key).encode()).hexdigest()[:12]}"
    return _Row(line, run, key, trained, evaluated, _accuracy(where, texts["accuracy"]))


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return math.nan


def _whole_number(where: str, column: str, text: str) -> int:
    if text.isdecimal():
        return int(text)
    number = _number(text)  # such as 3.0, which pandas makes of columns with gaps
    if not (number >= 0 and number.is_integer()):
        raise UserError(f"{where}: {column} must be a whole number >= 0; got {quoted(text)}")
    return int(number)


def _accuracy(where: str, text: str) -> float:
    number = _number(text)
    if not 0 <= number <= 1:
        hint = "; divide percentages by 100" if 1 < number <= 100 else ""
        raise UserError(f"{where}: accuracy must be a fraction from 0 to 1; got {quoted(text)}{hint}")
    return number


def _check_keys(path: Path, runs: Mapping[str, Sequence[_Row]]) -> None:
    """A run has one meaning, and no two runs have the same."""
    homes: dict[tuple[str | int, ...], str] = {}
    for run, rows in runs.items():
        other = next((row for row in rows if row.key != rows[0].key), None)
        if other is not None:
            raise UserError(
                f"{path}, line {other.line}: run {run} is {_called(other.key)} here, but {_called(rows[0].key)} in "
                f"line {rows[0].line}"
            )
        if homes.setdefault(rows[0].key, run) != run:
            raise UserError(f"{path}: {homes[rows[0].key]} and {run} are both {_called(rows[0].key)}")


def _check_entries(path: Path, runs: Mapping[str, Sequence[_Row]]) -> None:
    """No entry twice, and the last row of each matrix is complete."""
    for rows in runs.values():
        lines: dict[tuple[int, int], int] = {}
        for row in rows:
            entry = row.trained, row.evaluated
            if entry in lines:
                raise UserError(
                    f"{path}, line {row.line}: {_called(row.key)} has an accuracy for trained {row.trained}, evaluated "
                    f"{row.evaluated} in line {lines[entry]} already"
                )
            lines[entry] = row.line
        T = _experiences(rows)
        lacking = [str(j) for j in range(T) if (T - 1, j) not in lines]
        if lacking:
            raise UserError(
                f"{path}: {_called(rows[0].key)} lacks accuracies after the last experience, trained {T - 1}: on "
                f"{', '.join(lacking)} (experiences are numbered from 0)"
            )


def _check_experiences(path: Path, runs: Mapping[str, Sequence[_Row]]) -> None:
    first: dict[str | int, Sequence[_Row]] = {}
    for rows in runs.values():
        other = first.setdefault(rows[0].key[0], rows)
        T, expected = _experiences(rows), _experiences(other)
        if expected != T:
            raise UserError(
                f"{path}: {_called(rows[0].key)} has {T} {plural('experience', T)}, {_called(other[0].key)} has "
                f"{expected}: those of one stream must have the same number"
            )


def _experiences(rows: Sequence[_Row]) -> int:
    return 1 + max(max(row.trained, row.evaluated) for row in rows)


def _called(key: Sequence[str | int]) -> str:
    return f"{', '.join(map(str, key[:-1]))}, seed {key[-1]}"
