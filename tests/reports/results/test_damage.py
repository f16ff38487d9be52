"""Broken result folders: bad files are named and left out, or refused in one sentence; never a traceback."""

import json
import random
import shutil
import sys

import pandas as pd
import pytest

import lifelong_lb
from lifelong_lb.cli import main
from lifelong_lb.reports.results.collect import collect
from lifelong_lb.store import ResultFolder

STUDY = {
    "name": "to be broken",
    "streams": {"name": "split-digits", "experiences": 2, "scenario": "class-incremental"},
    "model": {"name": "mlp", "hidden": [4]},
    "train": {"batch_size": 200},
    "rules": ["none", "sam"],
    "seeds": 2,
    "evaluation": {
        "every": 2,
        "confusion": True,
        "landscape": {"measures": ["ball"], "images": 8, "radii": [0.1], "steps": 1, "m": 4},
    },
}
RUN_FILES = [
    *("config.json", "environment.json", "result.json", "accuracy.csv", "continual.csv", "confusion.csv"),
    *("landscape.json", "landscape.csv"),
]
IMPOSSIBLE = [None, -1, 1e300, float("nan"), float("inf"), "x", "", [], {}, [[]], 10**30]
TEXTS = ["", "x", "-1", "nan", "1e300", "inf", "0x1", '"', "\x00"]
METRICS = ["average_accuracy", "learning_accuracy", "forgetting", "backward_transfer", "minimum_accuracy"]


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    out = tmp_path_factory.mktemp("whole")
    lifelong_lb.run_study(STUDY, out, executor="in-process")
    return out


def report(monkeypatch, capsys, *arguments):
    """Exit code and what the terminal shows; an exception of another kind than SystemExit is a traceback."""
    monkeypatch.setattr(sys, "argv", ["lifelong-lb", "report", *map(str, arguments)])
    with pytest.raises(SystemExit) as stop:
        main()
    captured = capsys.readouterr()
    return stop.value.code or 0, captured.out, captured.err


def a_leaf(value, chance):
    """A copy of a JSON value, and where in it one leaf, chosen at random, can be replaced."""
    holder, key, inner = {"": value}, "", value
    while isinstance(inner, dict | list) and inner and (inner is value or chance.random() < 0.8):
        holder, key = inner, chance.choice([*inner] if isinstance(inner, dict) else range(len(inner)))
        inner = holder[key]
    return holder, key


def broken_json(path, chance):
    value = json.loads(path.read_text())
    holder, key = a_leaf(value, chance)
    if chance.random() < 0.25 and isinstance(holder, dict):
        del holder[key]
    else:
        holder[key] = chance.choice(IMPOSSIBLE)
    path.write_text(json.dumps(value))
    return f"{key} is {holder.get(key, 'gone') if isinstance(holder, dict) else holder[key]!r}"


def broken_table(path, chance):
    lines = path.read_text().splitlines()
    at = chance.randrange(1 if chance.random() < 0.9 else 0, len(lines))
    kind = chance.choice(["cell", "cell", "cell", "drop", "double", "short"])
    cells = lines[at].split(",")
    cells[chance.randrange(len(cells))] = chance.choice(TEXTS)
    new = {"cell": [",".join(cells)], "drop": [], "double": [lines[at]] * 2, "short": [lines[at].rpartition(",")[0]]}
    lines[at : at + 1] = new[kind]
    path.write_text("\n".join(lines) + "\n")
    return f"{kind} in line {at}: {new[kind]}"


def broken(path, chance):
    """Break a file, and say how."""
    content = path.read_bytes()
    kind = chance.choice(["delete", "empty", "cut", "binary", "folder", *["value"] * 7])
    if kind == "value":
        return (broken_json if path.suffix == ".json" else broken_table)(path, chance)
    path.unlink()
    if kind == "folder":
        path.mkdir()
    elif kind != "delete":
        half = content[: chance.randrange(1, len(content) - 1)]
        path.write_bytes({"empty": b"", "cut": half, "binary": bytes(chance.randrange(256) for _ in range(99))}[kind])
    return kind


def same_metrics(found, expected):
    columns = ["run", *METRICS]
    if len(found.runs) != len(expected.runs):
        return False
    return found.runs[columns].equals(expected.runs[columns]) and found.accuracy.equals(expected.accuracy)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(8))
