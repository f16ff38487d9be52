"""Hostile and broken study files through `validate`: bombs, special files, wrong values, damaged texts, huge studies.

Each file is validated in a separate process. A file holds if that takes at most 5 s of CPU time and 400 MB in addition
to the imported package, ends with exit code 0 or 2, and prints one message of less than 2 kB for a refusal and no
traceback.
"""

import math
import os
import random
import resource
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path

from common import arguments, print_summary_and_exit

SECONDS, MEGABYTES, CHARACTERS = 5, 400, 2000
BASE = "streams: split-digits\n"
GOOD = (
    "name: good\nstreams: [{name: split-digits, experiences: 5}]\nmodel: {name: mlp, hidden: [8]}\n"
    "train: {epochs: 1, batch_size: 10}\noptimizers: [{name: sgd, lr: 0.1}]\nstrategies: [naive, {name: replay, "
    "mem_size: 100}]\nrules: [none, {name: sam, rho: 0.05, label: s}]\nseeds: 3\nevaluation: {every: 10}\n"
    "only: [{rules: s}]\n"
)


@dataclass(frozen=True)
class Case:
    """A study file and the expected outcome.

    Attributes:
        kind: kind of attack.
        text: content of the file; None if ``make`` writes it.
        make: writes files into a folder and returns the path of the study.
        words: further words of the command line.
        refused: whether it must be refused; None if either outcome is right.
    """

    kind: str
    text: str | bytes | None = None
    make: Callable[[Path], Path] | None = None
    words: tuple[str, ...] = ()
    refused: bool | None = True


def _levels(begin: str, line: str, levels: int, times: int) -> str:
    """Lines that each refer to the previous one ``times`` times."""
    return begin + "".join(
        line.format(i=i, before=", ".join([f"*a{i - 1}"] * times)) + "\n" for i in range(1, levels + 1)
    )


def bombs() -> Iterator[Case]:
    """Small files that expand to large or deep values."""
    for times, levels in ((10, 8), (2, 40), (100, 4), (1, 3000)):
        merged = _levels("a0: &a0 {k0: 1}\n", "a{i}: &a{i} {{<<: [{before}], k{i}: 1}}", levels, times)
        listed = _levels("a0: &a0 [x]\n", "a{i}: &a{i} [{before}]", levels, times)
        mapped = _levels("a0: &a0 {k: 1}\n", "a{i}: &a{i} {{k: [{before}]}}", levels, times)
        yield from (Case("bombs", BASE + text) for text in (merged, listed, mapped))
    yield Case("bombs", BASE + "rules: &r [sam, *r]\n")
    yield Case("bombs", BASE + "model: &m {name: mlp, hidden: *m}\n")
    yield Case("bombs", BASE + "a: &a {<<: *a, k: 1}\n")
    for opening in ("[", "{a: ", "- ", "? ", "- - ", "[[{a: "):
        yield from (Case("bombs", f"{BASE}rules: \n {opening * depth}") for depth in (41, 400, 100_000))
    deep = "{a: " * 35 + "1" + "}" * 35
    yield Case("bombs", f"{BASE}model: {{name: timm, settings: {'{a: ' * 400}1{'}' * 400}}}\n")
    yield Case("bombs", f"{BASE}model: {{name: timm, settings: {deep}}}\n", refused=None)
    for number in ("9" * 100_000, "0x" + "f" * 100_000, ":".join(["1"] * 20_000), "1" + "_0" * 50_000):
        for key in ("seeds: {}", "train: {{epochs: {}}}", "rules: {{name: sam, rho: {}}}", "{}: 1", "seeds: [{}]"):
            yield Case("bombs", BASE + key.format(number) + "\n")
    for tag in ("python/object/apply:os.system [ls]", "binary aGVsbG8=", "set {a, b}", "omap [a: 1]", "pairs [a: 1]"):
        yield Case("bombs", f"{BASE}rules: !!{tag}\n")
    yield Case("bombs", f"{BASE}name: !{'a' * 100_000} x\n")
    yield Case("bombs", "&a [1, 2]: x\n")
    yield Case("bombs", f"{BASE}name: {'x' * 3_000_000}\n", refused=None)
    yield Case("bombs", f"{BASE}rules: {'x' * 3_000_000}\n")
    yield Case("bombs", f"{BASE}{'x' * 1000}: 1\n")
    yield Case("bombs", "#" * 5_000_000)
    yield Case("bombs", BASE + "rules: [" + "x, " * 50_000 + "x]\n")
    yield Case("bombs", BASE + "rules: [" + "x, " * 500_000 + "x]\n")
    yield Case("bombs", BASE + "".join(f"k{i}: 1\n" for i in range(30_000)))
    yield Case("bombs", BASE + "model: {name: mlp, hidden: [" + "x, " * 50_000 + "]}\n")
    yield Case("bombs", BASE + "seeds: [" + "x, " * 50_000 + "]\n")
    yield Case("bombs", BASE + "only: [" + "{rules: x}, " * 20_000 + "]\n")
    yield Case("bombs", BASE + "only: [" + "{rules: x}, " * 900 + "]\n")
    for entry in ("permuted-digits, experiences: 1000000000", "generated, train_images: 1000000000"):
        yield Case("bombs", f"streams: {{name: {entry}}}\n")
    for assignment in (
        "rules=" + "[" * 5000,
        "seeds=" + "9" * 50_000,
        "train.epochs=1:1:1:" + "1:" * 9000,
        "a" * 99_999,
    ):
        yield Case("bombs", GOOD, words=("--set", assignment))


