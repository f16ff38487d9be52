"""Import of accuracy matrices of other frameworks from CSV files."""

import csv
import hashlib
import io
import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from os import PathLike
from pathlib import Path

import pandas as pd

from lifelong_lb.config import UserError
from lifelong_lb.config.entries.seeds import MAX_SEED
from lifelong_lb.config.errors import closest, listed_names
from lifelong_lb.evaluation import ADDED_METRICS, AccuracyMatrix, Outcome, outcomes
from lifelong_lb.reports.names import listed, plural
from lifelong_lb.reports.results.collect import RESULT_COLUMNS, Results, reasons_of
from lifelong_lb.reports.results.stored_tables import KEYS, accuracy_table
from lifelong_lb.untrusted import begins_like_a_formula, quoted, read_bytes, shortened

IMPORTED_SUFFIX = " [imported]"
"""Suffix of the rule labels of imported runs."""
MAX_EXPERIENCES = 1000
"""Maximum number of experiences of a stream; its matrix takes 8 MB."""
MAX_RUNS = 10_000
"""Maximum number of runs in a file."""
MAX_LABEL_CHARACTERS = 200
"""Maximum length of a label or run id."""
_LABELS = ["stream", "strategy", "rule", "base_optimizer"]
_NAMED = 3
"""Number of unknown streams that get a message each."""
_SHOWN = 20
"""Number of missing experiences that a message lists."""
_MAX_HEADER_CHARACTERS = 500
"""Number of characters of the header that a message quotes."""
_NUMBERS = ["seed", "trained", "evaluated"]
_COLUMNS = [*_LABELS, *_NUMBERS, "accuracy"]


