"""The command line as a subprocess: exit codes, files, messages."""

import json
import os
import shutil
import signal
import subprocess
import sys
from collections import Counter
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml
from helpers.image_files import encoded, pictures, write_cifar_parquet, write_parquet
from helpers.interrupts import enable_interrupts
from helpers.tiny_study import TINY, command, write_study

import lifelong_lb
from lifelong_lb.config import read_study
from lifelong_lb.evaluation import AccuracyMatrix, average_accuracy, forgetting

ACCURACY = ["run", "stream", "strategy", "rule", "base_optimizer", "seed", "trained", "evaluated", "accuracy"]
RESULTS = [
    *("run", "stream", "strategy", "rule", "base_optimizer", "seed"),
    *("average_accuracy", "learning_accuracy", "forgetting", "backward_transfer"),
    *("gradient_evaluations", "train_seconds", "status"),
]


def test_run_leaves_what_the_readme_says(finished):
    assert finished.done.returncode == 0, finished.done.stderr
    assert {p.name for p in finished.out.iterdir()} == {
        *("study.json", "accuracy.csv", "results.csv", "summary.csv", "summary.md", "summary.tex", "report.html"),
        *(
            "comparisons.csv",
            "comparison.csv",
            "comparison.md",
            "comparison.tex",
            "columns.csv",
            "runs",
            ".lock",
            ".report.json",
        ),
    }
    assert len(list((finished.out / "runs").iterdir())) == 8
    assert "report.html" in finished.done.stdout
    assert "8 runs" in finished.done.stderr
    assert "[8/8" in finished.done.stderr
    assert "Warning" not in finished.done.stderr


def test_the_tables_hold_every_run_and_every_entry(finished):
    results, accuracy = pd.read_csv(finished.out / "results.csv"), pd.read_csv(finished.out / "accuracy.csv")
    assert list(results.columns)[: len(RESULTS)] == RESULTS
    assert list(accuracy.columns) == ACCURACY
    assert len(results) == 8
    assert (results["status"] == "done").all()
    assert len(accuracy) == 8 * 15
    assert (accuracy["trained"] >= accuracy["evaluated"]).all()
    for _, run in results.iterrows():
        entries = accuracy[accuracy["run"] == run["run"]]
        matrix = AccuracyMatrix.from_entries(
            entries[["trained", "evaluated", "accuracy"]].itertuples(index=False), experiences=5
        )
        assert run["average_accuracy"] == average_accuracy(matrix)
        assert run["forgetting"] == forgetting(matrix)
    passes = results.groupby("rule")["gradient_evaluations"].unique().to_dict()
    assert list(passes["lookbehind-sam"]) == [3 * passes["none"][0]]
    assert results["learning_accuracy"].min() > 0.8  # five tasks of two digits each are easy to learn
    assert results["train_seconds"].min() > 0


@pytest.mark.slow
def test_a_domain_incremental_study(tmp_path):
    stream = {"name": "permuted-digits", "experiences": 3, "permute_first": False}
    study = write_study(tmp_path / "study.yaml", streams=[stream], strategies="naive", rules="none", seeds=2)
    done = command("run", study, "--out", tmp_path / "out", "--executor", "in-process", "--set", "train.epochs=3")
    assert done.returncode == 0, done.stderr
    accuracy = pd.read_csv(tmp_path / "out" / "accuracy.csv")
    assert len(accuracy) == 2 * 6
    learnt = accuracy[accuracy["trained"] == accuracy["evaluated"]]
    assert learnt["accuracy"].min() > 0.6  # ten classes: chance is 0.1
    data = [json.loads(p.read_text())["data"] for p in sorted((tmp_path / "out" / "runs").glob("*/result.json"))]
    assert [d["class_order"] for d in data] == [list(range(10))] * 2
    assert len({d["permutations"] for d in data}) == 2