def files() -> Iterator[Case]:
    """Paths that are not regular study files, and files that extend others."""

    def special(make: Callable[[Path], object], name: str = "study.yaml") -> Callable[[Path], Path]:
        def write(folder: Path) -> Path:
            make(folder / name)
            (folder / "by.yaml").write_text(f"extends: {name}\n")
            return folder / "study.yaml"

        return write

    kinds: dict[str, Callable[[Path], object]] = {
        "fifo": os.mkfifo,
        "folder": Path.mkdir,
        "zero": lambda path: path.symlink_to("/dev/zero"),
        "loop": lambda path: path.symlink_to(path),
        "missing": lambda path: None,
        "binary": lambda path: path.write_bytes(bytes(range(256))),
        "latin": lambda path: path.write_bytes(b"name: caf\xe9\n"),
        "empty": lambda path: path.write_text(""),
        "nul": lambda path: path.write_text("\0"),
        "large": lambda path: path.write_bytes(b" " * 100_000_000),
        "utf16": lambda path: path.write_text(BASE, encoding="utf-16"),
    }
    for make in kinds.values():
        yield Case("files", make=special(make))
        yield Case("files", make=lambda folder, make=make: special(make)(folder).with_name("by.yaml"))
    for target in (
        "/dev/zero",
        "/dev/stdin",
        "/proc/self/mem",
        "/",
        "",
        ".",
        "study.yaml",
        "x" * 5000,
        "[]",
        "preset:x",
    ):
        yield Case("files", f"extends: {target}\n")

    def chain(folder: Path, length: int, times: int) -> Path:
        (folder / "b0.yaml").write_text(BASE)
        for i in range(1, length + 1):
            (folder / f"b{i}.yaml").write_text(f"extends: [{', '.join([f'b{i - 1}.yaml'] * times)}]\n")
        return folder / f"b{length}.yaml"

    yield Case("files", make=lambda folder: chain(folder, 17, 2), refused=False)
    yield Case("files", make=lambda folder: chain(folder, 30, 50), refused=False)
    yield Case("files", make=lambda folder: chain(folder, 1500, 1))


WRONG = (
    "null", "true", "-1", "0", "1e400", ".nan", "-.inf", "1e-3", "''", "[]", "{}", "[[]]", "[null]", "{a: 1}", "{1: 2}",
    "{name: 3}", "{name: sam, rho: 0,05}", "'=cmd()'",
    '"\\u202e\\e[2J"', '"\\ud800"', "2001-01-01", "'naïve 日本'", "99999999999999",
)  # fmt: skip


