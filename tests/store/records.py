"""Records of runs for the tests of the store."""

from lifelong_lb.store import RunRecord

STUDY = {"streams": "split-digits", "rules": ["none", "sam"], "seeds": 2}


CONFIG = {part: {"name": "x"} for part in ("stream", "strategy", "rule", "optimizer", "model")}


RECORD = RunRecord(
    run="abc",
    config=CONFIG,
    status="done",
    experiences=2,
    accuracy=[(0, 0, 1 / 3), (1, 0, 0.1 + 0.2), (1, 1, 1.0)],
    initial_accuracy=[0.1, 0.2],
    gradient_evaluations=12,
    train_seconds=0.1,
    samples_seen=30,
    forward_passes=17,
    environment={"torch": "2"},
    data={"sha256": "x"},
)


FULL = {"experiences": 5, "accuracy": [(i, j, 0.5) for i in range(5) for j in range(i + 1)]}


FAILED = RunRecord("abc", CONFIG, "failed", message="disk", traceback="Traceback ...")


def write(folder, record):
    with folder.new_run(record.run) as scratch:
        (scratch / "log.txt").write_text("hello")
        folder.write_run(record, scratch)
