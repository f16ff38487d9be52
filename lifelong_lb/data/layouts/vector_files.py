"""Vectors of features in one ``.npz`` file, or in CSV or Parquet files."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lifelong_lb.config import UserError
from lifelong_lb.data.arrays import Arrays, Source, require_memory
from lifelong_lb.data.layouts.array_files import CLASS_NAMES, NAMES, loaded
from lifelong_lb.untrusted import encodable, open_regular, path_text, quoted, reason_text

LABEL_COLUMNS = ("label", "labels", "class", "target")
"""Accepted names of the column of labels; the first one present is used."""
ENDINGS = (".csv", ".parquet")
LAYOUTS = (
    "an .npz file with x_train (N, F), y_train (N,), x_test, y_test, or a folder with train.csv and test.csv (or "
    f"train.parquet and test.parquet), whose column {' or '.join(LABEL_COLUMNS)} holds the classes"
)


@dataclass(frozen=True)
class VectorFiles(Source):
    """Vectors with labels; they are read as float32 ``(N, 1, 1, F)``.

    Labels are integers, or strings in tables, which are numbered in alphabetical order.

    Attributes:
        folder: the ``.npz`` file, or the folder of the tables.
        ending: of the files, one of :data:`ENDINGS`; empty for an ``.npz`` file.
        mean: 0; the stream standardises.
        std: 1.
    """

    folder: Path
    ending: str = ""
    mean: tuple[float, ...] = (0.0,)
    std: tuple[float, ...] = (1.0,)

    @property
    def description(self) -> str:  # type: ignore[override]  # a read-only attribute
        """The file or folder."""
        return f"vectors in {path_text(self.folder)}"

    def files(self) -> list[Path]:
        """List the files that are read.

        Returns:
            The ``.npz`` file, or both tables.
        """
        return [self.folder / f"{part}{self.ending}" for part in ("train", "test")] if self.ending else [self.folder]

    def labels(self) -> list[int]:
        """Read the vectors, and find their labels.

        Returns:
            The labels of the train part, ascending.

        Raises:
            UserError: if a file is missing or damaged.
        """
        return [int(label) for label in np.unique(self.read()[0].y)]

    def read(self) -> tuple[Arrays, Arrays]:
        """Read both parts.

        Returns:
            Train and test part.

        Raises:
            UserError: if a file is missing or damaged, a feature is not a finite number, or the parts differ in their
                features.
        """
        train, test = _from_tables(*self.files()) if self.ending else _from_npz(self.folder)
        if train.x.shape[3] != test.x.shape[3]:
            raise UserError(
                f"{path_text(self.folder)}: training vectors have {train.x.shape[3]} features, test vectors "
                f"{test.x.shape[3]}"
            )
        return train, test


def vector_source(path: Path) -> Source:
    """Build the source of vectors.

    Args:
        path: an existing file or folder.

    Returns:
        The source; the vectors are not read yet.

    Raises:
        UserError: if the path has no known layout.
    """
    if path.is_file() and path.suffix == ".npz":
        return VectorFiles(path)
    ending = next((end for end in ENDINGS if (path / f"train{end}").is_file()), None)
    if ending is None:
        raise UserError(f"{path_text(path)}: no vectors in a known layout: {LAYOUTS}")
    return VectorFiles(path, ending)


def _from_npz(path: Path) -> tuple[Arrays, Arrays]:
    available: list[str] = loaded(path, lambda content: sorted(content.files))

    def array(name: str) -> NDArray[Any]:
        found = next((each for each in NAMES[name] if each in available), None)
        if found is None:
            raise UserError(f"{path_text(path)}: no array {' or '.join(NAMES[name])}; its arrays are {available}")
        return loaded(path, lambda content: np.asarray(content[found]))

    names: tuple[str, ...] = ()
    if CLASS_NAMES in available:
        names = tuple(encodable(str(each)) for each in loaded(path, lambda content: content[CLASS_NAMES].ravel()))
    parts = []
    for part in ("train", "test"):
        x, y = array(f"x_{part}"), array(f"y_{part}")
        title = f"{path_text(path)}: x_{part}"
        if x.ndim != 2 or x.dtype.kind not in "biuf" or not x.shape[1]:
            raise UserError(f"{title} must be numbers (N, F), one row per vector; got {x.dtype} {x.shape}")
        if y.shape != (len(x),) or not len(y) or y.dtype.kind not in "iu":
            raise UserError(f"{title}: labels must be {len(x)} integers, at least one; got {y.dtype} {y.shape}")
        parts.append(Arrays(_features(x, title, [str(i) for i in range(x.shape[1])]), y.astype(np.int64), names))
    return parts[0], parts[1]


def _from_tables(train: Path, test: Path) -> tuple[Arrays, Arrays]:
    tables = [_table(path) for path in (train, test)]
    label = next((name for name in LABEL_COLUMNS if name in tables[0]), None)
    if label is None:
        columns = reason_text(", ".join(list(tables[0])[:40]))
        raise UserError(f"{path_text(train)}: no column {' or '.join(LABEL_COLUMNS)}; its columns are {columns}")
    features = [name for name in tables[0] if name != label]
    if not features:
        raise UserError(f"{path_text(train)}: no columns of features besides {label}")
    for name in (label, *features):
        if name not in tables[1]:
            raise UserError(f"{path_text(test)}: no column {quoted(name)}, which {train.name} has")
    extra = next((name for name in tables[1] if name not in tables[0]), None)
    if extra is not None:
        raise UserError(f"{path_text(test)}: column {quoted(extra)} is not in {train.name}")
    names, labels = _labels(label, [table[label] for table in tables], (train, test))
    parts = []
    for path, table, y in zip((train, test), tables, labels, strict=True):
        for name in features:
            if table[name].dtype.kind not in "biuf":
                got = quoted(table[name].tolist()[0])
                raise UserError(f"{path_text(path)}: column {quoted(name)} must hold numbers; got {got} in row 1")
        with require_memory(4 * len(features) * len(y), f"the vectors in {path_text(path)}"):
            x = np.stack([table[name].astype(np.float64) for name in features], axis=1)
        parts.append(Arrays(_features(x, path_text(path), features), y, names))
    return parts[0], parts[1]


def _table(path: Path) -> dict[str, NDArray[Any]]:
    """Columns of a table; missing numbers are NaN."""
    import pyarrow.csv
    import pyarrow.parquet

    try:
        with open_regular(path) as file:
            table = pyarrow.csv.read_csv(file) if path.suffix == ".csv" else pyarrow.parquet.read_table(file)
        columns = {name: table[name].to_numpy() for name in table.column_names}
    except FileNotFoundError:
        raise UserError(f"{path_text(path)}: missing") from None
    except (pyarrow.ArrowException, OSError, ValueError, LookupError, TypeError) as error:
        raise UserError(f"{path_text(path)}: not a valid table ({reason_text(error)})") from None
    if not len(table):
        raise UserError(f"{path_text(path)}: has no rows")
    return columns


def _labels(
    label: str, columns: Sequence[NDArray[Any]], paths: Sequence[Path]
) -> tuple[tuple[str, ...], list[NDArray[np.int64]]]:
    """Class names and labels of both parts."""
    if all(column.dtype.kind in "iu" for column in columns):
        return (), [column.astype(np.int64) for column in columns]
    for path, column in zip(paths, columns, strict=True):
        values = column.tolist()
        wrong = next((i for i, value in enumerate(values) if not isinstance(value, str)), None)
        if wrong is not None:
            got = quoted(values[wrong])
            raise UserError(
                f"{path_text(path)}: column {label} must hold integers or names of classes; got {got} in row "
                f"{wrong + 1}"
            )
    names = sorted({value for column in columns for value in column})
    number = {name: i for i, name in enumerate(names)}
    return tuple(map(encodable, names)), [np.array([number[value] for value in column]) for column in columns]


def _features(x: NDArray[Any], title: str, names: Sequence[str]) -> NDArray[np.float32]:
    """Convert to float32 ``(N, 1, 1, F)``, after checking that all numbers are finite."""
    with np.errstate(over="ignore"):
        converted = x.astype(np.float32)
    bad = np.argwhere(~np.isfinite(converted))
    if len(bad):
        row, column = bad[0]
        raise UserError(
            f"{title}: features must be finite numbers of float32; got {x[row, column]} in row {row + 1}, feature "
            f"{quoted(names[column])}" + (f", and {len(bad) - 1} more" if len(bad) > 1 else "")
        )
    return np.ascontiguousarray(converted)[:, None, None]
