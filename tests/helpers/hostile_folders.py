"""A valid result folder with every kind of file, and mutations that were made to break its readers."""

import json
import os
import random
import shutil
import socket
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from lifelong_lb.config import parse_study
from lifelong_lb.evaluation import AccuracyMatrix
from lifelong_lb.store import Claims, ResultFolder, RunRecord, StudyFile, write_landscape, write_model

STUDY = {
    "name": "to be attacked",
    "streams": {"name": "split-digits", "experiences": 5, "first": 2, "scenario": "class-incremental"},
    "model": {"name": "mlp", "hidden": [4]},
    "rules": ["none", "sam"],
    "seeds": 3,
    "evaluation": {
        "every": 2,
        "confusion": True,
        "diagnostics_every": 1,
        "save_models": True,
        "landscape": {"measures": ["ball"], "images": 8, "radii": [0.1], "steps": 1, "m": 4},
    },
}
MATRIX = [(0, 0, 0.9), (1, 0, 0.5), (1, 1, 0.8)]
"""All done runs have this one, so that what is recorded beside it can be consistent."""
CONTINUAL = [(1, 0, 0, 0.3), (2, 0, 0, 0.9), (3, 1, 0, 0.4), (3, 1, 1, 0.2), (4, 1, 0, 0.5), (4, 1, 1, 0.8)]
CONFUSION = [
    *[(0, 0, 0, 0, 9), (0, 0, 1, 0, 1), (1, 0, 0, 0, 5), (1, 0, 1, 3, 5)],
    *[(1, 1, 2, 2, 5), (1, 1, 3, 3, 3), (1, 1, 3, 0, 2)],
]
ENVIRONMENT = {"lifelong_lb": "0.1.0", "torch": "2.6.0", "machine": {"name": "box", "cores": 2}}
DATA = {"sha256": "00", "class_order": [0, 1, 2, 3], "class_names": ["a", "b", "c", "d"], "arrangement": "x"}


@dataclass(frozen=True)
class Base:
    """A valid folder.

    Attributes:
        path: where it is.
        done: ids of the runs that are done.
        failed: id of one that failed.
        active: id of one that a launcher has claimed.
    """

    path: Path
    done: tuple[str, ...]
    failed: str
    active: str


def make_base(path: Path) -> Base:
    """Write a folder of four done runs, one that failed and one that is in progress, with every kind of file."""
    folder, file = ResultFolder(path), StudyFile.of(parse_study(STUDY))
    folder.write_study(file)
    *done, failed, active = sorted(file.places, key=lambda place: place.seed)
    for place in (*done, failed):
        _write_run(folder, file, place.run, "done" if place in done else "failed")
    scratch = folder.runs_path / f".{active.run}.scratch"
    scratch.mkdir()
    (scratch / "how_far.json").write_text('{"experiences": 2, "accuracies": [[0, 0.9]]}')
    (scratch / "log.txt").write_text("experience 0\n")
    Claims(folder.runs_path).take(active.run)
    owner = json.loads((folder.runs_path / f".{active.run}.claim-1").read_text())
    (scratch / "owner.json").write_text(json.dumps(owner))
    checkpoint = folder.checkpoint(active.run)
    checkpoint.write(0, {"run": active.run}, lambda state: state.write_bytes(b"state"))
    return Base(path, tuple(place.run for place in done), failed.run, active.run)


def _write_run(folder: ResultFolder, file: StudyFile, run: str, status: str) -> None:
    done = status == "done"
    record = RunRecord(
        run,
        file.expected_config(run),
        status,
        accuracy=AccuracyMatrix.from_entries(MATRIX if done else [], 2, initial=[0.1, 0.1]),
        gradient_evaluations=100,
        train_seconds=0.5,
        samples_seen=30,
        forward_passes=17,
        parameters=10,
        peak_memory=1000,
        message="" if done else "loss is not finite",
        traceback="" if done else "Traceback: x < y & z",
        environment=ENVIRONMENT,
        data=DATA,
    )
    with folder.new_run(run) as scratch:
        (scratch / "log.txt").write_text("log\n")
        if done:
            settings = file.study.evaluation.landscape.model_dump(mode="json")
            write_landscape(scratch, [(i, i, "rise", 0.1, 0.2 + i, 0.01) for i in (0, 1)], settings)
            write_model(scratch, 0, b"not a model")
        diagnostics = [{"step": 0, "pass": 0, "loss": 1.5, "alpha": float("nan")}] * 3
        recorded = (diagnostics, CONTINUAL, CONFUSION) if done else ()
        folder.write_run(record, scratch, *recorded)