def test_broken_files_of_a_run(whole, tmp_path, monkeypatch, capsys, seed):
    chance, expected = random.Random(seed), collect(ResultFolder(whole))
    for number, name in enumerate(RUN_FILES):
        out = tmp_path / str(number)
        shutil.copytree(whole, out, ignore=shutil.ignore_patterns("figures"))
        run = chance.choice(list(expected.records))
        how = f"{name}: {broken(out / 'runs' / run / name, chance)}"
        code, printed, error = report(monkeypatch, capsys, out)
        assert code in (0, 1), (how, error)
        assert error == "", how
        assert run in printed or same_metrics(collect(ResultFolder(out)), expected), how
        assert "pydantic" not in printed, how


@pytest.mark.parametrize("seed", range(14))
def test_a_broken_study_file(whole, tmp_path, monkeypatch, capsys, seed):
    shutil.copytree(whole, tmp_path / "out", ignore=shutil.ignore_patterns("figures"))
    how = broken(tmp_path / "out" / "study.json", random.Random(seed))
    code, printed, error = report(monkeypatch, capsys, tmp_path / "out")
    assert code in (0, 1, 2), how
    assert (code == 2) == error.startswith("error: "), how
    assert "pydantic" not in printed + error, how


@pytest.mark.parametrize("seed", range(26))
def test_broken_tables_without_runs(whole, tmp_path, monkeypatch, capsys, seed):
    for name in ("results.csv", "accuracy.csv"):
        shutil.copy(whole / name, tmp_path / name)
    expected, chance = collect(ResultFolder(tmp_path)), random.Random(seed)
    name = chance.choice(["results.csv", "accuracy.csv"])
    how = f"{name}: {broken(tmp_path / name, chance)}"
    code, printed, error = report(monkeypatch, capsys, tmp_path)
    assert code in (0, 2), how
    if code == 2:
        assert error.startswith(f"error: {tmp_path}"), how
        assert len(error) < 600, how
    else:
        assert "not recomputed from runs" in " ".join(printed.split())
        assert same_metrics(collect(ResultFolder(tmp_path)), expected), how


def test_missing_files_are_reported(whole, tmp_path, monkeypatch, capsys):
    shutil.copytree(whole, tmp_path / "out", ignore=shutil.ignore_patterns("figures"))
    run = next(iter(collect(ResultFolder(whole)).records))
    for name in ("continual.csv", "confusion.csv", "landscape.json", "landscape.csv"):
        (tmp_path / "out" / "runs" / run / name).unlink()
    code, printed, _ = report(monkeypatch, capsys, tmp_path / "out")
    assert code == 0
    text = " ".join(printed.split())
    page = (tmp_path / "out" / "report.html").read_text()
    for sentence in (
        f"1 run without accuracies during training (no continual.csv): {run}",
        f"1 run without confusion counts (no confusion.csv): {run}",
        f"1 run without a landscape (no landscape.json): {run}",
        "split-digits, naive, none, sgd: the mean of anytime average accuracy is over 1 of 2 seeds",
    ):
        assert sentence in text
        assert sentence in page


@pytest.mark.parametrize(
    ("name", "change", "sentence"),
    [
        ("confusion.csv", lambda rows: rows.assign(count=-rows["count"]), "each count must be at least 1"),
        ("landscape.csv", lambda rows: rows.assign(measure="rises"), "unknown measure 'rises'; did you mean 'rise'"),
        ("landscape.csv", lambda rows: rows.assign(value=None), "values are undefined"),
        ("continual.csv", lambda rows: rows.assign(accuracy=0.5), "they contradict its accuracy matrix"),
    ],
)
def test_impossible_values_are_reported(whole, tmp_path, monkeypatch, capsys, name, change, sentence):
    shutil.copytree(whole, tmp_path / "out", ignore=shutil.ignore_patterns("figures"))
    run = next(iter(collect(ResultFolder(whole)).records))
    path = tmp_path / "out" / "runs" / run / name
    change(pd.read_csv(path)).to_csv(path, index=False)
    code, printed, _ = report(monkeypatch, capsys, tmp_path / "out")
    assert code == 0
    assert run in "".join(printed.split())
    assert sentence in " ".join(printed.split())
    assert sentence in (tmp_path / "out" / "report.html").read_text().replace("&#39;", "'")


def test_runs_without_a_study(whole, tmp_path, monkeypatch, capsys):
    shutil.copytree(whole, tmp_path / "out", ignore=shutil.ignore_patterns("figures"))
    (tmp_path / "out" / "study.json").unlink()
    code, printed, _ = report(monkeypatch, capsys, tmp_path / "out")
    assert code == 0
    assert "runs/ cannot be read without study.json" in " ".join(printed.split())