def wrong_values() -> Iterator[Case]:
    """A wrong value at each key and at nested settings."""
    keys = ("name", "streams", "strategies", "rules", "optimizers", "seeds", "model", "train", "evaluation", "only",
            "exclude", "imports", "chosen", "tuning", "skip_unsupported", "extends", "device")  # fmt: skip
    inner = (
        "train: {{epochs: {}}}", "train: {{match: gradients, passes: {}}}", "model: {{name: mlp, hidden: {}}}",
        "rules: {{name: sam, rho: {}}}", "rules: [{{name: sam, label: {}}}]",
        "strategies: {{name: replay, mem_size: {}}}",
        "optimizers: {{name: sgd, schedule: {}}}",
        "optimizers: {{name: external, target: torch.optim.Adam, settings: {}}}",
        "evaluation: {{landscape: {}}}", "tuning: {{held_out: {{seeds: [7]}}, search: {}}}", "seeds: [1, {}]",
        "tuning: {{held_out: {{seeds: {}}}, search: {{sgd: {{lr: [0.1, 0.2]}}}}}}", "only: {{rules: {}}}",
    )  # fmt: skip
    for value in WRONG:
        for key in keys:
            text = f"{key}: {value}\n"
            yield Case("wrong values", text if key == "streams" else BASE + text, refused=None)
        for line in inner:
            yield Case("wrong values", BASE + line.format(value) + "\n", refused=None)


def damaged(draw: random.Random, count: int) -> Iterator[Case]:
    """A valid study with a few characters changed."""
    letters = "abc:{}[],-'\"#&*!|>%@` \n\t0159.é\u202e\u2028日"
    for _ in range(count):
        text = list(GOOD)
        for _ in range(draw.randint(1, 4)):
            place = draw.randrange(len(text))
            text[place] = draw.choice(["", draw.choice(letters), text[place] * draw.choice([2, 50])])
        yield Case("damaged", "".join(text), refused=None)


def _entries(axis: str, name: str, key: str, count: int) -> str:
    return f"{axis}:\n" + "".join(f"  - {{name: {name}, {key}: {i}}}\n" for i in range(1, count + 1))


def huge() -> Iterator[Case]:
    """Studies of a million runs and more."""
    rules = {n: _entries("rules", "sam", "rho", n) for n in (10, 1000, 1001, 10_000, 10_001)}
    replays = {n: _entries("strategies", "replay", "mem_size", n) for n in (10, 1000)}
    yield Case("huge", BASE + "rules: sam\nseeds: 1000000\n", refused=False)
    yield Case("huge", BASE + rules[1000] + "seeds: 1000\n", refused=False)
    yield Case("huge", BASE + rules[10_000] + "seeds: 100\n", refused=False)
    streams = _entries("streams", "generated", "data_seed", 10)
    yield Case("huge", streams + replays[10] + rules[10] + "seeds: 1000\n", refused=False)
    yield Case("huge", BASE + rules[1000] + replays[1000], refused=False)
    yield Case("huge", BASE + rules[10_001] + "seeds: 100\n")
    yield Case("huge", BASE + rules[1001] + replays[1000])
    yield Case("huge", BASE + "seeds: 1000001\n")
    yield Case("huge", BASE + rules[10_000] + "seeds: 1000000000000\n")
    yield Case("huge", BASE + rules[1000].replace("name: sam", "name: smm"))
    yield Case("huge", BASE + "strategies: lamaml\n" + rules[10_000])


def cases(seed: int, count: int) -> list[Case]:
    """Return all cases.

    Args:
        seed: draws the damage to texts.
        count: number of damaged texts.

    Returns:
        The cases, the same for the same seed.
    """
    return [*bombs(), *files(), *wrong_values(), *damaged(random.Random(seed), count), *huge()]


