"""The README's examples run as they stand."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from lifelong_lb.config import expand, parse_study
from lifelong_lb.evaluation import METRICS
from lifelong_lb.reports.definitions import DEFAULT_COLUMNS, KNOWN

README = (Path(__file__).parents[1] / "README.md").read_text(encoding="utf-8")
PYTHON = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
YAML = re.findall(r"```yaml\n(.*?)```", README, re.DOTALL)


RUN = """
import os, runpy, sys
names = {}
for script in sys.argv[1:]:
    os.chdir(os.path.dirname(script))
    names = runpy.run_path(script, init_globals=names, run_name="__main__")
"""


@pytest.mark.slow
def test_python_examples_run(tmp_path):
    """In their order, with the names of those before; each in its own folder."""
    scripts = [tmp_path / str(number) / "example.py" for number in range(len(PYTHON))]
    assert scripts
    for script, text in zip(scripts, PYTHON, strict=True):
        script.parent.mkdir()
        script.write_text(text)
    words = [sys.executable, "-c", RUN, *scripts]
    done = subprocess.run(words, capture_output=True, text=True, timeout=600, check=False)
    assert done.returncode == 0, done.stderr


def test_the_study_file_is_valid():
    assert len(YAML) == 1
    assert len(expand(parse_study(yaml.safe_load(YAML[0])))) == 36


def test_the_table_of_numbers_gives_the_definitions_of_the_code():
    shown = [name for name in DEFAULT_COLUMNS if name in KNOWN]
    for name in [*shown, "backward_transfer", "average_incremental_accuracy"]:
        assert f"| `{name}` | {METRICS[name].formula} | {METRICS[name].source} |" in README
