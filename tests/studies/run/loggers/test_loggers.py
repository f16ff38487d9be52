"""Loggers receive the stored values once, and do not affect results."""

import json
import pickle
import struct
import subprocess
import sys
from importlib.util import find_spec

import pytest

from lifelong_lb import UserError, load_results, run_study
from lifelong_lb.config import expand, parse_study
from lifelong_lb.evaluation import average_accuracy_curve, forgetting_curve
from lifelong_lb.reports import matrix_of
from lifelong_lb.studies.job import Job, LoggedAs
from lifelong_lb.studies.run.checkpoints import Checkpoints
from lifelong_lb.studies.run.loggers.base import RunInfo
from lifelong_lb.studies.run.loggers.dispatch import Loggers
from lifelong_lb.studies.run.loggers.mlflow import MLflowLogger
from lifelong_lb.studies.run.loggers.registry import LOGGERS, Kind
from lifelong_lb.studies.run.loggers.tensorboard import TensorBoardLogger
from lifelong_lb.studies.run.state import RunState

STUDY = {
    "name": "logged",
    "streams": [{"name": "split-digits", "experiences": 2, "images_per_class": 10}],
    "model": {"name": "mlp", "hidden": [8]},
    "train": {"batch_size": 20},
    "optimizers": {"name": "sgd", "lr": 0.25},
    "seeds": [3],
}


@pytest.fixture(autouse=True)
def _offline(monkeypatch, tmp_path_factory):
    monkeypatch.setenv("NETRC", str(tmp_path_factory.mktemp("no-keys") / "netrc"))
    for name in ("WANDB_MODE", "WANDB_API_KEY", "MLFLOW_TRACKING_URI"):
        monkeypatch.delenv(name, raising=False)


def run(out, loggers, checkpoint_every=None, **changes):
    how = {"executor": "in-process", "device": "cpu", "checkpoint_every": checkpoint_every}
    run_study({**STUDY, **changes}, out, loggers=loggers, **how)
    return load_results(out)


def curves(folder):
    """What TensorBoard shows of a run: tag to ``[(step, value)]``."""
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    found = EventAccumulator(str(folder), size_guidance={"scalars": 0})
    found.Reload()
    return {tag: [(e.step, e.value) for e in found.Scalars(tag)] for tag in found.Tags()["scalars"]}


def expected(runs, accuracy):
    """Tag to ``[(step, value)]``, from the tables."""
    (run,) = runs.to_dict("records")
    R = matrix_of(accuracy)
    means, lost = average_accuracy_curve(R), forgetting_curve(R)
    return {
        "accuracy/experience_0": [(0, R.values[0, 0]), (1, R.values[1, 0])],
        "accuracy/experience_1": [(1, R.values[1, 1])],
        "average_accuracy": [(0, means[0]), (1, means[1])],
        "forgetting": [(1, lost[1])],
        "learning_rate": [(0, 0.25), (1, 0.25)],
        "gradient_evaluations": [(0, run["gradient_evaluations"] / 2), (1, run["gradient_evaluations"])],
        "forward_passes": [(0, run["forward_passes"] / 2), (1, run["forward_passes"])],
        "final/average_accuracy": [(0, run["average_accuracy"])],
        "final/learning_accuracy": [(0, run["learning_accuracy"])],
        "final/forward_passes": [(0, run["forward_passes"])],
        "final/train_seconds": [(0, run["train_seconds"])],
    }


def check(found, wanted):
    for tag, points in wanted.items():
        assert [step for step, _ in found[tag]] == [step for step, _ in points], tag
        assert [value for _, value in found[tag]] == pytest.approx([value for _, value in points], rel=1e-6), tag