def test_load_results_gives_the_same_frames(finished):
    results, accuracy = lifelong_lb.load_results(finished.out)
    pd.testing.assert_frame_equal(accuracy, pd.read_csv(finished.out / "accuracy.csv"), check_dtype=False)
    pd.testing.assert_frame_equal(results, pd.read_csv(finished.out / "results.csv"), check_dtype=False)


def test_running_again_runs_nothing(finished):
    before = {p: p.stat().st_mtime_ns for p in (finished.out / "runs").rglob("*")}
    tables = {name: (finished.out / name).read_bytes() for name in ("accuracy.csv", "results.csv", "report.html")}
    again = command("run", finished.study, "--out", finished.out)
    assert again.returncode == 0
    assert "8 runs, 8 of them ended earlier" in again.stderr
    assert before == {p: p.stat().st_mtime_ns for p in (finished.out / "runs").rglob("*")}
    assert tables == {name: (finished.out / name).read_bytes() for name in tables}


def test_report_rebuilds_every_table(finished, tmp_path):
    shutil.copytree(finished.out, tmp_path / "out")
    kept = {}
    for path in (tmp_path / "out").iterdir():
        if path.is_file() and path.name not in ("study.json", ".lock", ".report.json"):
            kept[path.name] = path.read_bytes()
            path.unlink()
    done = command("report", tmp_path / "out", "--figures", "pdf,svg", "--width", "page", "--font-size", 9)
    assert done.returncode == 0, done.stderr
    assert {path.suffix for path in (tmp_path / "out" / "figures").iterdir()} == {".pdf", ".svg"}
    assert all('width="486"' in path.read_text() for path in (tmp_path / "out" / "figures").glob("*.svg"))
    assert kept == {name: (tmp_path / "out" / name).read_bytes() for name in kept}


def test_results_do_not_depend_on_the_number_of_workers(finished, tmp_path):
    done = command("run", finished.study, "--out", tmp_path / "one", "--executor", "in-process", "--json")
    assert done.returncode == 0, done.stderr
    events = [json.loads(line) for line in done.stdout.splitlines()]
    counts = Counter(event["event"] for event in events)
    assert counts == {"start": 1, "run started": 8, "experience ended": 40, "run ended": 8, "end": 1}
    assert "8 of 8 runs done" in done.stderr
    assert "Warning" not in done.stderr
    assert (tmp_path / "one" / "accuracy.csv").read_bytes() == (finished.out / "accuracy.csv").read_bytes()


def test_a_wider_study_computes_what_is_missing(finished, tmp_path):
    shutil.copytree(finished.out, tmp_path / "out")
    before = {p.name: p.stat().st_mtime_ns for p in (tmp_path / "out" / "runs").iterdir()}
    wider = write_study(tmp_path / "wider.yaml", strategies=["naive"], rules=["none", "sam"], seeds=3)
    done = command("run", wider, "--out", tmp_path / "out")
    assert done.returncode == 0, done.stderr
    assert "6 runs, 2 of them ended earlier" in done.stderr
    after = {p.name: p.stat().st_mtime_ns for p in (tmp_path / "out" / "runs").iterdir()}
    assert before.items() <= after.items()
    assert len(after) == 12
    assert len(pd.read_csv(tmp_path / "out" / "results.csv")) == 12
    failed = next(p for p in (tmp_path / "out" / "runs").iterdir() if '"sam"' in (p / "config.json").read_text())
    result = failed / "result.json"
    result.write_text(result.read_text().replace('"done"', '"failed"'))
    narrow = write_study(tmp_path / "narrow.yaml", strategies=["naive"], rules=["none"], seeds=1)
    assert command("run", narrow, "--out", tmp_path / "out").returncode == 0  # all that this study asks for is done
    assert command("report", tmp_path / "out").returncode == 1


def test_other_shared_settings_are_refused_and_nothing_is_touched(finished, tmp_path):
    before = {p: p.stat().st_mtime_ns for p in finished.out.rglob("*")}
    other = write_study(tmp_path / "other.yaml", train={"batch_size": 64})
    done = command("run", other, "--out", finished.out)
    assert done.returncode == 2
    assert "another train: batch_size is 32 there and 64 here" in done.stderr
    assert before == {p: p.stat().st_mtime_ns for p in finished.out.rglob("*")}


