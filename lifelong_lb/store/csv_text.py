"""Tables as CSV, part by part."""

import csv
import io
import os
from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd
from pandas.api.types import is_bool_dtype, is_integer_dtype

_ROWS = 20_000
"""Rows per part."""


def csv_parts(frame: pd.DataFrame) -> Iterator[str]:
    """Format a table as :meth:`pandas.DataFrame.to_csv` does, without its index, in less time and memory.

    Args:
        frame: the table.

    Yields:
        The heading, then some rows at a time.

    Example:
        >>> "".join(csv_parts(pd.DataFrame({"rule": ["a, b", "none"], "x": [0.1, float("nan")]}))).split()
        ['rule,x', '"a,', 'b",0.1', 'none,']
    """
    columns = [frame.iloc[:, place] for place in range(frame.shape[1])]
    if len(columns) < 2 or not all(_is_plain(column.dtype) for column in columns):  # the text of an empty line is ""
        yield frame.to_csv(index=False)
        return
    yield frame.iloc[:0].to_csv(index=False)
    for start in range(0, len(frame), _ROWS):
        cells = [_cells(column.iloc[start : start + _ROWS]) for column in columns]
        yield os.linesep.join([*map(",".join, zip(*cells, strict=True)), ""])


def _is_plain(dtype: Any) -> bool:
    """Whether equal values of a column have the same type and text."""
    if isinstance(dtype, pd.CategoricalDtype):
        return isinstance(dtype.categories.dtype, pd.StringDtype)
    return isinstance(dtype, pd.StringDtype) or is_integer_dtype(dtype) or is_bool_dtype(dtype) or dtype == np.float64


def _cells(column: "pd.Series[Any]") -> list[str]:
    """Texts of a column; equal values are formatted once."""
    if column.dtype == np.float64:
        places, bits = pd.factorize(column.to_numpy(dtype=np.float64).view(np.int64))  # distinguishes -0.0 from 0.0
        texts = ["" if value != value else repr(value) for value in bits.view(np.float64).tolist()]
    else:
        places, values = pd.factorize(column)
        texts = [_quoted(value) if isinstance(value, str) else str(value) for value in values.tolist()]
    cells: list[str] = np.array([*texts, ""], dtype=object)[places].tolist()  # the place of a missing value is -1
    return cells


def _quoted(text: str) -> str:
    """A text in quotation marks if it needs them."""
    line = io.StringIO()
    csv.writer(line, lineterminator=os.linesep).writerow([text, ""])
    return line.getvalue().removesuffix(f",{os.linesep}")