RUN_FILES = [
    *("config.json", "environment.json", "result.json", "accuracy.csv", "continual.csv", "confusion.csv"),
    *("diagnostics.csv", "landscape.json", "landscape.csv", "log.txt", "models/after-0.pt"),
]
OTHER_FILES = ["study.json", "traceback.txt", "claim", "how_far.json", "owner.json", "scratch log", "checkpoint.json"]
TABLES = ["results.csv", "accuracy.csv"]


def path_of(base: Base, out: Path, name: str, run: str) -> Path:
    """Where a file is in a copy of the folder."""
    runs = out / "runs"
    return {
        "study.json": out / "study.json",
        "traceback.txt": runs / base.failed / "traceback.txt",
        "claim": runs / f".{base.active}.claim-1",
        "how_far.json": runs / f".{base.active}.scratch" / "how_far.json",
        "owner.json": runs / f".{base.active}.scratch" / "owner.json",
        "scratch log": runs / f".{base.active}.scratch" / "log.txt",
        "checkpoint.json": runs / f".{base.active}.checkpoint" / "checkpoint.json",
    }.get(name, runs / run / name)


def _replaced(make: Callable[[Path], object]) -> Callable[[Path, random.Random], None]:
    def mutate(path: Path, draw: random.Random) -> None:
        path.unlink()
        make(path)

    return mutate


def _socket(path: Path) -> None:
    here = Path.cwd()
    os.chdir(path.parent)  # names of sockets are short
    try:
        with socket.socket(socket.AF_UNIX) as end:
            end.bind(path.name)
    finally:
        os.chdir(here)


def _sparse(path: Path) -> None:
    with path.open("wb") as file:
        file.truncate(2**40)


def _inserted(path: Path, draw: random.Random, piece: bytes) -> None:
    content = path.read_bytes()
    at = draw.randrange(len(content) + 1)
    path.write_bytes(content[:at] + piece + content[at:])


def _unreadable(path: Path) -> None:
    path.write_text("{}")
    path.chmod(0)


FILE_MUTATIONS: dict[str, Callable[[Path, random.Random], None]] = {
    "missing": _replaced(lambda path: None),
    "fifo": _replaced(os.mkfifo),
    "socket": _replaced(_socket),
    "folder": _replaced(Path.mkdir),
    "dangling link": _replaced(lambda path: path.symlink_to("nowhere")),
    "link to itself": _replaced(lambda path: path.symlink_to(path.name)),
    "link to /dev/zero": _replaced(lambda path: path.symlink_to("/dev/zero")),
    "link to /proc": _replaced(lambda path: path.symlink_to("/proc/self/mem")),
    "unreadable": _replaced(_unreadable),
    "empty": _replaced(lambda path: path.write_bytes(b"")),
    "a terabyte of nothing": _replaced(_sparse),
    "nul bytes": lambda path, draw: _inserted(path, draw, b"\0" * 1000),
    "not utf-8": lambda path, draw: _inserted(path, draw, b"\xff\xfe\xe9"),
    "byte order mark": lambda path, draw: path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes()),
    "utf-16": lambda path, draw: path.write_bytes(path.read_text(errors="replace").encode("utf-16")),
    "random bytes": lambda path, draw: path.write_bytes(draw.randbytes(draw.randrange(1, 5000))),
    "cut": lambda path, draw: path.write_bytes(path.read_bytes()[: draw.randrange(len(path.read_bytes()) + 1)]),
    "a changed byte": lambda path, draw: _inserted(path, draw, draw.randbytes(1)),
    "nested 200,000 deep": lambda path, draw: path.write_text(draw.choice("[{") * 200_000),
    "a million lists": lambda path, draw: path.write_text("[" + "[]," * 1_000_000 + "[]]"),
    "a long line": lambda path, draw: path.write_text("x" * 5_000_000),
}
JSON_TEXTS = [
    *("null", "true", "-1", "0", "2", "3000", "1e400", "-1e400", "Infinity", "NaN", "1e300", "1e-320", "0.5", "5e9"),
    *(str(2**31), str(2**63), str(2**64), "9" * 4000, "9" * 5000, '""', '"x"', '"3"', '"\\ud800"', '"\\udcff\\u0000"'),
    *('"\\u001b[2J\\u0007"', '"../../../etc/passwd"', '"' + "x" * 200_000 + '"', '"/dev/zero"', '"=1+1"'),
    *("[]", "{}", "[[]]", '{"name": 3}', "[" * 60 + "]" * 60, "[" + "0," * 100_000 + "0]", '{"a": {"b": [1e400]}}'),
]
"""What is put in place of a value, as JSON text."""
_MARK = "here it goes"


