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
from common import HERE, arguments, conclude

from lifelong_lb.cli import main as command_line

STUDIES = sorted((HERE.parent / "studies").rglob("*.yaml"))
VALUES: list[Any] = [None, True, -1, 0, 1e400, float("nan"), "", "sma", [], [[]], {}, {"name": 3}, "é\u202e", 10**30]


def main() -> None:
    """Mutate until enough files were refused."""
    options = arguments(__doc__, files=100, seed=0)
    draw, refused, valid, wrong = random.Random(options.seed), 0, 0, []
    while refused < options.files:
        study = draw.choice(STUDIES)
        how, text = draw.choice([of_values, of_values, of_names, of_text])(study, draw)
        code, said = validated(text)
        refused, valid = refused + (code != 0), valid + (code == 0)
        if code not in (0, 2) or "Traceback" in said or (code == 2 and said.count("error:") != 1):
            wrong.append(f"{study.name}, {how}: exit code {code}, said {said!r}")
    print(f"{refused} files refused, {valid} others were still valid")
    conclude(wrong)


def validated(text: str) -> tuple[int, str]:
    """Exit code of ``lifelong-lb validate`` and what it says."""
    said = io.StringIO()
    with tempfile.TemporaryDirectory() as folder:
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


def of_values(study: Path, draw: random.Random) -> tuple[str, str]:
    """Another value somewhere."""
    raw = yaml.safe_load(study.read_text(encoding="utf-8"))
    path, put = draw.choice(places(raw))
    value = draw.choice(VALUES)
    put(copy.deepcopy(value))
    return f"{path} = {value!r}", yaml.safe_dump(raw, allow_unicode=True)


def of_names(study: Path, draw: random.Random) -> tuple[str, str]:
    """A letter of a word left out, doubled or changed."""
    text = study.read_text(encoding="utf-8")
    letters = [i for i, c in enumerate(text) if c.isalpha()]
    at = draw.choice(letters)
    new = draw.choice(["", text[at] * 2, draw.choice("abcxyz")])
    return f"letter {at}", text[:at] + new + text[at + 1 :]


def of_text(study: Path, draw: random.Random) -> tuple[str, str]:
    """The file itself damaged: cut off, with a stray sign, a line twice or left out."""
    text = study.read_text(encoding="utf-8")
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