def _validate(words: list[str], out: Path) -> None:
    """Run the command in the process of a case."""
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    resource.setrlimit(resource.RLIMIT_CPU, (4 * SECONDS, 4 * SECONDS))
    for descriptor, name in ((1, "stdout"), (2, "stderr")):
        os.dup2(os.open(out / name, os.O_WRONLY | os.O_CREAT), descriptor)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    sys.stdout, sys.stderr = (open(descriptor, "w", encoding="utf-8", closefd=False) for descriptor in (1, 2))  # noqa: SIM115
    sys.argv = ["lifelong-lb", "validate", *words]
    from lifelong_lb.cli import main

    try:
        main()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        usage = resource.getrusage(resource.RUSAGE_SELF)
        (out / "usage").write_text(f"{usage.ru_utime + usage.ru_stime} {(usage.ru_maxrss - before) / 1000}")


def fault(case: Case) -> tuple[str | None, float, float]:
    """Try one case.

    Args:
        case: the study file.

    Returns:
        The fault, None if the case holds; seconds of CPU time; megabytes in addition to those of the package.
    """
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        path = folder / "study.yaml"
        if case.make is not None:
            path = case.make(folder)
        elif isinstance(case.text, str):
            path.write_text(case.text, encoding="utf-8")
        process = get_context("fork").Process(target=_validate, args=([str(path), *case.words], folder))
        process.start()
        process.join(20 * SECONDS)
        if process.is_alive():
            process.kill()
            return "no answer", math.inf, math.inf
        if not (folder / "usage").exists():
            return f"killed: {process.exitcode}", math.inf, math.inf
        output, error = ((folder / each).read_text("utf-8", "replace") for each in ("stdout", "stderr"))
        seconds, megabytes = map(float, (folder / "usage").read_text().split())
        wrong = _fault_of_output(case, process.exitcode, output, error)
        if seconds > SECONDS or megabytes > MEGABYTES:
            wrong = wrong or f"took {seconds:.1f} s of CPU time and {megabytes:.0f} MB"
        return wrong, seconds, megabytes


def _fault_of_output(case: Case, code: int | None, output: str, error: str) -> str | None:
    if code not in (0, 2) or (case.refused is not None and case.refused is not (code == 2)):
        return f"exit code {code}: {(error or output)[-200:]!r}"
    if "Traceback" in error + output:
        return f"a traceback: {error[-200:]!r}"
    if code == 2 and (output or not error.startswith("error: ") or error.count("error: ") != 1):
        return f"not one message: {output[:100]!r} and {error[:100]!r}"
    if code == 2 and len(error) > CHARACTERS:
        return f"a message of {len(error)} characters: {error[:100]!r}"
    if not all(c.isprintable() or c == "\n" for c in error + output):
        return "control characters"
    return None


def try_cases(selected: list[Case]) -> tuple[Counter[str], Counter[str], list[str]]:
    """Try cases sequentially.

    Args:
        selected: the cases.

    Returns:
        Number of cases by kind, number that held, and the faults of the others.
    """
    import lifelong_lb.studies.planning.validate  # noqa: F401  once for all forked processes
    from lifelong_lb.data.digits import DigitsSource

    DigitsSource().part_labels()
    total, held, faults = Counter[str](), Counter[str](), []
    slowest = largest = 0.0
    for case in selected:
        wrong, seconds, megabytes = fault(case)
        total[case.kind] += 1
        held[case.kind] += wrong is None
        slowest, largest = max(slowest, seconds), max(largest, megabytes)
        if wrong is not None:
            shown = case.text if case.text is not None else "files"
            faults.append(f"{case.kind}: {shown[:100]!r} {[w[:40] for w in case.words]}: {wrong}")
    print(f"at most {slowest:.1f} s of CPU time and {largest:.0f} MB in addition to those of the package")
    return total, held, faults


if __name__ == "__main__":
    options = arguments("Validate hostile study files.", seed=0, damaged=200)
    start = time.monotonic()
    total, held, faults = try_cases(cases(options.seed, options.damaged))
    for kind, number in total.items():
        print(f"{kind}: {held[kind]} of {number} held")
    print(f"{time.monotonic() - start:.0f} s in total")
    print_summary_and_exit(faults)
