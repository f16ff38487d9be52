"""A tiny study, and the command line in a subprocess."""

import json
import subprocess
import sys

import yaml

TINY = {
    "name": "tiny",
    "streams": [{"name": "split-digits", "experiences": 5}],
    "model": {"name": "mlp", "hidden": [12]},
    "train": {"batch_size": 32},
    "strategies": ["naive", {"name": "replay", "mem_size": 30}],
    "rules": ["none", {"name": "lookbehind-sam", "k": 2}],
    "seeds": 2,
}


def write_study(path, **changes):
    path.write_text(yaml.safe_dump({**TINY, **changes}))
    return path


def command(*arguments, **options):
    """Run the command line in a subprocess."""
    code = "from lifelong_lb.cli import main; main()"
    words = [sys.executable, "-c", code, *map(str, arguments)]
    return subprocess.run(words, capture_output=True, text=True, timeout=300, check=False, **options)


COMMANDS = """
import json, sys
from lifelong_lb.cli import main
for words in json.loads(sys.argv[1]):
    sys.argv[1:] = words
    try:
        main()
    except SystemExit as stop:
        if stop.code:
            raise
"""


def commands(*lines, **options):
    """Run several command lines, one after the other in one subprocess, up to the first that fails."""
    words = [sys.executable, "-c", COMMANDS, json.dumps([list(map(str, line)) for line in lines])]
    return subprocess.run(words, capture_output=True, text=True, timeout=600, check=False, **options)


def tables_alone(folder, results, **options):
    """In the place of `write_report`, where a test does not look at the report."""
    from lifelong_lb.reports import write_tables  # pandas is not needed by all who import this

    write_tables(folder, results)
    return results
