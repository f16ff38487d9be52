"""Tables as CSV, compared with pandas."""

import numpy as np
import pandas as pd
import pytest

from lifelong_lb.store import csv_text
from lifelong_lb.store.csv_text import csv_parts

TEXTS = ["plain", "a, b", 'say "k"', "two\nlines", "", "café", "-0.5", " x ", "\r", "nan"]
NUMBERS = [0.1, -0.0, 0.0, 1e-17, 1e16, 1 / 3, float("inf"), float("nan"), 123456.0, -2.5e-5]


@pytest.mark.parametrize("rows_per_part", [3, 20_000])
@pytest.mark.parametrize(
    "columns",
    [
        {"text": TEXTS, "number": NUMBERS},
        {"missing": ["a", None, "b", *TEXTS[3:]], "whole": range(10), "mark": [True, False] * 5},
        {"category": pd.Categorical(TEXTS), "number": np.float32(NUMBERS)},
        {"experience": pd.array([0, None, 2, *range(7)], dtype="Int64"), "text": TEXTS},
        {"mixed": ["a", 1, 1.0, True, None, *TEXTS[5:]], "number": NUMBERS},
        {"alone": TEXTS},
        {"a": [], "b": []},
        {},
    ],
    ids=lambda columns: "-".join(columns) or "empty",
)
def test_the_text_is_that_of_pandas(monkeypatch, columns, rows_per_part):
    monkeypatch.setattr(csv_text, "_ROWS", rows_per_part)
    frame = pd.DataFrame(columns)
    assert "".join(csv_parts(frame)) == frame.to_csv(index=False)


def test_equal_headings_are_kept():
    frame = pd.DataFrame([["a", 0.5], ["b", 1.5]], columns=["x, y", "x, y"])
    assert "".join(csv_parts(frame)) == frame.to_csv(index=False)
