"""Study files with random faults: each must be refused with exit code 2 and one message, without a traceback."""

import contextlib
import copy
import io
import random
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import yaml
from common import HERE, arguments, print_summary_and_exit

from lifelong_lb.cli import main as command_line

STUDIES = sorted((HERE.parent / "studies").rglob("*.yaml"))
VALUES: list[Any] = [
    *(None, True, -1, 0, 1e400, float("nan"), "", "sma", [], [[]], {}, {"name": 3}, "é\u202e", 10**30),
    *("a\0b", "study.yaml", "exits.py", "x" * 5000, {"low": 1, "high": 0}, [0.1], ["a", "a"]),
]
SECTIONS = """\
extends: [base.yaml, preset:digits-quick]
imports: [mine.py, json]
name: sections
strategies: [naive, replay]
only: [{strategies: naive}, {strategies: replay, rules: [none, ours]}]
exclude: [{strategies: naive, rules: sam}]
rules: [none, sam, {name: lookbehind-sam, k: 2, label: ours}]
optimizers: [{name: external, target: torch.optim.Adagrad, settings: {lr: 0.1}}]
tuning:
  trials: 3
  metric: average_accuracy
  held_out: {first_experiences: 2, seeds: [100, 101], validation: 0.2, class_order: other}
  search:
    sam: {rho: {low: 0.01, high: 0.5, log: true}}
    ours: {k: {low: 1, high: 5, whole: true}, alpha: [0.2, 0.5, adaptive]}
"""
"""A study with the sections that no study in the folder has."""
BESIDE = {
    "base.yaml": "streams: split-digits\nmodel: {name: mlp, hidden: [8]}\nstrategies: [naive, replay]\n",
    "mine.py": '"""Empty module."""\n',
    "exits.py": "import sys\n\nsys.exit(7)\n",
}
"""Files in the folder of the study."""


def main() -> None:
    """Mutate files until enough were refused."""
    options = arguments(__doc__, files=100, seed=0)
    rng, refused, valid, wrong = random.Random(options.seed), 0, 0, []
    assert validate(SECTIONS) == (0, ""), validate(SECTIONS)
    while refused < options.files:
        study = rng.choice([*STUDIES, None, None, None, None, None, None, None, None])
        original = study.read_text(encoding="utf-8") if study is not None else SECTIONS
        change, text = rng.choice([mutate_value, mutate_value, mutate_letter, mutate_text])(original, rng)
        code, stderr = validate(text)
        refused, valid = refused + (code != 0), valid + (code == 0)
        if code not in (0, 2) or "Traceback" in stderr or (code == 2 and stderr.count("error:") != 1):
            wrong.append(f"{study.name if study else 'sections'}, {change}: exit code {code}, stderr {stderr!r}")
    print(f"{refused} files refused, {valid} others were still valid")
    print_summary_and_exit(wrong)


def validate(text: str) -> tuple[int, str]:
    """Return the exit code of ``lifelong-lb validate`` and its stderr."""
    stderr = io.StringIO()
    with tempfile.TemporaryDirectory() as folder:
        for name, content in BESIDE.items():
            (Path(folder) / name).write_text(content)
        path = Path(folder) / "study.yaml"
        path.write_text(text, encoding="utf-8", errors="surrogateescape")
        sys.argv = ["lifelong-lb", "validate", str(path)]
        with contextlib.redirect_stderr(stderr), contextlib.redirect_stdout(io.StringIO()):
            try:
                command_line()
            except SystemExit as stop:
                return int(stop.code or 0), stderr.getvalue()
            except BaseException as error:  # noqa: BLE001  reported by the caller
                return -1, f"Traceback: {error!r}"
    return 0, stderr.getvalue()


def mutate_value(text: str, rng: random.Random) -> tuple[str, str]:
    """Replace a random value; return a description and the new text."""
    raw = yaml.safe_load(text)
    path, put = rng.choice(places(raw))
    value = rng.choice(VALUES)
    put(copy.deepcopy(value))
    return f"{path} = {value!r}", yaml.safe_dump(raw, allow_unicode=True)


def mutate_letter(text: str, rng: random.Random) -> tuple[str, str]:
    """Remove, double or change a letter; return a description and the new text."""
    letters = [i for i, c in enumerate(text) if c.isalpha()]
    at = rng.choice(letters)
    new = rng.choice(["", text[at] * 2, rng.choice("abcxyz")])
    return f"letter {at}", text[:at] + new + text[at + 1 :]


def mutate_text(text: str, rng: random.Random) -> tuple[str, str]:
    """Truncate the text, insert a character, or double or remove a line; return a description and the new text."""
    at = rng.randrange(len(text))
    lines = text.splitlines(keepends=True)
    line = rng.randrange(len(lines))
    return f"text at {at}, line {line}", rng.choice([
        text[:at],
        text[:at] + rng.choice("{}[]:,-\t&*!%@`\"'\x00\x07") + text[at:],
        "".join(lines[:line] + [lines[line]] + lines[line:]),
        "".join(lines[:line] + lines[line + 1 :]),
    ])


def places(raw: Any, path: str = "") -> list[tuple[str, Callable[[Any], None]]]:
    """List the path of every nested value, with a function that replaces the value."""
    setters: list[tuple[str, Callable[[Any], None]]] = []
    for key in list(raw) if isinstance(raw, dict) else range(len(raw)) if isinstance(raw, list) else ():
        setters.append((f"{path}[{key!r}]", lambda value, key=key: raw.__setitem__(key, value)))
        setters += places(raw[key], f"{path}[{key!r}]")
    return setters


if __name__ == "__main__":
    main()