@pytest.fixture(scope="module")
def logged(tmp_path_factory):
    """One run with two loggers."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("NETRC", str(tmp_path_factory.mktemp("no-keys") / "netrc"))
        patch.delenv("WANDB_MODE", raising=False)
        patch.delenv("WANDB_API_KEY", raising=False)
        out = tmp_path_factory.mktemp("logged") / "out"
        return out, *run(out, ["tensorboard", "wandb", "tensorboard"])


@pytest.mark.slow
def test_tensorboard_shows_what_is_stored(logged):
    out, runs, accuracy = logged
    (folder,) = (out / "tensorboard").iterdir()
    assert folder.name == f"split-digits_naive_none_sgd_seed_3-{runs['run'][0]}"
    found = curves(folder)
    check(found, expected(runs, accuracy))
    assert not any("nan" in str(points) for points in found.values())


@pytest.mark.slow
def test_no_number_depends_on_loggers(logged, tmp_path):
    _, runs, accuracy = logged
    alone, entries = run(tmp_path / "out", [])
    assert entries.equals(accuracy)
    depends = ["train_seconds", "peak_memory"]
    assert alone.drop(columns=depends).equals(runs.drop(columns=depends))
    assert not (tmp_path / "out" / "tensorboard").exists()


def records_of(path):
    """Records of a file that wandb keeps offline: a log of blocks, as LevelDB has them."""
    from wandb.proto.wandb_internal_pb2 import Record

    data, at, whole = path.read_bytes(), 7, b""
    while at + 7 <= len(data):
        if (left := 32768 - at % 32768) < 7:
            at += left
            continue
        _, length, kind = struct.unpack("<IHB", data[at : at + 7])
        whole += data[at + 7 : at + 7 + length]
        at += 7 + length
        if kind in (1, 4):  # all of it, or its last part
            yield Record.FromString(whole)
            whole = b""


def test_wandb_keeps_what_is_stored(logged):
    out, runs, accuracy = logged
    (folder,) = (out / "wandb").glob("*run-*")
    assert folder.name.startswith("offline-run-")
    (file,) = folder.glob("*.wandb")
    found, summary = {}, {}
    for record in records_of(file):
        if record.HasField("history"):
            row = {i.key or i.nested_key[0]: json.loads(i.value_json) for i in record.history.item}
            step = record.history.step.num
            for tag in set(row) - {"_step", "_runtime", "_timestamp"}:
                found.setdefault(tag, []).append((step, row[tag]))
        if record.HasField("run") and record.run.project:
            about = record.run
        if record.HasField("summary"):
            summary |= {i.key or i.nested_key[0]: json.loads(i.value_json) for i in record.summary.update}
    wanted = expected(runs, accuracy)
    check(found, {tag: points for tag, points in wanted.items() if not tag.startswith("final/")})
    final = [tag for tag in wanted if tag.startswith("final/")]
    assert final
    for tag in final:
        assert summary[tag] == pytest.approx(wanted[tag][0][1])
    assert summary["status"] == "done"
    assert (about.project, about.run_group) == ("logged", "split-digits/naive/none")
    assert about.run_id.startswith(runs["run"][0])


@pytest.mark.slow
@pytest.mark.skipif(find_spec("mlflow") is None, reason="mlflow is not installed")
def test_mlflow_keeps_what_is_stored(tmp_path):
    from mlflow.tracking import MlflowClient

    out = tmp_path / "a folder"
    runs, accuracy = run(out, "mlflow")
    client = MlflowClient(tracking_uri=(out / "mlruns").as_uri())
    (experiment,) = [each for each in client.search_experiments() if each.name == "logged"]
    (found,) = client.search_runs([experiment.experiment_id])
    wanted = expected(runs, accuracy)
    history = {tag: [(m.step, m.value) for m in client.get_metric_history(found.info.run_id, tag)] for tag in wanted}
    check(history, wanted)
    assert found.data.params["optimizer.lr"] == "0.25"
    assert found.data.tags["stream"] == "split-digits"
    assert (found.data.tags["status"], found.info.status) == ("done", "FINISHED")
    logger = MLflowLogger()
    config = expand(parse_study(STUDY))[0].config
    logger.start(RunInfo(runs["run"][0], "again", "logged", {}, config.to_json(), out), print)
    (found,) = client.search_runs([experiment.experiment_id])
    assert found.info.run_name == "again"


class Memory:
    """Keep all calls."""

    def __init__(self, fails=""):
        self.received, self.fails = [], fails

    def start(self, about, say):
        self._tell("start", about)

    def experience(self, values, step):
        self._tell("experience", step, values)

    def end(self, metrics, status):
        self._tell("end", status, metrics)

    def _tell(self, what, *more):
        self.received.append((what, *more))
        if what == self.fails:
            raise OSError("no space\nleft")


@pytest.fixture
def memory(monkeypatch):
    def made(fails=""):
        logger = Memory(fails)
        monkeypatch.setitem(LOGGERS, f"memory {fails}", Kind("json", "", lambda: logger))
        return logger

    return made


@pytest.mark.parametrize(("fails", "calls"), [("start", 1), ("experience", 2), ("end", 4)])
def test_a_failing_logger_is_disabled(tmp_path, memory, capfd, fails, calls):
    broken, whole = memory(fails), memory()
    runs, _ = run(tmp_path, [f"memory {fails}", "memory "])
    assert runs["status"].tolist() == ["done"]
    assert (len(broken.received), len(whole.received)) == (calls, 4)
    said = capfd.readouterr().out
    line = f"logger memory {fails} failed and is disabled; the run continues (OSError: no space left)"
    assert said.count(line) == 1


def test_a_run_that_fails_ends_its_log(tmp_path, memory):
    logger = memory()
    runs, _ = run(tmp_path, "memory ", optimizers={"name": "sgd", "lr": 1e30})
    assert runs["status"].tolist() == ["diverged"]
    what, status, metrics = logger.received[-1]
    assert (what, status) == ("end", "diverged")
    assert "final/average_accuracy" not in metrics
    assert metrics["final/gradient_evaluations"] >= 1


def job(out, *loggers):
    config = expand(parse_study(STUDY))[0].config
    labels = {"stream": "a/b", "strategy": "naive", "rule": "none", "base_optimizer": "sgd"}
    return Job(config, "a/b naive: x", out, (), 1, {}, logged=LoggedAs(loggers, "logged", labels))


def test_a_run_that_goes_on_is_logged_whole(tmp_path, memory):
    before, first = RunState(logged=[(0, {"average_accuracy": 0.5})]), memory()
    Loggers(job(tmp_path, "memory "), print).learnt(before)
    assert [call[:2] for call in first.received[1:]] == [("experience", 0)]
    later = memory()
    loggers = Loggers(job(tmp_path, "memory "), print)
    before.logged.append((1, {"average_accuracy": 0.25}))  # what comes with the checkpoint, and what is new
    loggers.learnt(before)
    before.logged.append((2, {"average_accuracy": 0.125}))
    loggers.learnt(before)
    assert later.received[1:] == [("experience", i, {"average_accuracy": 0.5**i / 2}) for i in range(3)]


def test_what_was_logged_before_is_replaced(tmp_path):
    for title, value in (("a/b", 0.25), ("another label", 0.75)):
        logger = TensorBoardLogger()
        logger.start(RunInfo("abc", title, "logged", {}, {"rule": {"name": "sam"}}, tmp_path), print)
        logger.experience({"average_accuracy": value}, 0)
        logger.end({}, "failed")
    (tmp_path / "tensorboard" / "other-abcd").mkdir()
    found = sorted(path.name for path in (tmp_path / "tensorboard").iterdir())
    assert found == ["another_label-abc", "other-abcd"]
    assert curves(tmp_path / "tensorboard" / "another_label-abc")["average_accuracy"] == [(0, 0.75)]


def test_a_run_as_loggers_see_it(tmp_path):
    about = RunInfo("abc", "a/b: c (k = 2)", "s", {"stream": "x", "strategy": "y", "rule": "z"}, {}, tmp_path)
    assert (about.group, about.file_name) == ("x/y/z", "a_b_c_k_=_2_-abc")
    config = {"rule": {"name": "sam", "rho": 0.5, "alpha": None}, "seed": 1, "order": [1, 2], "flip": True}
    about = RunInfo("abc", "", "", {}, config, tmp_path)
    assert about.settings() == {"rule.name": "sam", "rule.rho": 0.5, "seed": 1, "order": "[1, 2]", "flip": True}


def test_unusable_loggers_are_refused_before_the_run(tmp_path, monkeypatch):
    with pytest.raises(UserError, match="unknown logger 'tensorbord'; did you mean 'tensorboard'?"):
        run(tmp_path / "out", "tensorbord")
    monkeypatch.setitem(LOGGERS, "mlflow", Kind("no_such_package", "'lifelong-lb[mlflow]'", MLflowLogger))
    with pytest.raises(UserError, match=r"mlflow needs the package .* pip install 'lifelong-lb\[mlflow\]'"):
        run(tmp_path / "out", ["tensorboard", "mlflow"])
    assert not (tmp_path / "out").exists()


@pytest.mark.slow
def test_nothing_is_imported_for_loggers_that_are_not_asked_for():
    code = (
        "import sys, lifelong_lb.studies.study, lifelong_lb.studies.run.loggers.registry; "
        "print(sorted({'torch', 'tensorboard', 'wandb', 'mlflow', 'requests'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_a_job_with_loggers_can_be_sent_to_another_process(tmp_path):
    sent = job(tmp_path, "tensorboard")
    assert pickle.loads(pickle.dumps(sent)) == sent


def test_a_study_that_was_stopped_has_one_whole_log_of_each_run(tmp_path, monkeypatch, capfd):
    save = Checkpoints.after

    def save_and_stop(*of_the_run):
        save(*of_the_run)
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Checkpoints, "after", save_and_stop)
        with pytest.raises(KeyboardInterrupt):
            run(tmp_path, "tensorboard", checkpoint_every=0)
    (folder,) = (tmp_path / "tensorboard").iterdir()
    assert curves(folder)["average_accuracy"][0][0] == 0
    runs, accuracy = run(tmp_path, "tensorboard", checkpoint_every=0)
    assert "resumed after experience 0 from a checkpoint" in capfd.readouterr().out
    (folder,) = (tmp_path / "tensorboard").iterdir()
    check(curves(folder), expected(runs, accuracy))
