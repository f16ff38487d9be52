"""Study files that are wrong in random ways: each must end in exit code 2 and one message, without a traceback."""

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
"""A study of sections that those in the folder do not have."""
BESIDE = {
    "base.yaml": "streams: split-digits\nmodel: {name: mlp, hidden: [8]}\nstrategies: [naive, replay]\n",
    "mine.py": '"""Nothing of one\'s own."""\n',
    "exits.py": "import sys\n\nsys.exit(7)\n",
}
"""Files that lie beside a study."""


def main() -> None:
    """Mutate until enough files were refused."""
    options = arguments(__doc__, files=100, seed=0)
    draw, refused, valid, wrong = random.Random(options.seed), 0, 0, []
    assert validated(SECTIONS) == (0, ""), validated(SECTIONS)
    while refused < options.files:
        study = draw.choice([*STUDIES, None, None, None, None, None, None, None, None])
        original = study.read_text(encoding="utf-8") if study is not None else SECTIONS
        how, text = draw.choice([of_values, of_values, of_names, of_text])(original, draw)
        code, said = validated(text)
        refused, valid = refused + (code != 0), valid + (code == 0)
        if code not in (0, 2) or "Traceback" in said or (code == 2 and said.count("error:") != 1):
            wrong.append(f"{study.name if study else 'sections'}, {how}: exit code {code}, said {said!r}")
    print(f"{refused} files refused, {valid} others were still valid")
    print_summary_and_exit(wrong)


def validated(text: str) -> tuple[int, str]:
    """Exit code of ``lifelong-lb validate`` and what it says."""
    said = io.StringIO()
    with tempfile.TemporaryDirectory() as folder:
        for name, content in BESIDE.items():
            (Path(folder) / name).write_text(content)
        path = Path(folder) / "study.yaml"
        path.write_text(text, encoding="utf-8", errors="surrogateescape")
        sys.argv = ["lifelong-lb", "validate", str(path)]
        with contextlib.redirect_stderr(said), contextlib.redirect_stdout(io.StringIO()):
            try:
                command_line()
            except SystemExit as stop:
                return int(stop.code or 0), said.getvalue()
            except BaseException as error:  # noqa: BLE001  what must never happen is told
                return -1, f"Traceback: {error!r}"
    return 0, said.getvalue()


def of_values(text: str, draw: random.Random) -> tuple[str, str]:
    """Another value somewhere."""
    raw = yaml.safe_load(text)
    path, put = draw.choice(places(raw))
    value = draw.choice(VALUES)
    put(copy.deepcopy(value))
    return f"{path} = {value!r}", yaml.safe_dump(raw, allow_unicode=True)


def of_names(text: str, draw: random.Random) -> tuple[str, str]:
    """A letter of a word left out, doubled or changed."""
    letters = [i for i, c in enumerate(text) if c.isalpha()]
    at = draw.choice(letters)
    new = draw.choice(["", text[at] * 2, draw.choice("abcxyz")])
    return f"letter {at}", text[:at] + new + text[at + 1 :]


def of_text(text: str, draw: random.Random) -> tuple[str, str]:
    """The file itself damaged: cut off, with a stray sign, a line twice or left out."""
    at = draw.randrange(len(text))
    lines = text.splitlines(keepends=True)
    line = draw.randrange(len(lines))
    return f"text at {at}, line {line}", draw.choice([
        text[:at],
        text[:at] + draw.choice("{}[]:,-\t&*!%@`\"'\x00\x07") + text[at:],
        "".join(lines[:line] + [lines[line]] + lines[line:]),
        "".join(lines[:line] + lines[line + 1 :]),
    ])


def places(raw: Any, path: str = "") -> list[tuple[str, Callable[[Any], None]]]:
    """Every place of a nested value, and a function that puts another value there."""
    found: list[tuple[str, Callable[[Any], None]]] = []
    for key in list(raw) if isinstance(raw, dict) else range(len(raw)) if isinstance(raw, list) else ():
        found.append((f"{path}[{key!r}]", lambda value, key=key: raw.__setitem__(key, value)))
        found += places(raw[key], f"{path}[{key!r}]")
    return found


if __name__ == "__main__":
    main()
