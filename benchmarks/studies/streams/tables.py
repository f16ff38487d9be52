"""Write tables that come with scikit-learn as the stream vectors reads them; every fifth row of a class tests.

python benchmarks/studies/streams/tables.py tables
"""

import sys
from pathlib import Path

import numpy as np
from sklearn.datasets import load_digits, load_iris, load_wine

CULTIVARS = ("barolo", "grignolino", "barbera")
"""Names of the classes of wine, which scikit-learn numbers, in the order of Forina et al. 1986."""


def tested(y):
    """Whether each row tests: every fifth of its class."""
    rank = np.array([np.sum(y[:row] == label) for row, label in enumerate(y)])
    return rank % 5 == 4


if __name__ == "__main__":
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    x, y = load_digits(return_X_y=True)
    test = tested(y)
    np.savez(folder / "digits.npz", x_train=x[~test], y_train=y[~test], x_test=x[test], y_test=y[test])
    for name, data, names in (("wine", load_wine(as_frame=True), CULTIVARS), ("iris", load_iris(as_frame=True), None)):
        table = data.data.assign(label=np.array(names or data.target_names)[data.target])
        test = tested(data.target.to_numpy())
        (folder / name).mkdir(exist_ok=True)
        for part, rows in (("train", table[~test]), ("test", table[test])):
            if name == "wine":
                rows.to_csv(folder / name / f"{part}.csv", index=False)
            else:
                rows.to_parquet(folder / name / f"{part}.parquet", index=False)
