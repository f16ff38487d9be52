"""Escaping of texts that spreadsheets would run as formulas."""

from typing import Any

import pandas as pd
from pandas.api.types import is_bool_dtype, is_numeric_dtype

from lifelong_lb.untrusted import begins_like_a_formula


def without_formulas(frame: pd.DataFrame) -> pd.DataFrame:
    """Prefix texts that a spreadsheet would take for formulas with an apostrophe.

    Args:
        frame: a table.

    Returns:
        The table; only headings and texts that begin with ``= + - @``, a tab or a line break change. A text that is a
        number, e.g. ``-0.5``, stays.

    Example:
        >>> without_formulas(pd.DataFrame({"label": ["=1+1", "-0.5", "a-b"], "x": [-1.0, 2.0, 3.0]}))
           label    x
        0  '=1+1 -1.0
        1   -0.5  2.0
        2    a-b  3.0
    """
    changed = {}
    for place, column in enumerate(frame.columns):
        cells = frame.iloc[:, place]
        if not is_numeric_dtype(cells.dtype) and not is_bool_dtype(cells.dtype):
            by = {text: f"'{text}" if _is_formula(text) else text for text in cells.unique() if isinstance(text, str)}
            if any(text != written for text, written in by.items()):
                changed[column] = [by[cell] if isinstance(cell, str) else cell for cell in cells]
    frame = frame.assign(**changed) if changed else frame
    headings = {column: f"'{column}" for column in frame.columns if _is_formula(column)}
    return frame.rename(columns=headings) if headings else frame


def _is_formula(cell: Any) -> bool:
    if not isinstance(cell, str) or not begins_like_a_formula(cell):
        return False
    try:
        float(cell)
    except ValueError:
        return True
    return cell != cell.strip()
