"""Guarded reading of a result folder: every stored JSON, CSV and text file is opened here.

A result folder may come from anyone. Only regular files are read; their size, nesting, rows and columns are limited.
Anything else raises OSError or ValueError with one short line, so that one damaged run does not affect the others.
"""

import csv
import io
import os
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pandas as pd
from numpy.typing import NDArray

from lifelong_lb.untrusted import parse_json, quoted, read_bytes, read_text, shortened

MAX_JSON_BYTES = 4 * 2**20
"""Size limit of a JSON file of a run."""
MAX_BYTES = 256 * 2**20
"""Size limit of a CSV file, a log or a traceback."""
MAX_ROWS = 3_000_000
"""Most lines of a CSV file."""
MAX_COLUMNS = 1000
"""Most columns of a CSV file."""
_HEADING_BYTES = 2**16
_PANDAS = tuple(map(int, pd.__version__.split(".")[:2]))
_EXACT: dict[str, Any] = {} if _PANDAS >= (3, 1) else {"float_precision": "round_trip"}
"""Before pandas 3.1, floats are only read exactly with this option."""


def exists(path: Path) -> bool:
    """Whether a path exists, as any kind of file; a dangling symbolic link counts.

    Args:
        path: a path below a result folder.

    Returns:
        False also if the folder cannot be read.
    """
    return os.path.lexists(path)


def read_json(path: Path, limit: int = MAX_JSON_BYTES) -> Any:
    """Read a JSON file.

    Args:
        path: the file.
        limit: largest accepted size in bytes.

    Returns:
        Its value.

    Raises:
        OSError: if it is missing or cannot be read.
        ValueError: if it is not a regular file, too large, not JSON, or nested too deep.
    """
    text = read_text(path, limit)
    try:
        return parse_json(text)
    except ValueError as error:
        raise ValueError(f"{path.name} cannot be decoded: {error}") from None


def read_mapping(path: Path, limit: int = MAX_JSON_BYTES) -> dict[str, Any]:
    """Read a JSON file that holds a mapping.

    Args:
        path: the file.
        limit: largest accepted size in bytes.

    Returns:
        The mapping.

    Raises:
        OSError: if it is missing or cannot be read.
        ValueError: as for :func:`read_json`.
        TypeError: if it holds something other than a mapping.
    """
    value = read_json(path, limit)
    if not isinstance(value, dict):
        raise TypeError(f"{path.name}: not a mapping")
    return value


def read_tail(path: Path, characters: int) -> str:
    """Read the end of a text file.

    Args:
        path: the file.
        characters: most characters of the result.

    Returns:
        The text; the beginning of a longer one is replaced by a note.

    Raises:
        OSError: if it is missing or cannot be read.
        ValueError: if it is not a regular file, or too large.
    """
    text = read_text(path, MAX_BYTES)
    left_out = len(text) - characters
    return text if left_out <= 0 else f"[{left_out} characters left out]\n{text[left_out:]}"


def read_rows(
    path: Path, columns: Mapping[str, Callable[[str], Any]], most: int = MAX_ROWS
) -> Iterator[tuple[Any, ...]]:
    """Read some columns of a small CSV file.

    Args:
        path: the file.
        columns: required columns, and the parser of each.
        most: most rows.

    Yields:
        The values of a row, in the order of ``columns``.

    Raises:
        OSError: if it is missing or cannot be read.
        ValueError: if it is not a regular file, too large, or not such a table.
    """
    lines = csv.reader(io.TextIOWrapper(io.BytesIO(_csv_bytes(path)), "utf-8", "backslashreplace", newline=""))
    try:
        heading = next(lines, [])
        missing = [column for column in columns if column not in heading]
        if missing:
            raise ValueError(f"lacks the column {missing[0]!r}")
        places = [(heading.index(column), read) for column, read in columns.items()]
        for number, row in enumerate(filter(None, lines)):
            if number >= most:
                raise ValueError(f"holds more than {most} rows")
            if len(row) != len(heading):
                raise ValueError(f"holds {len(row)} values, not {len(heading)}")
            yield tuple(read(row[place]) for place, read in places)
    except (ValueError, csv.Error) as error:
        raise ValueError(f"{path.name}, line {lines.line_num}: {shortened(str(error), 200)}") from None