def mutate_value(path: Path, draw: random.Random, text: str | None = None) -> str:
    """Another value at a random place of a JSON file; None: a random one."""
    raw = json.loads(path.read_text())
    holder, key, inner = None, None, raw
    while isinstance(inner, dict | list) and inner and (holder is None or draw.random() < 0.8):
        holder, key = inner, draw.choice([*inner] if isinstance(inner, dict) else range(len(inner)))
        inner = holder[key]
    text = draw.choice(JSON_TEXTS) if text is None else text
    holder[key] = _MARK
    path.write_text(json.dumps(raw).replace(f'"{_MARK}"', text))
    return f"{key} = {text[:40]}"


def mutate_key(path: Path, draw: random.Random) -> str:
    """A key left out, given twice, or one that does not belong there."""
    raw = json.loads(path.read_text())
    holder, inner = raw, raw
    while isinstance(inner, dict | list) and inner and (inner is raw or draw.random() < 0.7):
        holder = inner if isinstance(inner, dict) else holder
        inner = draw.choice([*inner.values()] if isinstance(inner, dict) else inner)
    key = draw.choice([*holder])
    how = draw.choice(["gone", "unknown", "renamed"])
    if how == "gone":
        del holder[key]
    elif how == "unknown":
        holder["\u202e" + "k" * draw.choice([3, 100_000])] = json.loads(draw.choice(["1", "{}", "[[3]]"]))
    else:
        holder[key + "\x1b]0;x\x07"] = holder.pop(key)
    path.write_text(json.dumps(raw))
    return f"{key} {how}"


CELLS = [
    *("", "x", "-1", "0", "2", "3000", "nan", "inf", "-inf", "1e400", "1e300", "-1e300", "0x1", "true", "1_000", "٣"),
    *("9" * 30, "9" * 5000, "x" * 200_000, '"', '"a\nb"', "\x1b[2J\x07", "=1+1", "../../x", "1,2", "0.5", str(2**62)),
]


def mutate_cell(path: Path, draw: random.Random, text: str | None = None) -> str:
    """Another value in a random cell, seldom of the heading."""
    lines = path.read_text().splitlines()
    at = draw.randrange(0 if draw.random() < 0.1 or len(lines) == 1 else 1, len(lines))
    cells = lines[at].split(",")
    text = draw.choice(CELLS) if text is None else text
    cells[draw.randrange(len(cells))] = text
    lines[at] = ",".join(cells)
    path.write_text("\n".join(lines) + "\n")
    return f"line {at}: {text[:40]}"


def mutate_column(path: Path, draw: random.Random) -> str:
    """All values of a column the same extreme one."""
    lines = [line.split(",") for line in path.read_text().splitlines()]
    place, text = draw.randrange(len(lines[0])), draw.choice(CELLS)
    for row in lines[1:]:
        row[place] = text
    path.write_text("\n".join(map(",".join, lines)) + "\n")
    return f"{lines[0][place]} = {text[:40]}"