@pytest.mark.slow
def test_a_run_that_diverges_is_recorded_and_the_others_continue(tmp_path):
    optimizers = [{"name": "sgd", "lr": 0.1}, {"name": "sgd", "lr": 1e30, "label": "wild"}]
    study = write_study(tmp_path / "s.yaml", strategies="naive", rules="none", optimizers=optimizers, seeds=1)
    done = command("run", study, "--out", tmp_path / "out")
    assert done.returncode == 1
    results = pd.read_csv(tmp_path / "out" / "results.csv").set_index("base_optimizer")
    assert results["status"].to_dict() == {"sgd": "done", "wild": "diverged"}
    assert pd.isna(results.loc["wild", "average_accuracy"])
    assert "DIVERGED: the gradient is not finite" in done.stderr
    assert set(pd.read_csv(tmp_path / "out" / "accuracy.csv")["base_optimizer"]) == {"sgd"}
    assert "diverged" in (tmp_path / "out" / "report.html").read_text()
    assert "--retry" in command("run", "--help").stdout
    again = command("run", study, "--out", tmp_path / "out")
    assert again.returncode == 1
    assert "2 runs, 2 of them ended earlier" in again.stderr
    retried = command("run", study, "--out", tmp_path / "out", "--retry", "diverged")
    assert "2 runs, 1 of them ended earlier" in retried.stderr


@pytest.mark.slow
def test_runs_that_crash_are_recorded_and_the_others_continue(tmp_path):
    """One run needs more memory than the address space holds."""
    huge = {"name": "split-digits", "label": "huge", "model": {"hidden": [10**15]}}
    study = write_study(
        tmp_path / "s.yaml",
        streams=[{"name": "split-digits", "label": "digits"}, huge],
        strategies="naive",
        rules="none",
        seeds=1,
    )
    done = command("run", study, "--out", tmp_path / "out")
    assert done.returncode == 1, done.stderr
    results = pd.read_csv(tmp_path / "out" / "results.csv").set_index("stream")
    assert results["status"].to_dict() == {"digits": "done", "huge": "failed"}
    run = tmp_path / "out" / "runs" / results.loc["huge", "run"]
    assert "Traceback (most recent call last)" in (run / "traceback.txt").read_text()
    assert "RuntimeError" in (run / "log.txt").read_text()
    assert "Traceback" in (tmp_path / "out" / "report.html").read_text()


@pytest.mark.slow
def test_a_broken_picture_is_found_before_anything_runs(tmp_path):
    y = np.arange(100)
    for part in ("train", "test"):
        shown = [encoded(picture) for picture in pictures(y)]
        shown[50] = b"no picture" if part == "test" else shown[50]
        write_parquet(tmp_path / "data" / f"{part}-0.parquet", shown, y)
    study = write_study(tmp_path / "s.yaml", streams=["split-digits", "split-cifar100"], rules="none", seeds=1)
    done = command("run", study, "--out", tmp_path / "out", "--data", tmp_path / "data")
    assert (done.returncode, done.stdout) == (2, "")
    assert "test-0.parquet: image 50 cannot be decoded" in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "out").exists()


