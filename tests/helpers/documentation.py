"""Pages of the documentation, their code blocks, and how a block is run.

Comments in a page, invisible to its readers, say what a test does with the block below:

    <!-- file: study.yaml -->              the block is written to this file before later blocks run
    <!-- not run: REASON -->               commands are only parsed; the reason is one of NOT_RUN
    <!-- shortened: seeds=1 -->            settings that `run` and `tune` get in addition, to save time
    <!-- blocks run by tests/FILE.py -->   another test runs all blocks of the page
"""

import re
import shlex
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import yaml
from typer.main import get_command
from typer.testing import CliRunner

from lifelong_lb.cli import app
from lifelong_lb.config import UserError, expand, parse_study, read_study

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted(path for path in (ROOT / "docs").rglob("*.md"))]
NOT_RUN = {
    "changes the environment": "installs or downloads something",
    "needs a cluster": "SLURM or Ray",
    "needs a GPU": "an accelerator",
    "needs data": "images that must be obtained first",
    "needs a browser": "opens a window or a server",
    "takes long": "minutes or hours",
}
SMALL = {
    "name": "small",
    "streams": {"name": "split-digits", "scenario": "class-incremental"},
    "rules": ["none", "sam", "lookbehind-sam"],
    "strategies": ["naive", "replay"],
    "seeds": 6,
}
"""A block of YAML that is no study of its own is validated as a change of this one."""

_FENCE = re.compile(
    r"^(?P<indent> *)```(?P<language>\w+)[^\n]*\n(?P<text>.*?)^(?P=indent)```$", re.DOTALL | re.MULTILINE
)
_COMMENT = re.compile(r"<!-- (file|not run|shortened): (.*?) -->\s*")
_ELSEWHERE = re.compile(r"<!-- blocks run by (tests/\S+\.py) -->")
_OUTSIDE = {"cd", "git", "mv", "python", "sbatch", "source", "tensorboard", "wandb", "."}
"""Commands that are not ours; they occur only in blocks that are not run."""


@dataclass(frozen=True)
class Block:
    """A code block, and what the comments above it say."""

    language: str
    text: str
    where: str
    file: str | None
    not_run: str | None
    shortened: tuple[str, ...]


def blocks_of(path: Path) -> list[Block]:
    """Code blocks of a page in their order."""
    page = path.read_text(encoding="utf-8")
    blocks = []
    for match in _FENCE.finditer(page):
        notes = dict(_COMMENT.findall(re.search(rf"(?:{_COMMENT.pattern})*\Z", page[: match.start()])[0]))
        line = page.count("\n", 0, match.start()) + 1
        indent = len(match["indent"])
        text = "".join(line[indent:] if line.strip() else line for line in match["text"].splitlines(keepends=True))
        shortened = tuple(notes.get("shortened", "").split())
        where = f"{path.relative_to(ROOT)}:{line}"
        blocks.append(Block(match["language"], text, where, notes.get("file"), notes.get("not run"), shortened))
    return blocks


def run_elsewhere(path: Path) -> Path | None:
    """The test that runs all blocks of the page, if the page names one."""
    found = _ELSEWHERE.search(path.read_text(encoding="utf-8"))
    return ROOT / found[1] if found else None


def commands_of(block: Block) -> Iterator[list[str]]:
    """Words of each command line, without comments."""
    for line in block.text.replace("\\\n", " ").splitlines():
        words = shlex.split(line, comments=True)
        while words and re.fullmatch(r"[A-Z_]+=\S+", words[0]):  # a variable of this command
            del words[0]
        if words:
            yield words


def parse_command(words: list[str]) -> None:
    """Check a command that is not run: names of options, of make's targets, of extras."""
    words = words[: words.index(">")] if ">" in words else words
    if words[0] == "lifelong-lb":
        command, rest = get_command(app), words[1:]
        with command.make_context("lifelong-lb", list(rest), resilient_parsing=True) as context:
            while hasattr(command, "commands"):
                name, command, rest = command.resolve_command(context, rest)
                command.make_context(name, list(rest), parent=context)
    elif words[0] == "make":
        targets = re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE)
        assert words[1] in targets, words
    elif words[:2] == ["pip", "install"]:
        extras = set(tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"])
        named = {name for each in re.findall(r"\[(.*?)\]", " ".join(words)) for name in each.split(",")}
        assert named <= extras, words
    else:
        assert words[0] in _OUTSIDE, words


def run_command(words: list[str], shortened: tuple[str, ...]) -> str:
    """Run ``lifelong-lb ...`` in this process and return its output; ``> file`` writes it to a file."""
    assert words[0] == "lifelong-lb", words
    words, file = (words[:-2], words[-1]) if words[-2] == ">" else (words, None)
    more = []
    if words[1] in {"run", "tune"}:
        more = [word for setting in shortened for word in ("--set", setting)]
        more += [] if "--executor" in words else ["--executor", "in-process"]
    done = CliRunner().invoke(app, [*words[1:], *more])
    assert done.exit_code == 0, f"{words}: {done.output}" + (f"\n{done.exception!r}" if done.exception else "")
    if file is not None:
        Path(file).write_text(done.stdout, encoding="utf-8")
    return done.stdout


def validate_yaml(block: Block) -> None:
    """Validate a study file, or a part of one, and expand its grid."""
    if block.file is not None:
        study = read_study(Path(block.file))
    else:
        content = yaml.safe_load(block.text)
        study = parse_study(content if "name" in content else {**SMALL, **content})
    assert expand(study)


def masked(text: str) -> str:
    """Text without numbers and with single spaces: what must agree on any machine."""
    return " ".join(re.sub(r"[−-]?\d[\d.,]*", "#", text).split())


__all__ = [
    "NOT_RUN",
    "PAGES",
    "ROOT",
    "Block",
    "UserError",
    "blocks_of",
    "commands_of",
    "masked",
    "parse_command",
    "run_command",
    "run_elsewhere",
    "validate_yaml",
]
