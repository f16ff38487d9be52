"""Records of runs for the tests of the store."""

import numpy as np

from lifelong_lb.evaluation import AccuracyMatrix
from lifelong_lb.store import RunRecord

STUDY = {"streams": "split-digits", "rules": ["none", "sam"], "seeds": 2}


CONFIG = {part: {"name": "x"} for part in ("stream", "strategy", "rule", "optimizer", "model")}


RECORD = RunRecord(
    run="abc",
    config=CONFIG,
    status="done",
    accuracy=AccuracyMatrix.from_entries([(0, 0, 1 / 3), (1, 0, 0.1 + 0.2), (1, 1, 1.0)], 2, initial=[0.1, 0.2]),
    gradient_evaluations=12,
    train_seconds=0.1,
    samples_seen=30,
    forward_passes=17,
    environment={"torch": "2"},
    data={"sha256": "x"},
)


FULL = AccuracyMatrix(np.full((5, 5), 0.5)).seen()


FAILED = RunRecord("abc", CONFIG, "failed", message="disk", traceback="Traceback ...")


def write(folder, record):
    with folder.new_run(record.run) as scratch:
        (scratch / "log.txt").write_text("hello")
        folder.write_run(record, scratch)