@pytest.mark.slow
def test_a_process_that_is_killed_is_recorded_as_failed(tmp_path):
    study = write_study(tmp_path / "s.yaml", strategies="naive", rules="none", seeds=2, train={"epochs": 60})
    killer = f"""
import os, signal, threading, time
from pathlib import Path
def kill():
    seen = None
    while seen is None:
        for owner in Path({str(tmp_path / "out" / "runs")!r}).glob(".*/log.txt"):
            import json
            text = owner.read_text()
            if "experience 0" in text:
                seen = json.loads((owner.parent / "owner.json").read_text())["pid"]
        time.sleep(0.01)
    os.kill(seen, signal.SIGKILL)
threading.Thread(target=kill, daemon=True).start()
import lifelong_lb
results = lifelong_lb.run_study({str(study)!r}, {str(tmp_path / "out")!r}, workers=1)
print(sorted(results.runs["status"]))
"""
    done = subprocess.run([sys.executable, "-c", killer], capture_output=True, text=True, timeout=300, check=False)
    assert done.stdout.strip().endswith("['done', 'failed']"), done.stderr
    failed = next(p for p in (tmp_path / "out" / "runs").iterdir() if "killed" in (p / "result.json").read_text())
    assert "was killed by signal 9 (out of memory?)" in (failed / "result.json").read_text()
    assert "experience 0" in (failed / "log.txt").read_text()
    assert not list((tmp_path / "out" / "runs").glob(".*"))