def mutate_lines(path: Path, draw: random.Random) -> str:
    """Lines left out, doubled, shuffled, too short or too long, or very many of them, or of the columns."""
    heading, *rows = path.read_text().splitlines()
    at = draw.randrange(len(rows)) if rows else 0
    row = rows[at] if rows else heading
    how = draw.choice([
        "drop",
        "double",
        "short",
        "long",
        "shuffled",
        "no heading",
        "blank",
        "a million",
        "wide",
        "names",
    ])
    if how == "shuffled":
        draw.shuffle(rows)
    else:
        other = {"drop": [], "double": [row] * 2, "short": [row.rpartition(",")[0]], "long": [row + ",1,2"]}
        rows[at : at + 1] = other.get(how, [row])
    if how == "a million":
        rows = rows + rows[-1:] * 1_000_000
    if how == "blank":
        rows = ["", *rows, "   ", ""]
    heading = {"no heading": "", "wide": heading + "," * 1_000_000, "names": heading + "," + heading}.get(how, heading)
    path.write_text("\n".join([heading, *rows]) + "\n")
    return how


def mutations_of(name: str) -> list[tuple[str, Callable[[Path, random.Random], object]]]:
    """The mutations for a kind of file; each may be applied with many seeds."""
    found: list[tuple[str, Callable[[Path, random.Random], object]]] = list(FILE_MUTATIONS.items())
    if name.endswith(".json") or name == "claim":
        found += [("value", mutate_value), ("key", mutate_key)]
    if name.endswith(".csv"):
        found += [("cell", mutate_cell), ("column", mutate_column), ("lines", mutate_lines)]
    return found


def _study(change: Callable[[dict, random.Random], None]) -> Callable[[Base, Path, str, random.Random], None]:
    def mutate(base: Base, out: Path, run: str, draw: random.Random) -> None:
        raw = json.loads((out / "study.json").read_text())
        change(raw, draw)
        text = json.dumps(raw).replace('"1e400"', "1e400")
        (out / "study.json").write_text(text)

    return mutate


def _one(**values: object) -> Callable[[Base, Path, str, random.Random], None]:
    """A mutation of the run's place in the study."""

    def mutate(base: Base, out: Path, run: str, draw: random.Random) -> None:
        raw = json.loads((out / "study.json").read_text())
        next(place for place in raw["runs"] if place["run"] == run).update(values)
        (out / "study.json").write_text(json.dumps(raw).replace('"1e400"', "1e400"))

    return mutate


def _result(**values: object) -> Callable[[Base, Path, str, random.Random], None]:
    def mutate(base: Base, out: Path, run: str, draw: random.Random) -> None:
        path = out / "runs" / run / "result.json"
        path.write_text(json.dumps({**json.loads(path.read_text()), **values}).replace('"1e400"', "1e400"))

    return mutate


def _claim(name: str, text: str) -> Callable[[Base, Path, str, random.Random], None]:
    def mutate(base: Base, out: Path, run: str, draw: random.Random) -> None:
        (out / "runs" / name.format(run=run)).write_text(text)

    return mutate


def _no_runs_but(make: Callable[[Path], object]) -> Callable[[Base, Path, str, random.Random], None]:
    def mutate(base: Base, out: Path, run: str, draw: random.Random) -> None:
        shutil.rmtree(out / "runs")
        make(out / "runs")

    return mutate


def _run_folder(make: Callable[[Path], object]) -> Callable[[Base, Path, str, random.Random], None]:
    def mutate(base: Base, out: Path, run: str, draw: random.Random) -> None:
        shutil.rmtree(out / "runs" / run)
        make(out / "runs" / run)

    return mutate


def _long_run(base: Base, out: Path, run: str, draw: random.Random) -> None:
    """A run with 3,000 experiences in all its files, and the last row of their matrix."""
    _result(experiences=3000)(base, out, run, draw)
    rows = "".join(f"2999,{j},0.5\n" for j in range(3000))
    (out / "runs" / run / "accuracy.csv").write_text("trained,evaluated,accuracy\n" + rows)


_OWNER = '{"host": "%s", "space": "", "pid": %s, "started": 1.0, "boot": "", "since": %s, "began": %s, "retry": %s}'

