"""Reading results imports no code that a result folder names, in whichever field."""

import json
import os
import subprocess
import sys

import pytest
from reports.folders import TWO, make, two_experiences

from lifelong_lb.config.entries.optimizers import External
from lifelong_lb.config.runs import run_id_of
from lifelong_lb.store import model_path

pytestmark = pytest.mark.slow

CANARY = """
from pathlib import Path
(Path(__file__).parent / "marker").touch()
import torch
from lifelong_lb import extend

@extend.metric("canary", formula="1", source="us", higher_is_better=True)
def canary(R):
    return 1.0

class Optimizer(torch.optim.SGD):
    pass
"""

COMMANDS = """
import sys
from lifelong_lb import load_confusion, load_continual, load_diagnostics, load_landscape, load_results
from lifelong_lb import measure_landscape, pivot
from lifelong_lb.cli import app
out, other, both = sys.argv[1:]
readers = [load_confusion, load_continual, load_diagnostics, load_landscape, measure_landscape]
calls = {
    "load_results": lambda: load_results(out),
    "load_results of two": lambda: load_results(out, other),
    "status": lambda: app(["status", out], standalone_mode=False),
    "report": lambda: app(["report", out], standalone_mode=False),
    "joint report": lambda: app(["report", out, other, "--out", both], standalone_mode=False),
    "report of the report": lambda: app(["report", both], standalone_mode=False),
    "landscape": lambda: app(["landscape", out], standalone_mode=False),
    "pivot": lambda: pivot(out, "average_accuracy"),
    **{reader.__name__: (lambda reader=reader: reader(out)) for reader in readers},
}
for name, call in calls.items():
    try:
        ended = call()
    except BaseException as error:
        ended = f"{type(error).__name__}: {error}"
    print(f"{name}: {ended if isinstance(ended, str | int) else 'read'}")
"""


@pytest.fixture
def hostile(tmp_path):
    """A result folder that names a file, and a module on the path, wherever code can be named."""
    (tmp_path / "canary.py").write_text(CANARY)
    place = str(tmp_path / "canary.py")
    folder = make(tmp_path / "out", TWO, lambda labels, seed: two_experiences(0.9, 0.8, 0.5 + 0.1 * seed))
    kinds = {"stream": "streams", "strategy": "strategies", "rule": "rules", "model": None, "optimizer": "optimizers"}
    external = External(target="canary.Optimizer", classes={"defaults": "canary.Optimizer"}).model_dump(mode="json")

    def changed(kind, entry):
        if kind == "optimizer":
            return external
        if kind == "rule" and entry["name"] == "none":
            return entry
        return {**entry, "name": f"own-{kind}", "imports": [place], "origin": place, "factory": "canary.canary"}

    raw = json.loads(folder.study_path.read_text())
    study = raw["study"]
    for kind, axis in kinds.items():
        if axis is None:
            study[kind] = changed(kind, study[kind])
        else:
            study[axis] = [changed(kind, entry) for entry in study[axis]]
    study["imports"] = [place, "canary"]
    raw["extensions"] = {
        kind: {f"own-{kind}": origin} for kind, origin in zip(kinds, [place, "canary", place, "canary"], strict=False)
    }
    raw["imports"] = [place]
    names = {}
    for name in ("chosen.yaml", "study.yaml"):
        (folder.path / name).write_text(f"imports: [{place}]\nstreams: split-digits\n")
    for run in folder.runs_path.iterdir():
        config = json.loads((run / "config.json").read_text())
        config.update({kind: changed(kind, config[kind]) for kind in kinds})
        names[run.name] = run_id_of(config)
        config["imports"] = [place]
        (run / "config.json").write_text(json.dumps(config))
        environment = json.loads((run / "environment.json").read_text())
        (run / "environment.json").write_text(
            json.dumps({**environment, "extensions": {place: "0" * 16, "canary": ""}})
        )
        stored = {"value": 0.5, "title": "canary", "formula": "canary", "source": place, "higher_is_better": True}
        (run / "metrics.json").write_text(json.dumps({"canary": stored}))
        model_path(run, 0).parent.mkdir(exist_ok=True)
        model_path(run, 0).write_bytes(b"cposix\nsystem\n(S'touch marker'\ntR.")
        run.rename(run.with_name(names[run.name]))
    raw["runs"] = [{**place, "run": names[place["run"]]} for place in raw["runs"]]
    folder.study_path.write_text(json.dumps(raw))
    return folder


def in_a_process(code, *arguments, cwd):
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(cwd), *sys.path])}
    words = [sys.executable, "-c", code, *map(str, arguments)]
    return subprocess.run(words, capture_output=True, text=True, timeout=300, check=False, env=environment, cwd=cwd)


def test_reading_results_runs_nothing(hostile, tmp_path):
    other = make(tmp_path / "other", {**TWO, "seeds": [5, 6]}, lambda labels, seed: two_experiences(0.9, 0.8, 0.5))
    done = in_a_process(COMMANDS, hostile.path, other.path, tmp_path / "both", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert not (tmp_path / "marker").exists(), done.stdout
    ended = dict(line.split(": ", 1) for line in done.stdout.splitlines() if ": " in line)
    assert ended["load_results"] == ended["load_results of two"] == ended["pivot"] == "read"
    assert "4 done" in done.stdout
    assert (tmp_path / "out" / "report.html").exists()
    assert (tmp_path / "both" / "report.html").exists()
    for command in ("landscape", "measure_landscape"):
        assert ended[command].startswith("UserError: the stream own-stream is registered by "), ended[command]
        assert "--imports" in ended[command]
    results = (tmp_path / "out" / "results.csv").read_text()
    assert results.count("own-rule") == 2
    assert "canary" in results.splitlines()[0]
    assert "canary_mean" in (tmp_path / "out" / "summary.csv").read_text()


def test_what_the_person_names_is_run(hostile, tmp_path):
    code = "from lifelong_lb.cli import main; main()"
    done = in_a_process(code, "report", hostile.path, "--imports", "canary.py", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "marker").exists()
    lines = (tmp_path / "out" / "results.csv").read_text().splitlines()
    column = lines[0].split(",").index("canary")
    assert [line.split(",")[column] for line in lines[1:]] == ["1.0"] * 4


def test_a_study_is_continued_without_what_its_folder_names(hostile, tmp_path):
    marker = tmp_path / "marker"
    raw = json.loads(hostile.study_path.read_text())
    shared = {key: raw["study"][key] for key in ("train", "evaluation")}
    code = (
        "import json, sys; from lifelong_lb import run_study;"
        "print(run_study(json.loads(sys.argv[1]), sys.argv[2], executor='in-process').runs['status'].tolist())"
    )
    study = {**shared, "streams": {"name": "split-digits", "experiences": 2}, "model": "mlp", "seeds": 1}
    raw["study"]["model"] = {"name": "mlp"}  # which the runs of a folder share
    hostile.study_path.write_text(json.dumps(raw))
    done = in_a_process(code, json.dumps(study), hostile.path, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "'done'" in done.stdout
    assert not marker.exists()