@pytest.mark.slow
@pytest.mark.parametrize("how", ["in-process", "local"])
def test_python_needs_no_main_guard(tmp_path, how):
    script = tmp_path / "script.py"
    script.write_text(
        "import lifelong_lb\n"
        f"study = { ({**TINY, 'strategies': ['naive'], 'rules': ['none'], 'seeds': 1})!r}\n"
        f"results = lifelong_lb.run_study(study, {str(tmp_path / 'out')!r}, executor={how!r}, workers=1)\n"
        "print(len(results.runs), 'run')\n"
    )
    done = subprocess.run([sys.executable, script], capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip().endswith("1 run")


def test_status_counts_runs(finished, tmp_path):
    done = command("status", finished.out)
    assert (done.returncode, done.stdout.strip()) == (0, "8 done")
    shutil.copytree(finished.out, tmp_path / "out")
    shutil.rmtree(next((tmp_path / "out" / "runs").iterdir()))
    (next((tmp_path / "out" / "runs").iterdir()) / "config.json").write_text("{")
    partial = command("status", tmp_path / "out")
    assert partial.returncode == 1
    assert partial.stdout.startswith("6 done, 2 missing\n")
    assert "damaged" in partial.stdout
    nothing = command("status", tmp_path / "elsewhere")
    assert nothing.returncode == 2
    assert "no study here" in nothing.stderr


@pytest.mark.slow
def test_runs_search_data_in_the_folders_of_the_launcher(tmp_path):
    """The process that starts the runs may be older than the variable that names the data."""
    write_cifar_parquet(tmp_path / "data", classes=range(20))
    script = f"""
import os
import lifelong_lb
tiny = { ({**TINY, "strategies": ["naive"], "rules": ["none"], "seeds": 1})!r}
lifelong_lb.run_study(tiny, {str(tmp_path / "first")!r})
os.environ["LIFELONG_LB_DATA"] = "data"
os.chdir({str(tmp_path)!r})
second = {{**tiny, "streams": {{"name": "split-cifar100", "experiences": 2}}}}
print(list(lifelong_lb.run_study(second, "second").runs["status"]))
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=300, check=False)
    assert done.stdout.strip() == "['done']", done.stderr


@pytest.mark.slow
def test_ctrl_c_keeps_finished_runs_and_names_the_command_that_continues(tmp_path):
    long = {"name": "split-digits", "label": "long", "train": {"epochs": 1000}}
    study = write_study(tmp_path / "s.yaml", streams=["split-digits", long], strategies="naive", rules="none", seeds=1)
    code = "from lifelong_lb.cli import main; main()"
    words = [sys.executable, "-c", code, "run", study, "--out", tmp_path / "out", "--workers", "1"]
    lines = []
    options = {"stderr": subprocess.PIPE, "text": True, "start_new_session": True, "preexec_fn": enable_interrupts}
    with subprocess.Popen(words, **options) as process:
        for line in process.stderr:
            lines.append(line)
            if line.startswith("[1/2") and not any(earlier.startswith("[1/2") for earlier in lines[:-1]):
                os.killpg(process.pid, signal.SIGINT)
    assert process.returncode == 130
    assert "the same command continues the study" in lines[-1]
    runs = list((tmp_path / "out" / "runs").iterdir())
    assert [p.name for p in runs if not p.name.startswith(".")] == [p.name for p in runs]
    assert len(runs) == len(pd.read_csv(tmp_path / "out" / "results.csv")) == 1


@pytest.mark.slow
def test_a_disk_that_is_full_ends_in_one_message(tmp_path):
    """The worker cannot write its run, and the launcher cannot record that."""
    study = write_study(tmp_path / "s.yaml", strategies="naive", rules="none", seeds=1)
    code = (
        "import lifelong_lb.store.folder as f, errno\n"
        "def full(*a): raise OSError(errno.ENOSPC, 'No space left on device', 'result.json')\n"
        "f.ResultFolder.write_run = full\n"
        "from lifelong_lb.cli import main; main()"
    )
    words = [sys.executable, "-c", code, "run", study, "--out", tmp_path / "out", "--executor", "in-process"]
    done = subprocess.run(words, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 1
    assert done.stderr.strip().endswith("error: result.json: No space left on device; finished runs are kept")
    assert "Traceback" not in done.stderr


@pytest.mark.slow
def test_a_report_of_a_folder_without_results(tmp_path):
    done = command("report", tmp_path)
    assert done.returncode == 2
    assert "no results here" in done.stderr


@pytest.mark.slow
def test_figures_of_an_unknown_format(finished):
    done = command("report", finished.out, "--figures", "pdf,jpg")
    assert done.returncode == 2
    assert "error: unknown figure format 'jpg'; did you mean 'png'? (known: svg, pdf, png)" in done.stderr


USELESS = {
    "unknown rule": ({"rules": ["lookbehnd-sam"]}, [], "did you mean 'lookbehind-sam'?"),
    "k = 0": ({"rules": [{"name": "lookbehind-sam", "k": 0}]}, [], "rules[0].k: must be a whole number >= 1"),
    "experiences": ({"streams": {"name": "split-digits", "experiences": 3}}, [], "must divide the 10 classes"),
    "no data": ({"streams": "split-cifar100"}, ["--data", "{tmp}"], "CIFAR-100 was not found. Tried:"),
    "data folder": ({"streams": "split-cifar100"}, ["--data", "{tmp}/none"], "none: no such folder"),
    "workers": ({}, ["--workers", "0"], "workers must be at least 1; got 0"),
    "checkpoints": ({}, ["--checkpoint-every", "-1"], "checkpoint_every must be a number of seconds >= 0, or None"),
    "checkpoints word": ({}, ["--checkpoint-every", "often"], "--checkpoint-every must be a number of seconds >= 0"),
    "workers word": ({}, ["--workers", "many"], "--workers must be a whole number, at least 1; got 'many'"),
    "executor": ({}, ["--executor", "locl"], "unknown executor 'locl'; did you mean 'local'?"),
    "device": ({}, ["--device", "gpu"], "unknown device 'gpu'"),
    "retry": ({}, ["--retry", "fail"], "unknown status to retry 'fail'; did you mean 'failed'?"),
    "timeout": ({}, ["--timeout", "soon"], "--timeout must be a positive number of seconds, or e.g. 90s, 30m, 2h"),
    "timeout 0": ({}, ["--timeout", "0"], "got '0'"),
    "timeout in-process": ({}, ["--timeout", "9", "--executor", "in-process"], "timeout needs the executor local"),
    "slurm": ({}, ["--slurm", "qos=x"], "slurm settings need the executor slurm; got 'local'"),
    "gpus": ({}, ["--gpus-per-run", "some"], "--gpus-per-run must be a number; got 'some'"),
    "set": ({}, ["--set", "train.batchsize=3"], "train: unknown key 'batchsize'; did you mean 'batch_size'?"),
    "option": ({}, ["--wrkers", "2"], "--wrkers"),
}


@pytest.mark.slow
@pytest.mark.parametrize("case", USELESS)
def test_input_that_cannot_be_used(tmp_path, case):
    changes, options, message = USELESS[case]
    study = write_study(tmp_path / "s.yaml", **changes)
    words = [option.replace("{tmp}", str(tmp_path)) for option in options]
    done = command("run", study, "--out", tmp_path / "out", *words)
    assert done.returncode == 2, done.stderr
    assert message in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "out").exists()


@pytest.mark.slow
def test_truncated_data_stops_before_anything_runs(tmp_path):
    write_cifar_parquet(tmp_path / "data", classes=range(20))
    path = tmp_path / "data" / "test-00000-of-00001.parquet"
    path.write_bytes(path.read_bytes()[:-100])
    study = write_study(tmp_path / "s.yaml", streams="split-cifar100")
    done = command("run", study, "--out", tmp_path / "out", "--data", tmp_path / "data")
    assert done.returncode == 2
    assert "test-00000-of-00001.parquet: not a valid Parquet file" in done.stderr
    assert not (tmp_path / "out").exists()


@pytest.mark.slow
@pytest.mark.parametrize("command_name", ["run", "validate"])
def test_a_study_file_that_is_missing_or_no_yaml(tmp_path, command_name):
    out = ["--out", tmp_path / "out"] if command_name == "run" else []
    missing = command(command_name, tmp_path / "no.yaml", *out)
    assert missing.returncode == 2
    assert "no such study file" in missing.stderr
    (tmp_path / "bad.yaml").write_text("streams: [")
    bad = command(command_name, tmp_path / "bad.yaml", *out)
    assert bad.returncode == 2
    assert "not YAML" in bad.stderr


@pytest.mark.slow
def test_an_output_folder_that_is_a_file(tmp_path):
    (tmp_path / "out").write_text("precious")
    done = command("run", write_study(tmp_path / "s.yaml"), "--out", tmp_path / "out")
    assert done.returncode == 2
    assert "must be a result folder" in done.stderr
    assert "it is a file" in done.stderr
    assert (tmp_path / "out").read_text() == "precious"


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may write anywhere")
def test_an_output_folder_that_is_read_only(tmp_path):
    (tmp_path / "out").mkdir(mode=0o500)
    done = command("run", write_study(tmp_path / "s.yaml"), "--out", tmp_path / "out")
    assert done.returncode == 2
    assert "not a writable folder" in done.stderr


@pytest.mark.slow
def test_validate_counts_runs(tmp_path):
    done = command("validate", write_study(tmp_path / "s.yaml"))
    assert done.returncode == 0
    assert "a valid study of 8 runs" in done.stdout
    assert "lookbehind-sam" in done.stdout


COUNTS_IMAGES = {"pandas", "scipy", "sklearn"}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("arguments", "may"),
    [(["--help"], set()), (["list"], set()), (["list", "rules"], set()), (["validate", "{study}"], COUNTS_IMAGES)],
)
def test_answers_come_without_torch(tmp_path, arguments, may):
    """Light commands import neither torch nor avalanche; checks modules, not time."""
    study = write_study(tmp_path / "s.yaml")
    code = (
        "import sys\nsys.argv = ['lifelong-lb', *{words!r}]\n"
        "from lifelong_lb.cli import main\n"
        "try:\n    main()\nfinally:\n"
        "    heavy = {{'torch', 'avalanche', 'pandas', 'matplotlib', 'scipy', 'sklearn'}} & set(sys.modules)\n"
        "    print('heavy:', heavy - {may!r})\n"
    ).format(may=may, words=[word.replace("{study}", str(study)) for word in arguments])
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip().endswith("heavy: set()")


def test_the_studies_that_come_with_the_package_are_valid():
    folder = Path(__file__).parents[2] / "benchmarks" / "studies"
    files = sorted(folder.rglob("*.yaml"))
    assert files
    for path in files:
        assert read_study(path).name == path.stem
        assert yaml.safe_load(path.read_text())["name"] == path.stem