FOLDER_MUTATIONS: dict[str, Callable[[Base, Path, str, random.Random], None]] = {
    "runs is missing": _no_runs_but(lambda path: None),
    "runs is a file": _no_runs_but(lambda path: path.write_text("x")),
    "runs is a fifo": _no_runs_but(os.mkfifo),
    "runs is a link to itself": _no_runs_but(lambda path: path.symlink_to("runs")),
    "the run is a file": _run_folder(lambda path: path.write_text("x")),
    "the run is a fifo": _run_folder(os.mkfifo),
    "the run is a dangling link": _run_folder(lambda path: path.symlink_to("nowhere")),
    "the run is a link to itself": _run_folder(lambda path: path.symlink_to(path.name)),
    "the run is empty": _run_folder(Path.mkdir),
    "the run is unreadable": lambda base, out, run, draw: (out / "runs" / run).chmod(0),
    **{
        f"{key} of the place is {str(value)[:20]!r}": _one(**{key: value})
        for key in ("seed", "streams", "rules", "run")
        for value in ("1e400", -1, 1e300, True, "3", None, 7, [], {}, 10**30, "../../etc", "\ud800", "\x1b[2J")
    },
    "the same run twice": _study(lambda raw, draw: raw["runs"].append(raw["runs"][0])),
    "two ids at one place": _study(lambda raw, draw: raw["runs"].append({**raw["runs"][-1], "run": "0" * 12})),
    "runs that are no mappings": _study(lambda raw, draw: raw["runs"].extend([3, [], "x", None])),
    "100,000 runs": _study(
        lambda raw, draw: raw["runs"].extend(
            {**raw["runs"][0], "run": f"{n:012x}", "seed": n} for n in range(3, 100_000)
        )
    ),
    "100,000 runs at one place": _study(
        lambda raw, draw: raw["runs"].extend({**raw["runs"][0], "run": f"{n:012x}"} for n in range(100_000))
    ),
    "runs is a mapping": _study(lambda raw, draw: raw.update(runs={})),
    "seeds is 1e400": _study(lambda raw, draw: raw["study"].update(seeds="1e400")),
    "3,000 experiences": _long_run,
    "experiences is 1e400": _result(experiences="1e400"),
    "experiences is 10**30": _result(experiences=10**30),
    "train_seconds is 1e400": _result(train_seconds="1e400"),
    "train_seconds is true": _result(train_seconds=True),
    "gradient_evaluations is '3'": _result(gradient_evaluations="3"),
    "a surrogate in the message": _result(message="\ud800"),
    "a million accuracies": _result(initial_accuracy=[0.5] * 1_000_000),
    "a million classes": _result(data={**DATA, "class_order": list(range(500_000))}),
    "claims of odd names": lambda base, out, run, draw: [
        (out / "runs" / name).write_text("{}")
        for name in (f".{run}.claim-{'9' * 200}", ".\x1b[2J.claim-1", "...claim-1", f".{run}.claim-0")
    ],
    "a claim by a machine of a long name": _claim(".{run}.claim-1", _OWNER % ("x" * 1_000_000, 1, 1, 1, "[]")),
    "a claim since 1e300": _claim(".{run}.claim-1", _OWNER % ("x", 1, "1e300", 1, "[]")),
    "a claim since 1e400": _claim(".{run}.claim-1", _OWNER % ("x", 1, "1e400", 1, "[]")),
    "a claim of process 1e400": _claim(".{run}.claim-1", _OWNER % ("x", "1e400", 1, 1, "[]")),
    "a claim of process 10**30": _claim(".{run}.claim-1", _OWNER % ("x", 10**30, 1, 1, "[]")),
    "a claim that began at NaN": _claim(".{run}.claim-1", _OWNER % ("x", 1, 1, "NaN", "[]")),
    "a claim that retries lists": _claim(".{run}.claim-1", _OWNER % ("x", 1, 1, 1, "[[[]]]")),
}
"""What is done to a folder, rather than to a file of it: name to function of the valid folder, a copy, and a run."""