def read_frame(path: Path, *, complete: bool = False, **options: Any) -> pd.DataFrame:
    """Read a CSV file with pandas, which is faster for large ones.

    Args:
        path: the file.
        complete: refuse lines with fewer values than there are columns, which are else filled up; not checked if texts
            are quoted.
        options: of :func:`pandas.read_csv`.

    Returns:
        The table, with floats read exactly.

    Raises:
        OSError: if it is missing or cannot be read.
        ValueError: if it is not a regular file, too large, or not a table.
    """
    content = _csv_bytes(path)
    settings = {"encoding_errors": "backslashreplace", "low_memory": False, **_EXACT, **options}
    try:
        frame: pd.DataFrame = pd.read_csv(io.BytesIO(content), **settings)
    except (ValueError, OverflowError, csv.Error) as error:
        reason = " ".join(str(error).split()).removeprefix("Error tokenizing data. C error: ")
        raise ValueError(f"{path.name}: {shortened(reason, 200)}") from None
    if not isinstance(frame.index, pd.RangeIndex):
        raise ValueError(f"{path.name}: lines hold more values than there are columns")
    if complete and b'"' not in content and content.count(b",") < (len(frame.columns) - 1) * (len(frame) + 1):
        raise ValueError(f"{path.name}: lines hold fewer values than there are columns")
    return frame


def read_columns(path: Path, types: Mapping[str, type]) -> dict[str, NDArray[Any]] | None:
    """Read a CSV file with exactly these columns, faster than :func:`read_frame`, which also explains what is wrong.

    Args:
        path: the file.
        types: ``int``, ``float`` (NaN for an empty cell or ``nan``) or ``str`` by column.

    Returns:
        Values by column, floats read exactly; None if the file cannot be read or is not such a table.
    """
    import pyarrow as pa
    from pyarrow import csv as arrow_csv

    kinds = {int: pa.int64(), float: pa.float64(), str: pa.dictionary(pa.int32(), pa.string())}
    convert = arrow_csv.ConvertOptions(
        column_types={name: kinds[kind] for name, kind in types.items()}, null_values=["", "nan"]
    )
    try:
        content = _csv_bytes(path)
        read = arrow_csv.ReadOptions(use_threads=False, block_size=len(content) + 1)
        table = arrow_csv.read_csv(pa.py_buffer(content), read_options=read, convert_options=convert)
    except (OSError, ValueError):
        return None
    columns = [column.combine_chunks() for column in table.columns]
    if (
        table.column_names != list(types)
        or not len(table)
        or any(column.null_count and kind is not float for column, kind in zip(columns, types.values(), strict=True))
    ):
        return None
    return {name: column.to_numpy(zero_copy_only=False) for name, column in zip(types, columns, strict=True)}


def check_range(values: NDArray[Any], column: str, end: int) -> None:
    """Check a column of whole numbers.

    Args:
        values: its numbers.
        column: its name.
        end: the first number that is too large.

    Raises:
        ValueError: if it holds anything but whole numbers in 0..end-1.
    """
    if values.dtype.kind != "i":
        raise ValueError(f"{column} must hold whole numbers")
    if values.min(initial=0) < 0 or values.max(initial=0) >= end:
        raise ValueError(f"{column} must lie in 0..{end - 1}")


def _csv_bytes(path: Path) -> bytes:
    """Bytes of a CSV file with a limited number of rows and columns."""
    content = read_bytes(path, MAX_BYTES)
    if b"\0" in content:
        raise ValueError(f"{path.name}: holds NUL bytes")
    heading = content[:_HEADING_BYTES].partition(b"\n")[0]
    if len(heading) == _HEADING_BYTES or heading.count(b'"') % 2 or heading.count(b",") >= MAX_COLUMNS:
        raise ValueError(f"{path.name}: must begin with a line of at most {MAX_COLUMNS} names; got {quoted(heading)}")
    if content.count(b"\n") + content.count(b"\r") > 2 * MAX_ROWS:
        raise ValueError(f"{path.name}: holds more than {MAX_ROWS} rows")
    return content