@dataclass(frozen=True)
class _Row:
    """One line of a file: R[trained, evaluated] of a run.

    Attributes:
        line: line number, from 1.
        run: run id.
        key: labels and seed of the run, the values of :data:`KEYS` after the id.
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
    """Read accuracy matrices measured by another framework.

    Args:
        path: a CSV file with the columns of ``accuracy.csv``: stream, strategy, rule, base_optimizer, seed, trained,
            evaluated, accuracy, and optionally run. Each row contains the accuracy, a fraction, on the test part of
            experience ``evaluated`` after training on experience ``trained``, both numbered from 0. The last row of
            each matrix must be complete; further columns are ignored.

    Returns:
        Frames like those of :func:`~lifelong_lb.reports.load_results`: one row per run, with metrics computed from its
        matrix and NaN costs, and one row per accuracy.

    Raises:
        UserError: if the file cannot be read, or its rows do not form valid accuracy matrices.
    """
    runs, matrices, _ = _imported(Path(path))
    return runs, accuracy_table(runs, matrices)


def _imported(file: Path) -> tuple[pd.DataFrame, dict[str, AccuracyMatrix], dict[str, dict[str, Outcome]]]:
    """Runs of a file, one per row, and their accuracy matrices and metrics by run id."""
    runs: dict[str, list[_Row]] = {}
    for row in _rows(file):
        runs.setdefault(row.run, []).append(row)
        if len(runs) > MAX_RUNS:
            raise UserError(f"{file}: contains more than {MAX_RUNS:,} runs")
    if not runs:
        raise UserError(f"{file}: contains no accuracies")
    _check_keys(file, runs)
    _check_entries(file, runs)
    _check_experiences(file, runs)
    table, matrices, evaluated = [], {}, {}
    for run, rows in runs.items():
        entries = [(row.trained, row.evaluated, row.accuracy) for row in rows]
        matrices[run] = AccuracyMatrix.from_entries(entries, _experiences(rows))
        evaluated[run] = outcomes(matrices[run])
        values = {name: outcome.value for name, outcome in evaluated[run].items()}
        table.append({**dict(zip(KEYS, (run, *rows[0].key), strict=True)), **values, "status": "done"})
    return pd.DataFrame(table, columns=[*RESULT_COLUMNS, *ADDED_METRICS]), matrices, evaluated


def with_imported(results: Results, paths: Sequence[Path]) -> Results:
    """Add imported runs to the results of folders.

    Args:
        results: results of the folders.
        paths: files for :func:`read_matrices`.

    Returns:
        The results including the imported runs, whose rule labels end with :data:`IMPORTED_SUFFIX` and whose ids are in
        :attr:`~lifelong_lb.reports.Results.imported`. Their seeds are paired with none.

    Raises:
        UserError: if a file is invalid, contains a known run, or a stream has another number of experiences.
    """
    lengths = _lengths(results.runs, results.matrices)
    sources = dict.fromkeys(map(str, results.runs["run"]), "the result folders")
    frames, problems = [results.runs], []
    matrices, reasons = dict(results.matrices), dict(results.reasons)
    for path in paths:
        runs, found, evaluated = _imported(path)
        runs = runs.assign(rule=runs["rule"] + IMPORTED_SUFFIX)
        for run in runs["run"]:
            if run in sources:
                raise UserError(f"{path}: run {run} is also in {sources[run]}; each run may be given once")
            sources[run] = str(path)
        for stream, (run, T) in _lengths(runs, found).items():
            earlier, expected = lengths.setdefault(stream, (run, T))
            if expected != T:
                raise UserError(
                    f"{path}: run {run} has {T} {plural('experience', T)} of the stream {quoted(stream)}, "
                    f"run {earlier} of {sources[earlier]} has {expected}; different streams need different labels"
                )
        frames.append(runs)
        matrices |= found
        reasons |= reasons_of(evaluated)
        problems += _sentences(path, runs, results.runs)
    imported = results.imported.union(run for run, home in sources.items() if home != "the result folders")
    return replace(
        results,
        runs=_concatenated(frames),
        matrices=matrices,
        problems=[*results.problems, *problems],
        imported=imported,
        reasons=reasons,
    )


def _sentences(path: Path, runs: pd.DataFrame, local_runs: pd.DataFrame) -> list[str]:
    n = len(runs)
    sentences = [
        f"{path}: {n} {plural('run', n)} of another framework, marked{IMPORTED_SUFFIX}; metrics are computed from its "
        "accuracies. Equal seeds of two frameworks share neither initialisation nor data order, so these runs are in "
        "no paired comparison and no ranking"
    ]
    known = sorted({str(stream) for stream in local_runs["stream"]})
    others = [stream for stream in dict.fromkeys(runs["stream"]) if stream not in set(known)]
    for stream in others[:_NAMED]:
        near = closest(stream, known)
        hint = f"; did you mean {quoted(near)}?" if near else ""
        sentences.append(f"{path}: the stream {quoted(stream)} is in none of the folders{hint}")
    if len(others) > _NAMED:
        sentences.append(f"{path}: {len(others) - _NAMED} more streams are in none of the folders")
    return sentences


def _concatenated(frames: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """Concatenate frames, in the columns of the first; row by row, because all-empty columns have no dtype."""
    rows = [row for frame in frames for row in frame.to_dict("records")]
    return pd.DataFrame(rows, columns=frames[0].columns)


def _lengths(runs: pd.DataFrame, matrices: Mapping[str, AccuracyMatrix]) -> dict[str, tuple[str, int]]:
    """First run of each stream that has a matrix, and its number of experiences."""
    lengths: dict[str, tuple[str, int]] = {}
    for stream, run in zip(runs["stream"], runs["run"], strict=True):
        if run in matrices:
            lengths.setdefault(str(stream), (str(run), matrices[run].experiences))
    return lengths


def _rows(path: Path) -> Iterator[_Row]:
    keys: dict[tuple[str, ...], tuple[str | int, ...]] = {}  # one tuple per run, however many rows it has
    try:
        reader = csv.reader(io.StringIO(read_bytes(path).decode("utf-8-sig"), newline=""))
        header = next(reader, [])
        places = _places(path, header)
        for values in reader:
            if values:  # not an empty line
                where = f"{path}, line {reader.line_num}"
                if len(values) != len(header):
                    raise UserError(f"{where}: must have {len(header)} values, one per column; got {len(values)}")
                texts = {column: values[place].strip() for column, place in places.items()}
                yield _row(where, reader.line_num, texts, keys)
    except UnicodeDecodeError as error:
        raise UserError(f"{path}: cannot be read (not UTF-8: byte {error.start})") from None
    except (OSError, ValueError, csv.Error) as error:
        if isinstance(error, UserError):
            raise
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise UserError(f"{path}: cannot be read ({reason})") from None


def _places(path: Path, header: Sequence[str]) -> dict[str, int]:
    """Index of each column that is read."""
    for column in _COLUMNS:
        if column not in header:
            near = closest(column, [name for name in header if name not in _COLUMNS], cutoff=0.5)
            hint = f"; did you mean {quoted(near)}?" if near else ""
            columns = shortened(listed_names(header) or "none", _MAX_HEADER_CHARACTERS)
            raise UserError(f"{path}: lacks the column {quoted(column)}{hint} (its columns: {columns})")
    wanted = [column for column in (*_COLUMNS, "run") if column in header]
    twice = next((column for column in wanted if header.count(column) > 1), None)
    if twice is not None:
        raise UserError(f"{path}: has the column {quoted(twice)} {header.count(twice)} times")
    return {column: header.index(column) for column in wanted}


def _row(where: str, line: int, texts: Mapping[str, str], keys: dict[tuple[str, ...], tuple[str | int, ...]]) -> _Row:
    named = tuple(texts[column] for column in (*_LABELS, "seed"))
    if named not in keys:
        for column in _LABELS:
            _check_label(where, column, texts[column])
        keys[named] = (*named[:-1], _whole_number(where, "seed", texts["seed"], MAX_SEED))
    key = keys[named]
    trained, evaluated = (
        _whole_number(where, column, texts[column], MAX_EXPERIENCES - 1) for column in ("trained", "evaluated")
    )
    run = texts.get("run") or f"imported-{hashlib.sha256(json.dumps(key).encode()).hexdigest()[:12]}"
    _check_label(where, "run", run)
    return _Row(line, run, key, trained, evaluated, _accuracy(where, texts["accuracy"]))


def _check_label(where: str, column: str, text: str) -> None:
    if not text:
        raise UserError(f"{where}: {column} must not be empty")
    if len(text) > MAX_LABEL_CHARACTERS or not text.isprintable():
        allowed = f"at most {MAX_LABEL_CHARACTERS} printable characters"
        raise UserError(f"{where}: {column} must be {allowed}; got {len(text)}: {quoted(text)}")
    if begins_like_a_formula(text):
        raise UserError(f"{where}: {column} must not begin with = + - or @, as formulas do; got {quoted(text)}")


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return math.nan


def _whole_number(where: str, column: str, text: str, largest: int) -> int:
    number = _number(text)  # may be 3.0: pandas converts integer columns with gaps to floats
    if not (number >= 0 and number.is_integer()):
        raise UserError(f"{where}: {column} must be a whole number >= 0; got {quoted(text)}")
    if number > largest:
        raise UserError(f"{where}: {column} must be at most {largest}; got {quoted(text)}")
    return int(number)


def _accuracy(where: str, text: str) -> float:
    number = _number(text)
    if not 0 <= number <= 1:
        hint = "; divide percentages by 100" if 1 < number <= 100 else ""
        raise UserError(f"{where}: accuracy must be a fraction from 0 to 1; got {quoted(text)}{hint}")
    return number


def _check_keys(path: Path, runs: Mapping[str, Sequence[_Row]]) -> None:
    """Check that run ids and combinations of labels and seed correspond one to one."""
    homes: dict[tuple[str | int, ...], str] = {}
    for run, rows in runs.items():
        other = next((row for row in rows if row.key != rows[0].key), None)
        if other is not None:
            raise UserError(
                f"{path}, line {other.line}: run {run} is {_run_name(other.key)} here, but {_run_name(rows[0].key)} in "
                f"line {rows[0].line}"
            )
        if homes.setdefault(rows[0].key, run) != run:
            raise UserError(f"{path}: {homes[rows[0].key]} and {run} are both {_run_name(rows[0].key)}")


def _check_entries(path: Path, runs: Mapping[str, Sequence[_Row]]) -> None:
    """Check that no entry is duplicated and that the last row of each matrix is complete."""
    for rows in runs.values():
        lines: dict[tuple[int, int], int] = {}
        for row in rows:
            entry = row.trained, row.evaluated
            if entry in lines:
                raise UserError(
                    f"{path}, line {row.line}: duplicate accuracy of {_run_name(row.key)} for trained {row.trained}, "
                    f"evaluated {row.evaluated} (first in line {lines[entry]})"
                )
            lines[entry] = row.line
        T = _experiences(rows)
        lacking = [str(j) for j in range(T) if (T - 1, j) not in lines]
        if lacking:
            raise UserError(
                f"{path}: {_run_name(rows[0].key)} lacks accuracies after the last experience, trained {T - 1}: on "
                f"{listed(lacking, _SHOWN)} (experiences are numbered from 0)"
            )


def _check_experiences(path: Path, runs: Mapping[str, Sequence[_Row]]) -> None:
    first: dict[str | int, Sequence[_Row]] = {}
    for rows in runs.values():
        other = first.setdefault(rows[0].key[0], rows)
        T, expected = _experiences(rows), _experiences(other)
        if expected != T:
            raise UserError(
                f"{path}: {_run_name(rows[0].key)} has {T} {plural('experience', T)}, {_run_name(other[0].key)} has "
                f"{expected}: runs of one stream must have the same number"
            )


def _experiences(rows: Sequence[_Row]) -> int:
    return 1 + max(max(row.trained, row.evaluated) for row in rows)


def _run_name(key: Sequence[str | int]) -> str:
    return f"{', '.join(shortened(str(label)) for label in key[:-1])}, seed {key[-1]}"
