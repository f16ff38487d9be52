"""Modules that the process of a run imports."""

import subprocess
import sys

import pytest

RUN = """
import sys
from pathlib import Path
from lifelong_lb.config import expand, parse_study
from lifelong_lb.store import ResultFolder
from lifelong_lb.studies.job import Job
from lifelong_lb.studies.run.worker import work

study = parse_study({"streams": {"name": "split-digits", "images_per_class": 10, "experiences": 2}, "seeds": 1})
config, folder = expand(study)[0].config, ResultFolder(Path(sys.argv[1]))
with folder.new_run(config.run_id) as scratch:
    status = work(Job(config, "a run", folder.path, (), 1, {}), scratch, alone=True)
print(status, sorted(name for name in sys.modules if name.startswith("lifelong_lb.reports")))
"""


@pytest.mark.slow
def test_a_run_needs_no_reports(tmp_path):
    words = [sys.executable, "-c", RUN, str(tmp_path)]
    completed = subprocess.run(words, capture_output=True, text=True, timeout=300, check=False)
    assert completed.stdout.splitlines()[-1:] == ["done []"], completed.stderr
