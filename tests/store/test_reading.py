"""CSV files read as arrays, compared with pandas."""

import math

import numpy as np
import pytest

from lifelong_lb.store.reading import read_columns, read_frame

TYPES = {"whole": int, "name": str, "number": float}
ROWS = "0,rise,0.1\n1,loss,\n2,rise,1e-17\n3,loss,nan\n4,rise,123456789.123456789\n"


def test_values_are_those_of_pandas(tmp_path):
    path = tmp_path / "table.csv"
    path.write_text(f"whole,name,number\n{ROWS}")
    columns, frame = read_columns(path, TYPES), read_frame(path)
    assert list(columns) == list(TYPES)
    for name, values in columns.items():
        np.testing.assert_array_equal(values, frame[name].to_numpy())
    assert (columns["whole"].dtype, columns["number"].dtype) == ("int64", "float64")


@pytest.mark.parametrize(
    "content",
    [
        "",
        "whole,name,number\n",
        "whole,number,name\n0,0.1,rise\n",
        "whole,name\n0,rise\n",
        "whole,name,number,more\n0,rise,0.1,0\n",
        "whole,name,number\n0,rise\n",
        "whole,name,number\n0,rise,0.1,0\n",
        "whole,name,number\n0.5,rise,0.1\n",
        "whole,name,number\n,rise,0.1\n",
        "whole,name,number\n0,rise,much\n",
        "whole,name,number\n99999999999999999999,rise,0.1\n",
        "whole,name,number\n0,\0,0.1\n",
    ],
)
def test_other_tables_are_left_to_the_reader_that_explains(tmp_path, content):
    path = tmp_path / "table.csv"
    path.write_text(content)
    assert read_columns(path, TYPES) is None


def test_a_missing_file_and_a_folder_are_left_to_it_too(tmp_path):
    assert read_columns(tmp_path / "none.csv", TYPES) is None
    assert read_columns(tmp_path, TYPES) is None


def test_short_lines_are_refused_on_request(tmp_path):
    path = tmp_path / "table.csv"
    path.write_text("a,b,c\n1,2,3\n1,2\n")
    assert math.isnan(read_frame(path)["c"][1])
    with pytest.raises(ValueError, match="table.csv: lines hold fewer values than there are columns"):
        read_frame(path, complete=True)
