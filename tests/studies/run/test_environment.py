"""Versions and machine in the record of a run."""

from dataclasses import replace

import torch

from lifelong_lb.reports.results.comparability import mixed_versions
from lifelong_lb.store import ResultFolder, RunRecord
from lifelong_lb.studies.run import environment


def test_a_run_says_what_it_was_run_on(finished):
    folder = ResultFolder(finished.out)
    found = folder.read_run(next(folder.runs_path.iterdir()).name).environment
    assert {key: found[key] for key in environment.machine()} == environment.machine()
    assert {key: found[key] for key in environment.versions()} == environment.versions()
    assert found["torch"] == torch.__version__.partition("+")[0] or found["torch"] == torch.__version__
    assert found["processor"]
    assert found["cores"] >= 1
    assert found["memory_gib"] > 0
    assert found["torch_threads"] == found["threads"] == 1
    assert found["float32_matmul_precision"] == "highest"
    assert [found[f"cudnn_{flag}"] for flag in ("deterministic", "benchmark")] == [False, False]
    assert isinstance(found["deterministic_algorithms"], bool)


def test_other_machines_do_not_make_runs_incomparable():
    one = RunRecord("abc", {}, "done", environment={"torch": "2", "processor": "x", "memory_gib": 1.0, "cores": 2})
    other = replace(one, environment={"torch": "2", "processor": "y", "memory_gib": 2.0, "cores": 4})
    assert mixed_versions([one, other]) == []


def test_drivers_and_processors_are_read_where_linux_tells_of_them(tmp_path):
    text_file = tmp_path / "version"
    text_file.write_text(
        "NVRM version: NVIDIA UNIX x86_64 Kernel Module  535.104.05  Sat Aug 19 01:15:15 UTC 2023\nGCC version: 12\n"
    )
    assert environment.first_match(environment.DRIVER, text_file) == "535.104.05"
    text_file.write_text("NVRM version: NVIDIA UNIX Open Kernel Module for x86_64  550.54.15  Release Build\n")
    assert environment.first_match(environment.DRIVER, text_file) == "550.54.15"
    text_file.write_text("processor\t: 0\nmodel name\t: Some CPU @ 2.00GHz\nmodel name\t: Some CPU\n")
    assert environment.first_match(environment.MODEL, text_file) == "Some CPU @ 2.00GHz"
    assert environment.first_match(environment.MODEL, tmp_path / "none") == ""
